"""Commands that speak to a running hotbay, one module each."""
