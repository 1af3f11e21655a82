"""The installed program, started as a user would, for tests that look at it from outside."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue

from tests.runtime.kit import marked

LISTENING = re.compile(r"hotbay listening(?: with TLS)? on (https?://\S+)")
LIMIT = 60.0
"""Seconds after which something that was waited for will not come any more."""


class Program:
    """A running hotbay."""

    def __init__(self, arguments: Sequence[str], env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hotbay", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self.lines: list[str] = []
        self._fresh: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that was written so far."""
        return "\n".join(self.lines)

    def wait_for(self, pattern: str | re.Pattern[str], limit: float = LIMIT) -> re.Match[str]:
        """Return the first match in a line not looked at before."""
        while True:
            try:
                line = self._fresh.get(timeout=limit)
            except Empty:
                raise AssertionError(f"{pattern!r} did not come:\n{self.output}") from None
            if line is None:
                raise AssertionError(f"the program ended before {pattern!r}:\n{self.output}")
            if match := re.search(pattern, line):
                return match

    def family(self) -> set[int]:
        """Return the warden and every process of a model server, known by hotbay's mark."""
        return marked(f".{self.process.pid}.")

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, limit: float = LIMIT) -> int:
        """Return the exit code once the program has ended."""
        code = self.process.wait(limit)
        self._reader.join(limit)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(line)
        self._fresh.put(None)
        self.process.stdout.close()


@contextlib.contextmanager
def running(*arguments: str, env: dict[str, str] | None = None) -> Iterator[tuple[Program, str]]:
    """Start hotbay and yield it with its address; at the end nothing of it is left."""
    program = Program(arguments, env)
    try:
        url = program.wait_for(LISTENING).group(1)
        yield program, url
    finally:
        if program.process.poll() is None:
            program.end(signal.SIGTERM)
        else:
            program.wait()
        left = program.family()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"left behind: {left}\n{program.output}"


@contextlib.contextmanager
def serving(
    configuration: str, folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[tuple[Program, str]]:
    """Write a configuration and start hotbay with it on a free port."""
    file = folder / "config.yaml"
    file.write_text(configuration)
    listen = ("--listen", "127.0.0.1:0")
    with running("--config", str(file), *listen, *arguments, env=env) as started:
        yield started
