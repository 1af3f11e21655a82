"""Everything that requests leave behind, put together for one application.

Owns the parts and their order: they begin with the configuration, follow a reload, and end after
the last request.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from hotbay.activity.bookkeeper import Bookkeeper
from hotbay.activity.counters import Counters
from hotbay.activity.database import Database
from hotbay.activity.inflight import Audience, InFlight
from hotbay.activity.recorder import Recorder
from hotbay.activity.settings import settings_of
from hotbay.activity.store import Store
from hotbay.activity.tracing import tracer_from
from hotbay.config.model import Config

EXPORT_LIMIT = 2.0
"""Seconds that a collector of traces has at the end to take what is left."""


class Listeners(Protocol):
    """Who is told of requests; see `hotbay.api.news`."""

    @property
    def messages(self) -> Audience:
        """Gets llama-swap's messages."""
        ...

    @property
    def events(self) -> Audience:
        """Gets hotbay's own events."""
        ...

    def queue_changed(self) -> None:
        """Learn that somebody begins or ceases to wait."""
        ...

    def recorded(self, row: int) -> None:
        """Learn that a row can be read."""
        ...


class Activity:
    """What requests leave behind.

    Attributes:
        store: rows and captures.
        counters: for Prometheus.
        recorder: takes the notes.
    """

    def __init__(
        self,
        config: Config,
        listeners: Listeners,
        *,
        routes: Collection[str],
        warn: Callable[[str], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Begin; belongs to the running event loop.

        Args:
            config: in force.
            listeners: are told of requests.
            routes: paths that are counted by themselves.
            warn: takes a line for the proxy log.
            environ: says whether there are traces.

        Raises:
            StoreError: the activity log cannot be opened.
        """
        self._warn = warn
        self.store = Store(settings_of(config), warn)
        self.counters = Counters(_names(config), routes)
        self._tracer = tracer_from(environ, warn)
        self._bookkeeper = Bookkeeper(
            self.store,
            self.counters,
            session_headers=config.ui.activity.session_id,
            recorded=listeners.recorded,
            warn=warn,
            tracer=self._tracer,
        )
        self.recorder = Recorder(
            InFlight(listeners.messages, listeners.events, time.monotonic),
            events=listeners.events,
            queue_changed=listeners.queue_changed,
            bookkeeper=self._bookkeeper,
        )
        self._closing: set[asyncio.Task[None]] = set()

    async def prepare(self, config: Config) -> Store:
        """Return the store for another configuration: this one, or a new one for another path.

        Raises:
            StoreError: it cannot be opened.
        """
        settings = settings_of(config)
        if settings.path == self.store.settings.path:
            return self.store
        # Another program may have the file locked for seconds.
        database = await asyncio.to_thread(Database, settings.path)
        return Store(settings, self._warn, database)

    def configure(self, config: Config, store: Store) -> None:
        """Go on under another configuration, with what `prepare` returned for it."""
        old, self.store = self.store, store
        self._bookkeeper.store = store
        self._bookkeeper.configure(config.ui.activity.session_id)
        self.counters.configure(_names(config))
        if store is old:
            store.configure(settings_of(config))
        else:
            self._close(old)

    def abandon(self, store: Store) -> None:
        """Forget what `prepare` returned, as that configuration does not come into force."""
        if store is not self.store:
            self._close(store)

    def _close(self, store: Store) -> None:
        closing = asyncio.get_running_loop().create_task(store.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Write and export what is left."""
        await asyncio.gather(self.store.close(), *self._closing)
        if self._tracer is not None:
            # A thread that the end of the program does not wait for.
            export = threading.Thread(target=self._tracer.close, name="traces", daemon=True)
            export.start()
            await asyncio.to_thread(export.join, EXPORT_LIMIT)


def _names(config: Config) -> list[str]:
    """Return the names under which requests are counted."""
    return [*config.models, *config.names.peers]
