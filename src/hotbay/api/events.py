"""The event streams: `/api/events` as llama-swap's, `/api/x/events` with hotbay's own events.

Owns with what a stream begins, and how a reader that was too slow gets the present state again
(spec/events-and-logs.md 6 to 9).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.hub import Lost, Reader
from hotbay.activity.moments import moment, now
from hotbay.api import sse
from hotbay.api.answers import error_answer
from hotbay.api.news import EVENTS, MESSAGES, UNASKED
from hotbay.api.queue import queue_as_plain
from hotbay.api.services import Services, services_of
from hotbay.api.streams import EVENT_HEADERS, stream_answer
from hotbay.runtime.logs import LogBook
from hotbay.runtime.monitors import dropped_text


async def messages(request: Request) -> Response:
    """Answer with llama-swap's messages, which begin with the present state of everything."""
    services = services_of(request)
    name = f"the reader of /api/events at {_address(request)}"
    return stream_answer(request, partial(_messages, services, name), EVENT_HEADERS)


async def _messages(services: Services, name: str) -> AsyncGenerator[bytes]:
    services.activity.recorder.inflight.publish()  # what waits is in the list that comes first
    reader = services.news.messages.subscribe(MESSAGES, name)
    logs = services.logs
    histories = (
        ("proxy", logs.proxy_monitor.lines()),
        ("upstream", logs.upstream.lines()),
    )
    state = _state(services)

    def anew(lost: list[Lost]) -> bytes:
        return b"".join([*_markers(lost), *_state(services)])

    try:
        yield b"".join([*(_log(source, piece) for source, piece in histories), *state])
        async with aclosing(_read(reader, anew)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        reader.close()


def _state(services: Services) -> list[bytes]:
    """Return the messages that replace what a reader knows."""
    news = services.news
    return [
        sse.message(0, "modelStatus", news.status()),
        sse.message(0, "uiConfig", news.ui_config()),
        sse.message(0, "profileChanged", {"active": news.profile}),
        sse.message(0, "inflight", services.activity.recorder.inflight.snapshot()),
    ]


def _log(source: str, piece: bytes) -> bytes:
    data = {"source": source, "data": piece.decode(errors="replace")}
    return sse.message(0, "logData", data)


def _markers(lost: Iterable[Lost]) -> list[bytes]:
    return [_log(source, dropped_text(size)) for kind, source, size in lost if kind == "logData"]


async def events(request: Request) -> Response:
    """Answer with typed events: from the last one that the client had, or from a snapshot on."""
    services = services_of(request)
    asked = frozenset(name for name in request.query_params.get("types", "").split(",") if name)
    if unknown := sorted(asked - EVENTS):
        known = ", ".join(sorted(EVENTS))
        return error_answer(request, 400, f"unknown event type {unknown[0]!r}; there are {known}")
    after = sse.number_in(services.news.run, request.headers)
    name = f"the reader of /api/x/events at {_address(request)}"
    pieces = partial(_events, services, name, asked or UNASKED, after)
    return stream_answer(request, pieces, EVENT_HEADERS)


async def _events(
    services: Services, name: str, kinds: frozenset[str], after: int | None
) -> AsyncGenerator[bytes]:
    services.activity.recorder.inflight.publish()  # what waits is in the snapshot
    hub = services.news.events
    resumed = None if after is None else hub.resume(kinds, name, after)
    reader = resumed or hub.subscribe(kinds, name)
    begin = partial(_snapshot_event, services, logs="log" in kinds)
    first = sse.COMMENT if resumed else begin()

    def anew(lost: list[Lost]) -> bytes:
        return _lost_event(services, lost) + begin()

    try:
        yield first
        async with aclosing(_read(reader, anew)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        reader.close()


async def _read(reader: Reader, anew: Callable[[list[Lost]], bytes]) -> AsyncGenerator[bytes]:
    """Yield what can be sent at once, until the hub closes.

    After a gap comes the present state from `anew`, made before anything else can happen.
    """
    while True:
        try:
            events, lost = await reader.take(sse.HEARTBEAT)
        except EOFError:
            return
        data = b"".join(event.data for event in events)
        if lost:
            data += anew(lost)
        yield data or sse.COMMENT


def _lost_event(services: Services, lost: Iterable[Lost]) -> bytes:
    news = services.news
    data = {
        "at": now(),
        "events": sum(weight for kind, _, weight in lost if kind != "log"),
        "log_bytes": sum(weight for kind, _, weight in lost if kind == "log"),
    }
    return sse.event(news.run, news.events.number, "lost", data)


def _snapshot_event(services: Services, *, logs: bool) -> bytes:
    news = services.news
    data = snapshot(services)
    if logs:
        data["logs"] = _histories(services.logs)
    return sse.event(news.run, news.events.number, "snapshot", data)


def _histories(logs: LogBook) -> list[dict[str, str | None]]:
    """Return what is remembered of all logs, as the events `log` would have told it."""
    pieces = [(None, logs.proxy_monitor.lines()), *logs.upstream.runs()]
    return [
        {"model": model, "text": piece.decode(errors="replace")} for model, piece in pieces if piece
    ]


def snapshot(services: Services) -> dict[str, Any]:
    """Return the present state of everything that events tell the changes of."""
    news, timeline = services.news, services.news.timeline
    models = []
    for server in services.engine.servers():
        span, failure = timeline.state(server.model), timeline.failure(server.model)
        models.append(
            {
                "id": server.model,
                "state": server.state.value,
                "since": moment(span.begin),
                "reason": span.reason,
                "in_flight": server.in_flight,
                "waiting": server.waiting,
                "load_seconds": [round(seconds, 3) for seconds in timeline.loads(server.model)],
                "failure": failure and {"at": moment(failure.at), "reason": failure.reason},
            }
        )
    return {
        "at": now(),
        "models": models,
        "queue": queue_as_plain(services.engine.queue()),
        "inflight": services.activity.recorder.inflight.snapshot(detailed=True)["requests"],
        "profile": news.profile,
        "config": news.last_load,
    }


def _address(request: Request) -> str:
    return request.client.host if request.client else "an unknown address"
