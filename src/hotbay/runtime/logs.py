"""hotbay's own log, and which log goes where (spec/events-and-logs.md 1 and 2).

Owns every monitor: proxy, upstream, combined and one per model. Belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial

from hotbay.config.model import Config
from hotbay.runtime.console import Console, standard_output
from hotbay.runtime.monitors import Monitor, Shared, Subscription
from hotbay.runtime.timestamps import LAYOUTS, stamp

__all__ = ["LogBook", "Monitor", "ProxyLog", "Subscription"]

LEVELS = ("debug", "info", "warn", "error")
TAIL = 32_768
"""Bytes of a model server's output that are searched for the cause of its end."""

LAST_LINES = 10
"""How many lines of a program's output explain why it did not start."""


class ProxyLog:
    """Writes lines `[LEVEL] message` or JSON, each one line whatever the message contains."""

    def __init__(
        self, write: Callable[[bytes], None], clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Write whole lines with `write`; `clock` tells nanoseconds since the epoch."""
        self._write = write
        self._clock = clock
        self._lowest = LEVELS.index("info")
        self._time_format = ""
        self._json = False

    def configure(self, level: str, time_format: str, *, as_json: bool = False) -> None:
        """Set the lowest level, `info` if unknown, the time stamp, none if unknown, and the form.

        Lines in JSON always have a time.
        """
        self.level = level if level in LEVELS else "info"
        self._time_format = time_format if time_format in LAYOUTS else ""
        self._json = as_json

    @property
    def level(self) -> str:
        """The lowest level that is logged, one of `LEVELS`."""
        return LEVELS[self._lowest]

    @level.setter
    def level(self, level: str) -> None:
        self._lowest = LEVELS.index(level)

    def debug(self, message: str) -> None:
        """Log what helps to find an error."""
        self._line(0, message)

    def info(self, message: str) -> None:
        """Log what happens."""
        self._line(1, message)

    def warn(self, message: str) -> None:
        """Log what somebody should look at."""
        self._line(2, message)

    def error(self, message: str, error: BaseException | None = None) -> None:
        """Log what went wrong; with an exception, also where."""
        self._line(3, message)
        if error is not None:
            for part in traceback.format_exception(error):
                for line in part.splitlines():
                    self._line(3, f"  {line}")

    def _line(self, level: int, message: str) -> None:
        if level < self._lowest:
            return
        self._write(self._as_json(level, message) if self._json else self._as_text(level, message))

    def _as_text(self, level: int, message: str) -> bytes:
        when = f"{stamp(self._time_format, self._clock())} " if self._time_format else ""
        text = message if message.isprintable() else _escaped(message)
        return f"{when}[{LEVELS[level].upper()}] {text}\n".encode()

    def _as_json(self, level: int, message: str) -> bytes:
        line = {
            "time": stamp("rfc3339nano", self._clock()),
            "level": LEVELS[level],
            "message": message,
        }
        # Only what is not printable needs ASCII, so that it cannot steer a terminal.
        return f"{json.dumps(line, ensure_ascii=not message.isprintable())}\n".encode()


class LibraryHandler(logging.Handler):
    """Passes on what libraries log through `logging`: uvicorn's and asyncio's errors, say."""

    def __init__(self, log: ProxyLog) -> None:
        """Write to `log`, which belongs to the running event loop's thread."""
        super().__init__(logging.WARNING)
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line, with its exception below; from any thread."""
        text = f"{record.name}: {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        if threading.get_ident() == self._thread:
            self._write(record.levelno, text, error)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the log with it
                self._loop.call_soon_threadsafe(self._write, record.levelno, text, error)

    def _write(self, level: int, text: str, error: BaseException | None) -> None:
        if level >= logging.ERROR:
            self._log.error(text, error)
        else:
            self._log.warn(text)


def _escaped(text: str) -> str:
    """Replace whatever could end the line, steer a terminal or not be encoded."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class LogBook:
    """All logs of the program."""

    def __init__(self, config: Config, console: Console | None = None) -> None:
        """Begin with empty logs; what goes to standard output stays as `config` says now."""
        self._console = console or Console(standard_output())
        self.combined = Monitor(self._console.write)
        self.on_output: Callable[[str | None, bytes], None] = lambda _model, _piece: None
        """Called with every piece: of a model's servers, or None for hotbay's own log."""
        copied = config.log_to_stdout
        copy = (self.combined.write,)
        self.proxy_monitor = Monitor(
            *(copy if copied in {"proxy", "both"} else ()), partial(self._tell, None)
        )
        self.upstream = Shared(*(copy if copied in {"upstream", "both"} else ()))
        self.proxy = ProxyLog(self.proxy_monitor.write)
        self._models: dict[str, Monitor] = {}
        self._begun: dict[str, int] = {}
        self.configure(config)

    def _tell(self, model: str | None, piece: bytes) -> None:
        self.on_output(model, piece)

    def configure(self, config: Config) -> None:
        """Apply what a reload can change; logs of models that are no more end."""
        self.proxy.configure(
            config.log_level, config.log_time_format, as_json=config.log_format == "json"
        )
        for model in self._models.keys() - config.models.keys():
            self._models.pop(model).close()
            self._begun.pop(model, None)

    def model(self, model: str) -> Monitor:
        """Return the log of a model's servers; what is written there goes to upstream as well."""
        monitor = self._models.get(model)
        if monitor is None:
            write = partial(self.upstream.write_of, model)
            monitor = Monitor(write, partial(self._tell, model))
            self._models[model] = monitor
        return monitor

    def begin(self, model: str) -> None:
        """Note that a new server of the model starts: its tail begins here."""
        self._begun[model] = self.model(model).written

    def tail(self, model: str) -> bytes:
        """Return the last output of the model's newest server."""
        monitor = self.model(model)
        return monitor.history(min(TAIL, monitor.written - self._begun.get(model, 0)))

    def last_lines(self, model: str) -> list[str]:
        """Return what the model's newest server wrote last, for whoever asks why it failed."""
        return self.tail(model).decode(errors="replace").strip().splitlines()[-LAST_LINES:]

    def end_streams(self) -> None:
        """Let every live reader come to its end: nothing more will be told."""
        for monitor in (self.combined, self.proxy_monitor, self.upstream, *self._models.values()):
            monitor.close()

    def flush(self) -> None:
        """Give what waits for standard output a moment to be written."""
        self._console.flush()
