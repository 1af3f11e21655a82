"""How long a client waits for the beginning of its answer, and what it is told then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.lane.serving import CHAT, OK, Asked, code, get, message, post, serving
from tests.lane.test_names import websocket
from tests.lane.upstreams import SWITCHED, Peer, upstream

from hotbay.core.effects import Refusal
from hotbay.lane.time_limit import TimeLimitError, time_limit

CHAT_BODY = b'{"model":"m1"}'
SOON = "X-Request-Timeout: 0.05"
LATE = "no answer began within the 0.05 s that the request allows"


# -- what the headers say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({b"x-request-timeout": b"20"}, 20.0),
        ({b"x-request-timeout": b" 0.5 "}, 0.5),
        ({b"x-request-timeout": b"1e3"}, 1000.0),
        ({b"prefer": b"wait=7"}, 7.0),
        ({b"prefer": b"respond-async, WAIT = 7"}, 7.0),
        ({b"prefer": b'return=minimal; foo="x",wait="7"; y'}, 7.0),
        ({b"x-request-timeout": b"20", b"prefer": b"wait=7"}, 20.0),
        # A preference that cannot be understood, or met, is ignored (RFC 7240 2).
        ({b"prefer": b"wait"}, None),
        ({b"prefer": b"wait=soon"}, None),
        ({b"prefer": b"wait=-1"}, None),
        ({b"prefer": b"wait=0"}, None),
        ({b"prefer": b"await=7"}, None),
        ({b"prefer": b"wait=7s"}, None),
    ],
)
def test_both_headers_give_seconds(fields: dict[bytes, bytes], seconds: float | None) -> None:
    assert time_limit(fields) == seconds


@pytest.mark.parametrize(
    "written", [b"", b"0", b"-1", b"soon", b"nan", b"inf", b"5s", b"5, 6", b"\xff"]
)
def test_a_time_that_is_none_is_refused(written: bytes) -> None:
    with pytest.raises(TimeLimitError, match="X-Request-Timeout must be a positive number"):
        time_limit({b"x-request-timeout": written})


# -- at the lane -------------------------------------------------------------------------------


async def silent(peer: Peer) -> None:
    """Take requests and answer none."""
    await peer.head()
    await peer.gone()


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(CHAT_BODY, "X-Request-Timeout: soon"),
        post(b'{"model":"any"}', "X-Request-Timeout: soon"),
        post(b'{"model":"big"}', "X-Request-Timeout: soon"),
        get("/upstream/m1/x", "X-Request-Timeout: soon"),
        get("/upstream/far/big/x", "X-Request-Timeout: soon"),
    ],
    ids=["model", "selector", "peer", "passed-through", "peer-passed-through"],
)
async def test_a_time_that_is_none_is_a_bad_request(request_bytes: bytes, tmp_path: Path) -> None:
    settings = """
selectors: {any: {strategy: pin, targets: [m1]}}
peers: {far: {proxy: "http://127.0.0.1:9", models: [big]}}
"""
    async with serving(tmp_path, settings=settings) as served, served.visit() as visitor:
        response = await visitor.ask(request_bytes)

        assert response.status == 400
        assert "X-Request-Timeout" in message(response)
        assert served.engine.targets == []


@pytest.mark.parametrize("header", ["X-Request-Timeout: 30", "Prefer: wait=30"])
async def test_the_engine_is_told_until_when_there_is_time(header: str, tmp_path: Path) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        before = asyncio.get_running_loop().time()
        for path in ("/v1/completions", "/upstream/m1/x"):
            assert (await visitor.ask(post(CHAT_BODY, header, path=path))).status == 200
        assert (await visitor.ask(CHAT)).status == 200

        *limited, unlimited = served.engine.deadlines
        assert unlimited is None
        for deadline in limited:
            assert deadline is not None
            assert 30 <= deadline - before < 40


async def test_a_deadline_that_cannot_be_met_is_refused_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.TOO_SLOW, "42.0"
        response = await visitor.ask(post(CHAT_BODY, "X-Request-Timeout: 5"))

        assert (response.status, code(response)) == (503, "deadline_unreachable")
        assert "m1 would need about 42.0 s" in message(response)
        assert response.header("retry-after") == "1"


@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/m1/x"])
async def test_a_request_that_waits_too_long_frees_its_place(path: str, tmp_path: Path) -> None:
    async with serving(tmp_path, recording=True) as served, served.visit() as visitor:
        served.engine.holding = True
        response = await visitor.ask(post(CHAT_BODY, SOON, path=path))

        assert (response.status, message(response)) == (504, LATE)
        assert code(response) == "gateway_timeout"
        assert (served.engine.departed, served.engine.ended) == ([1], [])
        assert [served.books.end(n) for n in range(len(served.books.told))] == [
            ("failed", 504, LATE)
        ] * path.startswith("/v1")
        assert (await visitor.ask(get("/health"))).status == 200


@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/m1/x"])
async def test_a_model_server_that_takes_too_long_is_asked_no_longer(
    path: str, tmp_path: Path
) -> None:
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        await silent(peer)
        left.set()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(post(CHAT_BODY, SOON, path=path))

        assert (response.status, message(response)) == (504, LATE)
        assert (served.engine.departed, served.engine.ended) == ([], [1])
        async with asyncio.timeout(1):
            await left.wait()
        assert (await visitor.ask(get("/health"))).status == 200


@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/far/big/x"])
async def test_a_peer_that_takes_too_long_is_asked_no_longer(path: str, tmp_path: Path) -> None:
    async with upstream(silent) as up:
        settings = f'peers: {{far: {{proxy: "http://127.0.0.1:{up.port}", models: [big]}}}}\n'
        async with serving(tmp_path, settings=settings) as served, served.visit() as visitor:
            response = await visitor.ask(post(b'{"model":"big"}', SOON, path=path))

            assert (response.status, message(response)) == (504, LATE)


async def test_a_time_that_ends_between_two_attempts(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        response = await visitor.ask(post(CHAT_BODY, SOON))

        assert (response.status, message(response)) == (504, LATE)
        assert (served.engine.lost, served.engine.departed) == ([1], [1])


async def test_a_body_that_takes_too_long_is_awaited_no_longer(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.send(post(CHAT_BODY, SOON)[:-1])
        response = await visitor.response()

        assert (response.status, message(response)) == (504, LATE)
        assert await visitor.closed() == b""
        assert served.engine.targets == []


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (post(CHAT_BODY, SOON), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        (websocket("/props?model=m1").replace(b"Host", SOON.encode() + b"\r\nHost"), SWITCHED),
    ],
    ids=["answer", "websocket"],
)
async def test_an_answer_that_has_begun_may_last(
    request_bytes: bytes, answer: bytes, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(answer)
        await asyncio.sleep(0.15)  # the time that is to pass without effect
        await peer.send(b"ok")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(request_bytes)
        await visitor.reader.readuntil(b"\r\n\r\n")

        assert await visitor.reader.readexactly(2) == b"ok"
        assert served.engine.departed == []


async def test_the_time_runs_also_while_another_request_is_answered(tmp_path: Path) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(CHAT + post(CHAT_BODY, SOON.replace("0.05", "0.5")))
        await served.engine.asked()
        await asyncio.sleep(0.5)  # the time that is to pass before its turn has come
        served.engine.grant(1)

        assert [(await visitor.response()).status for _ in range(2)] == [200, 504]


async def test_a_request_that_ends_in_time_leaves_no_timer(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.answer(OK)

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        assert (await visitor.ask(post(CHAT_BODY, SOON))).body == b"ok"
        await asyncio.sleep(0.06)
        assert (await visitor.ask(CHAT)).body == b"ok"
        assert [line.split('" ')[1].split()[0] for line in served.lines] == ["200", "200"]
