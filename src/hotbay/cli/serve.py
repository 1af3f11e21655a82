"""Serving: from options to a running hotbay and its orderly end (spec/cli.md 2, 3 and 5)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotbay.activity.database import StoreError
from hotbay.app import App, Origin
from hotbay.cli.listen import Address, ListenError, bind, is_loopback, parse_address
from hotbay.cli.load import load_or_report
from hotbay.cli.report import Level, report
from hotbay.cli.version import BUILD
from hotbay.cli.watch import Watcher, watch
from hotbay.config import Loaded, Sources
from hotbay.runtime.logs import LibraryHandler, LogBook
from hotbay.runtime.ports import free_ports

DEFAULT_ADDRESS = "127.0.0.1:8080"
DEFAULT_TLS_ADDRESS = "127.0.0.1:8443"
HARD_LIMIT = 35.0
"""Seconds after which a shutdown gives up waiting (spec/cli.md 5)."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. An empty `listen` means the default address."""

    sources: Sources
    listen: str = ""
    watch: bool = False
    cert: Path | None = None
    key: Path | None = None


def options_of(flags: Mapping[str, str]) -> Options:
    """Return what the server's flags say, by their names; a switch is on if it is there."""

    def path(name: str) -> Path | None:
        return Path(flags[name]) if flags.get(name) else None

    return Options(
        Sources(path("config"), path("config-dir")),
        flags.get("listen", ""),
        "watch-config" in flags,
        path("tls-cert-file"),
        path("tls-key-file"),
    )


def serve(options: Options) -> int:
    """Serve until a signal ends it; return the exit code."""
    if options.sources.config is None and options.sources.config_dir is None:
        report(
            Level.ERROR, "no configuration: name a file with -config or a folder with -config-dir"
        )
        return 1
    if (options.cert is None) != (options.key is None):
        report(Level.ERROR, "-tls-cert-file and -tls-key-file go together")
        return 1
    # What changes while it is loaded must not be missed.
    watcher = Watcher(options.sources) if options.watch else None
    loaded = load_or_report(options.sources, partial(free_ports, {}, ()))
    if loaded is None:
        return 1
    try:
        default = DEFAULT_TLS_ADDRESS if options.cert else DEFAULT_ADDRESS
        address = parse_address(options.listen or default)
        sockets = bind(address)
    except ListenError as error:
        report(Level.ERROR, str(error))
        return 1
    origin = Origin(
        options.sources,
        sockets,
        is_loopback(address),
        options.cert,
        options.key,
        BUILD,
        options.watch,
    )
    return asyncio.run(_run(loaded, origin, address, watcher))


async def _run(loaded: Loaded, origin: Origin, address: Address, watcher: Watcher | None) -> int:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    _listen_to(signals)
    logs = LogBook(loaded.config)
    logging.getLogger().addHandler(LibraryHandler(logs.proxy))
    try:
        app = App(loaded.config, origin, logs, loaded.warnings, loaded.texts)
    except StoreError as error:
        report(Level.ERROR, str(error))
        return 1
    try:
        await app.start()
    except OSError as error:
        files = f" with {origin.certificate} and {origin.key}" if origin.certificate else ""
        report(Level.ERROR, f"cannot serve {address}{files}: {error}")
        await app.stop()
        return 1
    _announce(origin, address, logs)
    async with asyncio.TaskGroup() as tasks:
        reloads = asyncio.Event()
        background = [tasks.create_task(_reload_on(reloads, app))]
        if watcher is not None:
            background.append(tasks.create_task(watch(watcher, reloads.set)))
        while (received := await signals.get()) is _HANGUP:
            reloads.set()
        logs.proxy.info(f"received signal {received.name}, shutting down")
        for task in background:
            task.cancel()
    return await _shut_down(app, signals, logs)


async def _reload_on(event: asyncio.Event, app: App) -> None:
    while True:
        await event.wait()
        event.clear()
        await app.reload()


async def _shut_down(app: App, signals: asyncio.Queue[signal.Signals], logs: LogBook) -> int:
    code = 0
    drained = asyncio.create_task(app.drain())
    again = asyncio.create_task(_second(signals))
    await asyncio.wait({drained, again}, timeout=HARD_LIMIT, return_when=asyncio.FIRST_COMPLETED)
    if not drained.done():
        if again.done():
            logs.proxy.warn(f"received signal {again.result().name} again, killing everything")
        else:
            logs.proxy.error(f"shutdown took more than {HARD_LIMIT:g} seconds")
            code = 1
        app.kill()
        await asyncio.wait({drained}, timeout=HARD_LIMIT - 30)
    again.cancel()
    drained.cancel()
    await app.stop()
    logs.proxy.info("shutdown complete")
    logs.flush()
    return code


async def _second(signals: asyncio.Queue[signal.Signals]) -> signal.Signals:
    while (received := await signals.get()) is _HANGUP:
        pass
    return received


_HANGUP = getattr(signal, "SIGHUP", None)


def _listen_to(signals: asyncio.Queue[signal.Signals]) -> None:
    """Turn signals into words in a queue, which one loop acts on."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, _HANGUP):
        if number is None:
            continue
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt
            loop.add_signal_handler(number, signals.put_nowait, number)


def _announce(origin: Origin, address: Address, logs: LogBook) -> None:
    scheme, with_tls = ("https", " with TLS") if origin.certificate else ("http", "")
    port = origin.sockets[0].getsockname()[1]
    logs.proxy.debug(f"process {os.getpid()}")
    logs.proxy.info(f"hotbay listening{with_tls} on {scheme}://{Address(address.host, port)}")
    if not origin.loopback:
        logs.proxy.info(
            "all hosts of the network can reach this address; "
            f"-listen localhost:{port} restricts it to this machine"
        )
