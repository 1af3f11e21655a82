"""The log routes: `/logs`, `/logs/stream…` (spec/events-and-logs.md 4 and 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hotbay.api.answers import error_answer, rest_of
from hotbay.api.services import Services, services_of
from hotbay.runtime.logs import Monitor

_STREAM_HEADERS = {"X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"}


async def history(request: Request) -> Response:
    """Answer with what went to standard output; a browser is sent to the UI instead."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/ui/", 302)
    return Response(services_of(request).logs.combined.history(), media_type="text/plain")


async def stream(request: Request) -> Response:
    """Answer with a log's history and then what is written, until the client leaves."""
    services = services_of(request)
    monitor = _monitor(services, rest_of(request, segments=2))
    if monitor is None:
        message = "invalid logger. Use 'proxy', 'upstream' or a model's ID"
        return error_answer(request, 400, message)
    limit = services.config.limits.subscribers
    if services.streams >= limit:
        return error_answer(request, 503, f"limits.subscribers allows {limit} open streams")
    history = "no-history" not in request.query_params
    pieces = () if request.method == "HEAD" else _pieces(services, monitor, history=history)
    return StreamingResponse(pieces, headers=_STREAM_HEADERS, media_type="text/plain")


def _monitor(services: Services, rest: str) -> Monitor | None:
    logs = services.logs
    if rest == "":
        return logs.combined
    if rest == "proxy":
        return logs.proxy_monitor
    if rest == "upstream":
        return logs.upstream
    found = services.config.names.longest_local_prefix(rest)
    return None if found is None else logs.model(found[0])


async def _pieces(services: Services, monitor: Monitor, *, history: bool) -> AsyncIterator[bytes]:
    """Yield what a log has and gets; nothing is held for a stream that is never read."""
    subscription = monitor.subscribe(history=history)
    services.streams += 1
    try:
        async for piece in subscription:
            yield piece
    finally:
        services.streams -= 1
        subscription.close()
