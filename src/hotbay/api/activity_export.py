"""All rows of the activity log that pass filters, as a file: `GET /api/x/activity/export`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hotbay.activity.row import Stored
from hotbay.activity.store import Store
from hotbay.api import activity_query as ask
from hotbay.api.activity import reading
from hotbay.api.activity_rows import csv_head, csv_lines, full_entry
from hotbay.api.services import services_of

Entries = Iterable[Mapping[str, Any]]


class _Format(NamedTuple):
    """How a file begins, how rows are written, with what between them, and how it ends."""

    media_type: str
    head: bytes
    render: Callable[[Entries], bytes]
    between: bytes
    foot: bytes


def _json(entries: Entries) -> bytes:
    return b",\n".join(map(msgspec.json.encode, entries))


def _json_lines(entries: Entries) -> bytes:
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)


_FORMATS = {
    "csv": _Format("text/csv; charset=utf-8", csv_head(), csv_lines, b"", b""),
    "json": _Format("application/json", b"[\n", _json, b",\n", b"\n]\n"),
    "ndjson": _Format("application/x-ndjson", b"", _json_lines, b"", b""),
}


@reading()
async def export(request: Request) -> Response:
    """Answer with all rows that pass the filters, read as they are sent."""
    store = services_of(request).activity.store
    name = ask.read_format(request.query_params)
    filters = ask.with_own_filters(ask.read_filters(request.query_params), request.query_params)
    rows = store.all_rows(filters, descending=ask.read_descending(request.query_params))
    nothing: list[Stored] = []
    first = await anext(rows, nothing)  # before the head is sent, as it may fail
    headers = {"Content-Disposition": f'attachment; filename="activity.{name}"'}
    kind = _FORMATS[name]
    pieces = () if request.method == "HEAD" else _pieces(store, kind, first, rows)
    return StreamingResponse(pieces, headers=headers, media_type=kind.media_type)


async def _pieces(
    store: Store, kind: _Format, first: list[Stored], rest: AsyncIterator[list[Stored]]
) -> AsyncIterator[bytes]:
    yield kind.head
    if first:
        yield await _rendered(store, kind, first)
    async for rows in rest:
        yield kind.between + await _rendered(store, kind, rows)
    yield kind.foot


async def _rendered(store: Store, kind: _Format, rows: list[Stored]) -> bytes:
    return await asyncio.to_thread(
        lambda: kind.render(full_entry(stored, store.captures) for stored in rows)
    )
