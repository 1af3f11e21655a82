"""Answers that go on for as long as the client listens: how many there may be, how they begin."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hotbay.api.answers import error_answer
from hotbay.api.services import Services, services_of

Pieces = Callable[[], AsyncGenerator[bytes]]
"""Begins the body; called once the head has been sent, so that nothing is held before."""

_HEADERS = {"X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"}
EVENT_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
}


def stream_answer(request: Request, pieces: Pieces, headers: dict[str, str]) -> Response:
    """Answer with a stream, or with 503 if there are `limits.subscribers` of them already."""
    services = services_of(request)
    limit = services.config.limits.subscribers
    if services.streams >= limit:
        return error_answer(request, 503, f"limits.subscribers allows {limit} open streams")
    body = () if request.method == "HEAD" else _counted(services, pieces)
    return StreamingResponse(body, headers={**headers, **_HEADERS})


async def _counted(services: Services, pieces: Pieces) -> AsyncGenerator[bytes]:
    services.streams += 1
    try:
        async with aclosing(pieces()) as body:
            async for piece in body:
                yield piece
    finally:
        services.streams -= 1
