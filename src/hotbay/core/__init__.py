"""The pure machine: decides admission, queueing, swapping and the life of every model server.

Standard library only; no I/O, no clock, no asyncio. Time is an argument.
"""
