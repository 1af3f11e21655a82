"""Sums per model and hour, so that totals need not look at every row.

`hotbay_hours` has the sums of all rows up to the number in `hotbay_summed_up`. Later rows are
summed up while totals are read, so these are right at any time, whoever wrote the rows; and now
and then `sum_up` takes the later rows in. Hours are those of UTC.
"""

from __future__ import annotations

import operator
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

HOUR = 3600
ROWS_AT_A_TIME = 5_000

OUTCOME = (
    "ifnull(nullif(outcome, ''),"
    " CASE WHEN resp_status_code BETWEEN 200 AND 299 THEN 'done' ELSE 'failed' END)"
)
"""The outcome of a row; of what llama-swap wrote only the status tells."""


class Totals(NamedTuple):
    """The sums of spec/activity-store.md 5; the members are those of `Sums`."""

    requests: int
    input_tokens: int
    output_tokens: int
    cache_tokens: int


class Sums(NamedTuple):
    """Sums over rows.

    Attributes:
        requests: how many there are,
        failed: how many of them failed or were refused,
        cancelled: and how many were given up.
        input_tokens: tokens of prompts,
        output_tokens: of answers,
        cache_tokens: and of prompts that were in a cache, as far as that was told.
        duration_ms: time from arrival to end,
        queue_ms: of that waiting for their turn,
        swap_ms: for others to stop,
        load_ms: and for their model to start.
        timed_input_tokens: tokens of the prompts whose speed was told,
        input_seconds: and the time that these took.
        timed_output_tokens: tokens of the answers whose speed was told,
        output_seconds: and the time that these took.
    """

    requests: int
    failed: int
    cancelled: int
    input_tokens: int
    output_tokens: int
    cache_tokens: int
    duration_ms: int
    queue_ms: int
    swap_ms: int
    load_ms: int
    timed_input_tokens: int
    input_seconds: float
    timed_output_tokens: int
    output_seconds: float


_EXPRESSIONS = {
    "requests": "count(*)",
    "failed": f"sum({OUTCOME} IN ('failed', 'refused'))",
    "cancelled": f"sum({OUTCOME} LIKE 'cancelled%')",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "cache_tokens": "sum(max(cache_tokens, 0))",
    "duration_ms": "sum(duration_ms)",
    "queue_ms": "sum(ifnull(queue_ms, 0))",
    "swap_ms": "sum(ifnull(swap_ms, 0))",
    "load_ms": "sum(ifnull(load_ms, 0))",
    "timed_input_tokens": "sum(iif(prompt_per_second > 0, input_tokens, 0))",
    "input_seconds": "total(iif(prompt_per_second > 0, input_tokens / prompt_per_second, 0))",
    "timed_output_tokens": "sum(iif(tokens_per_second > 0, output_tokens, 0))",
    "output_seconds": "total(iif(tokens_per_second > 0, output_tokens / tokens_per_second, 0))",
}
_NAMES = ", ".join(Sums._fields)
_ROWS = (
    f"SELECT ts_created / {HOUR} AS hour, model_id, "
    + ", ".join(f"{_EXPRESSIONS[name]} AS {name}" for name in Sums._fields)
    + " FROM activity LEFT JOIN hotbay_activity USING (id)"
)
_UPTO = "(SELECT id FROM hotbay_summed_up)"
_SOURCES = ("hotbay_hours", f"({_ROWS} WHERE id > {_UPTO} GROUP BY 1, 2)")
"""Where to find sums: of the earlier rows, and of the later ones."""


def _sums(names: Sequence[str]) -> str:
    return ", ".join(f"ifnull(sum({name}), 0)" for name in names)


def _merge(sign: str) -> str:
    changes = ", ".join(f"{name} = {name} {sign} excluded.{name}" for name in Sums._fields)
    return f" ON CONFLICT DO UPDATE SET {changes}"


_ADD = (
    f"INSERT INTO hotbay_hours (hour, model_id, {_NAMES}) {_ROWS}"
    f" WHERE id > {_UPTO} AND id <= ? GROUP BY 1, 2{_merge('+')}"
)
_SUBTRACT = (
    f"INSERT INTO hotbay_hours (hour, model_id, {_NAMES}) {_ROWS}"
    f" WHERE id IN (SELECT id FROM temp.doomed WHERE id <= {_UPTO}) GROUP BY 1, 2{_merge('-')}"
)

Key = Literal["hour", "model_id"]


def totals(connection: sqlite3.Connection, model: str = "") -> Totals:
    """Return the sums over all rows, or over those of one model."""
    condition, values = ("WHERE model_id = ?", (model,)) if model else ("", ())
    earlier, later = (
        connection.execute(f"SELECT {_sums(Totals._fields)} FROM {source} {condition}", values)
        for source in _SOURCES
    )
    return Totals(*map(operator.add, earlier.fetchone(), later.fetchone()))


def sums_by(
    connection: sqlite3.Connection,
    key: Key,
    *,
    models: Sequence[str] = (),
    hours: tuple[int, int] = (-sys.maxsize, sys.maxsize),
) -> dict[Any, Sums]:
    """Return the sums for each hour or model, in their order.

    Args:
        connection: to read from.
        key: what to tell apart; an hour is given in hours since the epoch.
        models: which models to look at; none means all.
        hours: the first and the last hour to look at.
    """
    condition, values = "hour BETWEEN ? AND ?", [*hours, *models]
    if models:
        condition += f" AND model_id IN ({', '.join('?' * len(models))})"
    found: dict[Any, Sums] = {}
    for source in _SOURCES:
        for value, *numbers in connection.execute(
            f"SELECT {key}, {_sums(Sums._fields)} FROM {source} WHERE {condition} GROUP BY 1",
            values,
        ):
            sums = Sums(*numbers)
            found[value] = added(found[value], sums) if value in found else sums
    return dict(sorted(found.items()))


def added(one: Sums, other: Sums) -> Sums:
    """Return the sums over the rows of both."""
    return Sums(*map(operator.add, one, other))


def sum_up(connection: sqlite3.Connection) -> bool:
    """Take in later rows, some at a time; return whether there are more."""
    upto, last = connection.execute(f"SELECT {_UPTO}, ifnull(max(id), 0) FROM activity").fetchone()
    if upto >= last:
        return False
    upto = min(last, upto + ROWS_AT_A_TIME)
    connection.execute(_ADD, (upto,))
    connection.execute("UPDATE hotbay_summed_up SET id = ?", (upto,))
    return bool(upto < last)


def subtract_doomed(connection: sqlite3.Connection) -> None:
    """Take out what is about to be removed (`hotbay.activity.retention`)."""
    connection.execute(_SUBTRACT)
    connection.execute("DELETE FROM hotbay_hours WHERE requests <= 0")


def distrust(connection: sqlite3.Connection) -> None:
    """Begin anew if the sums cannot be right: something else has removed rows.

    Then the copies of `hotbay.activity.speeds` are not right either.
    """
    (upto,) = connection.execute(f"SELECT {_UPTO}").fetchone()
    if not upto:
        return
    (right,) = connection.execute(
        "SELECT (SELECT ifnull(sum(requests), 0) FROM hotbay_hours)"
        " = (SELECT count(*) FROM activity) - (SELECT count(*) FROM activity WHERE id > ?)",
        (upto,),
    ).fetchone()
    if not right:
        connection.execute("DELETE FROM hotbay_hours")
        connection.execute("UPDATE hotbay_summed_up SET id = 0")
        connection.execute("DELETE FROM hotbay_speeds")
