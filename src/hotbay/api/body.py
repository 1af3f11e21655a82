"""What a request to the control plane brings along: little, so it is held in memory."""

from __future__ import annotations

from starlette.requests import Request

BODY = 1 << 20
"""Bytes of the largest body; `limits.body` is meant for models."""


async def body_of(request: Request, limit: int = BODY) -> bytes | None:
    """Read the whole body; None if it has more bytes than the limit.

    Raises:
        ClientDisconnect: the client left before its end.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)
