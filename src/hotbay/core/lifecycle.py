"""The life of one model server: stopped → starting → ready → stopping (spec/lifecycle.md 2).

Owns each server's state and generation, and which servers are not stopped. Decides
nothing about requests: the scheduler asks for starts and stops and is told what came of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Literal

from hotbay.core.effects import (
    CancelTimer,
    Effect,
    Probe,
    SetTimer,
    Spawn,
    State,
    StateChanged,
    Stop,
)
from hotbay.core.events import Exited, Gone, ProbeOk, Spawned, SpawnFailed, Timer
from hotbay.core.rules import ModelRules

FAILED_START_GRACE = 5.0
"""Seconds between stop signal and SIGKILL for a start that failed or was cancelled (spec 4.4)."""

ProcessEvent = SpawnFailed | Spawned | ProbeOk | Exited | Gone


class Outcome(enum.Enum):
    """What a process event means for whoever waits."""

    NOTHING = "nothing"
    READY = "ready"
    START_FAILED = "start failed"
    STOPPED = "stopped"
    """No process is left; both after a start that failed at once and at the end of a stop."""


class Server:
    """One model server. `rules` are those its present process was started with."""

    __slots__ = (
        "_stop_at",
        "crashed",
        "failure",
        "generation",
        "last_used",
        "load_time",
        "rules",
        "started",
        "state",
        "stop_time",
        "stopping_since",
        "ttl_armed",
    )

    def __init__(self, rules: ModelRules) -> None:
        self.rules = rules
        self.state = State.STOPPED
        self.generation = 0
        self.last_used = 0.0
        self.ttl_armed = False
        self.failure = ""
        """Why the last start failed, once it has."""
        self.load_time: float | None = None
        """Seconds from the last successful start until ready."""
        self.stop_time: float | None = None
        """Seconds that the last stop took until no process was left."""
        self.started = 0.0
        self.stopping_since = 0.0
        self.crashed = False
        """The present generation was ready and ended without having been told to."""
        self._stop_at = float("inf")

    def start(self, generation: int, now: float, out: list[Effect]) -> None:
        """Order a new program; only a stopped server can start."""
        assert self.state is State.STOPPED, (self.rules.id, self.state)  # noqa: S101 - room: a second process must never be ordered
        self.generation = generation
        self.started = now
        self.crashed = False
        self._stop_at = float("inf")
        self._become(State.STARTING, out)
        out.append(Spawn(self.rules.id, generation))

    def stop(self, now: float, grace: float, reason: str, out: list[Effect]) -> None:
        """Order the stop sequence; while it runs already, only an earlier end changes anything."""
        if self.state is State.STOPPED:
            return
        self.crashed = False
        if self.state is State.STARTING:
            grace = min(grace, FAILED_START_GRACE)
            out.append(CancelTimer(self._timer("start")))
        if self.state is not State.STOPPING:
            self._leave_ready(out)
            self.stopping_since = now
            self._become(State.STOPPING, out, reason)
        if now + grace < self._stop_at:
            self._stop_at = now + grace
            out.append(Stop(self.rules.id, self.generation, grace))

    def used(self, now: float, out: list[Effect]) -> None:
        """Note the end of a use that leaves the server idle: from here its ttl runs."""
        self.last_used = now
        if not self.ttl_armed and self.state is State.READY and self.rules.ttl > 0:
            self.arm_ttl(out)

    def arm_ttl(self, out: list[Effect]) -> None:
        """Set the ttl timer after the last use; the timer asks again rather than being moved."""
        self.ttl_armed = True
        out.append(SetTimer(self._timer("ttl"), self.ttl_ends()))

    def ttl_ends(self) -> float:
        """Return when the ttl after the last use is over.

        Timer and check use the same sum: a difference may round the other way, and then the
        timer would be set again for the moment in which it fires, for ever.
        """
        return self.last_used + self.rules.ttl

    def disarm_ttl(self, out: list[Effect]) -> None:
        """Drop the ttl timer."""
        if self.ttl_armed:
            self.ttl_armed = False
            out.append(CancelTimer(self._timer("ttl")))

    def handle(self, event: ProcessEvent, now: float, out: list[Effect]) -> Outcome:
        """Take news of the present generation's process."""
        match event:
            case Spawned():
                return self._spawned(now, out)
            case ProbeOk():
                return self._ready(now, out)
            case SpawnFailed():
                return self._spawn_failed(event, now, out)
            case Exited():
                return self._exited(event, now, out)
            case Gone():
                return self._gone(now, out)

    def timed_out(self, now: float, out: list[Effect]) -> Outcome:
        """The start has taken too long."""
        if self.state is not State.STARTING:
            return Outcome.NOTHING
        self.failure = f"health check timed out after {compact(self.rules.start_timeout)}"
        self.stop(now, FAILED_START_GRACE, self.failure, out)
        return Outcome.START_FAILED

    def _spawned(self, now: float, out: list[Effect]) -> Outcome:
        if self.state is not State.STARTING:
            return Outcome.NOTHING
        if not self.rules.check:
            return self._ready(now, out)
        out.append(Probe(self.rules.id, self.generation))
        out.append(SetTimer(self._timer("start"), now + self.rules.start_timeout))
        return Outcome.NOTHING

    def _ready(self, now: float, out: list[Effect]) -> Outcome:
        if self.state is not State.STARTING:
            return Outcome.NOTHING
        if self.rules.check:
            out.append(CancelTimer(self._timer("start")))
        self.last_used = now  # becoming ready counts as a use (spec 9)
        self.load_time = now - self.started
        self._become(State.READY, out)
        return Outcome.READY

    def _spawn_failed(self, event: SpawnFailed, now: float, out: list[Effect]) -> Outcome:
        if self.state is State.STARTING:
            self.failure = event.reason
            self._become(State.STOPPED, out, event.reason)
            return Outcome.START_FAILED
        return self._gone(now, out)

    def _exited(self, event: Exited, now: float, out: list[Effect]) -> Outcome:
        if self.state is State.STARTING:
            out.append(CancelTimer(self._timer("start")))
            self.failure = "upstream command exited prematurely"
            if event.reason:
                self.failure += f": {event.reason}"
            self.stopping_since = now
            self._become(State.STOPPING, out, self.failure)
            return Outcome.START_FAILED
        if self.state is State.READY:
            self._leave_ready(out)
            self.crashed = True
            self.stopping_since = now
            self._become(State.STOPPING, out, f"exited unexpectedly: {event.reason}")
        return Outcome.NOTHING

    def _gone(self, now: float, out: list[Effect]) -> Outcome:
        if self.state is State.STOPPED:
            return Outcome.NOTHING
        self.stop_time = now - self.stopping_since
        self._become(State.STOPPED, out)
        return Outcome.STOPPED

    @property
    def stopping(self) -> bool:
        """Whether it is on its way to be stopped."""
        return self.state is State.STOPPING

    def _leave_ready(self, out: list[Effect]) -> None:
        if self.state is State.READY:
            self.disarm_ttl(out)

    def _become(self, state: State, out: list[Effect], reason: str = "") -> None:
        out.append(StateChanged(self.rules.id, self.generation, self.state, state, reason))
        self.state = state

    def _timer(self, kind: Literal["start", "ttl"]) -> Timer:
        return Timer(kind, self.rules.id, self.generation)


class Fleet:
    """All model servers, and the set of those that are not stopped."""

    def __init__(self, rules: Iterable[ModelRules], on_change: Callable[[], None]) -> None:
        """Create stopped servers; `on_change` is called whenever the running set has changed."""
        self.servers = {model.id: Server(model) for model in rules}
        self._generation = 0
        self._running: tuple[str, ...] | None = None
        self._on_change = on_change

    def running(self) -> tuple[str, ...]:
        """IDs, ascending, of all servers that are not stopped."""
        if self._running is None:
            self._running = tuple(
                sorted(m for m, s in self.servers.items() if s.state is not State.STOPPED)
            )
        return self._running

    def stopped(self, model: str) -> bool:
        """Whether no process of this model is alive; true of unknown models."""
        server = self.servers.get(model)
        return server is None or server.state is State.STOPPED

    def start(self, model: str, now: float, out: list[Effect]) -> None:
        """Start a stopped server under a new generation."""
        self._generation += 1
        self.servers[model].start(self._generation, now, out)
        self._changed()

    def handle(self, event: ProcessEvent, now: float, out: list[Effect]) -> Outcome:
        """Take news of a process; news of another generation than the present one is dropped."""
        server = self.servers.get(event.model)
        if server is None or server.generation != event.generation:
            return Outcome.NOTHING
        before = server.state
        if type(event) is Gone and before in (State.STARTING, State.READY):
            # Whoever reports the end of a group without its leader's still reports its end.
            outcome = server.handle(Exited(event.model, event.generation), now, out)
            server.handle(event, now, out)
            self._changed()
            return outcome if outcome is Outcome.START_FAILED else Outcome.STOPPED
        outcome = server.handle(event, now, out)
        if server.state is State.STOPPED and before is not State.STOPPED:
            self._changed()
        return outcome

    def add(self, rules: ModelRules) -> None:
        """Make a stopped server for a model that a reload brought."""
        self.servers[rules.id] = Server(rules)

    def remove(self, model: str) -> None:
        """Forget the stopped server of a model that a reload took away."""
        del self.servers[model]

    def _changed(self) -> None:
        self._running = None
        self._on_change()


def compact(seconds: float) -> str:
    """Write a duration as spec/lifecycle.md 4.3 does: `15s`, `1m30s`, `2m0s`, `1h0m0s`."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    tail = f"{secs}s" if seconds == whole else f"{secs + seconds - whole:g}s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail
