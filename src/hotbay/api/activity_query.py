"""Reads the parameters with which rows of the activity log are asked for. Pure.

The first ten are llama-swap's, with its error texts (spec/activity-store.md 4); the others are
taken by the routes below `/api/x/` only.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal, cast, get_args

from starlette.datastructures import QueryParams

from hotbay.activity.queries import SORT_COLUMNS, Filters, Query

LARGEST = (1 << 63) - 1
MOST_ROWS = 999
LONGEST_TEXT = 200
"""Characters to look for in texts."""

By = Literal["model", "day", "hour"]
Format = Literal["csv", "json", "ndjson"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_STATUS = re.compile(r"([1-9])(xx|[0-9]{2})", re.ASCII | re.IGNORECASE)
_CANCELLED = ("cancelled by client", "cancelled by operator")
_OUTCOMES = {
    "done": ("done",),
    "failed": ("failed",),
    "refused": ("refused",),
    "cancelled": _CANCELLED,
    **{outcome: (outcome,) for outcome in _CANCELLED},
}


class QueryError(Exception):
    """A parameter cannot be used; the message says which and why."""


def read_query(parameters: QueryParams, *, own: bool = False) -> Query:
    """Return which page of rows is asked for; `own`: with the filters that only hotbay knows.

    Raises:
        QueryError: a parameter cannot be used.
    """
    filters = read_filters(parameters)
    limit = _limit(parameters)
    page = _least_one(parameters, "page")
    sort = _first(parameters, "sort") or "id"
    if sort not in SORT_COLUMNS:
        raise QueryError("invalid sort column")
    descending = read_descending(parameters)
    if own:
        filters = with_own_filters(filters, parameters)
    return Query(filters, limit, page or 1, sort, descending)


def read_filters(parameters: QueryParams) -> Filters:
    """Return which rows are asked for, as far as llama-swap knows.

    Raises:
        QueryError: as for `read_query`.
    """
    start, end = _moment(parameters, "start"), _moment(parameters, "end")
    if start and end and start > end:
        raise QueryError("start must be before end")
    min_id, max_id = _least_one(parameters, "min_id"), _least_one(parameters, "max_id")
    if min_id and max_id and min_id > max_id:
        raise QueryError("min_id must be <= max_id")
    return Filters(
        models=_all(parameters, "model"),
        start=None if start is None else _seconds(start),
        end=None if end is None else _seconds(end),
        min_id=min_id,
        max_id=max_id,
    )


def with_own_filters(filters: Filters, parameters: QueryParams) -> Filters:
    """Return filters with those that llama-swap does not have.

    Raises:
        QueryError: as for `read_query`.
    """
    text = _first(parameters, "q")
    if len(text) > LONGEST_TEXT:
        raise QueryError(f"q must not be longer than {LONGEST_TEXT} characters")
    return replace(
        filters,
        statuses=tuple(map(_status, _all(parameters, "status"))),
        outcomes=tuple(o for name in _all(parameters, "outcome") for o in _outcomes(name)),
        paths=_all(parameters, "path"),
        remotes=_all(parameters, "client"),
        sessions=_all(parameters, "session"),
        text=text,
    )


def read_descending(parameters: QueryParams) -> bool:
    """Return whether the last come first.

    Raises:
        QueryError: as for `read_query`.
    """
    order = (_first(parameters, "order") or "desc").lower()
    if order not in {"asc", "desc"}:
        raise QueryError("order must be asc or desc")
    return order == "desc"


def read_model(parameters: QueryParams) -> str:
    """Return the one model that is asked for, empty for all."""
    return _first(parameters, "model")


def read_by(parameters: QueryParams) -> By:
    """Return what sums are asked for.

    Raises:
        QueryError: as for `read_query`.
    """
    by = _first(parameters, "by") or "model"
    if by not in get_args(By):
        raise QueryError("by must be model, day or hour")
    return cast(By, by)


def read_format(parameters: QueryParams) -> Format:
    """Return the format in which rows are asked for.

    Raises:
        QueryError: as for `read_query`.
    """
    found = _first(parameters, "format") or "json"
    if found not in get_args(Format):
        raise QueryError("format must be csv, json or ndjson")
    return cast(Format, found)


def read_number(text: str) -> int | None:
    """Return a whole number that fits in 64 bits, None if it is none."""
    if not _INTEGER.fullmatch(text) or abs(number := int(text)) > LARGEST:
        return None
    return number


def _first(parameters: QueryParams, name: str) -> str:
    return next(iter(parameters.getlist(name)), "").strip()


def _all(parameters: QueryParams, name: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in parameters.getlist(name) if value.strip())


def _least_one(parameters: QueryParams, name: str) -> int | None:
    text = _first(parameters, name)
    if not text:
        return None
    number = read_number(text)
    if number is None or number < 1:
        raise QueryError(f"{name} must be >= 1")
    return number


def _limit(parameters: QueryParams) -> int:
    number = read_number(_first(parameters, "limit") or "25")
    if number is None:
        raise QueryError("invalid limit")
    if not 1 <= number <= MOST_ROWS:
        raise QueryError(f"limit must be between 1 and {MOST_ROWS}")
    return number


def _moment(parameters: QueryParams, name: str) -> datetime | None:
    text = _first(parameters, name)
    if not text:
        return None
    moment = _read_timestamp(text)
    if moment is None:
        raise QueryError(f"invalid '{name}' timestamp, use RFC3339 format")
    return moment


def _read_timestamp(text: str) -> datetime | None:
    """Read RFC 3339, section 5.6."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    *fields, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, fields)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        return datetime(year, month, day, hour, minute, second, micros, zone)
    except ValueError:
        return None


def _seconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _status(text: str) -> tuple[int, int]:
    match = _STATUS.fullmatch(text)
    if match is None:
        raise QueryError(f"invalid status {text!r}, write it as in 404 or 4xx")
    hundreds, rest = int(match[1]) * 100, match[2].lower()
    return (hundreds, hundreds + 99) if rest == "xx" else (hundreds + int(rest),) * 2


def _outcomes(name: str) -> tuple[str, ...]:
    if name not in _OUTCOMES:
        raise QueryError(f"invalid outcome {name!r}, there are {', '.join(_OUTCOMES)}")
    return _OUTCOMES[name]
