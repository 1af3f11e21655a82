"""What the recorder is told of requests, whatever becomes of them (spec/request-pipeline.md 12)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.lane.serving import Asked, Served, Truncated, get, message, post, serving
from tests.lane.test_names import websocket
from tests.lane.upstreams import SWITCHED, Peer, upstream

from hotbay.core.effects import Refusal

FILTERED = """
models:
  m1:
    cmd: serve
    proxy: "http://127.0.0.1:9"
    aliases: [alias-1]
    filters: {setParams: {n: 1}}
routing: {scheduler: {settings: {fifo: {priority: {m1: 7}}}}}
"""
CHAT = post(b'{"model":"alias-1","stream":true}', "X-Tag: one", path="/v/chat/completions")
EVENTS = b"data: {}\n\n"
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS)
)


class Open:
    """A model server that begins an answer and never ends it; `left` is set by its client's end."""

    def __init__(self, begin: bytes = STREAM) -> None:
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self._begin = begin

    async def __call__(self, peer: Peer) -> None:
        await peer.head()
        await peer.send(self._begin)
        self.asked.set()
        await peer.gone()
        self.left.set()


def cancel(served: Served) -> None:
    """Cancel the only request in flight, as an operator does."""
    (recording,) = served.books.real.inflight
    assert served.books.real.cancel(recording.id)


# -- requests that are served -----------------------------------------------------------------


async def test_a_request_that_is_served_is_told_step_by_step(tmp_path: Path) -> None:
    server = Asked(STREAM + b"0\r\n\r\n")
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=FILTERED, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(CHAT)
        await served.engine.asked()
        served.engine.move(1, 2, "busy", "m9")
        served.engine.grant(1)
        response = await visitor.response()

        books = served.books
        (about,) = books.begun
        assert (about.model, about.requested, about.selector) == ("m1", "alias-1", "")
        assert (about.method, about.path) == ("POST", "/v/chat/completions")
        assert (about.recorded, about.stream, about.remote) == (True, True, "127.0.0.1")
        assert (b"x-tag", b"one") in about.headers
        assert about.request_id == response.header("x-request-id")
        names = books.names()
        assert names.index("accepted") < names.index("waits") < names.index("granted")
        assert [name for name in names if name not in {"forwarded", "traceparent"}] == [
            *("accepted", "waits", "waits", "granted", "answered", "passed", "ended")
        ]
        assert books.said("accepted") == [(7,)]
        assert books.said("waits") == [("starting", ("m1",), 0), ("busy", ("m9",), 2)]
        path, headers, body = books.said("forwarded")[-1]
        assert (path, body) == ("/chat/completions", server.bodies[0])
        assert headers == about.headers
        status, answered = books.said("answered")[0]
        assert status == 200
        assert isinstance(answered, list)
        assert (b"content-type", b"text/event-stream") in answered
        assert books.said("passed") == [(EVENTS,)]
        assert books.end() == ("done", 200, "")
        (row,) = await books.rows()
        assert (row.path, row.asked_path) == ("/chat/completions", "/v/chat/completions")
        assert (row.model, row.requested, row.attempts) == ("m1", "alias-1", 1)
        assert row.metadata == {"fifo_priority": "7"}


async def test_the_list_of_requests_in_flight_shows_an_answer_that_grows(tmp_path: Path) -> None:
    server = Open()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=FILTERED, recording=True) as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT)
        await visitor.reader.readuntil(EVENTS)
        (recording,) = served.books.real.inflight

        assert (recording.status, recording.size) == (200, len(EVENTS))
        assert (recording.phase, recording.attempts) == ("answering", 1)


@pytest.mark.parametrize(
    ("request_bytes", "tracked", "recorded"),
    [
        (get("/props?model=m1"), True, False),
        (get("/props?model=m1", method="HEAD"), True, False),
        (get("/upstream/m1/props"), True, False),
        (post(b"{}", path="/upstream/m1/v1/completions"), True, True),
        (post(b"{}", path="/upstream/m1/other"), False, False),
        (get("/upstream/m1/"), False, False),
    ],
)
async def test_only_model_routes_are_listed_and_only_their_posts_make_rows(
    request_bytes: bytes, tracked: bool, recorded: bool, tmp_path: Path
) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(request_bytes, head=request_bytes.startswith(b"HEAD"))

        assert response.status == 200
        assert [about.recorded for about in served.books.begun] == [recorded] * tracked
        assert len(await served.books.rows()) == recorded
        for n in range(tracked):
            assert served.books.end(n) == ("done", 200, "")


@pytest.mark.parametrize(
    ("size", "kept"), [(0, True), (5, True), (1 << 20, True), ((1 << 20) + 1, False)]
)
async def test_a_small_body_that_passes_through_is_kept_for_its_capture(
    size: int, kept: bool, tmp_path: Path
) -> None:
    server = Asked()
    body = bytes(size)
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        assert (await visitor.ask(post(body, path="/upstream/m1/v1/completions"))).status == 200

        assert server.bodies == [body]
        assert served.books.said("forwarded")[-1][0] == "/v1/completions"
        assert served.books.said("forwarded")[-1][2] == (body if kept else None)


async def test_a_copy_for_a_capture_gives_way_to_bodies_that_are_needed(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(
            tmp_path, up.port, recording=True, settings="limits: {bodyMemory: 100}\n"
        ) as served,
        served.visit() as visitor,
    ):
        assert (
            await visitor.ask(post(bytes(200), path="/upstream/m1/v1/completions"))
        ).status == 200

        assert server.bodies == [bytes(200)]
        assert served.books.said("forwarded")[-1][2] is None


async def test_nobody_is_told_of_a_websocket_that_its_model_ignores(tmp_path: Path) -> None:
    ignoring = FILTERED.replace("aliases", "compat: {ignoreWebsockets: true}\n    aliases")
    server = Open(SWITCHED)
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=ignoring, recording=True) as served,
    ):
        for path in ("/props?model=m1", "/upstream/m1/props", "/upstream/m1/ws"):
            async with served.visit() as visitor:
                assert (await visitor.ask(websocket(path))).status == 101

        assert served.books.begun == []
        await served.engine.until(lambda: len(served.engine.ended) == 3)


async def test_a_websocket_is_told_to_its_end(tmp_path: Path) -> None:
    server = Open(SWITCHED + b"hello")
    async with upstream(server) as up, serving(tmp_path, up.port, recording=True) as served:
        async with served.visit() as visitor:
            assert (await visitor.ask(websocket("/props?model=m1"))).status == 101
            await visitor.reader.readexactly(5)
        await served.engine.until(lambda: served.engine.ended == [1])

        assert served.books.said("answered")[0][0] == 101
        assert served.books.said("passed") == [(b"hello",)]
        assert served.books.end() == ("cancelled by client", 101, "")


# -- requests that are not ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "later", "outcome", "status"),
    [
        (Refusal.CONCURRENCY, False, "refused", 429),
        (Refusal.QUEUE_FULL, False, "refused", 429),
        (Refusal.SHUTTING_DOWN, False, "refused", 500),
        (Refusal.START_FAILED, True, "failed", 500),
        (Refusal.UNLOADED, True, "failed", 500),
    ],
)
@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/m1/v1/completions"])
async def test_a_refusal_is_told_with_its_words(  # noqa: PLR0917  pytest passes them by name
    refusal: Refusal, later: bool, outcome: str, status: int, path: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, recording=True) as served, served.visit() as visitor:
        request = post(b'{"model":"m1"}', path=path)
        if later:
            served.engine.holding = True
            await visitor.send(request)
            await served.engine.asked()
            served.engine.refuse(1, refusal, "exit 1")
        else:
            served.engine.refusing = refusal, ""
            await visitor.send(request)
        response = await visitor.response()

        assert response.status == status
        assert served.books.end() == (outcome, status, message(response))
        assert ("accepted" in served.books.names()) == later
        assert served.books.said("granted") == []
        assert served.books.said("answered") == [(status, [(b"content-type", b"application/json")])]
        (row,) = await served.books.rows()
        assert (row.status, row.outcome, row.error) == (status, outcome, message(response))
        assert row.content_type == "application/json"
        assert row.path == "/v1/completions"


async def test_an_error_of_the_model_server_is_a_failure(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 500 No\r\nContent-Length: 21\r\n\r\n" + b'{"message":"no room!"}'[:21]
    async with (
        upstream(Asked(answer)) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        assert (await visitor.ask(post(b'{"model":"m1"}'))).status == 500

        assert served.books.end() == ("failed", 500, "")


async def test_an_answer_that_breaks_off_is_told_with_its_cause(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(STREAM)

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        await visitor.send(post(b'{"model":"m1"}'))
        with pytest.raises(Truncated):
            await visitor.response()

        outcome, status, error = served.books.end()
        assert (outcome, status) == ("failed", 200)
        assert "in the middle of the response" in str(error)


# -- clients that leave ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/m1/v1/completions"])
@pytest.mark.parametrize("where", ["waiting", "forwarded", "answered"])
async def test_a_client_that_leaves_is_told_of(where: str, path: str, tmp_path: Path) -> None:
    server = Open(STREAM if where == "answered" else b"")
    async with upstream(server) as up, serving(tmp_path, up.port, recording=True) as served:
        engine = served.engine
        engine.holding = where == "waiting"
        async with served.visit() as visitor:
            await visitor.send(post(b'{"model":"m1"}', path=path))
            if where == "waiting":
                await engine.asked()
            elif where == "forwarded":
                await server.asked.wait()
            else:
                await visitor.reader.readuntil(EVENTS)
        await engine.until(lambda: (engine.departed or engine.ended) == [1])

        status = 200 if where == "answered" else 499
        assert served.books.end() == ("cancelled by client", status, "")
        (row,) = await served.books.rows()
        assert (row.status, row.outcome) == (status, "cancelled by client")
        assert row.error == ("" if where == "answered" else "cancelled by client")


# -- operators ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/m1/v1/completions"])
@pytest.mark.parametrize("forwarded", [False, True], ids=["waiting", "forwarded"])
async def test_an_operator_cancels_a_request_before_its_answer(
    forwarded: bool, path: str, tmp_path: Path
) -> None:
    server = Open(b"")
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        engine = served.engine
        engine.holding = not forwarded
        await visitor.send(post(b'{"model":"m1"}', path=path))
        await (server.asked.wait() if forwarded else engine.asked())
        cancel(served)
        response = await visitor.response()

        text = "the request was cancelled by an operator"
        assert (response.status, message(response)) == (502, text)
        assert served.books.end() == ("cancelled by operator", 502, text)
        assert (engine.ended, engine.departed) == (([1], []) if forwarded else ([], [1]))
        assert (await visitor.ask(get("/health"))).status == 200
        if forwarded:
            async with asyncio.timeout(1):
                await server.left.wait()


async def test_an_operator_breaks_an_answer_off(tmp_path: Path) -> None:
    server = Open()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        await visitor.send(post(b'{"model":"m1"}'))
        await visitor.reader.readuntil(EVENTS + b"\r\n")
        cancel(served)
        assert await visitor.closed() == b""

        assert served.books.end()[:2] == ("cancelled by operator", 200)
        assert served.engine.ended == [1]
        async with asyncio.timeout(1):
            await server.left.wait()


async def test_an_operator_cancels_a_request_between_two_attempts(tmp_path: Path) -> None:
    async def dying(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(post(b'{"model":"m1"}'))
        await served.engine.until(lambda: served.engine.lost == [1])
        cancel(served)

        assert (await visitor.response()).status == 502
        assert served.engine.departed == [1]


async def test_a_cancel_that_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        await visitor.ask(post(b'{"model":"m1"}'))
        (about,) = served.books.begun
        about.cancel()

        assert not served.books.real.cancel(1)
        assert served.books.end() == ("done", 200, "")
        assert (await visitor.ask(get("/health"))).status == 200


# -- X-Request-ID ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/m1/v1/completions"])
async def test_a_request_keeps_the_name_that_its_client_gave_it(path: str, tmp_path: Path) -> None:
    server = Asked(b"HTTP/1.1 200 OK\r\nX-Request-ID: other\r\nContent-Length: 0\r\n\r\n")
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(post(b'{"model":"m1"}', "X-Request-ID: me/1", path=path))

        given = [value for name, value in response.headers if name.lower() == "x-request-id"]
        assert given == ["me/1"]
        assert server.fields()["x-request-id"] == "me/1"
        assert (await served.books.rows())[0].request_id == "me/1"


@pytest.mark.parametrize("offered", ["", "not safe", "x" * 129])
async def test_other_requests_get_a_name_of_their_own(offered: str, tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        names = set()
        for _ in range(2):
            response = await visitor.ask(post(b'{"model":"m1"}', f"X-Request-ID: {offered}"))
            name = response.header("x-request-id")
            assert name is not None
            assert server.fields()["x-request-id"] == name
            names.add(name)

        assert len(names) == 2
        assert {row.request_id for row in await served.books.rows()} == names


async def test_a_refusal_has_the_name_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        requests = [
            post(b"{}", "X-Request-ID: r"),
            post(b'{"model":"nobody"}', "X-Request-ID: r"),
            post(b'{"model":"m1"}', "X-Request-ID: r"),
        ]
        served.engine.refusing = Refusal.CONCURRENCY, ""
        for request in requests:
            assert (await visitor.ask(request)).header("x-request-id") == "r"
