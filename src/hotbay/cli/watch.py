"""Watching the configuration's files by polling (spec/cli.md 4.1).

`stat` every two seconds works on network mounts, bind mounts and symlinked volumes, where
notifications do not. Owns the state seen last; what to do on a change is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hotbay.config import Sources

INTERVAL = 2.0
"""Seconds between two looks."""

Stamp = tuple[int, int]
"""Modification time in nanoseconds and size in bytes."""


class Watcher:
    """Compares what the sources look like now with what they looked like before."""

    def __init__(self, sources: Sources) -> None:
        """Take the present state as the baseline."""
        self._sources = sources
        self._file = _stamp(sources.config)
        self._folder = _folder_stamps(sources.config_dir)

    def changed(self) -> bool:
        """Look again: whether there is something new to load.

        A file that disappears, and a folder that disappears or becomes empty, is nothing new;
        its return is.
        """
        file, folder = _stamp(self._sources.config), _folder_stamps(self._sources.config_dir)
        fires = (file is not None and file != self._file) or (
            bool(folder) and folder != self._folder
        )
        self._file, self._folder = file, folder
        return fires


async def watch(
    sources: Sources, on_change: Callable[[], None], interval: float = INTERVAL
) -> None:
    """Call `on_change` whenever the sources have changed, until cancelled."""
    watcher = Watcher(sources)
    while True:
        await asyncio.sleep(interval)
        if await asyncio.to_thread(watcher.changed):
            on_change()


def _stamp(path: Path | None) -> Stamp | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _folder_stamps(folder: Path | None) -> dict[str, Stamp]:
    if folder is None:
        return {}
    try:
        entries = [entry for entry in folder.iterdir() if entry.suffix in {".yml", ".yaml"}]
    except OSError:
        return {}
    stamps = {entry.name: _stamp(entry) for entry in entries if not entry.is_dir()}
    return {name: stamp for name, stamp in stamps.items() if stamp is not None}
