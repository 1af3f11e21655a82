"""hotbay: many local AI model servers behind one endpoint, swapped in and out on demand."""

__version__ = "0.1.0"
