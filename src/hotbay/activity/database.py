"""The database of the activity log: opened, checked, and lent out (spec/activity-store.md 1).

Owns the connections: one that writes, and as many that read as there are readers at a time. A
database in memory has a single connection, which everybody uses in turns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotbay.activity.hours import distrust
from hotbay.activity.schema import prepare

BUSY_TIMEOUT = 5.0
"""Seconds that a statement waits for another program that uses the file."""


class StoreError(Exception):
    """The activity log cannot be opened; the message says which and why."""


class Database:
    """One open database, for any thread; without a path it is in memory."""

    def __init__(self, path: Path | None) -> None:
        """Open it, and make what is not there.

        Raises:
            StoreError: it cannot be opened, or holds something else.
        """
        self.persistent = path is not None
        # An absolute path is never one of the names that mean something else to SQLite.
        self._target = ":memory:" if path is None else str(path.absolute())
        self._turn = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        try:
            self._writer = self._connect()
            try:
                if self.persistent:
                    _use_write_ahead_log(self._writer)
                with self.writing() as connection:
                    prepare(connection)
                    distrust(connection)
            except BaseException:
                self._writer.close()
                raise
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"store.path: cannot use {self._target}: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection that writes; what is done with it takes effect as a whole, or not.

        Raises:
            sqlite3.Error: it took no effect.
        """
        with self._turn, _transaction(self._writer, "BEGIN IMMEDIATE"):
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection through which the database stays as it is at the first look.

        Raises:
            sqlite3.Error: it cannot be read.
        """
        if not self.persistent:
            with self._turn, _transaction(self._writer, "BEGIN"):
                yield self._writer
            return
        # One thread's `pop` cannot get in between another's look and `pop`: it just fails.
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        try:
            with _transaction(connection, "BEGIN"):
                yield connection
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close it; nobody may be using it."""
        for connection in (*self._idle, self._writer):
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._target, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let readers and the writer work at the same time (https://sqlite.org/wal.html).

    With `synchronous = NORMAL` a commit survives the end of the program at any moment; only if the
    machine itself goes down the last ones may be missing.
    """
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ValueError(f"it stays in journal mode {mode}, where WAL is needed")
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors end it by themselves
            connection.execute("ROLLBACK")
        raise
