"""The copy to standard output, which may be slow, stuck or closed without holding up anything.

Owns the bytes that wait to be written and the thread that writes them. Making the descriptor itself
non-blocking is no way: the terminal or pipe behind it is shared with other programs.
"""

from __future__ import annotations

import os
import select
import sys
import threading

from hotbay.runtime.monitors import dropped_text

LIMIT = 1 << 20
"""Bytes that may wait; more are dropped and counted."""
GATHER = 0.02
"""Seconds in which lines are gathered into one write: waking a thread costs more than a line."""


_COLOURS = {
    b"[DEBUG] ": b"\x1b[2m[DEBUG]\x1b[0m ",
    b"[INFO] ": b"\x1b[36m[INFO]\x1b[0m ",
    b"[WARN] ": b"\x1b[33m[WARN]\x1b[0m ",
    b"[ERROR] ": b"\x1b[31m[ERROR]\x1b[0m ",
}
"""How levels look on a terminal (ECMA-48 8.3.117)."""


def standard_output() -> int | None:
    """Return the descriptor, None if the program was started without one."""
    return None if sys.__stdout__ is None else sys.__stdout__.fileno()


class Console:
    """Writes to a descriptor from a thread of its own."""

    def __init__(self, descriptor: int | None) -> None:
        """Begin with nothing to write; to None everything is dropped."""
        self._descriptor = descriptor
        self._pending = bytearray()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._state = threading.Condition()
        self._hurry = threading.Event()
        self._busy = False
        self._coloured = descriptor is not None and os.isatty(descriptor)

    def write(self, data: bytes) -> None:
        """Take bytes to be written soon; never blocks."""
        if self._descriptor is None:
            return
        if self._coloured:
            for plain, coloured in _COLOURS.items():
                data = data.replace(plain, coloured)
        with self._state:
            if len(self._pending) + len(data) > LIMIT:
                self._dropped += len(data)
                return
            self._pending += data
            if not self._busy:
                self._busy = True
                self._state.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="console", daemon=True)
                self._thread.start()

    def flush(self, seconds: float = 1.0) -> bool:
        """Wait until everything is written, at most so long; return whether it is."""
        self._hurry.set()
        with self._state:
            return self._state.wait_for(lambda: not self._busy, seconds)

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._busy)
            self._hurry.wait(GATHER)
            while data := self._take():
                self._put(data)

    def _take(self) -> bytes:
        with self._state:
            data = bytes(self._pending)
            if self._dropped:
                data += dropped_text(self._dropped)
            self._pending.clear()
            self._dropped = 0
            if not data:
                self._busy = False
                self._hurry.clear()
                self._state.notify_all()
            return data

    def _put(self, data: bytes) -> None:
        while data and self._descriptor is not None:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # somebody else has made it non-blocking
                select.select([], [self._descriptor], [])
            except OSError:
                # Nobody reads it any more; what the monitors remember is not concerned.
                self._descriptor = None
