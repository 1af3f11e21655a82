"""What the engine knows of each program from its start until nothing of it is left.

Owns launches, process numbers, the checks under way and the addresses that answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hotbay.runtime.endpoint import Endpoint
from hotbay.runtime.launch import Launch
from hotbay.runtime.probe import probe_until_ready
from hotbay.runtime.processes import ProcessKey


@dataclass(slots=True)
class Program:
    """One generation of a model server's program.

    Attributes:
        launch: how it was started.
        pid: of the leader, once it runs.
        output: set by each of its lines, as a hint that it may be ready.
        probe: asks it whether it is ready.
    """

    launch: Launch
    pid: int | None = None
    output: asyncio.Event = field(default_factory=asyncio.Event)
    probe: asyncio.Task[None] | None = None


class Programs:
    """Every program that is not gone, and where ready model servers answer."""

    def __init__(self) -> None:
        self._programs: dict[ProcessKey, Program] = {}
        self._endpoints: dict[str, Endpoint] = {}

    def begin(self, key: ProcessKey, launch: Launch) -> None:
        """Take up a program that is being started."""
        self._programs[key] = Program(launch)

    def spawned(self, key: ProcessKey, pid: int) -> None:
        """Note that it runs; one without a check answers from now on."""
        program = self._programs[key]
        program.pid = pid
        if program.launch.check is None:
            self._endpoints[key[0]] = program.launch.endpoint

    def wrote(self, key: ProcessKey) -> None:
        """Note that it has written something."""
        program = self._programs.get(key)
        if program is not None:
            program.output.set()

    def probe(self, key: ProcessKey, ready: Callable[[], None]) -> None:
        """Ask it until it is ready, then call `ready`."""
        program = self._programs[key]
        program.probe = asyncio.get_running_loop().create_task(self._probe(key, program, ready))

    async def _probe(self, key: ProcessKey, program: Program, ready: Callable[[], None]) -> None:
        launch = program.launch
        endpoint = await probe_until_ready(launch.endpoint, launch.check or "/", program.output)
        self._endpoints[key[0]] = endpoint
        ready()

    def end_probe(self, key: ProcessKey) -> None:
        """Ask no more."""
        program = self._programs.get(key)
        if program is not None and program.probe is not None:
            program.probe.cancel()
            program.probe = None

    def forget(self, key: ProcessKey) -> Launch:
        """Nothing of it is left; return how it was started."""
        self.end_probe(key)
        return self._programs.pop(key).launch

    def endpoint(self, model: str) -> Endpoint:
        """Return where a ready model server answers."""
        return self._endpoints[model]

    def retire(self, model: str) -> Endpoint | None:
        """Give an address to nobody any more; return it."""
        return self._endpoints.pop(model, None)

    def ports(self) -> dict[str, int]:
        """Return the ports of every program that is not gone, by model."""
        return {key[0]: p.launch.endpoint.port for key, p in self._programs.items()}

    def pids(self) -> dict[str, int]:
        """Return the process number of the leader of every program that runs, by model."""
        return {key[0]: p.pid for key, p in self._programs.items() if p.pid is not None}
