"""Plays a workload against rules in virtual time.

Owns the clients: they ask, and hear of the end of their requests through the ledger.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from functools import partial

from hotbay.core.effects import Effect, Refused
from hotbay.core.events import Event, Finished
from hotbay.core.rules import Rules
from hotbay.testing.ledger import Ledger
from hotbay.testing.workload import Burst, Clients, ClosedLoop, OpenLoop, Recorded, Workload
from hotbay.testing.world import ServerScript, World

MOST_REQUESTS = 100_000
"""Requests of one simulation: every one is kept in the books."""

REFUSED_PAUSE = 1.0
"""Seconds that a client waits at least before it asks again after a refusal."""

Ended = Callable[[], None]


class TooManyRequests(Exception):  # noqa: N818 - says what is wrong, as its message does
    """The workload makes more requests than a simulation can hold."""


def play(rules: Rules, workload: Workload, seed: int = 0) -> Ledger:
    """Play a workload until every request has ended; the same arguments give the same books.

    Raises:
        TooManyRequests: the workload makes more than `MOST_REQUESTS`.
        TimeoutError: something goes on without end at one time.
    """
    return _Play(rules, workload, seed).to_the_end()


class _Books(Ledger):
    """A ledger that tells clients when their requests end."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.on_end: dict[int, Ended] = {}

    def observe(self, now: float, event: Event, effects: Iterable[Effect]) -> None:
        effects = tuple(effects)
        super().observe(now, event, effects)
        for end in (event, *effects):
            if isinstance(end, Finished | Refused):
                self.on_end.pop(end.request, _nobody_listens)()


def _nobody_listens() -> None:
    """End a request of somebody who does not wait for it."""


class _Play:
    """One workload in one world."""

    def __init__(self, rules: Rules, workload: Workload, seed: int) -> None:
        self._workload = workload
        self._books = _Books(rules)
        self._world = World(rules, self._script, self._books)
        self._clock = self._world.clock
        for place, clients in enumerate(workload.clients):
            self._begin(clients, f"{seed} {place}")

    def to_the_end(self) -> Ledger:
        self._world.run_until_quiet(limit=math.inf)
        return self._books

    def _script(self, model: str, _generation: int) -> ServerScript:
        times = self._workload.times(model)
        return ServerScript(load=times.load, stop=times.stop)

    def _begin(self, clients: Clients, seed: str) -> None:
        match clients:
            case ClosedLoop():
                for client in range(clients.clients):
                    rng = random.Random(f"{seed} {client}")  # noqa: S311 - a seed, no secret
                    self._clock.at(clients.at, partial(self._ask_again, clients, rng))
            case OpenLoop():
                rng = random.Random(seed)  # noqa: S311 - a seed, no secret
                self._clock.at(clients.at, partial(self._await_next, clients, rng))
            case Burst():
                rng = random.Random(seed)  # noqa: S311 - a seed, no secret
                self._clock.at(clients.at, partial(self._burst, clients, rng))
            case Recorded():
                for arrival in clients.arrivals:
                    self._clock.at(arrival.at, partial(self._ask, arrival.model, arrival.run))

    # -- what clients do --------------------------------------------------------------

    def _ask_again(self, loop: ClosedLoop, rng: random.Random) -> None:
        if self._world.now >= loop.at + loop.duration:
            return
        request = self._ask(loop.model, self._workload.times(loop.model).run.draw(rng))
        ended = partial(self._think, request, loop, rng)
        if self._books.requests[request].ended is None:
            self._books.on_end[request] = ended
        else:
            ended()

    def _think(self, request: int, loop: ClosedLoop, rng: random.Random) -> None:
        pause = loop.think.draw(rng)
        if self._books.requests[request].refusal is not None:
            pause = max(pause, REFUSED_PAUSE)
        self._clock.after(pause, partial(self._ask_again, loop, rng))

    def _await_next(self, loop: OpenLoop, rng: random.Random) -> None:
        at = self._world.now + rng.expovariate(loop.rate)
        if at < loop.at + loop.duration:
            self._clock.at(at, partial(self._come, loop, rng))

    def _come(self, loop: OpenLoop, rng: random.Random) -> None:
        self._ask(loop.model, self._workload.times(loop.model).run.draw(rng))
        self._await_next(loop, rng)

    def _burst(self, burst: Burst, rng: random.Random) -> None:
        for _ in range(burst.count):
            self._ask(burst.model, self._workload.times(burst.model).run.draw(rng))

    def _ask(self, model: str, run: float) -> int:
        if len(self._books.requests) >= MOST_REQUESTS:
            raise TooManyRequests(
                f"the workload makes more than {MOST_REQUESTS} requests; make it shorter"
            )
        return self._world.request(model, run)
