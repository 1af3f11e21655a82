"""Watching the configuration's files by polling (spec/cli.md 4.1).

`stat` every two seconds works on network mounts, bind mounts and symlinked volumes, where
notifications do not. Owns the state seen last; what to do on a change is the caller's.
"""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Callable
from pathlib import Path

from hotbay.config import Sources

_log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks."""

_LOOKS = 8
"""In an interval, while the files are written."""

Stamp = tuple[Path, int, int]
"""Where the file really is, its modification time in nanoseconds and its size in bytes.

Where links lead tells versions of a volume apart whose files have the same time and size, as
they may have where builds are reproducible.
"""


class Watcher:
    """Compares what the sources look like now with what they looked like before."""

    def __init__(self, sources: Sources) -> None:
        """Take the present state as the baseline."""
        self._sources = sources
        self._file: Stamp | None = None
        self._folder: dict[str, Stamp] = {}
        self.trouble = ""
        """What could not be looked at in the last look though it may be there, and why."""
        self.changed()

    def changed(self) -> bool:
        """Look again: whether there is something new to load.

        A file that disappears, and a folder that disappears or becomes empty, is nothing new;
        its return is.
        """
        look = _Look()
        file, folder = look.at(self._sources.config), look.into(self._sources.config_dir)
        fires = (file is not None and file != self._file) or (
            bool(folder) and folder != self._folder
        )
        self._file, self._folder, self.trouble = file, folder, "; ".join(look.faults)
        return fires


async def watch(
    watcher: Watcher, on_change: Callable[[], None], interval: float = INTERVAL
) -> None:
    """Call `on_change` whenever the sources have changed and hold still, until cancelled."""
    told = ""
    while True:
        await asyncio.sleep(interval)
        if await asyncio.to_thread(watcher.changed):
            await _settle(watcher, interval)
            on_change()
        if watcher.trouble != told:
            told = watcher.trouble
            if told:
                _log.warning("cannot watch the configuration: %s", told)


async def _settle(watcher: Watcher, interval: float) -> None:
    """Wait until nobody writes any more, for one interval at most.

    Half a configuration may be a valid one, with half of the models.
    """
    for _ in range(_LOOKS):
        await asyncio.sleep(interval / _LOOKS)
        if not await asyncio.to_thread(watcher.changed):
            return


class _Look:
    """One look at the files; `faults` are the errors other than that something is missing."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def at(self, path: Path | None) -> Stamp | None:
        """Return the stamp of a file, None if there is none."""
        if path is None:
            return None
        try:
            status = path.stat()
        except OSError as error:
            self._failed(error)
            return None
        if stat.S_ISDIR(status.st_mode):
            return None
        return path.resolve(), status.st_mtime_ns, status.st_size

    def into(self, folder: Path | None) -> dict[str, Stamp]:
        """Return the stamps of the configurations in a folder, by name."""
        if folder is None:
            return {}
        try:
            entries = [entry for entry in folder.iterdir() if entry.suffix in {".yml", ".yaml"}]
        except OSError as error:
            self._failed(error)
            return {}
        stamps = {entry.name: self.at(entry) for entry in sorted(entries)}
        return {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def _failed(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.faults.append(str(error))
