"""llama.cpp inside hotbay: its HTTP server as a process of its own, and small models to try it.

Stands beside the rest: nothing here imports another part of hotbay, so that a
model server starts as fast as llama.cpp itself does.
"""
