"""A scripted world around the machine: model servers, clients and time, all virtual.

Owns what the machine's effects set in motion: it carries out spawns, probes, stops and
timers as the scripts say, ends granted requests after their run time, and sends the
events that follow. Every step is booked in a `Ledger`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hotbay.core.effects import CancelTimer, Effect, Grant, Probe, SetTimer, Spawn, Stop
from hotbay.core.events import (
    Arrived,
    Broken,
    Close,
    Drain,
    Event,
    Exited,
    Finished,
    Gone,
    Left,
    Mode,
    ProbeOk,
    RulesChanged,
    Spawned,
    SpawnFailed,
    Timer,
    TimerFired,
    UnloadAsked,
)
from hotbay.core.machine import Machine
from hotbay.core.rules import Rules
from hotbay.testing.clock import Appointment, Clock
from hotbay.testing.ledger import Ledger
from hotbay.testing.records import Phase


@dataclass(frozen=True, slots=True)
class ServerScript:
    """How one generation of a model server behaves; all times in seconds.

    Attributes:
        load: from its start until its check succeeds; infinite: never ready.
        stop: from the stop signal until it exits; infinite: deaf, dies at the end of the grace.
        linger: from its exit until the last process of its group is gone.
        life: from its start until it exits by itself; shorter than `load`: it
            exits while starting, otherwise it crashes while ready.
        spawn_error: why it cannot be spawned at all, or empty.
        breaks: it crashes before it has answered anything, so that its requests may be retried.
    """

    load: float = 1.0
    stop: float = 0.5
    linger: float = 0.0
    life: float = math.inf
    spawn_error: str = ""
    breaks: bool = False


AT_ONE_TIME = 100_000
"""More things than this that happen at one time are taken for an endless loop."""

Script = Callable[[str, int], ServerScript]
"""Chooses the script for a model's generation."""


@dataclass(slots=True)
class _Server:
    """A scripted model server: what of its script is still to come."""

    script: ServerScript
    probe: Appointment | None = None
    exit: Appointment | None = None
    running: set[int] = field(default_factory=set)


class World:
    """Drives one machine through virtual time. Everything it does is deterministic."""

    def __init__(
        self,
        rules: Rules,
        script: Script = lambda _model, _generation: ServerScript(),
        ledger: Ledger | None = None,
    ) -> None:
        """Start at time 0 with nothing loaded; `ledger` may be a stricter one."""
        self.clock = Clock()
        self.machine = Machine(rules)
        self.ledger = Ledger(rules) if ledger is None else ledger
        self._script = script
        self._servers: dict[tuple[str, int], _Server] = {}
        self._timers: dict[Timer, Appointment] = {}
        self._run_times: dict[int, float] = {}
        self._ends: dict[int, Appointment] = {}
        self._requests = itertools.count(1)
        self._tokens = itertools.count(1)

    @property
    def now(self) -> float:
        """The virtual time, in seconds."""
        return self.clock.now

    # -- what may be done to it ------------------------------------------------------

    def request(
        self,
        target: str,
        run: float = 1.0,
        mode: Mode = Mode.NORMAL,
        *,
        deadline: float | None = None,
    ) -> int:
        """Let a request arrive now that runs `run` seconds once granted; returns its number.

        `target` is a selector if there is one of that name; `deadline` is an absolute time.
        """
        request = next(self._requests)
        self._run_times[request] = run
        selector = target in self.ledger.rules.selectors
        self.send(Arrived(request, target, mode, selector, deadline))
        return request

    def leave(self, request: int) -> None:
        """Let the client of a request go away; if it is served, it ends now."""
        if request in self._ends:
            self._finish(request)
        else:
            self.send(Left(request))

    def unload(self, *models: str, grace: float | None = None) -> int:
        """Ask to unload these models, all if none is named; returns the token."""
        token = next(self._tokens)
        self.send(UnloadAsked(token, frozenset(models) or None, grace))
        return token

    def reload(self, rules: Rules) -> None:
        """Replace the rules."""
        self.send(RulesChanged(rules))

    def drain(self, deadline: float) -> None:
        """Begin to shut down; `deadline` is an absolute time."""
        self.send(Drain(deadline))

    def close(self, grace: float | None = None) -> None:
        """Shut down at once."""
        self.send(Close(grace))

    def send(self, event: Event) -> list[Effect]:
        """Hand an event to the machine now, book it, and set in motion what follows."""
        effects = self.machine.step(event, self.now)
        self.ledger.observe(self.now, event, effects)
        for effect in effects:
            self._carry_out(effect)
        return effects

    # -- time ----------------------------------------------------------------------------

    def step(self) -> bool:
        """Let the next thing happen. Returns False if nothing is to come."""
        return self.clock.step()

    def run_for(self, seconds: float) -> None:
        """Let everything happen that is due in this time."""
        self.clock.run_until(self.now + seconds)

    def run_until_quiet(self, limit: float = 86_400.0) -> None:
        """Let everything happen until nothing is to come.

        Raises:
            TimeoutError: something was still to come after `limit` virtual seconds, or
                things went on happening without end at one and the same time.
        """
        end = self.now + limit
        happened = 0
        while (due := self.clock.next_due()) is not None:
            if due > end:
                raise TimeoutError(f"not quiet after {limit} virtual seconds")
            happened = happened + 1 if due == self.now else 0
            if happened > AT_ONE_TIME:
                raise TimeoutError(f"no end of events at {due} virtual seconds")
            self.clock.step()

    # -- effects -----------------------------------------------------------------------------

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Spawn(model, generation):
                self._spawn(model, generation)
            case Probe(model, generation):
                server = self._servers[model, generation]
                event = ProbeOk(model, generation)
                if math.isfinite(server.script.load):
                    server.probe = self.clock.after(server.script.load, partial(self.send, event))
            case Stop(model, generation, grace):
                server = self._servers[model, generation]
                self._exit_after(min(server.script.stop, grace), model, generation)
            case Grant(request, model, generation):
                if model:  # otherwise a peer's
                    self._servers[model, generation].running.add(request)
                run = self._run_times[request]
                self._ends[request] = self.clock.after(run, partial(self._finish, request))
            case SetTimer(timer, at):
                self._cancel_timer(timer)
                self._timers[timer] = self.clock.at(at, partial(self._fire, timer))
            case CancelTimer(timer):
                self._cancel_timer(timer)
            case _:
                pass

    def _spawn(self, model: str, generation: int) -> None:
        script = self._script(model, generation)
        self._servers[model, generation] = _Server(script)
        if script.spawn_error:
            failed = SpawnFailed(model, generation, script.spawn_error)
            self.clock.after(0, partial(self.send, failed))
            return
        self.clock.after(0, partial(self.send, Spawned(model, generation)))
        if math.isfinite(script.life):
            self._exit_after(script.life, model, generation)

    def _exit_after(self, delay: float, model: str, generation: int) -> None:
        """Plan the leader's end, unless it comes earlier already."""
        process = self.ledger.processes[model, generation]
        server = self._servers[model, generation]
        if process.phase in (Phase.EXITED, Phase.GONE) or server.script.spawn_error:
            return
        if server.exit is not None:
            if server.exit.at <= self.now + delay:
                return
            server.exit.cancel()
        server.exit = self.clock.after(delay, partial(self._exit, model, generation))

    def _exit(self, model: str, generation: int) -> None:
        server = self._servers[model, generation]
        if server.probe is not None:
            server.probe.cancel()
        self.send(Exited(model, generation, "end of script"))
        for request in sorted(server.running):
            breaks = server.script.breaks and self.ledger.requests[request].counts
            end = self._break if breaks else self._finish
            self.clock.after(0, partial(end, request))
        self.clock.after(server.script.linger, partial(self.send, Gone(model, generation)))

    def _finish(self, request: int) -> None:
        """End a granted request: its run time is over, its client or its server has gone."""
        if self._end(request):
            self.send(Finished(request))

    def _break(self, request: int) -> None:
        if self._end(request):
            self.send(Broken(request))

    def _end(self, request: int) -> bool:
        """Take a granted request from its server; False if somebody did so before."""
        appointment = self._ends.pop(request, None)
        if appointment is None:
            return False
        appointment.cancel()
        booked = self.ledger.requests[request]
        server = self._servers.get((booked.model, booked.generation))
        if server is not None:
            server.running.discard(request)
        return True

    def _fire(self, timer: Timer) -> None:
        del self._timers[timer]
        self.send(TimerFired(timer))

    def _cancel_timer(self, timer: Timer) -> None:
        appointment = self._timers.pop(timer, None)
        if appointment is not None:
            appointment.cancel()
