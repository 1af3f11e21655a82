"""Where GPU samples come from: one module for each source, and which of them is used."""
