from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path

import pytest
from tests.lane.serving import (
    BIG,
    CHAT,
    OK,
    Response,
    Truncated,
    get,
    post,
    serving,
)
from tests.lane.upstreams import Peer, upstream

from hotbay.core.effects import Refusal
from hotbay.lane.call import Call
from hotbay.lane.exchange import Exchange
from hotbay.lane.relay import Relay

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Type: text/event-stream\r\n\r\n")


async def answering_ok(peer: Peer) -> None:
    while True:
        await peer.answer(OK)


def message(response: Response) -> str:
    text: str = json.loads(response.body)["error"]["message"]
    return text


# -- to the model server and back ------------------------------------------------------------


async def test_a_request_is_forwarded_and_answered(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.extend(await peer.request())
        await peer.send(b"HTTP/1.1 201 Made\r\nX-A: b\r\nContent-Length: 3\r\n\r\nabc")

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port, base_path="/base") as served,
        served.visit() as visitor,
    ):
        request = post(b'{"model":"alias-1"}', "User-Agent: me", path="/v1/completions")
        response = await visitor.ask(request)

        assert (response.status, response.body) == (201, b"abc")
        assert response.header("x-a") == "b"
        assert seen[0].startswith(b"POST /base/v1/completions HTTP/1.1\r\nhost: localhost\r\n")
        assert b"x-forwarded-for: 127.0.0.1\r\n" in seen[0]
        assert seen[1] == b'{"model":"alias-1"}'
        assert served.engine.targets == ["m1"]
        assert served.engine.ended == [1]
        assert served.lines[0].startswith(
            'Request 127.0.0.1 "POST /v1/completions HTTP/1.1" 201 3 "me" '
        )


async def test_chunks_are_passed_on_as_they_come(tmp_path: Path) -> None:
    may_go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(STREAM)
        await may_go_on.wait()
        await peer.send(b"5\r\nhello\r\n")
        await may_go_on.wait()
        await peer.send(b"1\r\n!\r\n0\r\n\r\n")
        await peer.gone()

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT)
        head = await visitor.reader.readuntil(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert b"X-Accel-Buffering: no" in head
        may_go_on.set()
        assert await visitor.reader.readuntil(b"hello\r\n") == b"5\r\nhello\r\n"
        assert await visitor.reader.readuntil(b"0\r\n\r\n") == b"1\r\n!\r\n0\r\n\r\n"
        await served.engine.until(lambda: served.engine.ended == [1])


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
        [CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"],
        [CHUNKED + b"2\r\nhe\r\n", b"3\r\nllo\r\n", b"0\r\n\r\n"],
        [CHUNKED, b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\nhello", b""],
        [b"HTTP/1.1 200 OK\r\n\r\n", b"hel", b"lo", b""],
    ],
    ids=["length", "chunks", "chunks-apart", "trailer", "close", "close-apart"],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_every_framing_reaches_every_client(
    pieces: list[bytes], version: str, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(*pieces)

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(CHAT.replace(b"HTTP/1.1", b"HTTP/" + version.encode()))

        assert response.body == b"hello"
        if version == "1.0":
            assert response.header("transfer-encoding") is None
            assert await visitor.closed() == b""
        await served.engine.until(lambda: served.engine.ended == [1])
        assert " 200 5 " in served.lines[0]


async def test_head_is_answered_without_a_body(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        head, _ = await peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        assert head.startswith(b"HEAD /props?model=m1 ")
        await peer.answer(OK)

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(get("/props?model=m1", method="HEAD"), head=True)

        assert response.header("content-length") == "500"
        assert (await visitor.ask(CHAT)).body == b"ok"


async def test_responses_without_a_body_keep_the_connection(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
        await peer.answer(OK)

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        assert [(await visitor.ask(CHAT)).status for _ in range(3)] == [204, 304, 200]


PIECE = b"x" * 65536
PIECES = 400


class Pouring:
    """A model server that sends `PIECES` times `PIECE`; `blocked` is where it was held up."""

    def __init__(self) -> None:
        self.blocked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def __call__(self, peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (PIECES * len(PIECE)))
        for count in range(PIECES):
            peer.writer.write(PIECE)
            try:
                async with asyncio.timeout(0.2):
                    await peer.writer.drain()
            except TimeoutError:
                self.blocked.set_result(count)
                await peer.writer.drain()
        if not self.blocked.done():
            self.blocked.set_result(PIECES)
        await peer.gone()


async def test_a_client_that_does_not_read_holds_up_the_model_server(tmp_path: Path) -> None:
    pouring = Pouring()
    async with (
        upstream(pouring) as model,
        serving(tmp_path, model.port) as served,
        served.visit(limit=1024) as visitor,
    ):
        await visitor.send(CHAT)
        assert await pouring.blocked < PIECES - 100
        response = await visitor.response()
        assert len(response.body) == PIECES * len(PIECE)


async def test_a_client_that_has_not_read_the_answer_before_holds_up_the_next(
    tmp_path: Path,
) -> None:
    pouring = Pouring()
    async with (
        upstream(pouring) as model,
        serving(tmp_path, model.port) as served,
        served.visit(limit=1024) as visitor,
    ):
        await visitor.send(get("/big") + CHAT)
        assert await pouring.blocked < PIECES - 100
        assert len((await visitor.response()).body) == BIG
        assert len((await visitor.response()).body) == PIECES * len(PIECE)


async def test_a_client_that_does_not_read_and_half_closes_is_gone(tmp_path: Path) -> None:
    pouring = Pouring()
    async with (
        upstream(pouring) as model,
        serving(tmp_path, model.port) as served,
        served.visit(limit=1024) as visitor,
    ):
        await visitor.send(CHAT)
        await pouring.blocked
        visitor.writer.write_eof()
        await served.engine.until(lambda: served.engine.ended == [1])


async def test_a_request_that_has_ended_leaves_nothing_to_the_garbage_collector(
    tmp_path: Path,
) -> None:
    """With cycles the collector would run often, and each run costs as much as a request."""

    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.answer(CHUNKED + b"2\r\nok\r\n", b"0\r\n\r\n")
        await peer.answer(b"nonsense\r\n\r\n")

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        gc.collect()
        gc.disable()
        try:
            assert [(await visitor.ask(CHAT)).status for _ in range(3)] == [200, 200, 502]
            assert (await visitor.ask(post(b"{}"))).status == 404
            left = [item for item in gc.get_objects() if isinstance(item, Exchange | Relay | Call)]
        finally:
            gc.enable()
        assert left == []


# -- what the engine decides -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "detail", "status", "text", "code"),
    [
        (Refusal.UNKNOWN_MODEL, "", 404, "no router for requested model", "not_found"),
        (Refusal.REMOVED, "", 404, "no router for requested model", "not_found"),
        (Refusal.CONCURRENCY, "", 429, "Too many requests", "concurrency_limit"),
        (Refusal.QUEUE_FULL, "", 429, "Too many requests are waiting", "queue_full"),
        (Refusal.START_FAILED, "exit 1", 500, "unspecific error: exit 1", "internal_error"),
        (
            Refusal.UNLOADED,
            "",
            500,
            "unspecific error: group: model unloaded",
            "internal_error",
        ),
        (
            Refusal.SHUTTING_DOWN,
            "",
            500,
            "unspecific error: group is shutting down",
            "internal_error",
        ),
        (Refusal.PLANNER_FAILED, "planner x: y", 500, "planner x: y", "internal_error"),
        (Refusal.NOT_READY, "", 503, "[m1] process is not ready", "service_unavailable"),
    ],
)
@pytest.mark.parametrize("later", [False, True])
async def test_a_refusal_is_explained(  # noqa: PLR0917  pytest passes them by name
    refusal: Refusal,
    detail: str,
    status: int,
    text: str,
    code: str,
    later: bool,
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        engine = served.engine
        if later:
            engine.holding = True
            await visitor.send(CHAT)
            await engine.until(lambda: bool(engine.callers))
            engine.refuse(1, refusal, detail)
        else:
            engine.refusing = refusal, detail
            await visitor.send(CHAT)
        response = await visitor.response()

        assert response.status == status
        assert message(response) == text
        assert json.loads(response.body)["error"]["code"] == code
        assert response.header("retry-after") == ("1" if status == 429 else None)
        assert (engine.ended, engine.departed) == ([], [])
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_matrix_router_says_so(tmp_path: Path) -> None:
    settings = "matrix: {vars: {a: m1}, sets: {one: a}}\n"
    async with serving(tmp_path, settings=settings) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.UNLOADED, ""

        assert message(await visitor.ask(CHAT)) == "unspecific error: matrix: model unloaded"


async def test_a_request_waits_until_it_is_granted(tmp_path: Path) -> None:
    async with (
        upstream(answering_ok) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        engine = served.engine
        engine.holding = True
        await visitor.send(CHAT)
        await engine.until(lambda: bool(engine.callers))
        assert model.connections == 0
        engine.grant(1)

        assert (await visitor.response()).body == b"ok"
        assert engine.ended == [1]


async def test_a_server_that_went_in_the_moment_of_the_grant(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        response = await visitor.ask(post(b'{"model":"gone"}'))

        assert (response.status, message(response)) == (503, "[gone] process is not ready")
        assert served.engine.ended == [1]


# -- clients that leave ------------------------------------------------------------------------


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
async def test_a_client_that_leaves_while_waiting_frees_its_place(
    half: bool, tmp_path: Path
) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        engine = served.engine
        engine.holding = True
        await visitor.send(CHAT)
        await engine.until(lambda: bool(engine.callers))
        visitor.writer.write_eof() if half else visitor.leave()
        await engine.until(lambda: engine.departed == [1])

        assert engine.ended == []
        assert " 499 0 " in served.lines[0]


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
@pytest.mark.parametrize("begun", [False, True], ids=["before-the-answer", "during-the-answer"])
async def test_a_client_that_leaves_ends_its_upstream_request(
    half: bool, begun: bool, tmp_path: Path
) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        if begun:
            await peer.send(STREAM + b"5\r\nhello\r\n")
        asked.set()
        await peer.gone()
        left.set()

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT)
        await asked.wait()
        if begun:
            await visitor.reader.readuntil(b"hello\r\n")
        visitor.writer.write_eof() if half else visitor.leave()
        async with asyncio.timeout(1):
            await left.wait()

        assert served.engine.ended == [1]
        assert (" 200 5 " if begun else " 499 0 ") in served.lines[0]


async def test_a_client_that_leaves_in_its_body_asks_for_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        async with served.visit() as visitor:
            await visitor.send(CHAT[:-5])
            assert served.lane.context.memory.used > 0
        async with served.visit() as other:  # the first one's end has been seen once this answers
            await other.ask(get("/health"))

        assert served.engine.targets == []


# -- model servers that fail ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "cause"),
    [
        ([b""], "closed the connection before the response"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le", b""], "closed the connection"),
        ([b"nonsense\r\n\r\n"], "no valid response"),
    ],
)
async def test_a_model_server_without_an_answer_is_a_bad_gateway(
    pieces: list[bytes], cause: str, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(*pieces)

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(CHAT)

        assert response.status == 502
        assert message(response).startswith(f"model m1: 127.0.0.1:{model.port} ")
        assert cause in message(response)
        assert served.engine.ended + served.engine.lost == [1]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_model_server_that_does_not_listen_is_a_bad_gateway(tmp_path: Path) -> None:
    async with serving(tmp_path, 9) as served, served.visit() as visitor:
        response = await visitor.ask(CHAT)

        assert response.status == 502
        assert "127.0.0.1:9" in message(response)
        assert served.engine.lost == [1]


@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED + b"5\r\nhello\r\n", b""],
        [CHUNKED + b"5\r\nhello\r\n", b"nonsense\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", b""],
    ],
    ids=["chunks", "nonsense", "length"],
)
async def test_an_answer_that_breaks_off_is_seen_to_be_broken(
    pieces: list[bytes], tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(*pieces)

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT)
        with pytest.raises(Truncated):
            await visitor.response()

        assert served.engine.ended == [1]
        assert " 200 5 " in served.lines[0]


# -- bodies ------------------------------------------------------------------------------------

SMALL = "limits: {body: 2000, jsonBody: 1000, bodyMemory: 3000}\n"


@pytest.mark.parametrize(
    ("content_type", "size", "setting"),
    [("application/json", 1001, "limits.jsonBody"), ("text/x", 2001, "limits.body")],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(
    content_type: str, size: int, setting: str, chunked: bool, tmp_path: Path
) -> None:
    async with serving(tmp_path, settings=SMALL) as served, served.visit() as visitor:
        request = post(b"x" * size, f"Content-Type: {content_type}")
        if chunked:
            head, body = request.split(b"\r\n\r\n")
            head = head[: head.rindex(b"\r\n")] + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
            request = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        response = await visitor.ask(request)

        assert response.status == 413
        assert setting in message(response)
        if chunked:  # nobody knows how much would have to be dropped
            assert response.header("connection") == "close"
            assert await visitor.closed() == b""
        assert served.engine.targets == []
        assert " 413 " in served.lines[0]


async def test_a_refused_body_behind_another_request_is_answered_in_its_turn(
    tmp_path: Path,
) -> None:
    head, _, _ = post(b"x").partition(b"Content-Length")
    body = b"1f4\r\n" + b"x" * 500 + b"\r\n"
    too_large = head + b"Transfer-Encoding: chunked\r\n\r\n" + body * 3 + b"0\r\n\r\n"
    async with (
        upstream(answering_ok) as model,
        serving(tmp_path, model.port, settings=SMALL) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(CHAT, *(too_large[at : at + 300] for at in range(0, 1600, 300)))
        await visitor.send(too_large[1800:])
        await served.engine.until(lambda: bool(served.engine.callers))
        served.engine.grant(1)

        assert [(await visitor.response()).status for _ in range(2)] == [200, 413]
        assert served.engine.targets == ["m1"]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_bodies_share_a_limited_memory(tmp_path: Path) -> None:
    async with serving(tmp_path, settings=SMALL) as served:
        engine = served.engine
        engine.holding = True
        body = b'{"model":"m1","x":"' + b"x" * 900 + b'"}'
        async with served.visit() as a, served.visit() as b, served.visit() as c:
            for visitor in (a, b, c):
                await visitor.send(post(body))
            await engine.until(lambda: len(engine.callers) == 3)
            async with served.visit() as late:
                response = await late.ask(post(body))
                assert response.status == 503
                assert "limits.bodyMemory" in message(response)
            a.leave()
            await engine.until(lambda: engine.departed == [1])
            async with served.visit() as late:
                await late.send(post(body))
                await engine.until(lambda: len(engine.callers) == 3)


async def test_a_large_upload_goes_by_way_of_the_disk(tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        got.append((await peer.request())[1])
        await peer.send(OK)

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        request = post(body, "Content-Type: text/x", path="/v1/audio/transcriptions?model=m1")
        assert (await visitor.ask(request)).body == b"ok"
        assert got == [body]


# -- what clients are told -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type", "text"),
    [
        ("text/plain", "text/plain", "llama-swap: no router for requested model"),
        ("text/html", "text/html", "<p>no router for requested model</p>"),
        ("*/*", "application/json", '"src":"llama-swap"'),
    ],
)
async def test_errors_have_the_form_the_client_accepts(
    accept: str, content_type: str, text: str, tmp_path: Path
) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        response = await visitor.ask(post(b'{"model":"nobody"}', f"Accept: {accept}"))

        assert response.status == 404
        assert response.header("content-type") == content_type
        assert text in response.body.decode()


async def test_anthropic_clients_get_their_shape(tmp_path: Path) -> None:
    async with serving(tmp_path, settings="apiKeys: [k]\n") as served, served.visit() as visitor:
        unknown = post(b'{"model":"nobody"}', "X-Api-Key: k", path="/v1/messages")
        for request, status in ((unknown, 404), (post(b"{}", path="/v1/messages"), 401)):
            response = await visitor.ask(request)
            assert response.status == status
            assert json.loads(response.body)["type"] == "error"


@pytest.mark.parametrize(
    ("request_bytes", "status", "text"),
    [
        (post(b"{}"), 404, "no model id could be identified"),
        (get("/props"), 404, "no model id could be identified"),
        (post(b'{"model":"nobody"}'), 404, "no router for requested model"),
    ],
)
async def test_a_request_without_a_known_model_goes_nowhere(
    request_bytes: bytes, status: int, text: str, tmp_path: Path
) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        response = await visitor.ask(request_bytes)

        assert (response.status, message(response)) == (status, text)
        assert served.engine.targets == []


async def test_a_key_opens_the_lane(tmp_path: Path) -> None:
    async with (
        upstream(answering_ok) as model,
        serving(tmp_path, model.port, settings="apiKeys: [secret]\n") as served,
        served.visit() as visitor,
    ):
        refused = await visitor.ask(CHAT)
        assert refused.status == 401
        assert refused.header("www-authenticate") == 'Basic realm="llama-swap"'
        with_key = post(b'{"model":"m1"}', "Authorization: Bearer secret")
        assert (await visitor.ask(with_key)).status == 200
        assert [" 401 " in line for line in served.lines] == [True, False]
