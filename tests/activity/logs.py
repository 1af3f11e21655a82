"""Activity logs for tests: opened, filled, and files as llama-swap leaves them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from hotbay.activity.queries import Filters, Query
from hotbay.activity.retention import Retention
from hotbay.activity.row import Row, Stored, Tokens
from hotbay.activity.settings import Settings
from hotbay.activity.store import Store

NOON = 1_932_897_600
"""A whole hour."""

# The tables of spec/activity-store.md 2, written down a second time.
LLAMA_SWAP = """
CREATE TABLE goose_db_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,
    is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);
CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ts_created INTEGER NOT NULL, model_id TEXT NOT NULL,
    req_path TEXT NOT NULL DEFAULT '', resp_content_type TEXT NOT NULL DEFAULT '',
    resp_status_code INTEGER NOT NULL DEFAULT 0, cache_tokens INTEGER NOT NULL DEFAULT 0,
    draft_tokens INTEGER NOT NULL DEFAULT 0, draft_acc_tokens INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,
    prompt_per_second REAL NOT NULL DEFAULT 0, tokens_per_second REAL NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0, error_msg TEXT NOT NULL DEFAULT '',
    metadata_json TEXT NOT NULL DEFAULT '');
CREATE INDEX idx_activity_created_id ON activity (ts_created DESC, id DESC);
CREATE INDEX idx_activity_model_created_id ON activity (model_id, ts_created DESC, id DESC);
"""


ALL = Filters()


MISTS = f"INSERT INTO activity (ts_created, model_id) VALUES ({NOON}, 'mist')"  # noqa: S608 - a number
"""How another program adds a row."""


class Log:
    """An open log, and what was told on its behalf."""

    def __init__(self, store: Store, warnings: list[str]) -> None:
        self.store = store
        self.warnings = warnings
        self.told: list[int] = []

    async def add(self, *rows: Row) -> None:
        """Write rows, and wait until they are there."""
        for row in rows:
            self.store.add(row, self.told.append)
        await self.store.flush()

    async def rows(self, filters: Filters = ALL, **query: Any) -> list[Stored]:
        """Return the rows of a page, by default of all."""
        page = await self.store.page(Query(filters, **{"limit": 999, **query}))
        return page.rows

    async def ids(self, filters: Filters = ALL, **query: Any) -> list[int]:
        return [stored.id for stored in await self.rows(filters, **query)]

    async def tidied(self) -> None:
        """Wait until what was to be tidied up at the start has been."""
        for _ in range(4):  # a look follows every batch as long as there is more to do
            await self.store.flush()


@asynccontextmanager
async def opened(
    path: Path | None = None, *, rows: int = 0, days: int = 0, captures: int = 1 << 20
) -> AsyncIterator[Log]:
    """Open a log; by default it is in memory and keeps everything."""
    warnings: list[str] = []
    store = Store(Settings(path, Retention(rows, days), captures), warnings.append)
    try:
        yield Log(store, warnings)
    finally:
        await store.close()


def row(model: str = "lily", **members: Any) -> Row:
    """Return a row of which only some members matter."""
    return Row(**{"model": model, "timestamp": NOON, "status": 200, **members})


def any_row(random: random.Random) -> Row:
    """Return some row, with speeds and times known or not."""
    known = random.random() < 0.7
    return row(
        random.choice(("lily", "mist", "far/rose")),
        timestamp=NOON + random.randrange(5 * 3600),
        status=random.choice((200, 200, 201, 404, 500)),
        outcome=random.choice(("", "done", "failed", "refused", "cancelled by client")),
        tokens=Tokens(
            cache=random.choice((-1, 0, 8)),
            input=random.randrange(100),
            output=random.randrange(100),
            prompt_per_second=random.choice((-1.0, 0.0, random.uniform(1, 900))),
            tokens_per_second=random.choice((-1.0, 0.0, random.uniform(1, 90))),
        ),
        duration_ms=random.randrange(5000),
        queue_ms=random.randrange(100) if known else None,
        swap_ms=random.randrange(100) if known else None,
        load_ms=random.randrange(100) if known else None,
    )


def run(path: Path, script: str) -> list[Any]:
    """Have another program use the file; return what its last statement finds."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        *statements, last = (part for part in script.split(";") if part.strip())
        for statement in statements:
            connection.execute(statement)
        return connection.execute(last).fetchall()


def llama_swaps_file(path: Path, rows: int) -> None:
    """Make a file as llama-swap leaves it."""
    values = ", ".join(
        f"({NOON + number}, 'mist', '/v1/completions', 200, 7, '{{\"fifo_priority\":\"0\"}}')"
        for number in range(rows)
    )
    columns = "ts_created, model_id, req_path, resp_status_code, input_tokens, metadata_json"
    insert = f"INSERT INTO activity ({columns}) VALUES {values}"  # noqa: S608 - texts from above
    run(path, f"PRAGMA journal_mode = WAL; {LLAMA_SWAP} {insert}")
