"""Preflights, unknown paths, wrong methods, clean-up (spec/http-api.md 2.1 and 2.2)."""

from __future__ import annotations

import json
import threading
from typing import Any, cast

import pytest
from tests.api.conftest import Serve

from hotbay.api.app import create_app
from hotbay.api.services import Services

STANDARD = "Content-Type, Authorization, Accept, X-Requested-With"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1/models",
        "/api/models/unload/a",
        "/v1/chat/completions",
        "/upstream/a/x",
        "/comfyui/",
        "/nowhere",
        "//a/../b",
        "*",
    ],
)
async def test_any_preflight_is_answered_here(serve: Serve, target: str) -> None:
    served = await serve({"apiKeys": ["k"]}, a={})
    answer = await served.ask("OPTIONS", target, {"Origin": "https://chat.example"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    methods = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    assert answer.headers["Access-Control-Allow-Methods"] == methods
    assert answer.headers["Access-Control-Allow-Headers"] == STANDARD
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert "starting" not in served.log


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("", STANDARD),
        ("x-a, b@d , X-B", "x-a, X-B"),
        ("x-a", "x-a"),
        (",, x-a ,", "x-a"),
        ("b@d", ""),
        (" , ", ""),
        ("two words, x(y), ok", "ok"),
        ("!#$%&'*+-.^_`|~9aZ", "!#$%&'*+-.^_`|~9aZ"),
        ("gr\xfc\xdf, x-a", "x-a"),
    ],
)
async def test_a_preflight_allows_the_well_formed_names(
    serve: Serve, wanted: str, allowed: str
) -> None:
    served = await serve()
    headers = {"Access-Control-Request-Headers": wanted}
    answer = await served.ask("OPTIONS", "/v1/models", headers)
    assert answer.headers["Access-Control-Allow-Headers"] == allowed


async def test_other_requests_get_no_cors_headers(serve: Serve) -> None:
    served = await serve()
    for target in ("/health", "/running", "/nowhere", "/api/x/queue"):
        answer = await served.get(target, Origin="https://chat.example")
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("GET", "/api/models/unload", "POST"),
        ("HEAD", "/api/models/unload/a", "POST"),
        ("PUT", "/api/x/plan", "POST"),
        ("GET", "/v1/chat/completions", "POST"),
        ("GET", "/v1/audio/transcriptions", "POST"),
        ("POST", "/props", "GET, HEAD"),
        ("PUT", "/v1/audio/voices", "GET, HEAD, POST"),
        ("PATCH", "/logs/stream/a/b", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    serve: Serve, method: str, target: str, allow: str
) -> None:
    answer = await (await serve({"apiKeys": ["k"]})).ask(method, target)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "target",
    [
        "/nowhere",
        "/v1/models/",
        "/V1/models",
        "/v1%2Fmodels",
        "/health/",
        "/health%0A",
        "/running%00",
        "/v/audio/speech",
        "/api%2Fversion",
        "/api/models",
        "/logs/",
        "/logs/streams",
    ],
)
async def test_an_unknown_path_is_not_found_without_a_key(serve: Serve, target: str) -> None:
    answer = await (await serve({"apiKeys": ["k"]})).get(target)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b"llama-swap" not in answer.body


@pytest.mark.parametrize("target", ["/%761/models", "/v1/model%73", "/%68ealth"])
async def test_escapes_are_decoded_before_comparing(serve: Serve, target: str) -> None:
    assert (await (await serve()).get(target)).status == 200


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//health", "/health"),
        ("/v1//models?x=1&y=%2F", "/v1/models?x=1&y=%2F"),
        ("/v1/./models", "/v1/models"),
        ("/a/../v1/models/", "/v1/models/"),
        ("/../..", "/"),
        ("/logs/stream//a%2Fb/..%2Fc", "/logs/stream/a%2Fb/..%2Fc"),
        ("/upstream/m//x", "/upstream/m/x"),
        ("//evil.example/x", "/evil.example/x"),
        ("/..//evil.example", "/evil.example"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unclean_paths_are_redirected_with_query_and_escapes_kept(
    serve: Serve, method: str, target: str, location: str
) -> None:
    answer = await (await serve({"apiKeys": ["k"]})).ask(method, target)
    assert (answer.status, answer.headers["Location"]) == (307, location)


@pytest.mark.parametrize(
    "target", ["/v1/models", "/health", "/running", "/api/version", "/logs", "/api/x/queue"]
)
async def test_head_is_get_without_the_body(serve: Serve, target: str) -> None:
    served = await serve(a={})
    got, head = await served.get(target), await served.ask("HEAD", target)
    assert (head.status, head.body) == (200, b"")
    if target != "/logs":  # grows with every request
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


async def test_what_belongs_to_the_event_loop_is_looked_at_there_only(serve: Serve) -> None:
    served = await serve(a={})
    for target in ("/", "/health", "/v1/models", "/running", "/api/version", "/api/x/queue"):
        await served.get(target)
    await served.get("/logs")
    async with served.stream("/logs/stream"):
        # Where plain functions are run, if there are any among the routes.
        assert [t.name for t in threading.enumerate() if t.name.startswith("AnyIO")] == []


async def test_a_failure_of_ours_is_told_in_the_usual_form_and_reaches_the_log() -> None:
    app = create_app(cast("Services", None))  # every route that looks at them fails
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/running",
        "raw_path": b"/running",
        "query_string": b"",
        "headers": [],
    }
    with pytest.raises(AssertionError):
        await app(scope, receive, send)
    assert sent[0]["status"] == 500
    error = json.loads(sent[1]["body"])
    assert error["src"] == "llama-swap"
    assert error["error"]["message"].startswith("internal error: ")
