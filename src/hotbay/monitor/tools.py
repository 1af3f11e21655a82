"""Running the programs that know about GPUs and hardware. Owns the processes until they end.

They get a process group of their own: a Ctrl-C in the terminal is not meant for them, and what
they start ends with them. They stay in hotbay's session (see `reap_adopted` in
hotbay.runtime.leftovers), and their numbers have decimal points whatever the locale.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

LONGEST_LINE = 1 << 20
"""Bytes; `mactop` prints all that it knows in one line."""
KILL_LIMIT = 1.0
"""Seconds after which a killed program is not waited for any longer."""

_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # only Windows knows it


class ToolError(Exception):
    """A program is missing, failed or took too long; the text says which and why."""


async def output_of(*argv: str, limit: float) -> str:
    """Run a program and return what it printed.

    Args:
        argv: the program, looked for in PATH, and its arguments.
        limit: seconds after which it is killed.

    Raises:
        ToolError: it is missing, did not end in time, or ended with another status than 0.
    """
    status, text = await result_of(*argv, limit=limit)
    if status:
        raise ToolError(f"{argv[0]}: exit status {status}")
    return text


async def result_of(*argv: str, limit: float) -> tuple[int, str]:
    """Run a program as `output_of` does and return its exit status and what it printed."""
    try:
        async with asyncio.timeout(limit), _process(*argv) as process:
            output, _ = await process.communicate()
            return process.returncode or 0, output.decode(errors="replace")
    except TimeoutError:
        raise ToolError(f"{argv[0]}: no answer within {limit:g} seconds") from None


@asynccontextmanager
async def output_lines(*argv: str) -> AsyncIterator[Lines]:
    """Run a program while the context is open.

    Raises:
        ToolError: it is missing.
    """
    async with _process(*argv) as process:
        assert process.stdout is not None  # noqa: S101 - tells the type checker what PIPE means
        yield Lines(argv[0], process.stdout)


class Lines:
    """What a running program prints."""

    def __init__(self, name: str, reader: asyncio.StreamReader) -> None:
        self._name = name
        self._reader = reader

    async def read(self, patience: float | None = None) -> str | None:
        """Return the next line, None if there was none within `patience` seconds.

        Raises:
            ToolError: the program has ended, or prints endless lines.
        """
        try:
            async with asyncio.timeout(patience):
                line = await self._reader.readline()
        except TimeoutError:
            return None
        except ValueError:
            raise ToolError(f"{self._name}: a line is longer than {LONGEST_LINE} bytes") from None
        if not line:
            raise ToolError(f"{self._name}: the program has ended")
        return line.decode(errors="replace").strip()


@asynccontextmanager
async def _process(*argv: str) -> AsyncIterator[asyncio.subprocess.Process]:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            limit=LONGEST_LINE,
            process_group=0,
            creationflags=_NO_WINDOW,
        )
    except FileNotFoundError:
        raise ToolError(f"{argv[0]}: not found in PATH") from None
    except OSError as error:
        raise ToolError(f"{argv[0]}: {error.strerror}") from None
    try:
        yield process
    finally:
        _kill(process)
        # A task of its own, as whoever cancels us twice interrupts only our waiting.
        await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=KILL_LIMIT)


def _kill(process: asyncio.subprocess.Process) -> None:
    # Also if it has ended: what it has started may hold its output open.
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
