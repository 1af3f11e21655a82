"""Reading an activity store to replay it (hotbay.testing.history)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from hotbay.testing.history import History, HistoryError, read_history
from hotbay.testing.workload import Arrival


def store(folder: Path, rows: Sequence[tuple[object, object, object]]) -> Path:
    """Write rows of end, model and duration in milliseconds, with the columns that matter."""
    file = folder / "activity #1.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.execute(
            "CREATE TABLE activity (id INTEGER PRIMARY KEY AUTOINCREMENT,"
            " ts_created INTEGER NOT NULL, model_id TEXT NOT NULL,"
            " req_path TEXT NOT NULL DEFAULT '', duration_ms INTEGER NOT NULL DEFAULT 0)"
        )
        made.execute("PRAGMA journal_mode = WAL")
        made.executemany(
            "INSERT INTO activity (ts_created, model_id, duration_ms) VALUES (?, ?, ?)", rows
        )
        made.commit()
    return file


def test_a_request_arrives_at_its_end_less_its_duration(tmp_path: Path) -> None:
    file = store(tmp_path, [(1_000, "a", 2_500), (1_004, "b", 8_500), (1_010, "a", 0)])
    # They arrived at 997.5, 995.5 and 1010.
    arrivals = (Arrival(0, "b", 8.5), Arrival(2, "a", 2.5), Arrival(14.5, "a", 0))
    assert read_history(file) == History(arrivals)


def test_only_the_newest_are_read_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = store(tmp_path, [(1_000 + turn, "a", 0) for turn in range(5)])
    history = read_history(file, newest=2)
    assert history == History((Arrival(0, "a", 0), Arrival(1, "a", 0)), left_out=3)


def test_a_store_without_rows_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(store(tmp_path, [])) == History(())


def test_reading_changes_nothing(tmp_path: Path) -> None:
    file = store(tmp_path, [(1_000, "a", 1)])
    before = file.read_bytes()
    read_history(file)
    assert file.read_bytes() == before


def test_what_is_no_activity_store_is_told(tmp_path: Path) -> None:
    missing, text, foreign = (tmp_path / name for name in ("missing", "text", "foreign"))
    text.write_text("models: {}\n" * 100)
    with closing(sqlite3.connect(foreign)) as other:
        other.execute("CREATE TABLE activity (id INTEGER, model TEXT)")
    odd = store(tmp_path, [("yesterday", "a", 1)])
    for file, told in (
        (missing, "there is no such file"),
        (tmp_path, "there is no such file"),
        (text, "cannot be read as an activity store: file is not a database"),
        (foreign, "cannot be read as an activity store: no such column"),
        (odd, "a row has the time 'yesterday'"),
    ):
        with pytest.raises(HistoryError) as caught:
            read_history(file)
        assert str(caught.value).startswith(f"{file}: {told}")
