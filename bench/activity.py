"""Measure the activity log: what a row costs, and how quick a large log answers.

Usage: python bench/activity.py [--rows N] [--keep FILE]. Makes a log of a million rows first
(half a minute, 350 MB); with --keep it is made once and used again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles

from hotbay.activity.captures import Capture
from hotbay.activity.database import Database
from hotbay.activity.hours import HOUR
from hotbay.activity.inserts import insert, record_of
from hotbay.activity.queries import Filters, Query
from hotbay.activity.retention import Retention
from hotbay.activity.row import Row, Tokens
from hotbay.activity.settings import Settings
from hotbay.activity.store import Store

REPETITIONS = 7
FIRST = 1_760_000_000
BETWEEN = 30.0
"""Seconds from one request to the next: a million in a year."""


def some_row(chance: random.Random, moment: float) -> Row:
    good = chance.random() < 0.95
    tokens = Tokens(
        chance.randrange(2000),
        -1,
        -1,
        int(chance.lognormvariate(6, 1)),
        int(chance.lognormvariate(5, 1)),
        chance.lognormvariate(6, 0.5),
        chance.lognormvariate(3.5, 0.4),
    )
    return Row(
        timestamp=moment,
        model=f"model-{int(chance.paretovariate(1)) % 12}",
        path="/v1/chat/completions",
        status=200 if good else chance.choice((404, 429, 500, 502)),
        content_type="text/event-stream",
        tokens=tokens if good else Tokens(),
        duration_ms=int(chance.lognormvariate(8, 1)),
        error="" if good else "something went wrong at the model server",
        metadata={"fifo_priority": "0"},
        outcome="done" if good else "failed",
        requested="model",
        asked_path="/v1/chat/completions",
        request_id=f"{chance.getrandbits(128):032x}",
        remote="192.0.2.17",
        user_agent="OpenAI/Python 3.54.0",
        stream=True,
        attempts=1,
        response_bytes=5000,
        queue_ms=chance.choice((0, 0, 0, 1200)),
        swap_ms=0,
        load_ms=chance.choice((0, 0, 0, 0, 4000)),
        first_byte_ms=300,
    )


def fill(path: Path, rows: int) -> None:
    """Make a log of so many rows."""
    chance = random.Random(1)
    moment = float(FIRST)
    database = Database(path)
    for begin in range(0, rows, 10_000):
        some = []
        for _ in range(min(10_000, rows - begin)):
            moment += chance.expovariate(1 / BETWEEN)
            some.append(some_row(chance, moment))
        with database.writing() as connection:
            insert(connection, [record_of(row) for row in some])
    database.close()


async def timed(name: str, ask: Callable[[], Awaitable[object]], repetitions: int) -> None:
    """Print how long it takes, in milliseconds: median and worst."""
    spent = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        await ask()
        spent.append((time.perf_counter() - begin) * 1e3)
    print(f"| {name} | {median(spent):.1f} ms | {max(spent):.1f} ms |")


async def measure_reading(path: Path, rows: int) -> None:
    settings = Settings(path, Retention(0, 0), 0)
    now = int(FIRST + rows * BETWEEN) // HOUR
    begin = time.perf_counter()
    store = Store(settings, print)
    print(f"opened after {(time.perf_counter() - begin) * 1e3:.0f} ms")
    await timed("statistics, first look", store.statistics, 1)
    for _ in range(rows // 5_000 + 2):  # until everything is summed up
        await store.flush()
    await store.close()

    print("| question | median | worst |\n|---|---|---|")
    store = Store(settings, print)

    def ask_page(
        filters: Filters, sort: str = "id", page: int = 1
    ) -> Callable[[], Awaitable[object]]:
        return lambda: store.page(Query(filters, sort=sort, page=page))

    await timed("statistics, first look after a restart", store.statistics, 1)
    everything = Filters()
    for name, ask in {
        "statistics": store.statistics,
        "statistics of a model": lambda: store.statistics("model-5"),
        "newest 25 rows": ask_page(everything),
        "25 rows in the middle": ask_page(everything, page=rows // 50),
        "newest of a model": ask_page(Filters(models=("model-5",))),
        "newest of the model with half of all rows": ask_page(Filters(models=("model-1",))),
        "newest that failed": ask_page(Filters(outcomes=("failed",))),
        "slowest of all": ask_page(everything, sort="duration"),
        "text in any column": ask_page(Filters(text="went wrong")),
        "sums by model": lambda: store.sums_by("model_id", (), 0, 2 * now),
        "sums by hour, all": lambda: store.sums_by("hour", (), 0, 2 * now),
        "sums by hour, a week": lambda: store.sums_by("hour", (), now - 168, 2 * now),
    }.items():
        await timed(name, ask, REPETITIONS)
    begin = time.perf_counter()
    found = [len(some) async for some in store.all_rows(everything)]
    print(f"all rows read: {sum(found) / (time.perf_counter() - begin):.0f} a second")
    await store.close()


async def measure_writing(path: Path) -> None:
    """Write 2 000 rows a second for two seconds, and see how late the event loop gets."""
    row = some_row(random.Random(2), FIRST)
    body = b"".join(b"Sentence %d of a conversation. " % n for n in range(70))
    capture = Capture(
        "/v1/chat/completions", [(b"content-type", b"application/json")], body, [], body
    )
    print("| each request adds | event loop | all threads | late, median | late, p99 |")
    print("|---|---|---|---|---|")
    store = Store(Settings(path, Retention(0, 0), 5 << 20), print)
    await measure_adding("nothing", lambda: None)
    await measure_adding("a row", lambda: store.add(row))
    await store.flush()
    await measure_adding(
        "a row and 4 KB of capture", lambda: store.add_later(lambda: (row, capture))
    )
    await store.close()


async def measure_adding(name: str, add: Callable[[], None]) -> None:
    cost, late = [], []
    used = time.process_time()
    due = time.perf_counter()
    for _ in range(2_000):
        begin = time.perf_counter()
        add()
        add()
        cost.append((time.perf_counter() - begin) / 2 * 1e6)
        due += 0.001
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late.append((time.perf_counter() - due) * 1e3)
    used = (time.process_time() - used) / 4_000 * 1e6
    p99 = quantiles(late, n=100)[98]
    print(
        f"| {name} | {median(cost):.1f} µs | {used:.0f} µs | {median(late):.2f} ms | {p99:.2f} ms |"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "activity.db"
        if not path.exists():
            fill(path, options.rows)
        print(f"{options.rows:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        await measure_reading(path, options.rows)
        await measure_writing(Path(folder) / "written.db")


if __name__ == "__main__":
    asyncio.run(main())
