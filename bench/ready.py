"""Measure from the moment a model server can answer to the first byte at the waiting client.

Usage: python bench/ready.py [--repetitions N]. Budget: 25 ms (design 5).

Each model server notes, by the clock that all processes share, the moment from which it
can answer, and tells it in its answers. The servers become ready in three ways (see
`upstream.c`) after different times, and each request makes hotbay swap to another one.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from harness.build import compiled
from harness.contenders import run_hotbay

WAYS = {
    "port opens late, silent": "--listen-after {}",
    "port opens late, says so": "--announce yes --listen-after {}",
    "503 until loaded, silent": "--healthy-after {}",
    "503 until loaded, says so": "--announce yes --healthy-after {}",
}
LOAD_TIMES = [101, 309, 718, 1533]  # ms; at no fixed place between two probes
BUDGET = 25.0  # ms


def model_id(way: str, ms: int) -> str:
    return f"{way.replace(',', '').replace(' ', '-')}-{ms}"


def ask(port: int, model: str) -> float:
    """Ask one model and return the time from its readiness to the first byte here, in ms.

    Raises:
        RuntimeError: the answer is not one of the model server.
    """
    body = json.dumps({"model": model, "messages": []}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.encode() + body)
        answer = connection.recv(65536)
        first_byte = time.monotonic_ns()
        while more := connection.recv(65536):
            answer += more
    status, _, rest = answer.partition(b"\r\n")
    if b" 200 " not in status:
        raise RuntimeError(f"{model}: {answer.decode(errors='replace')}")
    completion = json.loads(rest[rest.index(b"{") : rest.rindex(b"}") + 1])
    return float(first_byte - completion["ready_at"]) / 1e6


def measure(repetitions: int) -> dict[str, list[float]]:
    """Return the times of every way of becoming ready, in ms."""
    upstream = f"{compiled('upstream')} --port ${{PORT}} "
    models = {
        model_id(way, ms): {"cmd": upstream + arguments.format(ms)}
        for way, arguments in WAYS.items()
        for ms in LOAD_TIMES
    }
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotbay-bench-")))
        hotbay = run_hotbay(stack, folder, {"models": models})
        for _ in range(repetitions):
            for way in WAYS:
                times[way] += [ask(hotbay.port, model_id(way, ms)) for ms in LOAD_TIMES]
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=10, help="of every load time (10)")
    times = measure(parser.parse_args().repetitions)
    times["all"] = [ms for way in WAYS for ms in times[way]]
    print(f"{'ready to first byte, ms':28}{'n':>6}{'median':>8}{'p99':>8}{'worst':>8}")
    for way, found in times.items():
        found.sort()
        p99 = found[int((len(found) - 1) * 0.99)]
        over = "  over" if p99 > BUDGET else ""
        print(f"{way:28}{len(found):6}{median(found):8.1f}{p99:8.1f}{found[-1]:8.1f}{over}")


if __name__ == "__main__":
    main()
