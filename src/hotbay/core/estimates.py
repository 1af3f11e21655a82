"""How long things have taken, and how long a request is likely to wait (design 7.2).

Owns the measured service time of each model; load and stop times are its server's. What
has not been measured yet counts as nothing, so that an estimate is rather too short than
too long: a request is refused for its deadline only on what is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from hotbay.core.decisions import Decision, Fault, Go, Hold, Join, Swap
from hotbay.core.lifecycle import Fleet, Server
from hotbay.core.states import State

_WEIGHT = 0.2
"""Of the newest measurement in the moving average."""


class Estimates:
    """All times in seconds."""

    def __init__(self, fleet: Fleet) -> None:
        """Know nothing about service yet; loads and stops are looked up in the fleet."""
        self._fleet = fleet
        self._service: dict[str, float] = {}

    def served(self, model: str, seconds: float) -> None:
        """Learn how long a request took from its grant to its end."""
        before = self._service.get(model, seconds)
        self._service[model] = before + _WEIGHT * (seconds - before)

    def service(self, model: str) -> float:
        """Return the usual time from grant to end."""
        return self._service.get(model, 0.0)

    def load(self, model: str) -> float:
        """Return the usual time from the start of a model server until it is ready."""
        server = self._fleet.servers.get(model)
        return 0.0 if server is None else server.load_time or 0.0

    def swap_left(self, target: str, evict: Iterable[str], now: float) -> float:
        """Return how long a swap takes from now on, whatever part of it is done."""
        server = self._fleet.servers.get(target)
        if server is None or server.state is State.READY:
            return 0.0
        if server.state is State.STARTING:
            return max(0.0, self.load(target) - (now - server.started))
        stops = (self._stop_left(self._fleet.servers.get(x), now) for x in (*evict, target))
        return max(stops) + self.load(target)

    def _stop_left(self, server: Server | None, now: float) -> float:
        if server is None or server.state is State.STOPPED:
            return 0.0
        usual = server.stop_time or 0.0
        return max(0.0, usual - (now - server.stopping_since)) if server.stopping else usual

    def wait(
        self,
        model: str,
        decision: Decision,
        *,
        swaps: Iterable[tuple[str, tuple[str, ...]]],
        ahead: Iterable[str],
        now: float,
    ) -> float:
        """Return the time until a request for `model` is likely to be granted.

        Args:
            model: what it asks for.
            decision: what was decided about it now.
            swaps: targets of the swaps under way, each with whom it evicts.
            ahead: models of the requests queued before it, in order.
            now: the present.
        """
        match decision:
            case Go() | Fault():
                return 0.0
            case Join():
                return max(self.swap_left(*swap, now) for swap in swaps if swap[0] == model)
            case Swap(plan):
                return self.swap_left(model, plan.evict, now)
            case Hold(wait):
                return self._hold(model, wait.models, swaps, ahead, now)

    def _hold(
        self,
        model: str,
        concerned: tuple[str, ...],
        swaps: Iterable[tuple[str, tuple[str, ...]]],
        ahead: Iterable[str],
        now: float,
    ) -> float:
        """Add up: the swaps under way, who is served now, who goes first, and the own load."""
        under_way = max((self.swap_left(*swap, now) for swap in swaps), default=0.0)
        served_first = max((self.service(x) for x in concerned), default=0.0)
        others = sum(
            self.load(other) + self.service(other)
            for other in dict.fromkeys(ahead)
            if other != model and other not in concerned
        )
        return under_way + served_first + others + self.load(model)
