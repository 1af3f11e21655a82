"""How rows get into the database, and out again when they are old (spec/activity-store.md 3)."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping, Sequence

import msgspec

from hotbay.activity.row import Row

_INSERT = """
    INSERT INTO activity (
        id, ts_created, model_id, req_path, resp_content_type, resp_status_code, cache_tokens,
        draft_tokens, draft_acc_tokens, input_tokens, output_tokens, prompt_per_second,
        tokens_per_second, duration_ms, error_msg, metadata_json
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_OWN = """
    INSERT OR REPLACE INTO hotbay_activity (
        id, outcome, requested, asked_path, request_id, remote, session, user_agent, stream,
        attempts, response_bytes, queue_ms, swap_ms, load_ms, first_byte_ms
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_LARGEST = 10**12
"""More is nonsense that a model server claims, and would make sums over rows overflow."""


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> range:
    """Add rows within the caller's transaction; return the numbers they got.

    The transaction must have begun `IMMEDIATE`: then nobody else can take the same numbers.

    Raises:
        sqlite3.Error: they cannot be added.
    """
    first = _next_number(connection)
    numbers = range(first, first + len(rows))
    numbered = list(zip(numbers, rows, strict=True))
    connection.executemany(_INSERT, [_values(number, row) for number, row in numbered])
    connection.executemany(_INSERT_OWN, [_own_values(number, row) for number, row in numbered])
    return numbers


def _next_number(connection: sqlite3.Connection) -> int:
    """Return what AUTOINCREMENT would: numbers of rows that are gone are not used again."""
    (highest,) = connection.execute(
        "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'activity'), 0),"
        " ifnull((SELECT max(id) FROM activity), 0))"
    ).fetchone()
    return int(highest) + 1


def _values(number: int, row: Row) -> tuple[object, ...]:
    tokens = row.tokens
    model, path, content_type, error = _texts(row.model, row.path, row.content_type, row.error)
    return (
        number,
        int(row.timestamp or time.time()),
        model,
        path,
        content_type,
        row.status,
        _count(tokens.cache),
        _count(tokens.draft),
        _count(tokens.draft_accepted),
        _count(tokens.input),
        _count(tokens.output),
        _speed(tokens.prompt_per_second),
        _speed(tokens.tokens_per_second),
        _count(row.duration_ms),
        error,
        _json(row.metadata) if row.metadata else "",
    )


def _own_values(number: int, row: Row) -> tuple[object, ...]:
    return (
        number,
        *_texts(
            row.outcome,
            row.requested,
            row.asked_path,
            row.request_id,
            row.remote,
            row.session,
            row.user_agent,
        ),
        row.stream,
        row.attempts,
        row.response_bytes,
        row.queue_ms,
        row.swap_ms,
        row.load_ms,
        row.first_byte_ms,
    )


def _texts(*texts: str) -> Sequence[str]:
    """Return texts as UTF-8 can have them; what it cannot comes from odd bytes in a request."""
    if all(map(str.isascii, texts)):
        return texts
    return [text.encode("utf-8", "replace").decode() for text in texts]


def _json(metadata: Mapping[str, str]) -> str:
    values = _texts(*metadata.values())
    return msgspec.json.encode(dict(zip(metadata, values, strict=True))).decode()


def _count(count: int) -> int:
    return max(-_LARGEST, min(count, _LARGEST))


def _speed(speed: float) -> float:
    return speed if math.isfinite(speed) else 0.0
