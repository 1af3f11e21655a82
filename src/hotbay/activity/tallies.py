"""The numbers that are counted of one model: plain counts and distributions.

They are kept by hand and handed to prometheus_client when they are asked for. A request costs
2 µs that way; with prometheus_client's own children it costs 6 µs, and its import costs every
start 50 ms and 5 MB (measured).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from hotbay.core.states import State

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
INTERVALS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SPEEDS = (1.0, 2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0, 150.0, 250.0, 500.0, 1000.0, 2500.0)


class Distribution:
    """How often values fell where, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin empty; `bounds` are the upper ends of the buckets, themselves included."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Take a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def __bool__(self) -> bool:
        """Whether a value was ever taken."""
        return any(self.counts)


class Tally:
    """What is counted of one model.

    Attributes:
        requests: ended requests, by route and outcome.
        input_tokens: tokens of prompts.
        output_tokens: generated tokens.
        cached_tokens: tokens of prompts that were not processed again.
        durations: of requests that were answered, in seconds.
        waits: seconds until requests were granted.
        first_tokens: seconds from the forwarding of a stream to its first token.
        intervals: mean seconds between the tokens of a stream.
        speeds: tokens that were generated in a second, by request.
        swaps: swaps to the model, by reason.
        evictions: how often it made room for another.
        failed_starts: starts that did not succeed, by cause.
        loads: seconds that its starts took.
        state: of its model server.
        since: when it came into that state, monotonic.
    """

    __slots__ = (
        "cached_tokens",
        "durations",
        "evictions",
        "failed_starts",
        "first_tokens",
        "input_tokens",
        "intervals",
        "loads",
        "output_tokens",
        "requests",
        "since",
        "speeds",
        "state",
        "swaps",
        "waits",
    )

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0
        self.durations = Distribution(SECONDS)
        self.waits = Distribution(SECONDS)
        self.first_tokens = Distribution(SECONDS)
        self.intervals = Distribution(INTERVALS)
        self.speeds = Distribution(SPEEDS)
        self.swaps: Counter[str] = Counter()
        self.evictions = 0
        self.failed_starts: Counter[str] = Counter()
        self.loads = Distribution(SECONDS)
        self.state = State.STOPPED
        self.since = 0.0
