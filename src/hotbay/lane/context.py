"""What the lane depends on, in one frozen object that a reload replaces as a whole.

Owns nothing but the place where the present one is kept. A request takes the context
once, when its head is complete, and keeps it to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hotbay.activity.recorder import Recorder
from hotbay.config.model import Config
from hotbay.core.events import Mode
from hotbay.lane.access import access_line, caller_address, is_logged
from hotbay.lane.body import Body, BodyMemory
from hotbay.lane.call import Call, Sink
from hotbay.lane.directory import Directory
from hotbay.lane.gate import GateRules
from hotbay.lane.head import Head
from hotbay.runtime.caller import Caller
from hotbay.runtime.endpoint import Endpoint
from hotbay.runtime.profiles import ActiveProfile

_READ_SIZE = 256 * 1024
"""As much as asyncio reads at once."""


class Engine(Protocol):
    """Who decides when a request may be forwarded; see `hotbay.runtime.engine`."""

    def new_request(self) -> int:
        """Return a number for a request."""
        ...

    def arrive(
        self,
        request: int,
        target: str,
        mode: Mode,
        caller: Caller,
        *,
        selector: bool = False,
        deadline: float | None = None,
    ) -> None:
        """Ask for a model, or for what a selector chooses."""
        ...

    def broken(self, request: int, caller: Caller) -> None:
        """Say that a granted request lost its connection before its answer began."""
        ...

    def left(self, request: int) -> None:
        """Withdraw a request that was not granted yet."""
        ...

    def finished(self, request: int) -> None:
        """Say that a granted request has ended."""
        ...

    def endpoint(self, model: str) -> Endpoint:
        """Return where a granted request goes."""
        ...

    def in_flight(self, model: str) -> int:
        """Return how many requests a model serves."""
        ...

    def load_time(self, model: str) -> float | None:
        """Return the seconds that the last successful start of a model took."""
        ...


class Client(Protocol):
    """Who forwards requests; see `hotbay.lane.pool`."""

    def request(
        self, endpoint: Endpoint, head: bytes, body: Body, sink: Sink, *, head_only: bool = False
    ) -> Call:
        """Send a request; the sink is told nothing before this has returned."""
        ...


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What a request needs.

    Attributes:
        config: names, limits and models.
        directory: where requests for a name go.
        profile: which profile renames models.
        gate: who may enter.
        engine: when a request may be forwarded.
        client: how.
        memory: accounts for request bodies; lives as long as the program.
        recorder: takes notes of requests; None: nobody wants them.
        access: takes a line for each finished request; None: nobody wants them.
        debug: takes a line about where a request goes.
        warn: takes a line about a peer that does not answer.
        clock: seconds, monotonic; the event loop's.
    """

    config: Config
    directory: Directory
    profile: ActiveProfile
    gate: GateRules
    engine: Engine
    client: Client
    memory: BodyMemory
    recorder: Recorder | None
    access: Callable[[str], None] | None
    debug: Callable[[str], None]
    warn: Callable[[str], None]
    clock: Callable[[], float]

    def log(
        self, head: Head, path: str, peer: str, *, status: int, size: int, since: float
    ) -> None:
        """Log a request that did not go through the application; `path` is decoded."""
        if self.access is None or not is_logged(path):
            return
        line = access_line(
            address=caller_address(head.fields, peer),
            method=head.method.decode("ascii"),
            path=path,
            version="1.1" if head.http11 else "1.0",
            status=status,
            size=size,
            agent=head.fields.get(b"user-agent", b""),
            seconds=self.clock() - since,
        )
        self.access(line)


@dataclass(slots=True)
class Lane:
    """What the connections of one event loop share.

    Attributes:
        context: the present one.
        read_buffer: where each read goes, see `HardenedProtocol`.
    """

    context: LaneContext
    read_buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(_READ_SIZE)))
