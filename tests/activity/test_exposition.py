"""What Prometheus is told."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import threading

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from hotbay.activity.counters import Counters
from hotbay.activity.exposition import Gauges, exposition
from hotbay.activity.row import Tokens
from hotbay.activity.streams import Pace
from hotbay.core.effects import StartFailed, StateChanged, SwapStarted
from hotbay.core.states import State

CHAT = "/v1/chat/completions"
PROMTOOL = shutil.which("promtool")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> Counters:
    return Counters(["lily", "rose"], [CHAT], clock)


def busy(counters: Counters, clock: Clock) -> Counters:
    """Count something of every kind."""
    counters.news(SwapStarted("lily", ("rose",), "because"))
    counters.news(StateChanged("lily", 1, State.STOPPED, State.STARTING))
    clock.now += 4
    counters.news(StateChanged("lily", 1, State.STARTING, State.READY))
    counters.news(StartFailed("rose", 1, "out of GPU memory"))
    counters.request(
        "lily",
        CHAT,
        "done",
        duration=1.5,
        queue_wait=0.2,
        tokens=Tokens(cache=3, input=20, output=7, tokens_per_second=30),
        pace=Pace(0.3, 0.02),
    )
    counters.request('who"\\\n?', "/x", "refused", duration=0)
    counters.lagged(0.003)
    return counters


def families(counters: Counters, gauges: Gauges) -> dict[str, Metric]:
    text = exposition(counters, gauges)
    return {family.name: family for family in text_string_to_metric_families(text)}


def series(family: Metric) -> dict[tuple[str, ...], float]:
    """The values of a metric by its name and labels."""
    return {(s.name, *s.labels.values()): s.value for s in family.samples}


def test_everything_is_told_under_its_name(counters: Counters, clock: Clock) -> None:
    busy(counters, clock)
    clock.now += 10
    gauges = Gauges(
        queued={"rose": 2},
        in_flight={"lily": 1, "rose": 2},
        resident={"lily": 1 << 30},
        gpu={"lily": 5 << 30},
        connections=9,
        dropped_rows=4,
    )
    told = families(counters, gauges)
    assert series(told["hotbay_requests"]) == {
        ("hotbay_requests_total", "lily", "done", CHAT): 1,
        ("hotbay_requests_total", "", "refused", "other"): 1,
    }
    assert series(told["hotbay_input_tokens"])["hotbay_input_tokens_total", "lily"] == 20
    assert series(told["hotbay_output_tokens"])["hotbay_output_tokens_total", "lily"] == 7
    assert series(told["hotbay_cached_tokens"])["hotbay_cached_tokens_total", "lily"] == 3
    assert series(told["hotbay_swaps"]) == {("hotbay_swaps_total", "lily", "because"): 1}
    assert series(told["hotbay_evictions"])["hotbay_evictions_total", "rose"] == 1
    assert series(told["hotbay_failed_starts"]) == {
        ("hotbay_failed_starts_total", "gpu memory", "rose"): 1
    }
    for name, value in (
        ("hotbay_request_duration_seconds", 1.5),
        ("hotbay_queue_wait_seconds", 0.2),
        ("hotbay_time_to_first_token_seconds", 0.3),
        ("hotbay_inter_token_latency_seconds", 0.02),
        ("hotbay_output_tokens_per_second", 30),
        ("hotbay_load_duration_seconds", 4),
    ):
        values = series(told[name])
        assert values[f"{name}_sum", "lily"] == value
        assert values[f"{name}_count", "lily"] == 1
        assert values[f"{name}_bucket", "+Inf", "lily"] == 1
        assert (f"{name}_count", "rose") not in values
    assert series(told["hotbay_model_state"])["hotbay_model_state", "lily", "ready"] == 1
    assert series(told["hotbay_model_state"])["hotbay_model_state", "rose", "stopped"] == 1
    assert sum(s.value for s in told["hotbay_model_state"].samples) == 2
    assert series(told["hotbay_model_uptime_seconds"]) == {
        ("hotbay_model_uptime_seconds", "lily"): 10,
        ("hotbay_model_uptime_seconds", "rose"): 0,
    }
    assert series(told["hotbay_queue_length"]) == {("hotbay_queue_length", "rose"): 2}
    assert series(told["hotbay_requests_in_flight"])["hotbay_requests_in_flight", "lily"] == 1
    assert series(told["hotbay_model_resident_memory_bytes"]) == {
        ("hotbay_model_resident_memory_bytes", "lily"): 1 << 30
    }
    assert series(told["hotbay_model_gpu_memory_bytes"]) == {
        ("hotbay_model_gpu_memory_bytes", "lily"): 5 << 30
    }
    assert series(told["hotbay_uptime_seconds"]) == {("hotbay_uptime_seconds",): 14}
    assert series(told["hotbay_connections"]) == {("hotbay_connections",): 9}
    assert series(told["hotbay_dropped_rows"]) == {("hotbay_dropped_rows_total",): 4}
    assert (
        series(told["hotbay_event_loop_lag_seconds"])[("hotbay_event_loop_lag_seconds_count",)] == 1
    )


def test_buckets_add_up(counters: Counters) -> None:
    for duration in (0.02, 0.02, 3, 10_000):
        counters.request("lily", CHAT, "done", duration=duration)
    values = series(families(counters, Gauges())["hotbay_request_duration_seconds"])
    name = "hotbay_request_duration_seconds_bucket"
    assert values[name, "0.01", "lily"] == 0
    assert values[name, "0.025", "lily"] == 2
    assert values[name, "2.5", "lily"] == 2
    assert values[name, "5.0", "lily"] == 3
    assert values[name, "600.0", "lily"] == 3
    assert values[name, "+Inf", "lily"] == 4


def test_every_metric_is_told_from_the_start(counters: Counters, clock: Clock) -> None:
    assert families(counters, Gauges()).keys() == families(busy(counters, clock), Gauges()).keys()


def test_counters_of_a_model_begin_at_zero(counters: Counters) -> None:
    told = families(counters, Gauges())
    assert series(told["hotbay_evictions"]) == {
        ("hotbay_evictions_total", "lily"): 0,
        ("hotbay_evictions_total", "rose"): 0,
    }


def test_the_series_of_a_model_that_a_reload_removes_disappear(
    counters: Counters, clock: Clock
) -> None:
    busy(counters, clock)
    assert 'model="lily"' in exposition(counters, Gauges())
    counters.configure(["rose"])
    told = exposition(counters, Gauges())
    assert 'model="lily"' not in told
    assert 'model="rose"' in told


def test_it_can_be_asked_for_while_others_count(counters: Counters) -> None:
    """The writing thread and the event loop go on meanwhile."""
    stop = threading.Event()

    def count() -> None:
        for n in itertools.count():
            if stop.is_set():
                return
            counters.request("lily", CHAT, f"outcome {n % 300}", duration=1)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        told = [exposition(counters, Gauges()) for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert [len(text) for text in told] == sorted(map(len, told))


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_has_nothing_to_say(counters: Counters, clock: Clock) -> None:
    busy(counters, clock)
    gauges = Gauges(queued={"lily": 1}, in_flight={"lily": 1}, resident={"lily": 1}, gpu={"a": 1})
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=exposition(counters, gauges),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_start_does_not_pay_for_the_library() -> None:
    """prometheus_client is imported when metrics are asked for."""
    names = ["counters", "reading", "recorder", "loop_lag"]
    code = f"import sys; {'; '.join(f'import hotbay.activity.{name}' for name in names)}"
    code += "; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_are_those_of_the_house(counters: Counters) -> None:
    names = re.findall(r"^# TYPE (\S+) (\S+)", exposition(counters, Gauges()), re.MULTILINE)
    assert all(name.startswith("hotbay_") for name, _ in names)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in names)
