"""`hotbay logs`: what hotbay or a model server has written, and goes on writing."""

from __future__ import annotations

import sys
from urllib.parse import quote

from hotbay.cli.client.connection import Server


def logs(server: Server, name: str, *, follow: bool) -> int:
    """Print a log as it was written; with `follow` until it is interrupted.

    Args:
        server: whose.
        name: a model, `proxy`, `upstream`, or empty for what goes to hotbay's standard output.
        follow: go on with what is written.
    """
    path = f"/logs/stream/{quote(name, safe='')}" if name else "/logs/stream"
    try:
        with server.stream(path if follow else f"{path}?no-follow") as pieces:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        pass
    return 0
