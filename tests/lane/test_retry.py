"""What happens when a model server dies under a request (design 7.6)."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from tests.lane.serving import CHAT, OK, Asked, Served, Truncated, get, message, post, serving
from tests.lane.test_names import form, websocket
from tests.lane.upstreams import Peer, upstream

from hotbay.core.effects import Refusal
from hotbay.lane.exchange import Exchange
from hotbay.lane.relay import Relay


async def dying(peer: Peer) -> None:
    """Take a request, and die."""
    await peer.request()
    peer.reset()


async def lost(served: Served) -> None:
    """Wait until a connection was lost whose model server is known to have died."""
    await served.engine.until(lambda: served.engine.lost == [1])
    served.engine.move(1, 1, "crashed", "m1")


async def test_a_request_whose_model_server_dies_is_served_again(tmp_path: Path) -> None:
    saved = Asked()
    async with (
        upstream(dying, saved) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(CHAT)
        await lost(served)
        assert served.engine.ended == []
        served.engine.grant(1, attempt=2)
        response = await visitor.response()

        assert (response.status, response.body) == (200, b"ok")
        assert response.header("x-hotbay-retry") == "1"
        assert saved.bodies == [b'{"model":"m1","messages":[]}']
        assert served.engine.ended == [1]
        assert (await visitor.ask(CHAT)).header("x-hotbay-retry") is None
        assert served.books.said("granted") == [(1,), (2,)]
        assert served.books.said("waits") == [("crashed", ("m1",), 1)]
        assert served.books.end() == ("done", 200, "")
        assert (await served.books.rows())[0].attempts == 2


async def test_a_server_that_is_not_there_any_more_has_died_too(tmp_path: Path) -> None:
    saved = Asked()
    async with (
        upstream(saved) as up,
        serving(tmp_path, 9) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(CHAT)
        await lost(served)
        served.engine.port = up.port
        served.engine.grant(1, attempt=2)

        assert (await visitor.response()).body == b"ok"


async def test_a_changed_body_and_one_on_disk_are_sent_again(tmp_path: Path) -> None:
    saved = Asked()
    sound = form("alias-1").replace(b"sound", bytes(3 << 20))
    requests = [
        post(b'{"model":"any"}'),
        post(sound, "Content-Type: multipart/form-data; boundary=XX", path="/v1/images/edits"),
    ]
    settings = "selectors: {any: {strategy: pin, targets: [alias-1]}}\n"
    expected = [b'{"model":"alias-1"}', sound]
    for request in requests:
        async with (
            upstream(dying, saved) as up,
            serving(tmp_path, up.port, settings=settings) as served,
            served.visit() as visitor,
        ):
            served.engine.crashed = True
            await visitor.send(request)
            await lost(served)
            served.engine.grant(1, attempt=2)
            assert (await visitor.response()).status == 200

    assert saved.bodies == expected


async def test_a_second_death_is_reported_with_its_cause(tmp_path: Path) -> None:
    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(CHAT)
        await lost(served)
        served.engine.crashed = False
        served.engine.grant(1, attempt=2)
        response = await visitor.response()

        assert response.status == 502
        text = message(response)
        assert text == f"model m1: 127.0.0.1:{up.port} reset the connection before the response"
        assert served.engine.ended == []
        assert served.books.end() == ("failed", 502, text)
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_connection_that_breaks_while_its_server_lives_is_reported_with_its_cause(
    tmp_path: Path,
) -> None:
    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True  # it is found out later that it did not
        await visitor.send(CHAT)
        await served.engine.until(lambda: served.engine.lost == [1])
        served.engine.refuse(1, Refusal.BROKEN)
        response = await visitor.response()

        assert response.status == 502
        assert "reset the connection before the response" in message(response)
        assert served.books.end()[0] == "failed"


@pytest.mark.parametrize(
    ("refusal", "detail", "status", "text"),
    [
        (Refusal.START_FAILED, "exit status 1", 500, "unspecific error: exit status 1"),
        (Refusal.SHUTTING_DOWN, "", 500, "unspecific error: group is shutting down"),
        (Refusal.REMOVED, "", 404, "no router for requested model"),
    ],
)
async def test_a_restart_that_fails_is_reported(
    refusal: Refusal, detail: str, status: int, text: str, tmp_path: Path
) -> None:
    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(CHAT)
        await lost(served)
        served.engine.refuse(1, refusal, detail)
        response = await visitor.response()

        assert (response.status, message(response)) == (status, text)
        assert served.books.end() == ("failed", status, text)


async def test_nothing_is_sent_again_once_an_answer_has_begun(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        peer.reset()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(CHAT)
        with pytest.raises(Truncated):
            await visitor.response()

        assert (served.engine.lost, served.engine.ended) == ([], [1])
        assert served.books.end()[:2] == ("failed", 200)


async def test_a_server_that_speaks_nonsense_has_not_died(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"nonsense\r\n\r\n")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        assert (await visitor.ask(CHAT)).status == 502
        assert (served.engine.lost, served.engine.ended) == ([], [1])


async def test_a_server_that_is_too_slow_has_not_died(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        served.engine.timeouts["response_header"] = 0.05
        response = await visitor.ask(CHAT)

        assert response.status == 502
        assert "sent no response headers within 0.05 s" in message(response)
        assert (served.engine.lost, served.engine.ended) == ([], [1])


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"x", path="/upstream/m1/x"),
        get("/upstream/m1/x"),
        websocket("/upstream/m1/ws"),
        websocket("/props?model=m1"),
    ],
    ids=["streamed", "passed-through", "websocket-passed-through", "websocket"],
)
async def test_what_was_streamed_is_not_sent_again(request_bytes: bytes, tmp_path: Path) -> None:
    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        response = await visitor.ask(request_bytes)

        assert response.status == 502
        assert (served.engine.lost, served.engine.ended) == ([], [1])


async def test_a_client_that_leaves_before_the_second_attempt_frees_its_place(
    tmp_path: Path,
) -> None:
    async with upstream(dying) as up, serving(tmp_path, up.port, recording=True) as served:
        served.engine.crashed = True
        async with served.visit() as visitor:
            await visitor.send(CHAT)
            await lost(served)
        await served.engine.until(lambda: served.engine.departed == [1])

        assert served.engine.ended == []
        assert served.books.end() == ("cancelled by client", 499, "")


async def test_a_client_that_leaves_during_the_second_attempt_ends_it(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()

    async with upstream(dying, script) as up, serving(tmp_path, up.port) as served:
        served.engine.crashed = True
        async with served.visit() as visitor:
            await visitor.send(CHAT)
            await lost(served)
            served.engine.grant(1, attempt=2)
            await asked.wait()
        await served.engine.until(lambda: served.engine.ended == [1])

        assert served.engine.departed == []


async def test_a_server_that_went_again_in_the_moment_of_the_second_grant(tmp_path: Path) -> None:
    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        await visitor.send(CHAT)
        await lost(served)
        served.engine.targets[0] = "gone"
        served.engine.grant(1, attempt=2)

        assert (await visitor.response()).status == 503
        assert served.engine.ended == [1]


async def test_a_reset_on_a_connection_used_before_is_not_counted(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await dying(peer)

    async with (
        upstream(script, Asked()) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        for _ in range(2):
            response = await visitor.ask(CHAT)
            assert (response.body, response.header("x-hotbay-retry")) == (b"ok", None)

        assert served.engine.lost == []
        assert served.books.said("granted", 1) == [(1,)]


@pytest.mark.parametrize("refused", [True, False])
async def test_a_request_that_was_served_again_leaves_nothing_to_the_garbage_collector(
    refused: bool, tmp_path: Path
) -> None:
    """An error carries frames with it, and those the request."""
    scripts = [Asked()] if refused else [dying, Asked()]
    async with (
        upstream(*scripts) as up,
        serving(tmp_path, 9 if refused else up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.crashed = True
        gc.collect()
        gc.disable()
        try:
            await visitor.send(CHAT)
            await served.engine.until(lambda: served.engine.lost == [1])
            served.engine.port = up.port
            served.engine.grant(1, attempt=2)
            assert (await visitor.response()).body == b"ok"
            left = [item for item in gc.get_objects() if isinstance(item, Exchange | Relay)]
        finally:
            gc.enable()
        assert left == []
