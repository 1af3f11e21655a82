"""The activity log: what is written can be read, in memory or in a file (activity-store.md 1-3)."""

from __future__ import annotations

import asyncio
import math
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.activity.logs import MISTS, NOON, Log, llama_swaps_file, opened, row, run

from hotbay.activity.captures import Capture
from hotbay.activity.database import StoreError
from hotbay.activity.queries import Filters, Query
from hotbay.activity.retention import Retention
from hotbay.activity.row import Row, Tokens
from hotbay.activity.settings import Settings
from hotbay.activity.store import Store
from hotbay.activity.writer import BYTES, ROWS

EVERYTHING = Row(
    timestamp=NOON,
    model="lily",
    path="/v1/chat/completions",
    status=200,
    content_type="text/event-stream",
    tokens=Tokens(12, -1, -1, 40, 9, 310.5, 28.25),
    duration_ms=455,
    error="odd",
    metadata={"fifo_priority": "0", "selector": "any"},
    outcome="done",
    requested="fast-lily",
    asked_path="/v/chat/completions",
    request_id="abc",
    remote="192.0.2.7",
    session="s-1",
    user_agent="curl/8",
    stream=True,
    attempts=2,
    response_bytes=1000,
    queue_ms=1,
    swap_ms=2,
    load_ms=3,
    first_byte_ms=30,
)


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where a log is kept, in both ways."""
    return tmp_path / "activity.db" if request.param == "file" else None


# -- writing and reading ---------------------------------------------------------------------------


async def test_a_row_is_read_as_it_was_written(path: Path | None) -> None:
    async with opened(path) as log:
        await log.add(EVERYTHING)
        assert await log.rows() == [(1, EVERYTHING)]
        assert await log.store.row(1) == (1, EVERYTHING)
        assert await log.store.row(2) is None


async def test_numbers_count_up_and_each_row_is_told_its_own(path: Path | None) -> None:
    async with opened(path) as log:
        await log.add(row("a"), row("b"))
        await log.add(row("c"))
        assert log.told == [1, 2, 3]
        assert [stored.row.model for stored in await log.rows(descending=False)] == ["a", "b", "c"]


async def test_a_row_and_its_capture_can_be_read_when_its_number_is_told(path: Path | None) -> None:
    capture = Capture("/", [], b"question", [], b"answer")
    async with opened(path) as log:
        found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def told(number: int) -> None:
            found.set_result(number in log.store.captures)

        log.store.add_later(lambda: (row(), capture), told)
        assert await asyncio.wait_for(found, 10)
        assert await log.ids() == [1]
        assert await log.store.capture(1) == capture


async def test_a_row_without_a_time_gets_the_present_one_and_seconds_are_cut() -> None:
    before = int(time.time())
    async with opened() as log:
        await log.add(Row(model="lily"), row(timestamp=NOON + 0.9))
        second, first = await log.rows()
    assert before <= first.row.timestamp <= time.time()
    assert second.row.timestamp == NOON


async def test_what_a_row_may_not_hold_does_not_keep_it_out(path: Path | None) -> None:
    """A model server can claim any number, and a path can have any bytes."""
    tokens = Tokens(input=10**30, output=-(10**30), prompt_per_second=math.inf)
    odd = row(
        "m\udcff",
        tokens=tokens,
        duration_ms=10**30,
        metadata={"selector": "\udcff"},
        user_agent="\udcff",
    )
    async with opened(path) as log:
        await log.add(odd, row(tokens=Tokens(tokens_per_second=math.nan)), odd)
        assert log.warnings == []
        rows = [stored.row for stored in await log.rows()]
        assert [row.model for row in rows] == ["m?", "lily", "m?"]
        assert rows[0].tokens.input > 10**9
        assert rows[0].tokens.prompt_per_second == rows[1].tokens.tokens_per_second == 0
        assert (await log.store.statistics()).totals.requests == 3


@pytest.mark.parametrize("light", [True, False])
async def test_only_what_is_light_is_made_on_the_event_loop(light: bool) -> None:
    threads = []

    def make() -> tuple[Row, None]:
        threads.append(threading.current_thread())
        return row(), None

    async with opened() as log:
        log.store.add_later(make, light=light)
        await log.store.flush()
    (thread,) = threads
    assert (thread is threading.current_thread()) == light


async def test_rows_are_numbered_in_their_order_however_they_are_made() -> None:
    async with opened() as log:
        for number in range(100):
            made = (row(str(number)), None)
            if number % 3 == 0:
                log.store.add(made[0])
            else:
                log.store.add_later(lambda made=made: made, light=number % 3 == 1)
        await log.store.flush()
        models = [stored.row.model for stored in await log.rows(descending=False)]
    assert models == [str(number) for number in range(100)]


@pytest.mark.parametrize("light", [True, False])
async def test_a_row_that_cannot_be_made_costs_no_other(light: bool) -> None:
    async with opened() as log:
        log.store.add_later(lambda: 1 / 0, log.told.append, light=light)
        await log.add(row())
        assert log.told == [1]
        assert log.store.dropped == 1
        assert "ZeroDivisionError" in log.warnings[0]


async def test_whoever_fails_at_being_told_keeps_nobody_from_it() -> None:
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    async with opened() as log:
        log.store.add(row(), lambda _: 1 / 0)
        await log.add(row())
        assert log.told == [2]
    assert isinstance(problems[0]["exception"], ZeroDivisionError)


async def hold_up(log: Log) -> threading.Event:
    """Keep the writing thread from going on, until that event."""
    begun, go_on = threading.Event(), threading.Event()

    def make() -> tuple[Row, None]:
        begun.set()
        go_on.wait(60)
        return row(), None

    log.store.add_later(make)
    await asyncio.to_thread(begun.wait)
    return go_on


async def test_rows_that_find_no_room_are_dropped_and_counted() -> None:
    async with opened() as log:
        go_on = await hold_up(log)
        for _ in range(ROWS + 10):
            log.store.add(row())
        assert log.store.dropped == 10
        assert len(log.warnings) == 1
        go_on.set()
        await log.add()
        await log.add(row())
        assert log.store.dropped == 10
        assert (await log.store.statistics()).totals.requests == 1 + ROWS + 1


async def test_rows_hold_on_to_a_bounded_amount_of_memory() -> None:
    async with opened() as log:
        go_on = await hold_up(log)
        assert log.store.has_room(BYTES)
        log.store.add_later(lambda: (row(), None), size=BYTES - 1)
        assert log.store.has_room(1)
        assert not log.store.has_room(2)
        log.store.add_later(lambda: (row(), None), size=1)
        log.store.add(row())
        assert log.store.dropped == 1
        go_on.set()
        await log.store.flush()
        assert log.store.has_room(BYTES)


async def test_nothing_is_lost_when_the_log_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    async with opened(path) as log:
        for _ in range(500):
            log.store.add(row(), log.told.append)
    assert log.told == list(range(1, 501))
    assert run(path, "SELECT count(*) FROM activity") == [(500,)]
    log.store.add(row())
    assert log.store.dropped == 1
    with pytest.raises(StoreError, match="closed"):
        await log.ids()


async def test_requests_go_on_while_rows_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    async with opened(path) as log:
        await log.add(row())
        run(path, "ALTER TABLE activity RENAME TO elsewhere")
        await log.add(row(), row())
        await log.add(row())
        assert log.store.dropped == 3
        assert log.told == [1]
        (warning,) = (line for line in log.warnings if "rows are lost" in line)
        assert "no such table" in warning
        with pytest.raises(StoreError, match="no such table"):
            await log.ids()
        run(path, "ALTER TABLE elsewhere RENAME TO activity")
        await log.add(row())
        assert log.told == [1, 2]


# -- files -----------------------------------------------------------------------------------------


async def test_a_file_keeps_its_rows_and_is_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    async with opened(path) as log:
        await log.add(EVERYTHING)
    async with opened(path) as log:
        assert await log.rows() == [(1, EVERYTHING)]
        assert run(path, "PRAGMA journal_mode") == [("wal",)]


async def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    async with opened(path) as log:
        await log.add(row(), row())
    run(path, "DELETE FROM activity")
    async with opened(path) as log:
        await log.add(row())
        assert log.told == [3]
        assert (await log.store.statistics()).totals.requests == 1


async def test_a_file_of_llama_swap_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    llama_swaps_file(path, rows=3)
    schema = "SELECT sql FROM sqlite_schema WHERE tbl_name IN ('activity', 'goose_db_version')"
    versions = "SELECT * FROM goose_db_version"
    before = run(path, schema), run(path, versions)
    async with opened(path) as log:
        await log.add(row())
        assert await log.ids() == [4, 3, 2, 1]
        foreign = await log.store.row(2)
        assert foreign is not None
        assert foreign.row.tokens == Tokens(input=7)
        assert foreign.row.metadata == {"fifo_priority": "0"}
        assert foreign.row.outcome == "done"
        assert foreign.row.queue_ms is foreign.row.stream is foreign.row.first_byte_ms is None
        assert (await log.store.statistics()).totals.input_tokens == 21
        await log.tidied()
        assert (await log.store.statistics()).totals.input_tokens == 21
    assert (run(path, schema), run(path, versions)) == before


async def test_a_new_file_has_the_tables_of_llama_swap(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    llama_swaps_file(theirs, rows=1)
    async with opened(ours):
        pass
    for question in (
        "PRAGMA table_info(activity)",
        "PRAGMA index_xinfo(idx_activity_created_id)",
        "PRAGMA index_xinfo(idx_activity_model_created_id)",
        "SELECT id, version_id, is_applied FROM goose_db_version ORDER BY id",
    ):
        assert run(ours, question) == run(theirs, question), question


async def test_two_programs_may_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    async with opened(path) as log:
        await log.add(row())
        run(path, MISTS)
        await log.add(row(), row())
        run(path, MISTS)
        await log.add(row())
        assert log.told == [1, 3, 4, 6]
        assert await log.ids(Filters(models=("mist",))) == [5, 2]
        assert (await log.store.statistics("mist")).totals.requests == 2


async def test_a_file_of_a_newer_llama_swap_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    llama_swaps_file(path, rows=1)
    run(path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 1)")
    run(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer llama-swap"):
        Store(Settings(path, Retention(0, 0), 0), print)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all, but text\n" * 100, None])
async def test_what_is_no_activity_log_is_refused_by_name(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "activity.db"
    if content is None:
        run(path, "CREATE TABLE activity (id INTEGER PRIMARY KEY)")
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError) as refused:
        Store(Settings(path, Retention(0, 0), 0), print)
    assert "store.path" in str(refused.value)
    assert str(path) in str(refused.value)


async def test_a_name_that_means_something_to_sqlite_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(Path(":memory:")) as log:
        await log.add(row())
    assert (tmp_path / ":memory:").exists()


KILLED = """
import asyncio, sys
from pathlib import Path
from hotbay.activity.retention import Retention
from hotbay.activity.row import Row
from hotbay.activity.settings import Settings
from hotbay.activity.store import Store

async def main():
    store = Store(Settings(Path(sys.argv[1]), Retention(0, 0), 0), print)
    def told(number):
        print(number, flush=True)
        store.add(Row(model="lily"), told)
    for _ in range(50):
        store.add(Row(model="lily"), told)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def kill_while_it_writes(path: Path) -> list[int]:
    """Return the numbers that were told by a program that was killed in the middle of it."""
    told = []
    program = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(int(line))
            if len(told) == 150:
                process.kill()
    assert process.returncode == -signal.SIGKILL
    return told


async def test_rows_that_have_been_told_survive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    told = await asyncio.to_thread(kill_while_it_writes, path)
    assert run(path, "PRAGMA integrity_check") == [("ok",)]
    async with opened(path) as log:
        assert set(told) <= set(await log.ids())
        await log.add(row())
        assert log.told[0] > max(told)


# -- old rows --------------------------------------------------------------------------------------


async def test_the_newest_rows_stay_in_memory() -> None:
    async with opened(rows=4) as log:
        for _ in range(6):
            await log.add(row())
        page = await log.store.page(Query())
        assert [stored.id for stored in page.rows] == [6, 5, 4, 3]
        assert page.total == 4
        await log.add(*[row()] * 10)
        assert await log.ids() == [16, 15, 14, 13]
        assert (await log.store.statistics()).totals.requests == 4


async def test_of_more_rows_at_once_than_memory_is_for_the_newest_stay() -> None:
    async with opened(rows=1000) as log:
        await log.add(*[row()] * 2345)
        assert log.told == list(range(1, 2346))
        assert (await log.ids())[0] == 2345
        assert (await log.store.statistics()).totals.requests == 1000
        await log.add(row())
        assert log.told[-1] == 2346
        assert (await log.store.statistics()).totals.requests == 1000


async def test_whoever_looks_finds_every_row_that_was_told(path: Path | None) -> None:
    """Several look at the same time, while rows come."""

    async def look(log: Log) -> None:
        told, done = 0, 300
        while told < done:
            told = len(log.told)
            newest = await log.ids(limit=5)
            number = newest[0] if newest else 0
            assert number >= told
            assert newest == list(range(number, max(0, number - 5), -1))

    async with opened(path) as log:
        looking = [asyncio.create_task(look(log)) for _ in range(3)]
        for _ in range(100):
            await log.add(*[row()] * 3)
        await asyncio.gather(*looking)
        assert (await log.store.statistics()).totals.requests == 300


async def test_a_file_keeps_as_many_rows_as_it_should(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    async with opened(path) as log:
        await log.add(*[row()] * 12_000)
        await log.tidied()
    async with opened(path, rows=100) as log:
        await log.tidied()
        assert await log.ids() == list(range(12_000, 11_900, -1))
        assert (await log.store.statistics()).totals.requests == 100
    assert run(path, "SELECT count(*) FROM hotbay_activity") == [(100,)]


async def test_a_file_keeps_rows_for_as_many_days_as_it_should(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    now = time.time()
    async with opened(path) as log:
        await log.add(*(row(timestamp=now - hours * 3600) for hours in (1, 71, 73, 0, 2000)))
    async with opened(path, days=3) as log:
        await log.tidied()
        assert await log.ids() == [4, 2, 1]
        assert (await log.store.statistics()).totals.requests == 3
