"""The routes of the activity log: rows, statistics, sums (spec/activity-store.md 4 and 5)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.captures import Captures
from hotbay.activity.database import StoreError
from hotbay.activity.histogram import Histogram
from hotbay.activity.hours import HOUR, Sums, added
from hotbay.activity.queries import Filters, Query
from hotbay.activity.row import Stored
from hotbay.activity.store import Store
from hotbay.api import activity_query as ask
from hotbay.api.activity_rows import basic_entry, full_entry, timestamp
from hotbay.api.answers import error_answer, json_answer
from hotbay.api.services import services_of

FAILED = "failed to get activity"
LAST_HOUR = 253_402_300_799 // HOUR
"""Of the year 9999; nothing after it can be written as a date."""

Endpoint = Callable[[Request], Awaitable[Response]]


def reading(failure: str = FAILED) -> Callable[[Endpoint], Endpoint]:
    """Have an endpoint answer 400 to what cannot be asked, and 500 if the log cannot be read."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ask.QueryError as error:
                return error_answer(request, 400, str(error))
            except StoreError as error:
                services_of(request).logs.proxy.warn(f"{failure}: {error}")
                return error_answer(request, 500, failure)

        return guarded

    return decorate


@reading()
async def rows(request: Request) -> Response:
    """Answer with a page of rows, as llama-swap does."""
    store = services_of(request).activity.store
    query = ask.read_query(request.query_params)
    return json_answer(await _page(store, query, basic_entry))


@reading()
async def full_rows(request: Request) -> Response:
    """Answer with a page of rows with everything that is known of them, and how many are kept."""
    store = services_of(request).activity.store
    query = ask.read_query(request.query_params, own=True)
    return json_answer(await _page(store, query, full_entry) | {"store": _kept(store)})


@reading()
async def one_row(request: Request) -> Response:
    """Answer with everything that is known of one row."""
    store = services_of(request).activity.store
    number = ask.read_number(request.path_params["id"])
    if number is None:
        return error_answer(request, 400, "invalid activity ID")
    stored = await store.row(number)
    if stored is None:
        return error_answer(request, 404, "activity not found")
    return json_answer(full_entry(stored, store.captures))


@reading("failed to get activity stats")
async def statistics(request: Request) -> Response:
    """Answer with sums over all rows and with how their speeds are distributed."""
    model = ask.read_model(request.query_params)
    found = await services_of(request).activity.store.statistics(model)
    return json_answer(
        {
            "total_requests": found.totals.requests,
            "total_input_tokens": found.totals.input_tokens,
            "total_output_tokens": found.totals.output_tokens,
            "total_cache_tokens": found.totals.cache_tokens,
            "prompt_histogram": _histogram(found.prompt),
            "gen_histogram": _histogram(found.generation),
        }
    )


@reading()
async def totals(request: Request) -> Response:
    """Answer with sums for each model, or for each hour or day."""
    store = services_of(request).activity.store
    by = ask.read_by(request.query_params)
    filters = ask.read_filters(request.query_params)
    first, last = _hours(filters)
    if by == "model":
        of_models = await store.sums_by("model_id", filters.models, first, last)
        data = [{"model": model, **_sums(sums)} for model, sums in of_models.items()]
    else:
        of_hours = await store.sums_by("hour", filters.models, first, last)
        moments = {hour * HOUR: sums for hour, sums in of_hours.items()}
        if by == "day":
            moments = _by_day(moments)
        data = [{"start": timestamp(moment), **_sums(sums)} for moment, sums in moments.items()]
    return json_answer({"by": by, "data": data})


async def _page(
    store: Store, query: Query, entry: Callable[[Stored, Captures], dict[str, Any]]
) -> dict[str, Any]:
    page = await store.page(query)
    return {
        "data": [entry(stored, store.captures) for stored in page.rows],
        "page": query.page,
        "limit": query.limit,
        "total": page.total,
        "total_pages": -(-page.total // query.limit),
    }


def _kept(store: Store) -> dict[str, Any]:
    """Return what is kept of all requests, for whoever misses one."""
    settings = store.settings
    return {
        "persistent": settings.path is not None,
        "keep_rows": settings.keep.rows or None,
        "keep_days": settings.keep.days or None,
        "dropped_rows": store.dropped,
        "captures": len(store.captures),
        "capture_bytes": store.captures.size,
        "capture_limit": store.captures.limit,
    }


def _histogram(histogram: Histogram | None) -> dict[str, Any] | None:
    if histogram is None:
        return None
    members = histogram._asdict()
    return {("binSize" if name == "bin_size" else name): value for name, value in members.items()}


def _hours(filters: Filters) -> tuple[int, int]:
    """Return the first and the last hour that the filters allow."""
    first = 0 if filters.start is None else filters.start // HOUR
    last = LAST_HOUR if filters.end is None else filters.end // HOUR
    return first, last


def _by_day(hours: dict[int, Sums]) -> dict[int, Sums]:
    """Return sums for the days of this machine's zone, by the second with which they begin."""
    days: dict[int, Sums] = {}
    for second, sums in hours.items():
        year, month, day, *_ = time.localtime(second)
        begin = int(time.mktime((year, month, day, 0, 0, 0, 0, 0, -1)))
        days[begin] = added(days[begin], sums) if begin in days else sums
    return days


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "requests": sums.requests,
        "failed": sums.failed,
        "cancelled": sums.cancelled,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cache_tokens": sums.cache_tokens,
        "duration_ms": sums.duration_ms,
        "queued_ms": sums.queue_ms,
        "swapping_ms": sums.swap_ms,
        "loading_ms": sums.load_ms,
        "prompt_per_second": _speed(sums.timed_input_tokens, sums.input_seconds),
        "tokens_per_second": _speed(sums.timed_output_tokens, sums.output_seconds),
    }


def _speed(tokens: int, seconds: float) -> float | None:
    return tokens / seconds if seconds > 0 else None
