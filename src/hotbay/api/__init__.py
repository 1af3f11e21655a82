"""The control plane: what hotbay answers itself, as a Starlette application."""
