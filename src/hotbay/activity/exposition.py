"""Writes the counters for Prometheus, in its text format 0.0.4.

Owns the names, kinds and labels of hotbay's own metrics (docs/reference/metrics.md). Import this
when metrics are asked for: prometheus_client costs a start 50 ms and 5 MB that most never need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from hotbay.activity.counters import Counters
from hotbay.activity.tallies import Distribution, Tally
from hotbay.core.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What is so at the moment of asking, by model where it is a mapping.

    Attributes:
        queued: requests that wait.
        in_flight: requests that were begun and have not ended, those that wait included.
        resident: memory of the model server's processes, in bytes.
        gpu: memory of GPUs that they use, in bytes.
        connections: open connections of clients.
        dropped_rows: rows of the activity log that were lost since the start.
    """

    queued: Mapping[str, int] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    resident: Mapping[str, int] = field(default_factory=dict)
    gpu: Mapping[str, int] = field(default_factory=dict)
    connections: int = 0
    dropped_rows: int = 0


def exposition(counters: Counters, gauges: Gauges) -> str:
    """Write all metrics; takes half a millisecond for each model, so call it in a thread.

    Args:
        counters: what was counted.
        gauges: what is so now, as gathered on the event loop.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counters, gauges))
    return generate_latest(registry).decode()


class _Counted(NamedTuple):
    """A counter of each model; `read` yields the values of the labels, and the count."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    read: Callable[[Tally], Iterable[tuple[tuple[str, ...], int]]]


class _Spread(NamedTuple):
    """A histogram of each model."""

    name: str
    meaning: str
    read: Callable[[Tally], Distribution]


_COUNTED = (
    _Counted(
        "hotbay_requests",
        "Requests that have ended.",
        ("route", "outcome"),
        lambda tally: list(tally.requests.items()),
    ),
    _Counted(
        "hotbay_input_tokens",
        "Tokens of prompts, as the model servers tell.",
        (),
        lambda tally: [((), tally.input_tokens)],
    ),
    _Counted(
        "hotbay_output_tokens",
        "Generated tokens.",
        (),
        lambda tally: [((), tally.output_tokens)],
    ),
    _Counted(
        "hotbay_cached_tokens",
        "Tokens of prompts that came from a cache.",
        (),
        lambda tally: [((), tally.cached_tokens)],
    ),
    _Counted(
        "hotbay_swaps",
        "Swaps to the model that have begun, with or without evictions.",
        ("reason",),
        lambda tally: [((reason,), count) for reason, count in list(tally.swaps.items())],
    ),
    _Counted(
        "hotbay_evictions",
        "How often the model was stopped to make room for another.",
        (),
        lambda tally: [((), tally.evictions)],
    ),
    _Counted(
        "hotbay_failed_starts",
        "Starts of the model server after which it did not become ready.",
        ("cause",),
        lambda tally: [((cause,), count) for cause, count in list(tally.failed_starts.items())],
    ),
)

_SPREADS = (
    _Spread(
        "hotbay_request_duration_seconds",
        "Time from the arrival to the end of requests that were answered.",
        lambda tally: tally.durations,
    ),
    _Spread(
        "hotbay_queue_wait_seconds",
        "Time from the arrival to the forwarding, waiting for starts included.",
        lambda tally: tally.waits,
    ),
    _Spread(
        "hotbay_time_to_first_token_seconds",
        "Time from the forwarding to the first token, of streams.",
        lambda tally: tally.first_tokens,
    ),
    _Spread(
        "hotbay_inter_token_latency_seconds",
        "Mean time between the tokens of a stream.",
        lambda tally: tally.intervals,
    ),
    _Spread(
        "hotbay_output_tokens_per_second",
        "Speed of generation, as the model server tells, or as its stream shows.",
        lambda tally: tally.speeds,
    ),
    _Spread(
        "hotbay_load_duration_seconds",
        "Time from the start of a model server until it was ready.",
        lambda tally: tally.loads,
    ),
)


class _Collector:
    """Hands the numbers to prometheus_client."""

    def __init__(self, counters: Counters, gauges: Gauges) -> None:
        self._now = counters.clock()
        self._counters = counters
        self._gauges = gauges
        self._tallies = list(counters.tallies())

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, also those without a value yet."""
        yield from map(self._counted, _COUNTED)
        yield from map(self._spread, _SPREADS)
        yield from self._servers()
        yield from self._by_model()
        yield from self._program()

    def _counted(self, of: _Counted) -> Metric:
        family = CounterMetricFamily(of.name, of.meaning, labels=("model", *of.labels))
        for model, tally in self._tallies:
            for labels, count in of.read(tally):
                if model or count:
                    family.add_metric((model, *labels), count)
        return family

    def _spread(self, of: _Spread) -> Metric:
        family = HistogramMetricFamily(of.name, of.meaning, labels=("model",))
        for model, tally in self._tallies:
            _add(family, (model,), of.read(tally))
        return family

    def _servers(self) -> Iterator[Metric]:
        """Yield what concerns the model servers' states."""
        states = GaugeMetricFamily(
            "hotbay_model_state",
            "1 for the state that the model server is in, 0 for the others.",
            labels=("model", "state"),
        )
        uptime = GaugeMetricFamily(
            "hotbay_model_uptime_seconds",
            "Time since the model server became ready, 0 while it is not.",
            labels=("model",),
        )
        for model, tally in self._tallies:
            if not model:
                continue
            for state in State:
                states.add_metric((model, state.value), float(state is tally.state))
            ready = tally.state is State.READY
            uptime.add_metric((model,), self._now - tally.since if ready else 0.0)
        yield states
        yield uptime

    def _by_model(self) -> Iterator[Metric]:
        gauges = self._gauges
        for name, meaning, values in (
            ("hotbay_queue_length", "Requests that wait.", gauges.queued),
            (
                "hotbay_requests_in_flight",
                "Requests in progress, those that wait included.",
                gauges.in_flight,
            ),
            (
                "hotbay_model_resident_memory_bytes",
                "Memory that the processes of the model server have in use.",
                gauges.resident,
            ),
            (
                "hotbay_model_gpu_memory_bytes",
                "Memory of GPUs that they have in use.",
                gauges.gpu,
            ),
        ):
            family = GaugeMetricFamily(name, meaning, labels=("model",))
            for model, value in values.items():
                family.add_metric((model,), value)
            yield family

    def _program(self) -> Iterator[Metric]:
        """Yield what concerns hotbay itself."""
        yield GaugeMetricFamily(
            "hotbay_uptime_seconds",
            "Time since hotbay was started.",
            self._now - self._counters.begun,
        )
        yield GaugeMetricFamily(
            "hotbay_connections", "Open connections of clients.", self._gauges.connections
        )
        yield CounterMetricFamily(
            "hotbay_dropped_rows",
            "Rows of the activity log that were lost.",
            self._gauges.dropped_rows,
        )
        lag = HistogramMetricFamily(
            "hotbay_event_loop_lag_seconds",
            "By how much hotbay's event loop was late, looked at twice a second.",
            labels=(),
        )
        _add(lag, (), self._counters.loop_lag)
        yield lag


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], spread: Distribution) -> None:
    """Add a distribution, unless it is still empty."""
    if not spread:
        return
    bounds = [*map(str, spread.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(spread.counts), strict=True))
    family.add_metric(labels, buckets, spread.total)
