"""Whether a client has left whose bytes are not read at the moment.

While reading is paused the event loop tells nothing of the connection, and what the client has sent
lies before its end. Linux tells the state of a connection without reading it (tcp(7), TCP_INFO);
elsewhere the end is noticed when reading goes on.
"""

from __future__ import annotations

import asyncio
import socket
import sys

LOOK_EVERY = 1.0
"""Seconds between two looks at a client."""

# States of <netinet/tcp.h>: the client has reset the connection, or will send no more.
_CLOSE, _CLOSE_WAIT = 7, 8


def has_left(transport: asyncio.BaseTransport) -> bool:
    """Tell whether nothing more will come than what has come; False if that cannot be seen."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if sys.platform != "linux" or connection is None:
        return False
    try:
        (state,) = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:  # no TCP, or closed by ourselves
        return False
    return state in {_CLOSE, _CLOSE_WAIT}
