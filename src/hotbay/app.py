"""The composition root: builds everything from a configuration, reloads it, takes it down.

Owns the parts and the order in which they begin and end; decides nothing about models.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotbay.activity.activity import Activity
from hotbay.activity.database import StoreError
from hotbay.activity.loop_lag import LoopLag
from hotbay.api.app import create_app, serves
from hotbay.api.news import News
from hotbay.api.services import Build, Services
from hotbay.config import ConfigError, Problem, Sources, SourceText, load
from hotbay.config.model import Config
from hotbay.core.effects import Effect, State, StateChanged
from hotbay.lane.body import BodyMemory
from hotbay.lane.context import Lane, LaneContext
from hotbay.lane.directory import Directory
from hotbay.lane.gate import GateRules
from hotbay.lane.pool import Client
from hotbay.lane.routes import model_paths
from hotbay.lane.server import LaneServer
from hotbay.monitor.gpu.watching import sources
from hotbay.monitor.machine import MachineMonitor
from hotbay.runtime.engine import Engine
from hotbay.runtime.journal import Journal
from hotbay.runtime.logs import LogBook
from hotbay.runtime.ports import free_ports
from hotbay.runtime.preload import preload
from hotbay.runtime.processes import Processes, ProcessListener, Wardens
from hotbay.runtime.profiles import ActiveProfile

DRAIN_LIMIT = 30.0
"""Seconds that requests in progress have at a shutdown (spec/cli.md 5)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What stays the same for the life of the program.

    Attributes:
        sources: where the configuration comes from, for reloads.
        sockets: bound and listening.
        loopback: whether only this machine can reach them.
        certificate: PEM file, None for plain HTTP.
        key: PEM file of the certificate's private key.
        build: what `/api/version` tells.
        watched: whether changes of the sources are noticed.
    """

    sources: Sources
    sockets: Sequence[socket.socket]
    loopback: bool
    certificate: Path | None
    key: Path | None
    build: Build
    watched: bool = False


class App:
    """A running hotbay."""

    def __init__(
        self,
        config: Config,
        origin: Origin,
        logs: LogBook,
        warnings: Sequence[Problem] = (),
        texts: Sequence[SourceText] = (),
    ) -> None:
        """Build the parts; nothing runs yet. Belongs to the running event loop.

        `warnings` and `texts` are those of the configuration, for whoever asks for them later.

        Raises:
            StoreError: the activity log cannot be opened.
        """
        self.logs = logs
        self._origin = origin
        self._journal = Journal(logs)
        self._engine = Engine(config, logs, self._watch)
        self._news = News(config, logs, self._engine.queue, warnings)
        self._activity = Activity(config, self._news, routes=model_paths(), warn=logs.proxy.warn)
        self._recorder = self._activity.recorder
        self._processes = _processes(self._engine, logs)
        self._engine.attach(self._processes)
        self._client = Client()
        self._engine.on_endpoint_gone = self._client.forget
        self._memory = BodyMemory(config.limits.body_memory)
        self._profiles = ActiveProfile(config.profiles, logs.proxy.info)
        self._profiles.on_change.append(self._news.profile_changed)
        self._machine = MachineMonitor(logs.proxy, origin.build.version, sources())
        self._services = Services(
            config,
            self._engine,
            logs,
            origin.build,
            self._profiles,
            self._news,
            self._activity,
            self.reload,
            self._machine,
            lambda: self._server.connections,
            texts,
            origin.watched,
        )
        self._lane = Lane(self._context(config))
        self._server = LaneServer(
            create_app(self._services),
            self._lane,
            origin.sockets,
            certificate=origin.certificate,
            key=origin.key,
        )
        self._preload: asyncio.Task[None] | None = None
        self._lag: LoopLag | None = None
        self._reloading = asyncio.Lock()
        self._reload_again = False

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._services.config

    async def start(self) -> None:
        """Begin to serve, and to preload."""
        await self._processes.start()
        await self._server.start()
        self._machine.start(_sampling(self.config))
        self._lag = LoopLag(self._activity.counters.lagged)
        self._begin_preload()
        # What exists now lives as long as the program; not looking at it again and collecting
        # less often halves the tail of the latency (measured).
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 1_000)

    async def reload(self) -> None:
        """Load the sources again; an invalid configuration changes nothing.

        A call during a reload makes that one run once more, so that no change is lost.
        """
        self._reload_again = True
        async with self._reloading:
            while self._reload_again:
                self._reload_again = False
                try:
                    await self._reload_once()
                except Exception as error:  # noqa: BLE001 - the models go on, whatever a planner does
                    self.logs.proxy.error(f"failed to reload config: {error!r}", error)
                    self._news.refused([Problem("", 0, 0, "", repr(error))], ())

    async def drain(self) -> None:
        """Accept no more, serve what has been accepted, stop every model server."""
        if self._preload is not None:
            self._preload.cancel()
        async with self._reloading:
            self.logs.end_streams()
            self._news.close()
            self._engine.drain(DRAIN_LIMIT)
        await asyncio.gather(self._server.stop(DRAIN_LIMIT), self._engine.closed())

    def kill(self) -> None:
        """Stop every model server without grace; a `drain` under way then ends at once."""
        self._engine.close(grace=0)

    async def stop(self) -> None:
        """End what is left."""
        if self._lag is not None:
            self._lag.stop()
        await self._server.stop(grace=0)
        self._client.close()
        await asyncio.to_thread(self._machine.close)
        await self._processes.close()
        await self._activity.close()

    # -- inside --------------------------------------------------------------------------

    def _watch(self, effect: Effect) -> None:
        self._journal.watch(effect)
        self._news.watch(effect)
        self._activity.counters.news(effect)
        if isinstance(effect, StateChanged) and effect.new is State.STARTING:
            self._recorder.model_starts(effect.model)

    def _context(self, config: Config) -> LaneContext:
        return LaneContext(
            config=config,
            directory=Directory(config),
            profile=self._profiles,
            gate=GateRules(
                keys=tuple(key.encode() for key in config.api_keys),
                loopback=self._origin.loopback,
                allowed_hosts=frozenset(host.lower() for host in config.access.allowed_hosts),
                allowed_origins=frozenset(o.lower() for o in config.access.allowed_origins),
                body=config.limits.body,
                json_body=config.limits.json_body,
                serves=serves,
            ),
            engine=self._engine,
            client=self._client,
            memory=self._memory,
            recorder=self._recorder,
            access=self.logs.proxy.info,
            debug=self.logs.proxy.debug,
            warn=self.logs.proxy.warn,
            clock=asyncio.get_running_loop().time,
        )

    def _begin_preload(self) -> None:
        if self._preload is not None:
            self._preload.cancel()
        models = self.config.hooks.on_startup.preload
        if models:
            self._preload = asyncio.get_running_loop().create_task(
                preload(self._engine, models, self.logs.proxy)
            )

    async def _reload_once(self) -> None:
        log = self.logs.proxy
        log.info("reloading configuration")
        self._reload_certificate()
        # Seen from here, as the engine belongs to this thread.
        taken = frozenset(self._engine.ports_in_use().values())
        assign_ports = partial(free_ports, self.config.models, taken)
        try:
            loaded = await asyncio.to_thread(load, self._origin.sources, assign_ports=assign_ports)
        except ConfigError as error:
            for warning in error.warnings:
                log.warn(str(warning))
            for problem in error.problems:
                log.warn(f"failed to reload config: {problem}")
            self._news.refused(error.problems, error.warnings)
            return
        for warning in loaded.warnings:
            log.warn(str(warning))
        config = loaded.config
        try:
            store = await self._activity.prepare(config)
        except StoreError as error:
            log.warn(f"failed to reload config: {error}")
            self._news.refused([Problem("", 0, 0, "", str(error))], loaded.warnings)
            return
        try:
            self._engine.reload(config)  # first, as nothing has changed if it fails
        except BaseException:
            self._activity.abandon(store)
            raise
        self._activity.configure(config, store)
        self.logs.configure(config)
        self._memory.limit = config.limits.body_memory
        self._machine.performance.configure(_sampling(config))
        self._services.config = config
        self._services.texts = loaded.texts
        self._profiles.configure(config.profiles)
        self._lane.context = self._context(config)
        self._news.reloaded(config, loaded.warnings)
        self._begin_preload()
        log.info("configuration reloaded")

    def _reload_certificate(self) -> None:
        """Read certificate and key again, whatever the configuration is like."""
        try:
            self._server.reload_certificate()
        except OSError as error:
            files = f"{self._origin.certificate} and {self._origin.key}"
            self.logs.proxy.warn(f"failed to reload certificate from {files}: {error}")


def _sampling(config: Config) -> float | None:
    """Return how often the machine is looked at, None if it is not."""
    return None if config.performance.disabled else config.performance.every


def _processes(listener: ProcessListener, logs: LogBook) -> Processes:
    """Return what starts and ends programs on this platform."""
    if os.name == "nt":
        # It needs what only Windows has.
        from hotbay.runtime.windows import Jobs  # noqa: PLC0415 - see above

        return Jobs(listener, logs.proxy.warn)
    return Wardens(listener, logs.proxy.warn)
