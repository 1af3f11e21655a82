"""A lane in memory under virtual time: one real connection, everything around it by script."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from tests.lane.engine import Engine
from uvicorn.config import Config as UvicornConfig
from uvicorn.server import ServerState

from hotbay.activity.recorder import Recorder
from hotbay.activity.recording import About, Headers, Outcome, Recording
from hotbay.config.load import load
from hotbay.config.model import Config
from hotbay.config.sources import Sources
from hotbay.lane.body import Body, BodyMemory, Source
from hotbay.lane.call import Call, Sink, UpstreamError
from hotbay.lane.context import Lane, LaneContext
from hotbay.lane.directory import Directory
from hotbay.lane.gate import GateRules
from hotbay.lane.protocol import LaneProtocol
from hotbay.runtime.endpoint import Endpoint
from hotbay.runtime.profiles import ActiveProfile

CONFIG = """
models:
  m1:
    cmd: serve
    proxy: "http://127.0.0.1:9"
    aliases: [alias-1]
    sendLoadingState: true
    filters: {setParams: {"opts.fast": true}}
  gone: {cmd: serve, proxy: "http://127.0.0.1:9"}
selectors: {any: {strategy: pin, targets: [alias-1]}}
peers: {far: {proxy: "http://127.0.0.1:9", models: [big]}}
limits: {body: 1000000, jsonBody: 1000, bodyMemory: 2000}
"""


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time moves only when it is told to; never to be left to wait."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__()
        self.problems: list[str] = []
        self.set_exception_handler(lambda _, problem: self.problems.append(repr(problem)))

    def time(self) -> float:
        return self.now

    def do(self, action: Callable[[], object]) -> None:
        """Act inside the loop, and let everything happen that follows at once."""

        async def act() -> None:
            action()
            for _ in range(4):
                await asyncio.sleep(0)

        self.run_until_complete(act())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while due := [t for t in self.timers() if t <= end]:
            self.now = max(self.now, min(due))
            self.do(lambda: None)
        self.now = end
        self.do(lambda: None)

    def timers(self) -> list[float]:
        """Return when something is to happen."""
        scheduled: Sequence[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio has no other way
        return [handle.when() for handle in scheduled if not handle.cancelled()]


class Wire(asyncio.Transport):
    """The client's transport; `out` is what the client got."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.out = bytearray()
        self.paused = False
        self.closing = False
        self.eof = False
        self.aborted = False
        self.wrongs: list[str] = []
        self.protocol: LaneProtocol
        self._loop = loop

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closing or self.eof:
            self.wrongs.append(f"written after the end: {bytes(data)!r}")
        self.out += data

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("192.0.2.1", 5), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.eof = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._loop.call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_reading(self) -> bool:
        return not self.paused


class Carrier:
    """Stands for a connection to a model server."""

    def __init__(self) -> None:
        self.transport = cast("asyncio.Transport", self)
        self.paused = False
        self.abandoned = False

    def abandon(self) -> None:
        self.abandoned = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Forwarded:
    """One request at a model server, which does what the script says."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.status = 0
        self.received = bytearray()
        self.whole = False
        self.carrier = call.carrier = Carrier()
        self.upgrade = b"\r\nupgrade:" in call.head
        self._source: Source | None = call.body.open(self.read)

    @property
    def open(self) -> bool:
        return not self.call.ended

    def read(self) -> None:
        """Take what there is of the body."""
        while self.open and self._source is not None and not self.whole:
            piece = self._source.read()
            if piece is None:
                return
            self.received += piece
            self.whole = not piece

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.call.sink.on_head(status, b"", headers)

    def switch(self) -> None:
        self.status = 101
        self.call.sink.on_upgrade(101, b"", [(b"upgrade", b"websocket")])

    def data(self, data: bytes) -> None:
        self.call.sink.on_data(data)

    def end(self) -> None:
        self._close()
        if self.status == 101:
            self.call.sink.on_end()
        else:
            self.call.end()
            self.call.sink.on_end()

    def fail(self, kind: Any) -> None:
        self._close()
        self.call.fail(UpstreamError(kind, f"it is a {kind}"))

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None


class Upstreams:
    """Takes requests for model servers and peers."""

    def __init__(self) -> None:
        self.requests: list[Forwarded] = []

    def request(
        self, endpoint: Endpoint, head: bytes, body: Body, sink: Sink, *, head_only: bool = False
    ) -> Call:
        call = Call(endpoint, head, body, sink, head_only=head_only)
        self.requests.append(Forwarded(call))
        return call

    @property
    def open(self) -> list[Forwarded]:
        """Return the requests that have not ended."""
        return [forwarded for forwarded in self.requests if forwarded.open]


class Notes:
    """The notes of one request; sees that they are taken in an order that makes sense."""

    def __init__(self, about: About, wrongs: list[str]) -> None:
        self.about = about
        self.ended_as: str = ""
        self._answered = False
        self._attempts = 0
        self._wrongs = wrongs

    def _expect(self, fine: bool, what: str) -> None:
        if self.ended_as:
            self._wrongs.append(f"{what}, after the end")
        elif not fine:
            self._wrongs.append(f"{what} out of order")

    def accepted(self, priority: int) -> None:
        self._expect(not self._attempts, f"accepted {priority}")

    def waits(self, kind: str, _models: tuple[str, ...], _position: int) -> None:
        self._expect(True, f"waits {kind}")

    def traceparent(self) -> bytes | None:
        return None

    def granted(self, attempt: int) -> None:
        self._expect(attempt == self._attempts + 1, f"granted {attempt}")
        self._attempts = attempt

    def forwarded(self, path: str, _headers: Headers, _body: bytes | None) -> None:
        self._expect(True, f"forwarded {path}")

    def answered(self, status: int, _headers: Headers) -> None:
        self._expect(not self._answered, f"answered {status}")
        self._answered = True

    def passed(self, data: bytes) -> None:
        self._expect(self._answered, f"passed {data!r}")

    def wrote(self, own: int) -> None:
        self._expect(self._answered, f"wrote {own}")

    def ended(self, outcome: Outcome, status: int, error: str = "") -> None:
        self._expect(True, f"ended {outcome} {status} {error}")
        self.ended_as = outcome


@functools.cache
def configuration() -> Config:
    """Return the configuration of every stage."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(CONFIG)
        return load(Sources(file, None), environ={}).config


@functools.cache
def _served_by_uvicorn() -> UvicornConfig:
    async def app(*_: object) -> None:
        raise AssertionError("no request here is for the application")

    config = UvicornConfig(
        app,
        interface="asgi3",
        http=LaneProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
    )
    config.load()
    return config


class Stage:
    """One client's connection, and all around it."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.wire = Wire(self.loop)
        self.engine = Engine(9)
        self.upstreams = Upstreams()
        self.lines: list[str] = []
        self.notes: list[Notes] = []
        self.wrongs: list[str] = []
        config = configuration()
        self.memory = BodyMemory(config.limits.body_memory)
        context = LaneContext(
            config=config,
            directory=Directory(config),
            profile=ActiveProfile(config.profiles, lambda _: None),
            gate=GateRules(
                keys=(),
                loopback=False,
                allowed_hosts=frozenset(),
                allowed_origins=frozenset(),
                body=config.limits.body,
                json_body=config.limits.json_body,
                serves=lambda *_: False,
            ),
            engine=self.engine,
            client=self.upstreams,
            memory=self.memory,
            recorder=cast("Recorder", self),
            access=self.lines.append,
            debug=lambda _: None,
            warn=lambda _: None,
            clock=self.loop.time,
        )

        async def connect() -> None:
            self.protocol = LaneProtocol(
                _served_by_uvicorn(), ServerState(), {}, lane=Lane(context)
            )
            self.wire.protocol = self.protocol
            self.protocol.connection_made(self.wire)

        self.loop.run_until_complete(connect())

    def begin(self, about: About) -> Recording:
        """Take up a request, as a recorder does."""
        self.notes.append(Notes(about, self.wrongs))
        return cast("Recording", self.notes[-1])
