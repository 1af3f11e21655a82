"""The commands: what a person types. One module for each."""
