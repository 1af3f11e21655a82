"""What a peer is asked, and what a client is told of it (spec/http-api.md 5.2)."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from tests.lane.serving import OK, Asked, get, message, post, serving
from tests.lane.test_names import form
from tests.lane.upstreams import Peer, upstream

KEYS = "apiKeys: [our-key]\n"
OUR_KEY = "Authorization: Bearer our-key"


def models(port: int, *settings: str) -> str:
    """Return a configuration with two peers, of which `far` has these settings as well."""
    lines = "".join(f"    {line}\n" for line in settings)
    return f"""
models:
  m1: {{cmd: serve, proxy: "http://127.0.0.1:9"}}
peers:
  far:
    proxy: "http://127.0.0.1:{port}/gw"
    models: [big, "org/deep", twice]
{lines}
  near:
    proxy: "http://127.0.0.1:9"
    models: [twice]
selectors:
  any: {{strategy: spillover, targets: [m1, far/big]}}
profiles:
  desk: {{pins: {{chat: far/big}}}}
"""


# -- headers -------------------------------------------------------------------------------------


async def test_a_peer_is_asked_below_its_own_path_as_its_own_host(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port)) as served,
        served.visit() as visitor,
    ):
        request = post(
            b'{"model":"big"}',
            "Forwarded: for=192.0.2.1",
            "X-Forwarded-For: 192.0.2.1",
            "X-Forwarded-Host: secret.example",
            "X-Forwarded-Proto: https",
            "X-Real: kept",
            path="/v/chat/completions?a=%20",
        )
        assert (await visitor.ask(request)).body == b"ok"

        assert server.targets == ["/gw/chat/completions?a=%20"]
        assert server.bodies == [b'{"model":"big"}']
        fields = server.fields()
        assert fields["host"] == f"127.0.0.1:{up.port}"
        assert fields["x-real"] == "kept"
        assert not [name for name in fields if name.startswith(("forwarded", "x-forwarded"))]
        assert served.engine.targets == []


async def test_the_key_of_the_peer_replaces_what_the_client_sent(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port, "apiKey: theirs"), settings=KEYS) as served,
        served.visit() as visitor,
    ):
        for headers in ([OUR_KEY], [OUR_KEY, "X-Api-Key: mine"], ["X-Api-Key: our-key"]):
            assert (await visitor.ask(post(b'{"model":"big"}', *headers))).status == 200
            fields = server.fields()
            assert fields["authorization"] == "Bearer theirs"
            assert fields["x-api-key"] == "theirs"


BASIC = base64.b64encode(b"me:our-key").decode()


@pytest.mark.parametrize("header", [OUR_KEY, "X-Api-Key: our-key", f"Authorization: Basic {BASIC}"])
@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/far/big/v1/completions", "/props"])
async def test_a_key_of_ours_never_reaches_a_peer(header: str, path: str, tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port), settings=KEYS) as served,
        served.visit() as visitor,
    ):
        cookie = "Cookie: key=our-key; theme=dark"
        if path == "/props":
            request = get("/props?model=far/big", header, cookie)
        else:
            request = post(b'{"model":"far/big"}', header, cookie, path=path)
        assert (await visitor.ask(request)).status == 200

        sent = server.requests[0][0]
        assert b"our-key" not in sent
        assert BASIC.encode() not in sent


async def test_a_clients_own_key_for_a_peer_goes_on(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port), settings=KEYS) as served,
        served.visit() as visitor,
    ):
        await visitor.ask(post(b'{"model":"big"}', OUR_KEY, "X-Api-Key: for-the-peer"))

        assert server.fields()["x-api-key"] == "for-the-peer"
        assert "authorization" not in server.fields()


# -- names ---------------------------------------------------------------------------------------


async def test_a_peer_is_asked_for_its_own_name(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port)) as served,
        served.visit() as visitor,
    ):
        served.profile.select("desk")
        multipart = "Content-Type: multipart/form-data; boundary=XX"
        requests = [
            post(b'{"model":"far/org/deep","n":1}'),
            post(b'{"model":"chat"}'),
            post(form("far/big"), multipart, path="/v1/audio/transcriptions"),
            get("/props?a=1&model=far%2Fbig&b=%20"),
        ]
        for request in requests:
            assert (await visitor.ask(request)).status == 200

        assert server.bodies[:2] == [b'{"model":"org/deep","n":1}', b'{"model":"big"}']
        assert server.bodies[2] == form("big")
        assert server.targets[3] == "/gw/props?a=1&model=big&b=%20"


async def test_filters_of_a_peer_apply_to_the_name_as_asked(tmp_path: Path) -> None:
    server = Asked()
    filters = "filters: {setParams: {n: 2}, setParamsByID: {far/big: {m: 3}}, stripParams: t}"
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port, filters)) as served,
        served.visit() as visitor,
    ):
        await visitor.ask(post(b'{"model":"far/big","t":1}'))
        await visitor.ask(post(b'{"model":"big","t":1}'))

        assert [json.loads(body) for body in server.bodies] == [
            {"model": "big", "n": 2, "m": 3},
            {"model": "big", "n": 2},
        ]


async def test_a_bare_name_of_two_peers_is_unknown(tmp_path: Path) -> None:
    async with serving(tmp_path, models=models(9)) as served, served.visit() as visitor:
        response = await visitor.ask(post(b'{"model":"twice"}'))

        assert (response.status, message(response)) == (404, "no router for requested model")


async def test_a_selector_may_choose_a_peer_and_gets_its_place_back(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port), recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.choices["any"] = "far/big", ""
        response = await visitor.ask(post(b'{"model":"any"}'))

        assert response.status == 200
        assert server.bodies == [b'{"model":"big"}']
        assert served.engine.ended == [1]
        (row,) = await served.books.rows()
        assert (row.model, row.metadata) == ("far/big", {"selector": "any"})
        assert "dispatch: using peer for model: far/big" in served.notes
        assert not [line for line in served.notes if "local process" in line]


async def test_a_chosen_peer_that_fails_gives_its_place_back_and_is_not_asked_again(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, models=models(9)) as served, served.visit() as visitor:
        served.engine.choices["any"] = "far/big", ""
        response = await visitor.ask(post(b'{"model":"any"}'))

        assert response.status == 502
        assert (served.engine.ended, served.engine.lost) == ([1], [])


# -- failures --------------------------------------------------------------------------------------


async def test_a_peer_that_is_not_there_is_a_bad_gateway_that_names_it(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, models=models(9), recording=True) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(post(b'{"model":"big"}'))

        assert response.status == 502
        text = message(response)
        assert text == "peer proxy error: connection refused by 127.0.0.1:9 (peer far)"
        assert [line for line in served.notes if line.startswith("peer far: proxy error: ")]
        (row,) = await served.books.rows()
        assert (row.status, row.outcome, row.error, row.metadata) == (502, "failed", text, {})
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_peer_that_breaks_off_before_its_head_is_not_asked_again(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()

    async with (
        upstream(script) as up,
        serving(tmp_path, models=models(up.port)) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(post(b'{"model":"big"}'))

        assert response.status == 502
        assert "closed the connection before the response (peer far)" in message(response)
        assert up.connections == 1


async def test_a_peer_has_a_time_for_its_head(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    settings = models(9, "timeouts: {responseHeader: 1}")
    async with upstream(script) as up:
        settings = settings.replace("127.0.0.1:9/gw", f"127.0.0.1:{up.port}/gw")
        async with serving(tmp_path, models=settings) as served, served.visit() as visitor:
            response = await visitor.ask(post(b'{"model":"big"}'))

            assert response.status == 502
            assert "sent no response headers within 1 s (peer far)" in message(response)


async def test_a_client_that_leaves_ends_its_request_to_a_peer(tmp_path: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()
        left.set()

    async with (
        upstream(script) as up,
        serving(tmp_path, models=models(up.port), recording=True) as served,
        served.visit() as visitor,
    ):
        await visitor.send(post(b'{"model":"big"}'))
        await asked.wait()
        visitor.leave()
        async with asyncio.timeout(1):
            await left.wait()

        assert served.books.end() == ("cancelled by client", 499, "")


async def test_an_answer_of_a_peer_is_passed_on(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
    server = Asked(answer + b"X-Request-ID: theirs\r\nContent-Length: 2\r\n\r\nno", OK)
    async with (
        upstream(server) as up,
        serving(tmp_path, models=models(up.port), recording=True) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(post(b'{"model":"big"}', "X-Request-ID: mine"))

        assert (response.status, response.body) == (429, b"no")
        assert response.header("retry-after") == "7"
        assert [value for name, value in response.headers if name == "set-cookie"] == ["a", "b"]
        assert [v for n, v in response.headers if n.lower() == "x-request-id"] == ["mine"]
        assert server.fields()["x-request-id"] == "mine"
        assert served.books.end() == ("failed", 429, "")
