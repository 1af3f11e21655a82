"""Keys, foreign pages and foreign names at the control plane (spec/http-api.md 2.3, design 7.8)."""

from __future__ import annotations

import base64
import re

import pytest
from tests.api.conftest import Serve

from hotbay.api.app import ROUTES

KEYS = {"apiKeys": ["first-key", "second:key"]}
OPEN = ["/", "/health", "/wol-health", "/favicon.ico", "/upstream"]
EVERY = [
    (method, re.sub(r"\{[^}]*\}", "1", route.path))
    for route in ROUTES
    for method in sorted(route.methods or ())
]
"""Every method of every route, so that none is forgotten."""
CONTROL = [(method, target) for method, target in EVERY if target not in OPEN]
CHANGING = [
    (method, target)
    for method, target in CONTROL
    if method not in {"GET", "HEAD"} or target == "/unload"
]


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(("method", "target"), CONTROL)
async def test_a_control_route_needs_a_key(serve: Serve, method: str, target: str) -> None:
    answer = await (await serve(KEYS, a={})).ask(method, target)
    assert answer.status == 401, target
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="llama-swap"'
    if method != "HEAD":
        assert answer.error == "unauthorized: invalid or missing API key"


@pytest.mark.parametrize("target", OPEN)
async def test_open_routes_need_none(serve: Serve, target: str) -> None:
    answer = await (await serve(KEYS)).get(target)
    # The icon is missing from a copy without the web UI.
    assert answer.status in {200, 302, 404 if target == "/favicon.ico" else 200}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer first-key"}, 200),
        ({"Authorization": "bEARER second:key"}, 200),
        ({"Authorization": basic("anybody:first-key")}, 200),
        ({"Authorization": basic(":second:key")}, 200),
        ({"x-api-key": "second:key"}, 200),
        ({"Authorization": basic("x:"), "x-api-key": "first-key"}, 200),
        ({"Authorization": "Basic %%%", "x-api-key": "first-key"}, 200),
        ({"Authorization": "first-key", "x-api-key": "first-key"}, 200),
        ({"Authorization": "Digest first-key"}, 401),
        ({"Authorization": "Bearer wrong", "x-api-key": "first-key"}, 401),
        ({"Authorization": "Bearer First-Key"}, 401),
        ({"Authorization": "Bearer  first-key"}, 401),
        ({"Authorization": "Bearer first-key2"}, 401),
        ({"Authorization": "first-key"}, 401),
        ({"x-api-key": ""}, 401),
    ],
)
async def test_the_first_usable_carrier_decides(
    serve: Serve, headers: dict[str, str], status: int
) -> None:
    served = await serve(KEYS)
    assert (await served.ask("GET", "/running", headers)).status == status
    assert "first-key" not in served.log


async def test_a_key_in_the_query_is_not_looked_at(serve: Serve) -> None:
    served = await serve(KEYS)
    assert (await served.get("/running?key=first-key&api_key=first-key")).status == 401


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize(("method", "target"), CHANGING)
@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_page_cannot_use_what_changes_something(
    serve: Serve, method: str, target: str, headers: dict[str, str]
) -> None:
    answer = await (await serve(a={})).ask(method, target, headers)
    assert answer.status == 403
    if method != "HEAD":
        assert "access.allowedOrigins" in answer.error


async def test_a_foreign_page_stops_nothing(serve: Serve) -> None:
    served = await serve(a={})
    await served.use("a")
    for method, target in CHANGING:
        await served.ask(method, target, {"Origin": "https://evil.example"})
    assert [s["state"] for s in (await served.get("/running")).json["running"]] == ["ready"]


async def test_an_allowed_origin_may(serve: Serve) -> None:
    served = await serve({"access": {"allowedOrigins": ["https://Chat.example"]}}, a={})
    allowed = {"Origin": "https://chat.EXAMPLE", "Sec-Fetch-Site": "cross-site"}
    assert (await served.ask("GET", "/unload", allowed)).status == 200
    assert (await served.ask("GET", "/unload", {"Origin": "https://chat.example:1"})).status == 403


async def test_the_servers_own_pages_may(serve: Serve) -> None:
    served = await serve(a={})
    own = {"Origin": f"http://127.0.0.1:{served.port}"}
    assert (await served.ask("POST", "/api/models/unload", own)).status == 200
    for site in ("same-origin", "none"):
        assert (await served.ask("GET", "/unload", {"Sec-Fetch-Site": site})).status == 200


async def test_a_foreign_page_may_read_and_infer(serve: Serve) -> None:
    served = await serve(a={})
    foreign = {"Origin": "https://chat.example", "Content-Type": "application/json"}
    assert (await served.ask("GET", "/v1/models", foreign)).status == 200
    answer = await served.ask("POST", "/v1/chat/completions", foreign, {"model": "a"})
    assert answer.status == 200


async def test_a_foreign_name_is_refused_on_loopback_only(serve: Serve) -> None:
    foreign = {"Host": "evil.example"}
    served = await serve(a={})
    answer = await served.ask("GET", "/health", foreign)
    assert answer.status == 403
    assert "access.allowedHosts" in answer.error
    for host in ("localhost", "LOCALHOST:1", "ui.localhost", "127.0.0.5:80", "[::1]:8080"):
        assert (await served.ask("GET", "/health", {"Host": host})).status == 200
    open_to_all = await serve(a={}, loopback=False)
    assert (await open_to_all.ask("GET", "/health", foreign)).status == 200


async def test_a_host_can_be_allowed(serve: Serve) -> None:
    served = await serve({"access": {"allowedHosts": ["llm.example"]}})
    assert (await served.ask("GET", "/health", {"Host": "LLM.example:8080"})).status == 200
