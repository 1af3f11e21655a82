"""The loads: what is sent, and what one run of a load against a contender cost."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.build import compiled
from harness.contenders import Contender

ROUTE = "/v1/chat/completions"
SMALL = 500
RATE = 100  # events a second of one stream
SETTLED = 0.4  # seconds after which nothing is left to be done, such as rows to be written
STREAMS = 200  # so that 20 000 events a second pass in all


@dataclass(frozen=True)
class Load:
    """One kind of work.

    Attributes:
        name: how the table calls it.
        unit: what its CPU time is divided by, a key of the result of `load`.
        latency: which of its samples are reported, a key as well.
        connections: how many are open at once.
        query: tells `upstream` how to answer.
        body: size of each request's body, in bytes.
        events: events of each stream; 0 for plain requests, which run for a set time.
    """

    name: str
    unit: str
    latency: str
    connections: int
    query: str
    body: int = SMALL
    events: int = 0


@dataclass(frozen=True)
class Cost:
    """What one unit of a load cost: CPU time, median and 99th percentile, all in µs."""

    cpu: float
    p50: float
    p99: float


def requests(name: str, connections: int, body: int, answer: int) -> Load:
    return Load(name, "answered", "latency", connections, f"size={answer}", body)


def streams(seconds: float) -> Load:
    events = int(RATE * seconds)
    query = f"events={events}&size=200&rate={RATE}"
    return Load("streamed chunk, 20k/s", "events", "delay", STREAMS, query, events=events)


def all_loads(seconds: float) -> list[Load]:
    """Return every load; plain requests run for `seconds`, and streams last as long."""
    return [
        requests("small request, c=1", 1, SMALL, 800),
        requests("small request, c=16", 16, SMALL, 800),
        requests("small request, c=64", 64, SMALL, 800),
        streams(seconds),
        requests("200 KB body, c=8", 8, 200_000, 2000),
        requests("5 MB body, c=4", 4, 5_000_000, 2000),
    ]


class Generator:
    """Runs `load` with bodies that lie in a folder.

    Args:
        folder: where the bodies are written.
        cpu: the processor that `load` is bound to.
    """

    def __init__(self, folder: Path, cpu: int) -> None:
        self._folder = folder
        self._cpu = cpu

    def run(self, load: Load, contender: Contender, seconds: float) -> Cost:
        """Run a load once and return what it cost the contender.

        Raises:
            RuntimeError: a request failed, or a stream was not whole.
        """
        if load.events:
            how = ["streams", "--events", str(load.events), "--spread", str(1000 // RATE)]
        else:
            how = ["requests", "--seconds", str(seconds), "--warm-up", str(seconds / 8)]
        before = contender.program.cpu_ns()
        done = subprocess.run(
            self._command(how, load, contender), stdout=subprocess.PIPE, check=True, timeout=300
        )
        time.sleep(SETTLED)
        spent = contender.program.cpu_ns() - before
        result: dict[str, Any] = json.loads(done.stdout)
        latency = result[load.latency]  # absent where no answer came within the time
        if result["failed"] or result["broken"] or not latency:
            raise RuntimeError(f"{contender.name} failed at {load.name}: {result}")
        return Cost(spent / 1000 / result[load.unit], latency["p50"], latency["p99"])

    def held_by_idle(self, connections: int, contender: Contender) -> float:
        """Return by how much many idle connections raise resident memory, in MB."""
        before = contender.program.resident()
        load = requests("idle", connections, SMALL, 800)
        with subprocess.Popen(
            self._command(["idle"], load, contender),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("load has no pipes")
            result = json.loads(process.stdout.readline())
            held = contender.program.resident() - before
            process.stdin.close()
        if result["failed"]:
            raise RuntimeError(f"{contender.name} failed to hold idle connections: {result}")
        return held / 1e6

    def _command(self, how: list[str], load: Load, contender: Contender) -> list[str]:
        arguments = {
            "--port": contender.port,
            "--path": f"{ROUTE}?{load.query}",
            "--body": self._body(load.body, streaming=load.events > 0),
            "--connections": load.connections,
        }
        words = [str(word) for pair in arguments.items() for word in pair]
        return ["taskset", "-c", str(self._cpu), str(compiled("load")), *how, *words]

    def _body(self, size: int, *, streaming: bool) -> Path:
        """Return a chat request of a size; `model` stands last, as the OpenAI client writes it."""
        file = self._folder / f"{size}-{streaming}.json"
        if not file.exists():
            turns: list[dict[str, str]] = [{"role": "user", "content": ""}]
            body = {"messages": turns, "model": "bench", "stream": streaming}
            turns *= max(1, min(40, size // 5000))
            missing = size - len(json.dumps(body))
            body["messages"] = [turn | {"content": "x" * (missing // len(turns))} for turn in turns]
            file.write_text(json.dumps(body))
        return file
