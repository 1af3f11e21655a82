"""Carries out what the machine decides, and tells it what happened.

Owns the machine, the first-in-first-out inbox of events, the timers, the probes under way and
the address of each ready model server. It never looks at the machine's state to decide a
start or a stop. One event loop runs everything here, so there are no locks.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from hotbay.config.model import Config
from hotbay.config.rules import compile_rules
from hotbay.core.effects import (
    Admitted,
    CancelTimer,
    Closed,
    Effect,
    Grant,
    Position,
    Probe,
    Refusal,
    Refused,
    SetTimer,
    Spawn,
    StartFailed,
    State,
    StateChanged,
    Stop,
    SwapStarted,
    Unloaded,
)
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
from hotbay.core.explain import Forecast, QueueView
from hotbay.core.machine import Machine, ServerView
from hotbay.runtime.caller import Caller
from hotbay.runtime.causes import find_cause
from hotbay.runtime.endpoint import Endpoint
from hotbay.runtime.launch import Launch, LaunchError, plan_launch
from hotbay.runtime.logs import LogBook
from hotbay.runtime.probe import port_in_use
from hotbay.runtime.processes import Processes, ProcessKey, ProcessListener
from hotbay.runtime.programs import Programs
from hotbay.runtime.slow_planner import timed

NEWS = frozenset({SwapStarted, StartFailed, StateChanged, Stop})
"""What concerns more than one request, and so is worth showing to others."""


class Engine(ProcessListener):
    """The shell around the machine."""

    def __init__(
        self,
        config: Config,
        logs: LogBook,
        watch: Callable[[Effect], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Begin with every model stopped.

        Args:
            config: what may run, and how.
            logs: where the programs' output goes.
            watch: is shown every effect of a kind in `NEWS`; must not block.
            environ: what programs inherit.
        """
        self._machine = Machine(timed(compile_rules(config), logs.proxy.warn))
        self._config = config
        self._logs = logs
        self._watch = watch
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        self._processes: Processes | None = None
        self._inbox: deque[Event] = deque()
        self._stepping = False
        self._requests = itertools.count(1)
        self._tokens = itertools.count(1)
        self._callers: dict[int, Caller] = {}
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._programs = Programs()
        self._unloads: dict[int, asyncio.Future[None]] = {}
        self._closed = self._loop.create_future()
        self.on_endpoint_gone: Callable[[Endpoint], None] = lambda _endpoint: None
        """Called when a generation's address is not to be used any more."""
        self._perform: dict[type, Callable[..., None]] = {
            Admitted: self._admitted,
            Position: self._position,
            Refused: self._refused,
            Grant: self._grant,
            Spawn: self._spawn,
            Probe: self._probe,
            Stop: self._stop,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            StateChanged: self._state_changed,
            Unloaded: self._unloaded,
            Closed: self._all_closed,
        }

    def attach(self, processes: Processes) -> None:
        """Name who starts and ends programs; before the first request."""
        self._processes = processes

    # -- requests ------------------------------------------------------------------

    def new_request(self) -> int:
        """Return a number for a request, unique for this engine's life."""
        return next(self._requests)

    def arrive(
        self,
        request: int,
        target: str,
        mode: Mode,
        caller: Caller,
        *,
        selector: bool = False,
        deadline: float | None = None,
    ) -> None:
        """Ask for a model, or for what a selector chooses; `deadline` is in loop time."""
        self._callers[request] = caller
        self.post(Arrived(request, target, mode, selector, deadline))

    def broken(self, request: int, caller: Caller) -> None:
        """Say that a granted request lost its connection before anything of the answer came.

        It waits again if its model server has died (design 7.6), or is refused.
        """
        self._callers[request] = caller
        self.post(Broken(request))

    def left(self, request: int) -> None:
        """Withdraw a request that was not granted yet; the caller is told nothing more."""
        if self._callers.pop(request, None) is not None:
            self.post(Left(request))

    def finished(self, request: int) -> None:
        """Say that a granted request has ended."""
        self.post(Finished(request))

    def endpoint(self, model: str) -> Endpoint:
        """Return where a granted request for `model` goes."""
        return self._programs.endpoint(model)

    # -- operators --------------------------------------------------------------------

    async def unload(self, models: Iterable[str] | None = None, grace: float | None = None) -> None:
        """Stop these model servers (None: all) and return when they are gone."""
        token = next(self._tokens)
        done = self._unloads[token] = self._loop.create_future()
        self.post(UnloadAsked(token, None if models is None else frozenset(models), grace))
        await done

    def reload(self, config: Config) -> None:
        """Go on under another configuration; only what changed is touched (design 7.5)."""
        rules = timed(compile_rules(config), self._logs.proxy.warn)
        self._config = config
        self.post(RulesChanged(rules))

    def drain(self, seconds: float) -> None:
        """Refuse new requests, serve the waiting ones, stop everything within `seconds`."""
        self.post(Drain(self._loop.time() + seconds))

    def close(self, grace: float | None = None) -> None:
        """Refuse whoever waits and stop everything now."""
        self.post(Close(grace))

    async def closed(self) -> None:
        """Return when shutdown is complete: no model server runs."""
        await asyncio.shield(self._closed)

    # -- for display ---------------------------------------------------------------------

    def servers(self) -> tuple[ServerView, ...]:
        """Return a snapshot of every model server."""
        return self._machine.view()

    def state(self, model: str) -> State:
        """Return the state of one model server."""
        return self._machine.state(model)

    def forecast(self, model: str, running: Iterable[str] | None = None) -> Forecast | None:
        """Say what a request for `model` would meet: now, or if just `running` ran, all idle."""
        up = None if running is None else tuple(running)
        return self._machine.forecast(model, self._loop.time(), up)

    def queue(self) -> QueueView:
        """Return the swaps under way, and who waits for what."""
        return self._machine.queue(self._loop.time())

    def in_flight(self, model: str) -> int:
        """Return how many requests a model serves."""
        return self._machine.in_flight(model)

    def load_time(self, model: str) -> float | None:
        """Return the seconds that the last successful start of a model took, if there was one."""
        return self._machine.load_time(model)

    def choice(self, selector: str) -> str | None:
        """Return which of its targets a selector would choose now; None: none, or no selector."""
        return self._machine.choice(selector)

    def ports_in_use(self) -> dict[str, int]:
        """Return the ports of every program that is not gone, by model."""
        return self._programs.ports()

    def pids(self) -> dict[str, int]:
        """Return the process number of the leader of every program that runs, by model."""
        return self._programs.pids()

    # -- the loop ------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Take an event; if one is being worked on, this one comes after it."""
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                effects = self._machine.step(self._inbox.popleft(), self._loop.time())
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._stepping = False

    def _carry_out(self, effect: Effect) -> None:
        try:
            if type(effect) in self._perform:
                self._perform[type(effect)](effect)
            if type(effect) in NEWS:
                self._watch(effect)
        except Exception as error:  # noqa: BLE001 - one effect that fails must not lose the others
            self._logs.proxy.error(f"internal error: {effect}: {error!r}", error)

    # -- to requests -------------------------------------------------------------------------

    def _admitted(self, effect: Admitted) -> None:
        caller = self._callers.get(effect.request)
        if caller is not None:
            caller.admitted(effect)

    def _position(self, effect: Position) -> None:
        caller = self._callers.get(effect.request)
        if caller is not None:
            caller.moved(effect)

    def _refused(self, effect: Refused) -> None:
        caller = self._callers.pop(effect.request, None)
        if caller is None:
            return
        if effect.refusal is Refusal.START_FAILED:
            effect = replace(effect, detail=self._with_last_lines(effect))
        caller.refused(effect)

    def _grant(self, effect: Grant) -> None:
        caller = self._callers.pop(effect.request, None)
        if caller is None:
            self.post(Finished(effect.request))
            return
        if effect.attempt > 1:
            self._logs.proxy.warn(f"{effect.model}: serving a request again whose server died")
        caller.granted(effect)

    def _with_last_lines(self, effect: Refused) -> str:
        """Add to the reason of a failed start what its program wrote last (guarantee 15)."""
        lines = self._logs.last_lines(effect.model)
        if not lines:
            return effect.detail
        return "\n".join([f"{effect.detail}; last output of {effect.model}:", *lines])

    # -- to processes ----------------------------------------------------------------------

    def _spawn(self, effect: Spawn) -> None:
        key = (effect.model, effect.generation)
        assert self._processes is not None  # noqa: S101 - wiring: attach() comes before any request
        try:
            launch = self._plan(effect)
        except LaunchError as error:
            self.post(SpawnFailed(effect.model, effect.generation, str(error)))
            return
        self._programs.begin(key, launch)
        self._logs.begin(effect.model)
        self._processes.spawn(key, launch.spec)

    def _plan(self, effect: Spawn) -> Launch:
        model = self._config.models.get(effect.model)
        if model is None:
            raise LaunchError("the model is not in the configuration any more")
        launch = plan_launch(model, effect.generation, self._environ)
        address = launch.endpoint
        if launch.own_port and port_in_use(address.host, address.port):
            raise LaunchError(
                f"port {address.port} is taken by another program; "
                f"end that one or choose another startPort"
            )
        return launch

    def _probe(self, effect: Probe) -> None:
        key = (effect.model, effect.generation)
        self._programs.probe(key, lambda: self.post(ProbeOk(*key)))

    def _stop(self, effect: Stop) -> None:
        assert self._processes is not None  # noqa: S101 - wiring: attach() comes before any request
        key = (effect.model, effect.generation)
        self._programs.end_probe(key)
        self._processes.stop(key, effect.grace)

    def _state_changed(self, effect: StateChanged) -> None:
        if effect.old is State.READY:
            endpoint = self._programs.retire(effect.model)
            if endpoint is not None:
                self.on_endpoint_gone(endpoint)

    # -- from processes (ProcessListener) -----------------------------------------------------

    def spawned(self, key: ProcessKey, pid: int) -> None:
        """The program runs."""
        self._logs.proxy.debug(f"{key[0]}: started as process {pid}")
        self._programs.spawned(key, pid)
        self.post(Spawned(*key))

    def spawn_failed(self, key: ProcessKey, reason: str) -> None:
        """The program could not be started."""
        launch = self._programs.forget(key)
        words = " ".join(launch.spec.argv)
        self.post(SpawnFailed(*key, f"failed to start command '{words}': {reason}"))

    def exited(self, key: ProcessKey, status: str) -> None:
        """The program has ended."""
        self._programs.end_probe(key)
        tail = self._logs.tail(key[0])
        cause = find_cause(status, tail)
        self.post(Exited(*key, f"{status} ({cause})" if cause else status))

    def gone(self, key: ProcessKey) -> None:
        """Nothing of the program is left."""
        self._programs.forget(key)
        self.post(Gone(*key))

    def output(self, key: ProcessKey, data: bytes) -> None:
        """The program has written something."""
        self._logs.model(key[0]).write(data)
        self._programs.wrote(key)

    # -- to the clock -----------------------------------------------------------------------

    def _set_timer(self, effect: SetTimer) -> None:
        self._cancel_timer(CancelTimer(effect.timer))
        self._timers[effect.timer] = self._loop.call_at(effect.at, self._fire, effect.timer)

    def _cancel_timer(self, effect: CancelTimer) -> None:
        handle = self._timers.pop(effect.timer, None)
        if handle is not None:
            handle.cancel()

    def _fire(self, timer: Timer) -> None:
        del self._timers[timer]
        self.post(TimerFired(timer))

    # -- to operators ------------------------------------------------------------------------

    def _unloaded(self, effect: Unloaded) -> None:
        done = self._unloads.pop(effect.token)
        if not done.done():
            done.set_result(None)

    def _all_closed(self, _effect: Closed) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
