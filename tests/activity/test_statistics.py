"""Sums and distributions of rows, kept up to date as rows come and go (activity-store.md 5)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.activity.logs import MISTS, NOON, Log, any_row, llama_swaps_file, opened, row, run

from hotbay.activity.histogram import Histogram, histogram_of
from hotbay.activity.hours import HOUR, Sums, Totals
from hotbay.activity.retention import Retention
from hotbay.activity.row import Row, Tokens
from hotbay.activity.speeds import LARGE

MODELS = ("", "lily", "mist", "far/rose", "nobody")


def expected_histogram(values: Sequence[float]) -> Histogram | None:
    """Compute a histogram as the spec words it, one value at a time."""
    if not values:
        return None
    low, high, n = min(values), max(values), len(values)

    def percentile(p: int) -> float:
        r = p / 100 * (n - 1)
        below, above = sorted(values)[math.floor(r)], sorted(values)[math.ceil(r)]
        return below + (above - below) * (r - math.floor(r))

    number = min(20, max(5, 1 + math.ceil(math.log2(n))))
    size = (high - low) / number
    bins = [0] * number
    for value in values:
        bins[min(number - 1, math.floor((value - low) / size)) if size else 0] += 1
    if not size:
        bins = [n]
    return Histogram(bins, low, high, size, percentile(50), percentile(95), percentile(99))


def expected_sums(rows: Sequence[Row]) -> Sums:
    def outcome(row: Row) -> str:
        return row.outcome or ("done" if 200 <= row.status < 300 else "failed")

    def timed(count: str, speed: str) -> list[tuple[int, float]]:
        pairs = ((getattr(r.tokens, count), getattr(r.tokens, speed)) for r in rows)
        return [(tokens, speed) for tokens, speed in pairs if speed > 0]

    prompts = timed("input", "prompt_per_second")
    answers = timed("output", "tokens_per_second")
    return Sums(
        requests=len(rows),
        failed=sum(outcome(r) in {"failed", "refused"} for r in rows),
        cancelled=sum(outcome(r).startswith("cancelled") for r in rows),
        input_tokens=sum(r.tokens.input for r in rows),
        output_tokens=sum(r.tokens.output for r in rows),
        cache_tokens=sum(max(0, r.tokens.cache) for r in rows),
        duration_ms=sum(r.duration_ms for r in rows),
        queue_ms=sum(r.queue_ms or 0 for r in rows),
        swap_ms=sum(r.swap_ms or 0 for r in rows),
        load_ms=sum(r.load_ms or 0 for r in rows),
        timed_input_tokens=sum(tokens for tokens, _ in prompts),
        input_seconds=sum(tokens / speed for tokens, speed in prompts),
        timed_output_tokens=sum(tokens for tokens, _ in answers),
        output_seconds=sum(tokens / speed for tokens, speed in answers),
    )


async def assert_right(log: Log) -> None:
    """Compare all sums and distributions with what the rows say."""
    rows = [stored.row for stored in await log.rows()]
    for model in MODELS:
        of_model = [row for row in rows if model in ("", row.model)]
        found = await log.store.statistics(model)
        sums = expected_sums(of_model)
        assert found.totals == Totals(
            sums.requests, sums.input_tokens, sums.output_tokens, sums.cache_tokens
        )
        for histogram, name in (
            (found.prompt, "prompt_per_second"),
            (found.generation, "tokens_per_second"),
        ):
            speeds = [speed for r in of_model if (speed := getattr(r.tokens, name)) > 0]
            expected = expected_histogram(speeds)
            assert (histogram is None) == (expected is None)
            if histogram is not None and expected is not None:
                assert histogram.bins == expected.bins
                assert histogram[1:] == pytest.approx(expected[1:])
    by_model = await log.store.sums_by("model_id", (), 0, 1 << 40)
    assert list(by_model) == sorted({row.model for row in rows})
    for model, sums in by_model.items():
        assert sums == pytest.approx(expected_sums([row for row in rows if row.model == model]))
    by_hour = await log.store.sums_by("hour", (), 0, 1 << 40)
    assert list(by_hour) == sorted({int(row.timestamp) // HOUR for row in rows})
    for hour, sums in by_hour.items():
        of_hour = [row for row in rows if int(row.timestamp) // HOUR == hour]
        assert sums == pytest.approx(expected_sums(of_hour))


@pytest.mark.parametrize("seed", range(5))
async def test_sums_are_right_as_rows_come_and_go_in_memory(seed: int) -> None:
    chance = random.Random(seed)
    async with opened(rows=60) as log:
        await assert_right(log)
        for _ in range(6):
            await log.add(*(any_row(chance) for _ in range(chance.randrange(1, 40))))
            await assert_right(log)


@pytest.mark.parametrize("seed", range(5))
async def test_sums_are_right_as_rows_come_and_go_in_a_file(tmp_path: Path, seed: int) -> None:
    """Some of the rows are summed up already, some are not, and some are somebody else's."""
    chance = random.Random(seed)
    path = tmp_path / "activity.db"
    llama_swaps_file(path, rows=20)
    for rows in (0, 50, 30, 0, 25):
        async with opened(path, rows=rows) as log:
            if chance.random() < 0.5:
                await assert_right(log)  # so that there is something to be kept up to date
            await log.tidied()
            await assert_right(log)
            await log.add(*(any_row(chance) for _ in range(chance.randrange(1, 30))))
            run(path, MISTS)
            await assert_right(log)


async def test_sums_begin_anew_when_somebody_else_has_removed_rows(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    chance = random.Random(1)
    async with opened(path) as log:
        await log.add(*(any_row(chance) for _ in range(50)))
    async with opened(path) as log:
        await log.tidied()
    run(path, "DELETE FROM activity WHERE id % 3 = 0")
    async with opened(path) as log:
        await assert_right(log)
        await log.tidied()
        await assert_right(log)


async def test_rows_are_subtracted_while_their_speeds_are_looked_at(tmp_path: Path) -> None:
    """As after a reload that keeps fewer of them."""
    chance = random.Random(2)
    async with opened(rows=500) as log:
        await log.add(*(any_row(chance) for _ in range(300)))
        await assert_right(log)
        log.store.configure(log.store.settings._replace(keep=Retention(10, 0)))
        await log.add(any_row(chance))
        assert len(await log.ids()) == 10
        await assert_right(log)


async def test_only_known_speeds_count() -> None:
    speeds = (-1.0, 0.0, 20.0, math.inf)
    async with opened() as log:
        await log.add(*(row(tokens=Tokens(prompt_per_second=speed)) for speed in speeds))
        found = await log.store.statistics()
        assert found.prompt is not None
        assert found.prompt.bins == [1]
        assert found.generation is None


async def test_many_rows_at_once_are_taken_in_as_well() -> None:
    rows = [row(tokens=Tokens(tokens_per_second=1 + n / 1000)) for n in range(12_000)]
    async with opened() as log:
        await log.add(*rows[:10])
        assert (await log.store.statistics()).generation is not None
        await log.add(*rows[10:])
        found = (await log.store.statistics()).generation
    assert found is not None
    assert sum(found.bins) == 12_000
    assert (found.min, found.max) == (1, 1 + 11.999)
    assert found.p50 == pytest.approx(1 + 5.9995)


async def test_distributions_outlive_the_program(tmp_path: Path) -> None:
    """Large ones are kept sorted, and are no longer true when rows have gone."""
    path = tmp_path / "activity.db"
    chance = random.Random(3)
    rows = [row(tokens=Tokens(tokens_per_second=chance.uniform(1, 99))) for _ in range(LARGE)]
    async with opened(path) as log:
        await log.add(*rows)
        before = await log.store.statistics()
    assert run(path, "SELECT model_id, upto FROM hotbay_speeds") == [("", LARGE)]
    async with opened(path) as log:
        assert await log.store.statistics() == before
        await log.add(row(tokens=Tokens(tokens_per_second=200)))
        found = (await log.store.statistics()).generation
        assert found is not None
        assert (found.max, sum(found.bins)) == (200, LARGE + 1)
    async with opened(path, rows=10):
        pass
    async with opened(path, rows=10) as log:
        for _ in range(4):
            await log.tidied()
        await assert_right(log)


async def test_sums_of_some_models_in_some_hours() -> None:
    async with opened() as log:
        for model in ("lily", "mist", "rose"):
            for hour in range(4):
                await log.add(row(model, timestamp=NOON + hour * HOUR, duration_ms=1))
        first = NOON // HOUR
        found = await log.store.sums_by("model_id", ("mist", "rose"), first + 1, first + 2)
        assert {model: sums.requests for model, sums in found.items()} == {"mist": 2, "rose": 2}
        found = await log.store.sums_by("hour", ("mist",), first + 3, first + 9)
        assert {hour: sums.requests for hour, sums in found.items()} == {first + 3: 1}


# -- distributions ---------------------------------------------------------------------------------


def test_the_sample_of_the_spec() -> None:
    found = histogram_of([10, 20, 30, 40])
    assert found == Histogram([1, 1, 0, 1, 1], 10, 40, 6, 25, 38.5, pytest.approx(39.7))
    assert histogram_of([7, 7]) == Histogram([2], 7, 7, 0, 7, 7, 7)
    assert histogram_of([]) is None


@given(st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=1, max_size=200))
def test_any_distribution(values: list[float]) -> None:
    found, expected = histogram_of(sorted(values)), expected_histogram(values)
    assert found is not None
    assert expected is not None
    assert found.bins == expected.bins
    assert sum(found.bins) == len(values)
    assert found[1:] == pytest.approx(expected[1:])
    assert found.min <= found.p50 <= found.p95 <= found.p99 <= found.max


@given(st.integers(min_value=1, max_value=3_000_000))
def test_there_are_5_to_20_bins(number: int) -> None:
    values = range(number)
    found = histogram_of(values)
    assert found is not None
    expected = 1 if number == 1 else min(20, max(5, 1 + math.ceil(math.log2(number))))
    assert len(found.bins) == expected
    assert sum(found.bins) == number
