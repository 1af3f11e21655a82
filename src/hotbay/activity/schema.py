"""The tables of the activity log (spec/activity-store.md 2).

`activity` and `goose_db_version` are llama-swap's, kept as they are so that a file can go back and
forth. The others are ours: `hotbay_activity` has what only hotbay knows of a row, so rows that
llama-swap wrote are not in it; the rest only makes answers quick, see `hotbay.activity.hours` and
`hotbay.activity.speeds`.
"""

from __future__ import annotations

import sqlite3

NEWEST_VERSION = 1
"""Of llama-swap's schema, as the spec describes it."""

ACTIVITY = """
    CREATE TABLE activity (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        ts_created INTEGER NOT NULL,
        model_id TEXT NOT NULL,
        req_path TEXT NOT NULL DEFAULT '',
        resp_content_type TEXT NOT NULL DEFAULT '',
        resp_status_code INTEGER NOT NULL DEFAULT 0,
        cache_tokens INTEGER NOT NULL DEFAULT 0,
        draft_tokens INTEGER NOT NULL DEFAULT 0,
        draft_acc_tokens INTEGER NOT NULL DEFAULT 0,
        input_tokens INTEGER NOT NULL DEFAULT 0,
        output_tokens INTEGER NOT NULL DEFAULT 0,
        prompt_per_second REAL NOT NULL DEFAULT 0,
        tokens_per_second REAL NOT NULL DEFAULT 0,
        duration_ms INTEGER NOT NULL DEFAULT 0,
        error_msg TEXT NOT NULL DEFAULT '',
        metadata_json TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX idx_activity_created_id ON activity (ts_created DESC, id DESC);
    CREATE INDEX idx_activity_model_created_id ON activity (model_id, ts_created DESC, id DESC);
"""
VERSIONS = """
    CREATE TABLE goose_db_version (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version_id INTEGER NOT NULL,
        is_applied INTEGER NOT NULL,
        tstamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP
    );
    INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1);
"""
VERSION_1 = "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1);"
OWN = """
    CREATE TABLE hotbay_activity (
        id INTEGER PRIMARY KEY,
        outcome TEXT NOT NULL,
        requested TEXT NOT NULL,
        asked_path TEXT NOT NULL,
        request_id TEXT NOT NULL,
        remote TEXT NOT NULL,
        session TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        stream INTEGER,
        attempts INTEGER,
        response_bytes INTEGER,
        queue_ms INTEGER,
        swap_ms INTEGER,
        load_ms INTEGER,
        first_byte_ms INTEGER
    );
"""


HOURS = """
    CREATE TABLE hotbay_hours (
        hour INTEGER NOT NULL,
        model_id TEXT NOT NULL,
        requests INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        cancelled INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cache_tokens INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        queue_ms INTEGER NOT NULL,
        swap_ms INTEGER NOT NULL,
        load_ms INTEGER NOT NULL,
        timed_input_tokens INTEGER NOT NULL,
        input_seconds REAL NOT NULL,
        timed_output_tokens INTEGER NOT NULL,
        output_seconds REAL NOT NULL,
        PRIMARY KEY (hour, model_id)
    ) WITHOUT ROWID;
    CREATE TABLE hotbay_summed_up (id INTEGER NOT NULL);
    INSERT INTO hotbay_summed_up (id) VALUES (0);
"""
SPEEDS = """
    CREATE TABLE hotbay_speeds (
        model_id TEXT PRIMARY KEY,
        upto INTEGER NOT NULL,
        prompt_per_second BLOB NOT NULL,
        tokens_per_second BLOB NOT NULL
    )
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that are not there, within the transaction of the caller.

    Raises:
        ValueError: the database is of a newer llama-swap, or something else has these names.
        sqlite3.Error: it cannot be read or written.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if "goose_db_version" not in tables:
        _run(connection, VERSIONS)
    (version,) = connection.execute("SELECT max(version_id) FROM goose_db_version").fetchone()
    if version > NEWEST_VERSION:
        raise ValueError(
            f"a newer llama-swap wrote it (schema {version}, known is {NEWEST_VERSION})"
        )
    if version < NEWEST_VERSION:
        _run(connection, ACTIVITY + VERSION_1)
    if "hotbay_activity" not in tables:
        _run(connection, OWN)
    if "hotbay_hours" not in tables:
        _run(connection, HOURS)
    if "hotbay_speeds" not in tables:
        _run(connection, SPEEDS)


def _run(connection: sqlite3.Connection, script: str) -> None:
    # `executescript` would commit the caller's transaction.
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)
