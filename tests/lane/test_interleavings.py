"""Whatever happens in whatever order, each request ends once and gives everything back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lane.serving import get, post
from tests.lane.stage import Forwarded, Stage
from tests.lane.test_names import websocket

from hotbay.core.effects import Refusal

STREAMED = b'{"model":"m1","stream":true}'
LARGE = 300_000
"""More than a request holds while it waits, and read in two pieces."""
EXPECTS = "Expect: 100-continue"
HURRIED = "X-Request-Timeout: 2"


def chunked(path: str, *headers: str, size: int) -> bytes:
    head = get(path, "Transfer-Encoding: chunked", *headers, method="PUT")
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size))


REQUESTS = {
    "chat": post(b'{"model":"alias-1"}'),
    "stream": post(STREAMED),
    "hurried stream": post(STREAMED, HURRIED),
    "old stream": post(STREAMED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "expecting": post(STREAMED, EXPECTS),
    "selector": post(b'{"model":"any","stream":true}'),
    "peer": post(b'{"model":"far/big"}', HURRIED),
    "unfit": post(b'{"model":"m1","opts":[1]}'),
    "unfit by selector": post(b'{"model":"any","opts":[1]}'),
    "gone": post(b'{"model":"gone"}'),
    "unknown": post(b'{"model":"nobody"}'),
    "nameless": post(b"{}"),
    "no time": post(STREAMED, "X-Request-Timeout: soon"),
    "too large": post(b'{"model":"m1","x":"%b"}' % (b"x" * 1000)),
    "much memory": post(b"x" * 1900, "Content-Type: text/x", path="/v1/completions?model=m1"),
    "too much memory": post(b"x" * 2100, "Content-Type: text/x", path="/v1/completions?model=m1"),
    "listing": get("/props?model=m1"),
    "page": get("/upstream/m1/x"),
    "hurried page": get("/upstream/m1/x", HURRIED),
    "upload": post(bytes(20), path="/upstream/m1/v1/completions"),
    "expecting upload": post(bytes(20), EXPECTS, path="/upstream/m1/x"),
    "large upload": post(bytes(LARGE), path="/upstream/m1/x"),
    "huge upload": post(bytes(2 * LARGE), path="/upstream/m1/x"),
    "chunks": chunked("/upstream/m1/x", size=30),
    "large chunks": chunked("/upstream/m1/x", HURRIED, size=LARGE),
    "too many chunks": chunked("/upstream/m1/x", size=1_000_001),
    "peer's upload": post(b'{"model":"far/big"}', path="/upstream/far/big/v1/completions"),
    "peer's chunks": chunked("/upstream/far/big/x", size=2100),
    "websocket": websocket("/props?model=m1"),
    "websocket page": websocket("/upstream/m1/ws"),
}

LENGTH = [(b"content-length", b"4")]
EVENTS = [(b"content-type", b"text/event-stream"), (b"transfer-encoding", b"chunked")]
HEADS = {
    "length": (200, LENGTH),
    "events": (200, EVENTS),
    "error": (500, LENGTH),
    "bare": (204, []),
}


@dataclass
class Got:
    """One response as the client got it."""

    status: int
    name: str
    whole: bool


def responses(out: bytes) -> list[Got]:
    """Read what a client got; what cannot be a sequence of responses fails."""
    found = []
    while out:
        head, end, out = out.partition(b"\r\n\r\n")
        if not end:
            found.append(Got(0, "", whole=False))
            break
        status = int(re.fullmatch(rb"HTTP/1.1 (\d{3}) .*", head.split(b"\r\n")[0])[1])  # type: ignore[index]  # no match fails the test
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert len(fields) == head.count(b"\r\n"), "a header occurs twice"
        if status == 100:
            continue
        whole, out = _body(status, fields, out)
        found.append(Got(status, fields.get(b"x-request-id", b"").decode(), whole))
    return found


def _body(status: int, fields: dict[bytes, bytes], rest: bytes) -> tuple[bool, bytes]:
    if status == 204:
        return True, rest
    if b"content-length" in fields:
        length = int(fields[b"content-length"])
        return len(rest) >= length, rest[length:]
    if status == 101 or b"transfer-encoding" not in fields:
        return True, b""
    while True:
        size, end, after = rest.partition(b"\r\n")
        if not end:
            return False, b""
        length = int(size, 16)
        if len(after) < length + 2:
            return False, b""
        assert after[length : length + 2] == b"\r\n"
        rest = after[length + 2 :]
        if not length:
            return True, rest


class Play:
    """One connection with one request or two behind each other.

    Everything that can happen is a method; what is not possible now does nothing.
    """

    def __init__(self, names: list[str], *, holding: bool, crashed: bool) -> None:
        self.stage = Stage()
        self.engine, self.wire = self.stage.engine, self.stage.wire
        self.engine.holding = holding
        self.engine.crashed = crashed
        self.names = names
        self.parts = [b""]  # to be sent; behind each the client waits for a 100
        self.invited = 0
        for number, name in enumerate(names):
            request = REQUESTS[name].replace(b"\r\n", b"\r\nX-Request-ID: r%d\r\n" % number, 1)
            head, end, body = request.partition(b"\r\n\r\n")
            self.parts[-1] += head + end
            if EXPECTS.encode() in head:
                self.parts.append(b"")
            self.parts[-1] += body

    @property
    def over(self) -> bool:
        """Whether no more is read from the client."""
        return self.wire.closing or self.wire.eof

    def _do(self, action: Callable[..., object], *args: object) -> None:
        self.stage.loop.do(lambda: action(*args))
        self.check()

    # -- the client ---------------------------------------------------------------------------

    def send(self, share: float) -> None:
        if not self.parts[0] and self.wire.out.count(b"HTTP/1.1 100 ") > self.invited:
            self.invited += 1
            del self.parts[0]
        unsent = self.parts[0]
        if unsent and not self.wire.paused and not self.over:
            size = min(max(1, int(len(unsent) * share)), 256 * 1024)
            self.parts[0] = unsent[size:]
            self._do(self.stage.protocol.data_received, unsent[:size])

    def leave(self) -> None:
        if not self.over:
            self._do(self.wire.abort)

    def half_close(self) -> None:
        if not self.over and not self.wire.paused:
            self._do(self.stage.protocol.eof_received)

    def stop_reading(self) -> None:
        if not self.over:
            self._do(self.stage.protocol.pause_writing)

    def read_on(self) -> None:
        if not self.over:
            self._do(self.stage.protocol.resume_writing)

    # -- engine, clock, operator --------------------------------------------------------------

    def grant(self) -> None:
        for number in list(self.engine.callers)[:1]:
            self._do(self.engine.grant, number, 1 + self.engine.lost.count(number))

    def refuse(self, refusal: Refusal) -> None:
        for number in list(self.engine.callers)[:1]:
            self._do(self.engine.refuse, number, refusal, "why")

    def move(self, position: int) -> None:
        for number in list(self.engine.callers)[:1]:
            self._do(self.engine.move, number, position, "busy", "gone")

    def turn(self, refusal: Refusal | None) -> None:
        self.engine.refusing = None if refusal is None else (refusal, "")

    def wait(self, seconds: float) -> None:
        self.stage.loop.advance(seconds)
        self.check()

    def cancel(self) -> None:
        for notes in self.stage.notes:
            self._do(notes.about.cancel)

    # -- the model server ---------------------------------------------------------------------

    @property
    def forwarded(self) -> Forwarded | None:
        return next(iter(self.stage.upstreams.open), None)

    def take(self) -> None:
        if self.forwarded is not None:
            self._do(self.forwarded.read)

    def answer(self, kind: str) -> None:
        if self.forwarded is not None and not self.forwarded.status:
            self._do(self.forwarded.head, *HEADS[kind])

    def switch(self) -> None:
        if self.forwarded is not None and self.forwarded.upgrade and not self.forwarded.status:
            self._do(self.forwarded.switch)

    def end(self) -> None:
        if self.forwarded is not None and self.forwarded.status:
            self._do(self._send_all, self.forwarded)

    def _send_all(self, forwarded: Forwarded) -> None:
        """Send the whole body and end, unless that is aborted meanwhile."""
        if forwarded.status != 204:
            forwarded.data(b"body")
        if forwarded.open:
            forwarded.end()

    def fail(self, kind: str) -> None:
        if self.forwarded is not None:
            self._do(self.forwarded.fail, kind)

    # -- what must hold -----------------------------------------------------------------------

    def check(self) -> None:
        """See that nothing is told twice or written too late, and that answers make sense."""
        assert self.stage.wrongs == []
        assert self.engine.wrongs == []
        assert self.wire.wrongs == []
        assert self.stage.loop.problems == []
        assert 0 <= self.stage.memory.used <= 2000 + 200  # a filter may add a little
        got = responses(bytes(self.wire.out))
        assert len(got) <= len(self.names)
        for number, response in enumerate(got):
            assert response.whole or number == len(got) - 1
            # What could not be read, or came too late, has no name.
            assert response.name == f"r{number}" or response.status in {400, 408, 413}
        if got and not got[-1].whole and self.over:
            assert self.wire.aborted
            assert not self.wire.eof

    def finish(self) -> None:
        """Let everything end, without letting time pass; see that nothing is left."""
        self.engine.refusing, self.engine.holding = None, False
        for _ in range(30):
            self.read_on()
            self.send(1.0)
            self.grant()
            self.take()
            self.answer("length")
            self.end()
        if not self.over:
            got = responses(bytes(self.wire.out))
            assert len(got) == len(self.names), "a client waits for ever"
            assert not self.wire.paused
            assert all(response.whole for response in got)
        self._do(self.wire.abort)
        assert self.stage.memory.used == 0
        assert not self.engine.callers
        assert not self.engine.served
        assert not self.stage.upstreams.open
        assert all(notes.ended_as for notes in self.stage.notes)
        assert len(self.stage.lines) <= len(self.names)
        assert self.stage.loop.timers() == [], "something is left to happen"


Step = tuple[Callable[..., None], object] | tuple[Callable[[Play], None]]

OFTEN: list[st.SearchStrategy[Step]] = [
    st.tuples(st.just(Play.send), st.sampled_from([0.1, 0.6, 1.0, 1.0])),
    st.just((Play.grant,)),
    st.tuples(st.just(Play.answer), st.sampled_from(sorted(HEADS))),
    st.just((Play.end,)),
    st.tuples(st.just(Play.fail), st.sampled_from(["reset", "connect", "timeout", "protocol"])),
]
SELDOM: list[st.SearchStrategy[Step]] = [
    st.just((Play.take,)),
    st.just((Play.switch,)),
    st.tuples(st.just(Play.wait), st.sampled_from([0.1, 1.0])),
    st.tuples(st.just(Play.move), st.integers(0, 2)),
    st.just((Play.stop_reading,)),
    st.just((Play.read_on,)),
    st.tuples(st.just(Play.refuse), st.sampled_from([Refusal.START_FAILED, Refusal.BROKEN])),
    st.tuples(st.just(Play.turn), st.sampled_from([None, Refusal.CONCURRENCY, Refusal.NOT_READY])),
    st.sampled_from(
        [(Play.leave,), (Play.half_close,), (Play.cancel,), (Play.wait, 3.0), (Play.wait, 61.0)]
    ),
]
STEPS = st.sampled_from([*OFTEN * 3, *SELDOM]).flatmap(lambda kind: kind)


@settings(max_examples=600, deadline=None)
@given(
    names=st.lists(st.just("stream") | st.sampled_from(sorted(REQUESTS)), min_size=1, max_size=2),
    holding=st.booleans(),
    crashed=st.booleans(),
    begin=st.sampled_from([0.3, 0.9, 1.0, 1.0]),
    steps=st.lists(STEPS, min_size=12, max_size=25),
)
def test_each_request_ends_once_and_gives_everything_back(
    names: list[str],
    holding: bool,
    crashed: bool,
    begin: float,
    steps: list[Step],
) -> None:
    play = Play(names, holding=holding, crashed=crashed)
    try:
        play.send(begin)
        for step, *args in steps:
            step(play, *args)
        play.finish()
    finally:
        play.stage.loop.close()


@pytest.mark.parametrize("step", [Play.leave, Play.cancel, Play.grant, None])
@pytest.mark.parametrize("name", ["large upload", "large chunks", "huge upload"])
def test_a_client_that_is_held_up_is_let_go(step: Callable[[Play], None] | None, name: str) -> None:
    play = Play([name, "chat"], holding=True, crashed=False)
    try:
        play.send(1.0)
        play.send(1.0)
        assert play.wire.paused
        play.wait(1.9)
        if step is None:
            play.refuse(Refusal.START_FAILED)
        else:
            step(play)
        play.finish()
    finally:
        play.stage.loop.close()
