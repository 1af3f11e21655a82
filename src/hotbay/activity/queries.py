"""Finds rows: filters, sorting, pages (spec/activity-store.md 4)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from hotbay.activity.hours import OUTCOME
from hotbay.activity.row import Row, Stored, Tokens

SORT_COLUMNS = {
    "id": "id",
    "time": "ts_created",
    "model": "model_id",
    "req_path": "req_path",
    "resp_status_code": "resp_status_code",
    "resp_content_type": "resp_content_type",
    "cached": "cache_tokens",
    "prompt": "input_tokens",
    "generated": "output_tokens",
    "drafted": "draft_tokens",
    "prompt_speed": "prompt_per_second",
    "gen_speed": "tokens_per_second",
    "duration": "duration_ms",
}
"""Columns by the name under which rows can be sorted by them."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows are meant; all conditions must hold, of a list of values one.

    Attributes:
        models: model IDs.
        start, end: Unix seconds of the first and the last moment.
        min_id, max_id: the first and the last number.
        statuses: ranges of status codes, both ends included.
        outcomes: as in `Row.outcome`.
        paths: as forwarded.
        remotes: addresses of callers.
        sessions: as in `Row.session`.
        text: occurs, in any case of ASCII letters, in one of the texts of the row.
    """

    models: Sequence[str] = ()
    start: int | None = None
    end: int | None = None
    min_id: int | None = None
    max_id: int | None = None
    statuses: Sequence[tuple[int, int]] = ()
    outcomes: Sequence[str] = ()
    paths: Sequence[str] = ()
    remotes: Sequence[str] = ()
    sessions: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """One page of rows; `page` counts from 1, `sort` is a key of `SORT_COLUMNS`."""

    filters: Filters = Filters()
    limit: int = 25
    page: int = 1
    sort: str = "id"
    descending: bool = True


class Page(NamedTuple):
    """The rows of a page, and how many there are on all pages."""

    rows: list[Stored]
    total: int


_ROWS = "activity LEFT JOIN hotbay_activity USING (id)"
_TOKENS = (
    "cache_tokens", "draft_tokens", "draft_acc_tokens", "input_tokens", "output_tokens",
    "prompt_per_second", "tokens_per_second",
)  # fmt: skip
"""In the order of the attributes of `Tokens`."""
_FIELDS = {
    "timestamp": "ts_created",
    "model": "model_id",
    "path": "req_path",
    "status": "resp_status_code",
    "content_type": "resp_content_type",
    "duration_ms": "duration_ms",
    "error": "error_msg",
    "outcome": OUTCOME,
}
_OUR_TEXTS = ("requested", "asked_path", "request_id", "remote", "session", "user_agent")
_OUR_NUMBERS = (
    "stream", "attempts", "response_bytes", "queue_ms", "swap_ms", "load_ms", "first_byte_ms",
)  # fmt: skip
_FIELDS |= {name: f"ifnull({name}, '')" for name in _OUR_TEXTS}
_FIELDS |= {name: name for name in _OUR_NUMBERS}
_COLUMNS = ", ".join(("id", "metadata_json", *_TOKENS, *_FIELDS.values()))
_SEARCHED = ("model_id", "req_path", "error_msg", "metadata_json", *_OUR_TEXTS)
_read_metadata = msgspec.json.Decoder(dict[str, str]).decode


def find_page(connection: sqlite3.Connection, query: Query) -> Page:
    """Return a page; beyond the last one there are no rows."""
    condition, values = _where(query.filters)
    table = _ROWS if _is_about_ours(query.filters) else "activity"
    (total,) = connection.execute(f"SELECT count(*) FROM {table}{condition}", values).fetchone()
    skipped = (query.page - 1) * query.limit
    if skipped >= total:
        return Page([], total)
    column, order = SORT_COLUMNS[query.sort], "DESC" if query.descending else "ASC"
    tie = "" if column == "id" else f", id {order}"
    # Where there is no index, sorting numbers takes a fraction of what sorting rows does.
    numbers = connection.execute(
        f"SELECT id FROM {table}{condition} ORDER BY {column} {order}{tie} LIMIT ? OFFSET ?",
        (*values, query.limit, skipped),
    )
    return Page(_rows_of(connection, [number for (number,) in numbers]), total)


def find_some(
    connection: sqlite3.Connection, filters: Filters, limit: int, *, descending: bool
) -> list[Stored]:
    """Return the first rows by number."""
    condition, values = _where(filters)
    order = "DESC" if descending else "ASC"
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM {_ROWS}{condition} ORDER BY id {order} LIMIT ?", (*values, limit)
    )
    return [_stored(*record) for record in found]


def find_row(connection: sqlite3.Connection, number: int) -> Stored | None:
    """Return the row of a number."""
    return next(iter(_rows_of(connection, [number])), None)


def _rows_of(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Stored]:
    """Return the rows that are there of those numbers, in the order of the numbers."""
    places = ", ".join("?" * len(numbers))
    found = connection.execute(f"SELECT {_COLUMNS} FROM {_ROWS} WHERE id IN ({places})", numbers)
    rows = {stored.id: stored for stored in (_stored(*record) for record in found)}
    return [rows[number] for number in numbers if number in rows]


def _is_about_ours(filters: Filters) -> bool:
    return bool(filters.outcomes or filters.remotes or filters.sessions or filters.text)


def _where(filters: Filters) -> tuple[str, list[Any]]:
    """Return the condition as it stands in a statement, and its values."""
    parts = [
        *_one_of("model_id", filters.models),
        *_one_of("req_path", filters.paths),
        *_one_of("remote", filters.remotes),
        *_one_of("session", filters.sessions),
        *_one_of(OUTCOME, filters.outcomes),
        *_compared("ts_created >= ?", filters.start),
        *_compared("ts_created <= ?", filters.end),
        *_compared("id >= ?", filters.min_id),
        *_compared("id <= ?", filters.max_id),
    ]
    if filters.statuses:
        either = " OR ".join("resp_status_code BETWEEN ? AND ?" for _ in filters.statuses)
        parts.append((either, [bound for pair in filters.statuses for bound in pair]))
    if filters.text:
        either = " OR ".join(f"{column} LIKE ? ESCAPE '!'" for column in _SEARCHED)
        parts.append((either, [_containing(filters.text)] * len(_SEARCHED)))
    if not parts:
        return "", []
    condition = " AND ".join(f"({condition})" for condition, _ in parts)
    return f" WHERE {condition}", [value for _, values in parts for value in values]


def _containing(text: str) -> str:
    """Return the pattern of texts in which this one occurs."""
    return "%" + re.sub("[!%_]", r"!\g<0>", text) + "%"


_Part = tuple[str, list[Any]]


def _one_of(column: str, allowed: Sequence[str]) -> list[_Part]:
    return [(f"{column} IN ({', '.join('?' * len(allowed))})", list(allowed))] if allowed else []


def _compared(condition: str, bound: int | None) -> list[_Part]:
    return [] if bound is None else [(condition, [bound])]


def _stored(number: int, metadata: str, *columns: Any) -> Stored:
    """Return a record of `_COLUMNS` as a row."""
    fields = dict(zip(_FIELDS, columns[len(_TOKENS) :], strict=True))
    if fields["stream"] is not None:
        fields["stream"] = bool(fields["stream"])
    tokens = Tokens(*columns[: len(_TOKENS)])
    return Stored(number, Row(tokens=tokens, metadata=_metadata(metadata), **fields))


def _metadata(text: str) -> Mapping[str, str]:
    """Return what is noted beside a row; whatever else may stand in a foreign file is nothing."""
    try:
        return _read_metadata(text) if text else {}
    except (msgspec.DecodeError, UnicodeError):
        return {}
