"""`hotbay top`: what it shows, and that it shows what goes on."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.console import Console
from tests.api.conftest import Serve
from tests.cli.client.conftest import Ask
from tests.cli.client.test_commands import streaming
from tests.monitor.machine import LIMIT, until

from hotbay.cli.client.present import Frame
from hotbay.cli.client.screen import draw

GIB = 1 << 30
READY: dict[str, Any] = {
    "model": "lily",
    "state": "ready",
    "pid": 4711,
    "uptime": 245,
    "rss_bytes": 2 * GIB,
    "gpus": [{"id": 0, "uuid": "u", "name": "RTX", "memory_bytes": 5 * GIB}],
    "in_flight": 2,
    "waiting": 1,
    "load_time": 12.3,
    "last_failure": None,
}
STOPPED: dict[str, Any] = {
    "model": "[red]rose",
    "state": "stopped",
    "pid": None,
    "uptime": None,
    "rss_bytes": None,
    "gpus": [],
    "in_flight": 0,
    "waiting": 0,
    "load_time": None,
    "last_failure": None,
}
REQUEST: dict[str, Any] = {
    "id": "17",
    "model": "lily",
    "phase": "queued",
    "wait": {"kind": "busy", "models": ["mist"], "position": 2},
    "remote_ip": "192.0.2.7",
    "resp_bytes": 2048,
    "seconds": 3.2,
}


def drawn(frame: Frame, **options: int) -> str:
    """Return the screen as text, blanks put together."""
    console = Console(file=io.StringIO(), width=140)
    console.print(draw(frame, **options))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(" ".join(line.split()) for line in console.file.getvalue().splitlines())


def frame(**parts: Any) -> Frame:
    return Frame("http://127.0.0.1:8080", "1.2", **{"servers": [READY, STOPPED], **parts})


def test_the_screen_shows_models_with_memory_and_speed() -> None:
    text = drawn(frame(speeds={"lily": 28.25}))
    assert text.startswith("hotbay 1.2 at http://127.0.0.1:8080")
    assert "lily ready 2.0 GiB 5.0 GiB 2 1 28.2 4m 05s 12.3s" in text
    assert "[red]rose stopped - - 0 0 - - -" in text


def test_the_screen_shows_host_and_gpus() -> None:
    host = {
        "cpu_util_per_core": [10, 30],
        "mem_total_mb": 65536,
        "mem_used_mb": 9216,
        "load_avg_1": 0.42,
    }
    gpu = {
        "id": 0,
        "name": "RTX 4070",
        "gpu_util_pct": 37,
        "mem_used_mb": 3072,
        "mem_total_mb": 12288,
        "temp_c": 51,
        "fan_speed_pct": 30,
        "power_draw_w": 88.41,
    }
    text = drawn(frame(host=host, gpus=[gpu]))
    assert "CPU 20% of 2 · memory 9.0 GiB of 64.0 GiB · load 0.42" in text
    assert "0 RTX 4070 37% 3.0 GiB of 12.0 GiB 51°C 30% 88 W" in text


def test_the_screen_shows_who_waits_and_why() -> None:
    text = drawn(frame(requests=[REQUEST, {**REQUEST, "id": "18"}, REQUEST]), requests=2)
    assert "17 lily queued: 2. in the queue, busy mist 192.0.2.7 3.2s 2.0 KiB" in text
    assert "and 1 more" in text


def test_the_screen_shows_swaps_and_failures() -> None:
    swap = {"target": "[red]rose", "evict": ["lily"], "phase": "evicting", "waiting": 1}
    assert "[red]rose stopped, stops lily" in drawn(frame(swaps=[swap]))
    failed = {**STOPPED, "last_failure": "exit status 3"}
    assert "[red]rose failed" in drawn(frame(servers=[failed]))


async def test_programs_get_one_moment(serve: Serve, ask: Ask) -> None:
    served = await serve(a={}, b={})
    writer = await streaming(served, "a")
    code, out, _ = await ask(served, "top", "--json")
    told = json.loads(out)
    assert code == 0
    assert [(s["model"], s["state"]) for s in told["servers"]] == [("a", "ready"), ("b", "stopped")]
    assert [(r["model"], r["phase"]) for r in told["requests"]] == [("a", "answering")]
    assert told["requests"][0]["seconds"] >= 0
    assert told["version"] == "1.2.3"
    writer.close()


async def test_where_nobody_looks_it_is_drawn_once(serve: Serve, ask: Ask) -> None:
    served = await serve({"performance": {"disabled": True}}, a={})
    await served.use("a")
    code, out, _ = await ask(served, "top")
    assert code == 0
    assert out.startswith(f"hotbay 1.2.3 at http://127.0.0.1:{served.port}")
    assert "ready" in out


class Terminal:
    """A terminal in which a command runs."""

    def __init__(self, *words: str) -> None:
        self._master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hotbay", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        )
        os.close(slave)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # how Linux tells that nobody writes any more
                return
            self.text += data.decode(errors="replace")

    def end(self) -> int:
        """Interrupt the command and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        os.close(self._master)
        return code


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    opened = Terminal(*words)
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
            opened.process.wait()


async def test_in_a_terminal_it_goes_on_until_it_is_interrupted(serve: Serve) -> None:
    served = await serve(a={}, b={})
    with terminal("top", "--url", f"http://127.0.0.1:{served.port}") as screen:
        await until(lambda: "stopped" in screen.text)
        await served.use("a")
        await until(lambda: "ready" in screen.text)
        writer = await streaming(served, "b")
        await until(lambda: "answering" in screen.text)
        writer.close()
        assert await asyncio.to_thread(screen.end) == 0
    assert screen.text.endswith("\x1b[?25h\x1b[?1049l")  # the old screen, with its cursor


@pytest.mark.parametrize("words", [["top"], ["top", "--json"]])
async def test_a_server_that_ends_ends_it_with_an_error(
    serve: Serve, ask: Ask, words: list[str]
) -> None:
    served = await serve(a={})
    await served.app.drain()
    code, _, err = await ask(served, *words)
    assert code == 1
    assert "cannot reach hotbay" in err
