"""How rows get into the database, and out again when they are old (spec/activity-store.md 3)."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Sequence

import msgspec
from msgspec.structs import astuple, replace

from hotbay.activity.row import Row, Tokens

_INTO_ACTIVITY = """
    INSERT INTO activity (
        id, ts_created, model_id, req_path, resp_content_type, resp_status_code, cache_tokens,
        draft_tokens, draft_acc_tokens, input_tokens, output_tokens, prompt_per_second,
        tokens_per_second, duration_ms, error_msg, metadata_json
    ) VALUES
"""
_INTO_OWN = """
    INSERT OR REPLACE INTO hotbay_activity (
        id, outcome, requested, asked_path, request_id, remote, session, user_agent, stream,
        attempts, response_bytes, queue_ms, swap_ms, load_ms, first_byte_ms
    ) VALUES
"""
_AT_A_TIME = (256, 32, 4, 1)
"""Rows that are added by one statement. SQLite takes 32 766 values since 3.32."""
_LARGEST = 10**12
"""More is nonsense that a model server claims, and would make sums over rows overflow."""


_FIRST_OWN = Row.__struct_fields__.index("outcome")
_TEXTS = (
    "model", "path", "content_type", "error", "outcome", "requested", "asked_path", "request_id",
    "remote", "session", "user_agent",
)  # fmt: skip

Record = tuple[tuple[object, ...], tuple[object, ...]]
"""The values of a row in both tables, without its number."""


def insert(
    connection: sqlite3.Connection, records: Sequence[Record], first: int | None = None
) -> range:
    """Add rows within the caller's transaction; return the numbers they got.

    `first` is the number of the first one, None: that after the last row there ever was.

    Takes as few statements as possible: around each Python lets go of its lock, and has to wait
    for it afterwards as long as the event loop is busy.

    The transaction must have begun `IMMEDIATE`: then nobody else can take the same numbers.

    Raises:
        sqlite3.Error: they cannot be added.
    """
    if first is None:
        first = _next_number(connection)
    numbers = range(first, first + len(records))
    begin = 0
    for size, statements in _STATEMENTS:
        while len(records) - begin >= size:
            activity: list[object] = []
            own: list[object] = []
            for place in range(begin, begin + size):
                values, own_values = records[place]
                activity += (numbers[place], *values)
                own += (numbers[place], *own_values)
            connection.execute(statements[0], activity)
            connection.execute(statements[1], own)
            begin += size
    return numbers


def _next_number(connection: sqlite3.Connection) -> int:
    """Return what AUTOINCREMENT would: numbers of rows that are gone are not used again."""
    (highest,) = connection.execute(
        "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'activity'), 0),"
        " ifnull((SELECT max(id) FROM activity), 0))"
    ).fetchone()
    return int(highest) + 1


def record_of(row: Row) -> Record:
    """Return what is written of a row, with whatever the database cannot have put right."""
    if not _is_fit(row):
        row = _fitted(row)
    return (
        (
            int(row.timestamp or time.time()),
            row.model,
            row.path,
            row.content_type,
            row.status,
            *astuple(row.tokens),
            row.duration_ms,
            row.error,
            _encode(row.metadata).decode() if row.metadata else "",
        ),
        astuple(row)[_FIRST_OWN:],
    )


def _is_fit(row: Row) -> bool:
    """Whether nothing is to be put right; seldom it is not, and this is quick."""
    cache, draft, draft_accepted, read, written, prompt_speed, speed = astuple(row.tokens)
    texts = (row.model, row.path, row.error, row.requested, row.asked_path, row.request_id)
    others = (row.content_type, row.remote, row.session, row.user_agent, *row.metadata.values())
    return (
        "".join(texts).isascii()
        and "".join(others).isascii()
        and -_LARGEST <= cache <= _LARGEST
        and -_LARGEST <= draft <= _LARGEST
        and -_LARGEST <= draft_accepted <= _LARGEST
        and -_LARGEST <= read <= _LARGEST
        and -_LARGEST <= written <= _LARGEST
        and row.duration_ms <= _LARGEST
        and -math.inf < prompt_speed < math.inf
        and -math.inf < speed < math.inf
    )


def _fitted(row: Row) -> Row:
    tokens = row.tokens
    texts = {name: _text(getattr(row, name)) for name in _TEXTS}
    return replace(
        row,
        **texts,
        tokens=Tokens(
            _count(tokens.cache),
            _count(tokens.draft),
            _count(tokens.draft_accepted),
            _count(tokens.input),
            _count(tokens.output),
            _speed(tokens.prompt_per_second),
            _speed(tokens.tokens_per_second),
        ),
        duration_ms=_count(row.duration_ms),
        metadata={name: _text(value) for name, value in row.metadata.items()},
    )


def _text(text: str) -> str:
    """Return a text as UTF-8 can have it; what it cannot comes from odd bytes in a request."""
    return text.encode("utf-8", "replace").decode()


def _count(count: int) -> int:
    return max(-_LARGEST, min(count, _LARGEST))


def _speed(speed: float) -> float:
    return speed if math.isfinite(speed) else 0.0


def _places(values: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * values)})"] * rows)


_STATEMENTS = [
    (rows, (_INTO_ACTIVITY + _places(16, rows), _INTO_OWN + _places(15, rows)))
    for rows in _AT_A_TIME
]
_encode = msgspec.json.Encoder().encode
