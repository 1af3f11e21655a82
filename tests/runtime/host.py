"""Stands in for hotbay: keeps programs running through `Wardens` until it is killed.

Run as `python host.py SPECS`, a JSON list of [model, argv, stop_argv, grace]. Writes a JSON list on
each line: the warden's number first, then what it hears.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from hotbay.runtime.processes import ProcessKey, ProcessListener, ProcessSpec, Wardens


def tell(*news: object) -> None:
    print(json.dumps(news), flush=True)  # noqa: T201  # its way to talk


class Teller(ProcessListener):
    def spawned(self, key: ProcessKey, pid: int) -> None:
        tell("spawned", key[0], pid)

    def spawn_failed(self, key: ProcessKey, reason: str) -> None:
        tell("spawn_failed", key[0], reason)

    def exited(self, key: ProcessKey, status: str) -> None:
        tell("exited", key[0], status)

    def gone(self, key: ProcessKey) -> None:
        tell("gone", key[0])

    def output(self, key: ProcessKey, data: bytes) -> None:
        tell("output", key[0], data.decode())


async def main() -> None:
    wardens = Wardens(Teller())
    await wardens.start()
    assert wardens._warden is not None
    tell("warden", wardens._warden.process.pid)
    for model, argv, stop_argv, grace in json.loads(sys.argv[1]):
        wardens.spawn((model, 1), ProcessSpec(tuple(argv), os.environ, tuple(stop_argv), grace))
    await asyncio.Event().wait()


asyncio.run(main())
