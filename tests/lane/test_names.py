"""Which model a request is led to, and what of it is another one then (request-pipeline 1 to 7)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.lane.serving import Asked, get, message, post, serving
from tests.lane.upstreams import SWITCHED, Peer, upstream

from hotbay.core.effects import Refusal

NAMES = """
models:
  m1: {cmd: serve, proxy: "http://127.0.0.1:9", aliases: [alias-1]}
  m2:
    cmd: serve
    proxy: "http://127.0.0.1:9"
    aliases: [alias-2]
    useModelName: acme/two
    filters:
      stripParams: "temperature"
      setParams: {top_k: 20, "opts.fast": true}
      setParamsByID: {"m2:high": {effort: high}, alias-2: {top_k: 5}}
  x--XX: {cmd: serve, proxy: "http://127.0.0.1:9"}
selectors:
  any: {strategy: pin, targets: [alias-1]}
  other: {strategy: warm, targets: [m2]}
profiles:
  desk:
    pins: {chat: m1, sel: any, m1: m2, m2: m1, none: "", end: x--XX}
"""
NOT_NAMED = "no model id could be identified"
UNKNOWN = "no router for requested model"


def form(name: str) -> bytes:
    return (
        f"--XX\r\nContent-Disposition: form-data; name=file; filename=a.wav\r\n"
        f"Content-Type: audio/wav\r\n\r\nsound\r\n--XX\r\n"
        f'Content-Disposition: form-data; name="model"\r\n\r\n{name}\r\n--XX--\r\n'
    ).encode()


# -- profiles ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "model", "written"),
    [
        ("chat", "m1", "m1"),
        ("m1", "m2", "acme/two"),  # a pin comes before a real model, and is looked up once
        ("sel", "m1", "alias-1"),  # and may name a selector
        ("alias-1", "m1", "alias-1"),  # the pin of the model is not the pin of its alias
    ],
)
async def test_a_pin_of_the_active_profile_replaces_the_name(
    asked: str, model: str, written: str, tmp_path: Path
) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=NAMES) as served,
        served.visit() as visitor,
    ):
        assert served.profile.select("desk")
        response = await visitor.ask(post(json.dumps({"model": asked}).encode()))

        assert response.status == 200
        assert served.engine.targets == [model]
        assert json.loads(server.bodies[0])["model"] == written


async def test_pins_of_a_profile_that_is_not_active_count_for_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES) as served, served.visit() as visitor:
        response = await visitor.ask(post(b'{"model":"chat"}'))

        assert (response.status, message(response)) == (404, UNKNOWN)


async def test_a_blocked_name_is_no_name_and_leaves_no_trace(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        served.profile.select("desk")
        response = await visitor.ask(post(b'{"model":"none"}'))

        assert (response.status, message(response)) == (404, NOT_NAMED)
        assert served.books.begun == []
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_profile_that_changes_while_a_request_waits_does_not_concern_it(
    tmp_path: Path,
) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=NAMES) as served,
        served.visit() as visitor,
    ):
        served.profile.select("desk")
        served.engine.holding = True
        await visitor.send(post(b'{"model":"chat"}'))
        await served.engine.asked()
        served.profile.select(None)
        served.engine.grant(1)

        assert (await visitor.response()).status == 200
        assert server.bodies == [b'{"model":"m1"}']


# -- where the name is replaced ------------------------------------------------------------------


async def test_a_new_name_is_written_where_the_old_one_was(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=NAMES) as served,
        served.visit() as visitor,
    ):
        served.profile.select("desk")
        multipart = "Content-Type: multipart/form-data; boundary=XX"
        encoded = "Content-Type: application/x-www-form-urlencoded"
        requests = [
            post(b'{"n":1.0, "model" : "chat","x":12345678901234567890}'),
            post(form("chat"), multipart, path="/v1/audio/transcriptions"),
            post(b"a=%20&model=chat&b", encoded, path="/completion"),
            post(b"raw", "Content-Type: text/x", path="/completion?a=%20&model=chat&b"),
            get("/props?b=1&model=chat&a=+"),
        ]
        for request in requests:
            assert (await visitor.ask(request)).status == 200

        assert json.loads(server.bodies[0]) == {"n": 1.0, "model": "m1", "x": 12345678901234567890}
        assert b"12345678901234567890" in server.bodies[0]
        assert server.bodies[1:] == [form("m1"), b"a=%20&model=m1&b", b"raw", b""]
        assert server.targets[3:] == ["/completion?a=%20&model=m1&b", "/props?b=1&model=m1&a=+"]
        lengths = [server.fields(n).get("content-length") for n in range(5)]
        assert lengths == [*(str(len(body)) for body in server.bodies[:4]), None]
        assert set(served.engine.targets) == {"m1"}


async def test_a_name_that_would_end_its_part_of_the_form_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        served.profile.select("desk")
        kind = "Content-Type: multipart/form-data; boundary=XX"
        response = await visitor.ask(post(form("end"), kind, path="/v1/audio/transcriptions"))

        assert response.status == 400
        assert "'x--XX' contains the boundary" in message(response)
        (row,) = await served.books.rows()
        assert (row.model, row.status, row.outcome) == ("x--XX", 400, "refused")


# -- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        ("m2", {"top_k": 20}),
        ("alias-2", {"top_k": 5}),
        ("m2:high", {"top_k": 20, "effort": "high"}),  # the key is an alias too
        ("other", {"top_k": 20}),  # a selector, whose target is what counts
    ],
)
async def test_filters_see_the_name_after_profile_and_selector(
    asked: str, settings: dict[str, object], tmp_path: Path
) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=NAMES) as served,
        served.visit() as visitor,
    ):
        served.engine.choices["other"] = "m2", "m2"
        body = json.dumps({"model": asked, "temperature": 1, "n": 1})
        assert (await visitor.ask(post(body.encode()))).status == 200

        expected = {"model": "acme/two", "n": 1, "opts": {"fast": True}, **settings}
        assert json.loads(server.bodies[0]) == expected
        assert served.engine.targets == ["m2"]


async def test_a_multipart_form_gets_the_name_that_the_model_server_knows(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=NAMES) as served,
        served.visit() as visitor,
    ):
        kind = "Content-Type: multipart/form-data; boundary=XX"
        await visitor.ask(post(form("m2"), kind, path="/v1/audio/transcriptions"))
        await visitor.ask(get("/props?model=m2"))

        assert server.bodies[0] == form("acme/two")
        assert server.targets[1] == "/props?model=m2"


@pytest.mark.parametrize("name", ["m2", "other"])
async def test_a_filter_that_cannot_be_applied_gives_the_place_back(
    name: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        served.engine.choices["other"] = "m2", "m2"
        served.engine.holding = True
        body = json.dumps({"model": name, "opts": [1]}).encode()
        response = await visitor.ask(post(body))

        assert response.status == 500
        assert "opts.fast" in message(response)
        assert served.engine.departed == [1]
        assert served.books.end()[:2] == ("failed", 500)
        served.engine.holding = False
        assert (await visitor.ask(post(body))).status == 500  # granted in the same moment
        assert (await visitor.ask(get("/health"))).status == 200


# -- unknown names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_bytes", "status", "text"),
    [
        (post(b'{"model":""}'), 404, NOT_NAMED),
        (post(b'{"model":null}'), 404, NOT_NAMED),
        (post(b"[]"), 404, NOT_NAMED),
        (post(b""), 400, "not valid JSON"),
        (post(b'{"model":"m1"'), 400, "not valid JSON"),
        (post(b"x", "Content-Type: multipart/form-data"), 400, "boundary"),
        (post(b"x", "Content-Type: text/x"), 404, NOT_NAMED),
        (get("/props?model="), 404, NOT_NAMED),
    ],
)
async def test_a_request_without_a_name_leaves_no_trace(
    request_bytes: bytes, status: int, text: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        response = await visitor.ask(request_bytes)

        assert response.status == status
        assert text in message(response)
        assert served.books.begun == []
        assert served.engine.targets == []
        assert (await visitor.ask(get("/health"))).status == 200


async def test_an_unknown_name_leaves_a_row(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        response = await visitor.ask(post(b'{"model":"nobody"}'))

        assert (response.status, message(response)) == (404, UNKNOWN)
        (row,) = await served.books.rows()
        assert (row.model, row.status, row.outcome, row.error) == (
            "nobody",
            404,
            "refused",
            UNKNOWN,
        )


# -- selectors -----------------------------------------------------------------------------------


async def test_a_selectors_target_is_noted_with_the_selector(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=NAMES, recording=True) as served,
        served.visit() as visitor,
    ):
        assert (await visitor.ask(post(b'{"model":"any"}'))).status == 200

        (about,) = served.books.begun
        assert (about.model, about.requested, about.selector) == ("m1", "alias-1", "any")
        assert "selector: id=any target=alias-1" in served.notes


async def test_a_selector_without_a_target_says_why_and_leaves_a_row(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        reason = 'selector "any" has no available spillover targets'
        served.engine.refusing = Refusal.NO_TARGET, reason
        response = await visitor.ask(post(b'{"model":"any"}'))

        assert (response.status, message(response)) == (503, reason)
        (row,) = await served.books.rows()
        assert (row.model, row.metadata, row.error) == ("any", {"selector": "any"}, reason)


async def test_a_refusal_of_a_selector_names_it(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.TOO_SLOW, "7.0"
        response = await visitor.ask(post(b'{"model":"any"}', "X-Request-Timeout: 5"))

        assert response.status == 503
        assert "any would need about 7.0 s" in message(response)


async def test_a_target_that_a_reload_took_away_gives_the_place_back(tmp_path: Path) -> None:
    async with serving(tmp_path, models=NAMES, recording=True) as served, served.visit() as visitor:
        served.engine.choices["any"] = "removed", "removed"
        for holding in (True, False):
            served.engine.holding = holding
            response = await visitor.ask(post(b'{"model":"any"}'))
            assert (response.status, message(response)) == (404, UNKNOWN)

        assert served.engine.departed == [1, 2]


# -- websockets ------------------------------------------------------------------------------------

IGNORING = NAMES.replace("useModelName", "compat: {ignoreWebsockets: true}\n    useModelName")


def websocket(path: str) -> bytes:
    return get(path, "Connection: Upgrade", "Upgrade: websocket")


@pytest.mark.parametrize("name", ["m2", "alias-2", "other"])
async def test_a_websocket_that_its_model_ignores_leaves_no_trace(
    name: str, tmp_path: Path
) -> None:
    async def switch(peer: Peer) -> None:
        await peer.answer(SWITCHED)
        await peer.gone()

    async with (
        upstream(switch) as up,
        serving(tmp_path, up.port, models=IGNORING, recording=True) as served,
    ):
        served.engine.choices["other"] = "m2", "m2"
        async with served.visit() as visitor:
            assert (await visitor.ask(websocket(f"/props?model={name}"))).status == 101
        await served.engine.until(lambda: served.engine.ended == [1])
        served.engine.refusing = Refusal.NOT_READY, ""
        async with served.visit() as visitor:
            response = await visitor.ask(websocket(f"/props?model={name}"))
            assert response.status == 409
            model = "other" if name == "other" else "m2"
            text = f"model {model} is not loaded; ignored websocket requests cannot start it"
            assert message(response) == text

        assert served.books.begun == []


async def test_other_websockets_are_listed(tmp_path: Path) -> None:
    async with serving(tmp_path, models=IGNORING, recording=True) as served:
        served.engine.holding = True
        async with served.visit() as visitor:
            await visitor.send(websocket("/props?model=m1"))
            await served.engine.asked()
        await served.engine.until(lambda: served.engine.departed == [1])

        assert [(about.model, about.recorded) for about in served.books.begun] == [("m1", False)]
        assert served.books.end() == ("cancelled by client", 499, "")
