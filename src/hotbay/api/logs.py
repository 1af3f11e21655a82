"""The log routes: `/logs`, `/logs/stream…` (spec/events-and-logs.md 4 and 5)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hotbay.api.answers import error_answer, rest_of
from hotbay.api.services import Services, services_of
from hotbay.api.streams import stream_answer
from hotbay.runtime.logs import Monitor


async def history(request: Request) -> Response:
    """Answer with what went to standard output; a browser is sent to the UI instead."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/ui/", 302)
    return Response(services_of(request).logs.combined.history(), media_type="text/plain")


async def stream(request: Request) -> Response:
    """Answer with a log's history and then what is written, until the client leaves.

    `no-history` leaves out the former, `no-follow` the latter.
    """
    services = services_of(request)
    monitor = _monitor(services, rest_of(request, segments=2))
    if monitor is None:
        message = "invalid logger. Use 'proxy', 'upstream' or a model's ID"
        return error_answer(request, 400, message)
    parameters = request.query_params
    if "no-follow" in parameters:
        return Response(monitor.history(), media_type="text/plain")
    pieces = partial(_pieces, monitor, history="no-history" not in parameters)
    return stream_answer(request, pieces, {"Content-Type": "text/plain; charset=utf-8"})


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


async def _pieces(monitor: Monitor, *, history: bool) -> AsyncGenerator[bytes]:
    """Yield what a log has and gets; nothing is held for a stream that is never read."""
    subscription = monitor.subscribe(history=history)
    try:
        async for piece in subscription:
            yield piece
    finally:
        subscription.close()
