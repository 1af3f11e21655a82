"""Requests for models through the whole application: names, peers, pass-throughs, traces.

What reaches the model servers is compared with spec/request-pipeline.md and spec/http-api.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.api.backend import Backend, answer, serving_backend
from tests.api.conftest import LIMIT, Answer, Serve, Served
from tests.journeys.conftest import command

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
FORM = (
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{}\r\n'
    '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
    "Content-Type: audio/wav\r\n\r\nxyz\r\n--b--\r\n"
)
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with serving_backend() as running:
        yield running


async def chat(served: Served, model: object, path: str = CHAT, **more: object) -> Answer:
    """POST a JSON request for a model."""
    return await served.ask("POST", path, JSON, {"model": model, **more})


async def rows(served: Served, count: int, **headers: str) -> list[dict[str, Any]]:
    """Return the rows of the activity log, the newest first, once there are so many."""
    async with asyncio.timeout(LIMIT):
        while True:
            answer = await served.get("/api/metrics/activity", **headers)
            listed: list[dict[str, Any]] = answer.json["data"]
            if len(listed) >= count:
                assert len(listed) == count
                return listed


def in_flight(served: Served) -> list[dict[str, Any]]:
    """Return what is listed in flight."""
    snapshot = served.app._services.activity.recorder.inflight.snapshot()
    listed: list[dict[str, Any]] = snapshot["requests"]
    return listed


# -- names -------------------------------------------------------------------------------------


async def test_the_example_of_the_pipeline(serve: Serve, backend: Backend) -> None:
    filters = {"stripParams": "top_p", "setParamsByID": {"fast-lily": {"effort": "low"}}}
    top = {
        "selectors": {"any": {"strategy": "pin", "targets": ["fast-lily"]}},
        "profiles": {"desk": {"pins": {"chat": "any"}}},
    }
    served = await serve(top, lily=backend.model(aliases=["fast-lily"], filters=filters))
    await served.ask("PUT", "/api/profiles/active", None, {"name": "desk"})
    headers = {**JSON, "Accept-Encoding": "br, gzip"}
    body = b'{"model":"chat","top_p":0.4,"stream":true,"n":1}'
    assert (await served.ask("POST", "/v/chat/completions", headers, body)).status == 200

    forwarded = backend.last
    assert forwarded.line == "POST /chat/completions"
    assert forwarded.header("accept-encoding") == "gzip"
    assert forwarded.body == b'{"model":"fast-lily","stream":true,"n":1,"effort":"low"}'
    [row] = await rows(served, 1)
    assert (row["model"], row["req_path"]) == ("lily", "/chat/completions")
    assert row["metadata"] == {"fifo_priority": "0", "selector": "any"}


async def test_a_pin_replaces_a_name_once_and_before_all_others(
    serve: Serve, backend: Backend
) -> None:
    pins = {"a": "b", "b": "a", "new": "any", "none": None}
    top = {
        "selectors": {"any": {"strategy": "pin", "targets": ["b"]}},
        "profiles": {"p": {"pins": pins}},
    }
    served = await serve(top, a=backend.model("/a"), b=backend.model("/b"))
    assert (await chat(served, "new")).status == 404
    await served.ask("PUT", "/api/profiles/active", None, {"name": "p"})
    for name, line in (("a", "/b"), ("b", "/a"), ("new", "/b")):
        assert (await chat(served, name)).status == 200
        assert backend.last.line == f"POST {line}{CHAT}"
        assert backend.last.json["model"] == line[1:]
    blocked = await chat(served, "none")
    assert (blocked.status, blocked.error) == (404, "no model id could be identified")


@pytest.mark.parametrize(
    ("headers", "target", "body", "line", "sent"),
    [
        (JSON, CHAT, b'{"x":1.0,"model":"any","y":"\\u00e9"}', CHAT,
         b'{"x":1.0,"model":"lily","y":"\\u00e9"}'),
        (MULTIPART, "/v1/images/edits?q", FORM.format("any").encode(), "/v1/images/edits?q",
         FORM.format("lily").encode()),
        (URLENCODED, "/infill", b"b=%7E&model=any&a=+1", "/infill", b"b=%7E&model=lily&a=+1"),
        ({}, "/infill?b=%7E&model=any&a=+1", b"raw", "/infill?b=%7E&model=lily&a=+1", b"raw"),
    ],
    ids=["json", "multipart", "urlencoded", "query"],
)  # fmt: skip
async def test_a_name_is_replaced_where_it_was_found(
    serve: Serve,
    backend: Backend,
    *,
    headers: dict[str, str],
    target: str,
    body: bytes,
    line: str,
    sent: bytes,
) -> None:
    top = {"selectors": {"any": {"strategy": "pin", "targets": ["lily"]}}}
    served = await serve(top, lily=backend.model())
    assert (await served.ask("POST", target, headers, body)).status == 200
    assert (backend.last.line, backend.last.body) == (f"POST {line}", sent)
    assert backend.last.header("content-length") == str(len(sent))


async def test_a_get_is_led_by_its_query(serve: Serve, backend: Backend) -> None:
    top = {"selectors": {"any": {"strategy": "pin", "targets": ["lily"]}}}
    served = await serve(top, lily=backend.model())
    assert (await served.get("/props?autoload=%20&model=any&z")).status == 200
    assert backend.last.line == "GET /props?autoload=%20&model=lily&z"
    assert (await served.ask("HEAD", "/props?model=lily")).status == 200
    assert backend.last.line == "HEAD /props?model=lily"
    assert (await served.get("/props")).error == "no model id could be identified"


async def test_unknown_names_leave_a_row_and_missing_ones_none(
    serve: Serve, backend: Backend
) -> None:
    served = await serve({"apiKeys": ["k"]}, lily=backend.model())
    key = {**JSON, "x-api-key": "k"}
    for body in ({}, {"model": ""}, {"model": None}):
        missing = await served.ask("POST", CHAT, key, body)
        assert (missing.status, missing.error) == (404, "no model id could be identified")
    assert (await chat(served, "lily")).status == 401
    unknown = await served.ask("POST", CHAT, key, {"model": "nobody"})
    assert (unknown.status, unknown.error) == (404, "no router for requested model")
    [row] = await rows(served, 1, x_api_key="k")
    assert (row["model"], row["resp_status_code"]) == ("nobody", 404)
    assert row["error_msg"] == "no router for requested model"
    assert "metadata" not in row


async def test_a_filter_that_cannot_be_applied_names_its_parameter(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lily=backend.model(filters={"setParams": {"tools.name": 1}}))
    failed = await chat(served, "lily", tools=[])
    assert failed.status == 500
    assert "tools.name" in failed.error
    assert backend.requests == []


# -- what passes both ways -----------------------------------------------------------------------


async def test_headers_of_the_model_server_pass_and_redirects_are_not_followed(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lily=backend.model())
    backend.answer = answer(
        b"", "Access-Control-Allow-Origin: https://a.example", "Location: /elsewhere",
        "Set-Cookie: a=1", "Set-Cookie: b=2", status="302 Found",
    )  # fmt: skip
    got = await served.ask("POST", CHAT, {**JSON, "Origin": "https://a.example"}, {"model": "lily"})
    assert (got.status, got.headers["Location"]) == (302, "/elsewhere")
    assert got.headers.get_all("Access-Control-Allow-Origin") == ["https://a.example"]
    assert got.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert len(backend.requests) == 1


async def test_credentials_reach_a_local_model_server(serve: Serve, backend: Backend) -> None:
    served = await serve({"apiKeys": ["k"]}, lily=backend.model("/base/"))
    headers = {**JSON, "Authorization": "Bearer k", "Cookie": "c=1", "X-Forwarded-For": "10.1.1.1"}
    assert (await served.ask("POST", f"{CHAT}?a=%2F", headers, {"model": "lily"})).status == 200
    forwarded = backend.last
    assert forwarded.line == f"POST /base{CHAT}?a=%2F"
    assert forwarded.header("authorization") == "Bearer k"
    assert forwarded.header("cookie") == "c=1"
    assert forwarded.header("host") == f"127.0.0.1:{served.port}"
    assert forwarded.header("x-forwarded-for") == "10.1.1.1, 127.0.0.1"


async def test_the_row_has_the_path_as_forwarded_and_the_list_as_requested(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lily=backend.model())
    backend.gate.clear()
    asking = asyncio.create_task(chat(served, "lily", "/audioapi/v1/tasks/run?x=1"))
    await backend.arrived.acquire()
    [entry] = in_flight(served)
    assert (entry["model"], entry["method"]) == ("lily", "POST")
    assert entry["req_path"] == "/audioapi/v1/tasks/run"
    assert entry["req_headers"]["Content-Type"] == "application/json"
    backend.gate.set()
    assert (await asking).status == 200
    assert backend.last.line == "POST /v1/tasks/run?x=1"
    [row] = await rows(served, 1)
    assert row["req_path"] == "/v1/tasks/run"
    assert in_flight(served) == []


# -- ends ----------------------------------------------------------------------------------------


async def test_a_request_that_is_cancelled_while_it_waits_gets_an_error(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lily=backend.model(checkEndpoint="/health"))
    backend.loading = True
    asking = asyncio.create_task(chat(served, "lily"))
    await served.logged(r"\[INFO\] lily: starting.*")
    [entry] = in_flight(served)
    cancelled = await served.ask("POST", f"/api/inflight/{entry['id']}/cancel")
    assert (cancelled.status, cancelled.json) == (200, {"msg": "ok"})
    got = await asking
    assert (got.status, "cancelled" in got.error) == (502, True)
    [row] = await rows(served, 1)
    assert (row["resp_status_code"], row["error_msg"]) == (502, got.error)
    assert row["metadata"] == {"fifo_priority": "0"}
    assert in_flight(served) == []


async def test_an_answer_that_is_cancelled_in_its_middle_breaks_off(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lily=backend.model())
    backend.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /props?model=lily HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(LIMIT):
        await reader.readuntil(b"one\r\n")
        [entry] = in_flight(served)
        assert entry["resp_bytes"] == 3
        assert (await served.ask("POST", f"/api/inflight/{entry['id']}/cancel")).status == 200
        with contextlib.suppress(ConnectionResetError):  # as visible
            assert await reader.read() == b""
    writer.close()
    again = await served.ask("POST", f"/api/inflight/{entry['id']}/cancel")
    assert (again.status, again.error) == (404, "inflight request not found")


async def test_a_selector_without_a_target_says_so(serve: Serve) -> None:
    top = {"selectors": {"any": {"strategy": "spillover", "targets": ["deaf"]}}}
    served = await serve(top, deaf={"cmd": command(deaf=1)})
    await served.use("any")
    unloading = asyncio.create_task(served.get("/unload"))
    await served.logged(r"\[\w+\] deaf: stopping.*")
    got = await chat(served, "any")
    message = 'selector "any" has no available spillover targets'
    assert (got.status, got.error) == (503, message)
    await unloading


async def test_a_trace_goes_on_at_the_model_server_as_it_came(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(a=backend.model())
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await served.ask("POST", CHAT, {**JSON, "traceparent": parent}, {"model": "a"})
    assert backend.last.header("traceparent") == parent


async def test_preloading_leaves_no_trace(serve: Serve, backend: Backend) -> None:
    top = {"hooks": {"on_startup": {"preload": ["mist"]}}}
    served = await serve(top, lily=backend.model(aliases=["mist"]))
    await served.logged(r"\[INFO\] lily: ready.*")
    assert in_flight(served) == []
    assert await rows(served, 0) == []


async def test_the_profile_plays_no_part_in_unloading(serve: Serve, backend: Backend) -> None:
    served = await serve({"profiles": {"p": {"pins": {"front": "lily", "lily": None}}}},
                         lily=backend.model(), rose=backend.model())  # fmt: skip
    await served.ask("PUT", "/api/profiles/active", None, {"name": "p"})
    missing = await served.ask("POST", "/api/models/unload/front")
    assert (missing.status, missing.error) == (404, "model not found")
    await served.use("front")
    assert (await served.ask("POST", "/api/models/unload/lily")).body == b"OK"
    assert (await served.get("/running")).json["running"] == []


# -- peers ---------------------------------------------------------------------------------------


async def test_a_peer_is_asked_by_its_own_name_below_its_own_path(
    serve: Serve, backend: Backend
) -> None:
    filters = {"setParams": {"n": 1}, "setParamsByID": {"far/lab/kite": {"by": "full"}}}
    far = backend.peer("/gw/", models=["lab/kite"], apiKey="their-key", filters=filters)
    served = await serve({"apiKeys": ["our-key"], "peers": {"far": far}})
    headers = {
        **JSON, "Authorization": "Bearer our-key", "X-Forwarded-For": "10.1.1.1",
        "X-Forwarded-Proto": "https", "Forwarded": "for=10.1.1.1",
    }  # fmt: skip
    for name, by in (("far/lab/kite", {"by": "full"}), ("lab/kite", {})):
        got = await served.ask("POST", f"{CHAT}?a", headers, {"model": name})
        assert (got.status, got.body) == (200, b'{"ok":true}')
        forwarded = backend.last
        assert forwarded.line == f"POST /gw{CHAT}?a"
        assert forwarded.json == {"model": "lab/kite", "n": 1, **by}
        assert forwarded.header("host") == backend.url.removeprefix("http://")
        assert forwarded.header("authorization") == "Bearer their-key"
        assert forwarded.header("x-api-key") == "their-key"
        assert not [name for name, _ in forwarded.headers if "forwarded" in name]
    row, first = await rows(served, 2, x_api_key="our-key")
    assert (first["model"], row["model"]) == ("far/lab/kite", "lab/kite")
    assert row["req_path"] == CHAT
    assert "metadata" not in row


async def test_our_key_does_not_reach_a_peer_that_has_none(serve: Serve, backend: Backend) -> None:
    peers = {"far": backend.peer(models=["kite"])}
    served = await serve({"apiKeys": ["our-key"], "peers": peers})
    headers = {**JSON, "Authorization": "Bearer our-key", "x-api-key": "their-key"}
    for target in (CHAT, f"/upstream/kite{CHAT}"):
        assert (await served.ask("POST", target, headers, {"model": "kite"})).status == 200
        assert backend.last.header("authorization") is None
        assert backend.last.header("x-api-key") == "their-key"


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "line", "sent"),
    [
        ("GET", "/props?model=far/kite&x", {}, None, "/props?model=kite&x", b""),
        ("POST", "/v1/images/edits", MULTIPART, FORM.format("far/kite").encode(),
         "/v1/images/edits", FORM.format("kite").encode()),
    ],
    ids=["query", "multipart"],
)  # fmt: skip
async def test_the_name_for_a_peer_is_replaced_in_every_kind_of_request(
    serve: Serve,
    backend: Backend,
    *,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes | None,
    line: str,
    sent: bytes,
) -> None:
    served = await serve({"peers": {"far": backend.peer(models=["kite"])}})
    assert (await served.ask(method, target, headers, body)).status == 200
    assert (backend.last.line, backend.last.body) == (f"{method} {line}", sent)


async def test_a_peer_that_does_not_answer_is_a_bad_gateway(serve: Serve) -> None:
    served = await serve({"peers": {"far": {"proxy": "http://127.0.0.1:9", "models": ["kite"]}}})
    for target in (CHAT, f"/upstream/kite{CHAT}"):
        got = await served.ask("POST", target, JSON, {"model": "kite"})
        assert got.status == 502
        assert got.error.startswith("peer proxy error: connection refused by 127.0.0.1:9")


async def test_a_peer_whose_url_leads_nowhere_is_a_bad_gateway(serve: Serve) -> None:
    served = await serve({"peers": {"far": {"proxy": "mailto:x", "models": ["kite"]}}})
    for target in (CHAT, f"/upstream/kite{CHAT}"):
        got = await served.ask("POST", target, JSON, {"model": "kite"})
        assert got.status == 502
        assert "'mailto:x' is not an http or https address" in got.error
        assert "far" in got.error


async def test_local_models_win_over_peers_and_ambiguous_names_are_unknown(
    serve: Serve, backend: Backend
) -> None:
    peers = {
        "p": backend.peer("/p", models=["m", "lily"]),
        "q": backend.peer("/q", models=["m", "p/m"]),
    }
    served = await serve({"peers": peers}, lily=backend.model("/local"))
    assert (await chat(served, "m")).error == "no router for requested model"
    for name, line in (("lily", "/local"), ("p/lily", "/p"), ("p/m", "/p"), ("q/p/m", "/q")):
        assert (await chat(served, name)).status == 200
        assert backend.last.line == f"POST {line}{CHAT}"


# -- pass-throughs -------------------------------------------------------------------------------


async def test_what_is_passed_through_arrives_as_it_was_sent(
    serve: Serve, backend: Backend
) -> None:
    settings = {"aliases": ["lab/alias"], "useModelName": "x", "filters": {"stripParams": "a"}}
    served = await serve({"selectors": {"any": {"strategy": "pin", "targets": ["lab"]}}},
                         lab=backend.model("/base", **settings))  # fmt: skip
    got = await served.ask("PATCH", "/upstream/lab%2Falias/f/a%2Fb?x=%20", JSON, b'{"a":1')
    assert (got.status, got.body) == (200, b'{"ok":true}')
    assert backend.last.line == "PATCH /base/f/a%2Fb?x=%20"
    assert backend.last.body == b'{"a":1'
    assert (await served.get("/upstream/lab/")).status == 200
    assert backend.last.line == "GET /base/"
    for unknown in ("/upstream/any/x", "/upstream/nobody/x", "/upstream/"):
        missing = await served.get(unknown)
        assert (missing.status, missing.error) == (404, "model not found")


async def test_a_body_that_is_passed_through_is_in_the_capture(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lab=backend.model())
    body = b'{"messages":[]}'
    assert (await served.ask("POST", f"/upstream/lab{CHAT}", JSON, body)).status == 200
    (row,) = await rows(served, 1)
    capture = (await served.get(f"/api/captures/{row['id']}")).json
    assert base64.b64decode(capture["req_body"]) == body


async def test_json_that_is_passed_through_may_be_as_large_as_any_body(
    serve: Serve, backend: Backend
) -> None:
    served = await serve({"limits": {"jsonBody": "1 KiB", "body": "8 KiB"}}, lab=backend.model())
    body = b'{"a":"' + b"x" * 4000 + b'"}'
    assert (await served.ask("POST", "/upstream/lab/x", JSON, body)).status == 200
    assert backend.last.body == body


async def test_a_body_is_passed_through_while_it_comes(serve: Serve, backend: Backend) -> None:
    seen = asyncio.Queue[bytes]()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while (piece := await reader.readuntil(b"\r\n")) != b"0\r\n":
            seen.put_nowait(await reader.readexactly(int(piece, 16) + 2))
        writer.write(answer())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(follow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    model = backend.model(proxy=f"http://127.0.0.1:{port}")
    served = await serve(lab=model)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    async with asyncio.timeout(LIMIT):
        head = "POST /upstream/lab/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        writer.write(head.encode() + b"\r\n")
        for piece in (b"one", b"three"):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            assert await seen.get() == piece + b"\r\n"
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200"
    writer.close()
    await writer.wait_closed()
    server.close()


async def test_a_bare_model_path_is_redirected(serve: Serve, backend: Backend) -> None:
    served = await serve({"apiKeys": ["k"]}, **{"two words": backend.model(aliases=["a/b"])})
    for method, target, status, location in (
        ("GET", "/upstream/two%20words?x=%20", 301, "/upstream/two%20words/?x=%20"),
        ("POST", "/upstream/a%2Fb", 308, "/upstream/a/b/"),
        ("GET", "/comfyui?x", 301, "/comfyui/?x"),
        ("DELETE", "/comfyui", 308, "/comfyui/"),
    ):
        got = await served.ask(method, target, {"x-api-key": "k"})
        assert (got.status, got.headers["Location"]) == (status, location)
        assert (await served.ask(method, target)).status == 401
    assert backend.requests == []


async def test_pins_count_for_paths_and_leave_bodies_alone(serve: Serve, backend: Backend) -> None:
    pins = {"front": "lab", "lab/deep": "lab", "gone": None}
    models = {"lab": backend.model("/lab"), "lab/deep": backend.model("/deep")}
    served = await serve({"profiles": {"p": {"pins": pins}}}, **models)
    await served.ask("PUT", "/api/profiles/active", None, {"name": "p"})
    for name in ("front", "lab/deep"):
        assert (await chat(served, name, f"/upstream/{name}{CHAT}")).status == 200
        assert backend.last.line == f"POST /lab{CHAT}"
        assert backend.last.json["model"] == name
    assert (await served.get("/upstream/gone/x")).error == "model not found"
    assert (await served.get("/upstream/frontier/x")).error == "model not found"


async def test_a_path_that_must_not_start_a_model_is_a_conflict(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lab=backend.model(aliases=["mist"]))
    refused = await served.get("/upstream/mist/app.js")
    message = "model lab is not loaded; path matches upstream.ignorePaths"
    assert (refused.status, refused.error) == (409, message)
    assert (await served.get("/running")).json["running"] == []
    assert (await served.get("/upstream/mist/")).status == 200
    assert (await served.get("/upstream/mist/app.js")).status == 200


async def test_only_model_routes_leave_a_trace_of_a_pass_through(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lab=backend.model())
    backend.gate.clear()
    targets = [("POST", CHAT), ("GET", "/props"), ("POST", "/tokenize"), ("GET", CHAT)]
    asking = [
        asyncio.create_task(served.ask(method, f"/upstream/lab{path}", {"Accept-Encoding": "br"}))
        for method, path in targets
    ]
    for _ in targets:
        await backend.arrived.acquire()
    listed = {(entry["method"], entry["req_path"]) for entry in in_flight(served)}
    assert listed == {("POST", CHAT), ("GET", "/props")}
    backend.gate.set()
    assert [got.status for got in await asyncio.gather(*asking)] == [200] * 4
    [row] = await rows(served, 1)
    assert (row["model"], row["req_path"]) == ("lab", CHAT)
    assert row["metadata"] == {"fifo_priority": "0"}
    encodings = {request.line: request.header("accept-encoding") for request in backend.requests}
    assert encodings.pop(f"POST {CHAT}") is None
    assert set(encodings.values()) == {"br"}


async def test_a_peers_name_is_replaced_in_what_is_passed_through(
    serve: Serve, backend: Backend
) -> None:
    peers = {"far": backend.peer("/gw", models=["kite"])}
    pins = {"front": "far/kite"}
    served = await serve({"peers": peers, "profiles": {"p": {"pins": pins}}})
    await served.ask("PUT", "/api/profiles/active", None, {"name": "p"})
    for name, model, sent in (
        ("far/kite", "far/kite", "kite"),
        ("front", "far/kite", "kite"),
        ("kite", "kite", "kite"),
        ("far/kite", "other", "other"),
    ):
        assert (await chat(served, model, f"/upstream/{name}/any")).status == 200
        assert backend.last.line == "POST /gw/any"
        assert backend.last.json == {"model": sent}
    assert (await served.get("/upstream/far/kite/x?model=far/kite")).status == 200
    assert backend.last.line == "GET /gw/x?model=kite"
    got = await served.ask("PUT", "/upstream/far/kite/x", {}, b"whatever it is")
    assert (got.status, backend.last.body) == (200, b"whatever it is")


async def test_comfyui_is_started_by_its_root_and_leaves_no_trace(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(comfyui_auto=backend.model("/base"))
    refused = await served.ask("POST", "/comfyui/prompt", JSON, {})
    message = "model comfyui_auto is not loaded; only /comfyui/ can start it"
    assert (refused.status, refused.error) == (409, message)
    assert (await served.get("/comfyui/?x=%20")).status == 200
    assert (await served.ask("POST", f"/comfyui{CHAT}?y=a%2Fb", JSON, {"model": "x"})).status == 200
    assert backend.lines == ["GET /base/?x=%20", f"POST /base{CHAT}?y=a%2Fb"]
    assert (await chat(served, "comfyui_auto")).status == 200
    [row] = await rows(served, 1)
    assert row["model"] == "comfyui_auto"


async def test_comfyui_without_its_model_is_not_found(serve: Serve, backend: Backend) -> None:
    served = await serve({"peers": {"far": backend.peer(models=["comfyui_auto"])}})
    missing = await served.get("/comfyui/")
    assert (missing.status, missing.error) == (404, "local model comfyui_auto not found")


# -- websockets ----------------------------------------------------------------------------------


class Socket:
    """A client that has asked for a websocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0

    async def wish(self, target: str, *, connection: str = "keep-alive, Upgrade") -> Socket:
        lines = [f"GET {target} HTTP/1.1", "Host: localhost", f"Connection: {connection}"]
        lines += ["Upgrade: h2c", "Upgrade: WebSocket", "", ""]
        self._writer.write("\r\n".join(lines).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split()[1])
        return self

    async def echo(self, data: bytes) -> bytes:
        """Send bytes and return what comes back."""
        self._writer.write(data)
        return await self._reader.readexactly(len(data))

    async def error(self) -> str:
        """Return the message of the refusal."""
        return str(json.loads(await self._reader.readuntil(b"}}"))["error"]["message"])

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def websocket(served: Served, target: str) -> Socket:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    async with asyncio.timeout(LIMIT):
        return await Socket(reader, writer).wish(target)


@pytest.mark.parametrize("target", ["/props?model=lab", "/upstream/lab/ws", "/upstream/kite/ws"])
async def test_a_websocket_is_proxied_on_every_route_that_proxies(
    serve: Serve, backend: Backend, target: str
) -> None:
    peers = {"far": backend.peer(models=["kite"])}
    served = await serve({"peers": peers}, lab=backend.model(concurrencyLimit=1))
    socket = await websocket(served, target)
    assert socket.status == 101
    assert await socket.echo(b"\x00\xff") == b"\x00\xff"
    assert backend.last.header("connection") == "Upgrade"
    assert backend.last.header("upgrade") == "h2c, WebSocket"
    if "lab" in target:  # it holds the place like any other request
        assert (await chat(served, "lab")).status == 429
    await socket.close()


async def test_an_ignored_websocket_starts_nothing_and_takes_no_place(
    serve: Serve, backend: Backend
) -> None:
    ignoring = {"compat": {"ignoreWebsockets": True}, "concurrencyLimit": 1}
    served = await serve(lab=backend.model(**ignoring))
    message = "model lab is not loaded; ignored websocket requests cannot start it"
    for target in ("/props?model=lab", "/upstream/lab/ws"):
        refused = await websocket(served, target)
        assert (refused.status, await refused.error()) == (409, message)
        await refused.close()
    assert (await chat(served, "lab")).status == 200
    sockets = [await websocket(served, "/props?model=lab") for _ in range(3)]
    assert [socket.status for socket in sockets] == [101] * 3
    assert in_flight(served) == []
    assert (await chat(served, "lab")).status == 200
    for socket in sockets:
        await socket.close()


async def test_a_websocket_does_not_start_comfyui_even_at_its_root(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(comfyui_auto=backend.model())
    for target in ("/comfyui/", "/comfyui/ws"):
        refused = await websocket(served, target)
        assert refused.status == 409
        assert "comfyui_auto is not loaded; ignored websocket" in await refused.error()
        await refused.close()
    assert (await served.get("/comfyui/")).status == 200
    socket = await websocket(served, "/comfyui/ws?clientId=1")
    assert await socket.echo(b"ping") == b"ping"
    assert backend.last.line == "GET /ws?clientId=1"
    await socket.close()
