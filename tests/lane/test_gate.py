from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from tests.lane.heads import head_of

from hotbay.lane.gate import Control, Denied, GateRules, Redirect, Verdict, cleaned, judge
from hotbay.lane.routes import ModelRoute, PassRoute

SERVED = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/v1/models"),
    ("HEAD", "/v1/models"),
    ("GET", "/unload"),
    ("GET", "/ui"),
    ("GET", "/ui/"),
    ("GET", "/ui/assets/main.js"),
    ("POST", "/api/models/unload"),
    ("PUT", "/api/profiles/active"),
}
CHAT = "POST /v1/chat/completions"
RULES = GateRules(
    keys=(),
    loopback=True,
    allowed_hosts=frozenset({"box.lan"}),
    allowed_origins=frozenset({"https://ui.example"}),
    body=1000,
    json_body=100,
    serves=lambda method, path: (method, path) in SERVED,
)
LOCKED = replace(RULES, keys=(b"first", "zwölf".encode()))


def status(verdict: Verdict) -> int | None:
    return verdict.status if isinstance(verdict, Denied) else None


# -- where requests go -------------------------------------------------------------


def test_model_routes_go_to_the_lane() -> None:
    verdict = judge(head_of(CHAT), RULES)

    assert isinstance(verdict, ModelRoute)
    assert verdict.path == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("request_line", "path"),
    [
        ("GET /v1/models?x=1", "/v1/models"),
        ("GET /v1/mod%65ls", "/v1/models"),
        ("GET /v1%2Fmodels", "/v1%2Fmodels"),
        ("GET /nowhere", "/nowhere"),
        ("GET /v1/chat/completions", "/v1/chat/completions"),
        ("OPTIONS /v1/chat/completions", "/v1/chat/completions"),
        ("OPTIONS //x", "//x"),
    ],
)
def test_everything_else_goes_to_the_application(request_line: str, path: str) -> None:
    assert judge(head_of(request_line), RULES) == Control(path)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        (b"/a//b", b"/a/b"),
        (b"//a", b"/a"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/../../a", b"/a"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/a//", b"/a/"),
        (b"/..", b"/"),
        (b"//", b"/"),
        (b"/a//b%2F..%2f", b"/a/b%2F..%2f"),
        (b"/a", None),
        (b"/a/", None),
        (b"/", None),
        (b"/.hidden/x", None),
        (b"/a/...", None),
        (b"/a/..%2Fb", None),
        (b"/a/%2e%2e/b", None),
    ],
)
def test_paths_are_cleaned_as_sent(path: bytes, clean: bytes | None) -> None:
    assert cleaned(path) == clean


def test_an_unclean_path_is_redirected_with_its_query() -> None:
    assert judge(head_of("POST /v1//chat/completions?a=//"), RULES) == Redirect(
        b"/v1/chat/completions?a=//"
    )
    assert judge(head_of("GET //example.net/.."), RULES) == Redirect(b"/")


# -- keys --------------------------------------------------------------------------


def basic(text: str) -> str:
    return "authorization: Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        ["authorization: Bearer first"],
        ["authorization: bEARER first"],
        [basic("anybody:first")],
        [basic(":first")],
        [basic("me:zwölf")],
        ["x-api-key: first"],
        [basic("me:"), "x-api-key: first"],
        ["authorization: Basic %%%", "x-api-key: first"],
        [basic("no colon"), "x-api-key: first"],
        ["authorization: Digest first", "x-api-key: first"],
        ["authorization: first", "x-api-key: first"],
    ],
)
@pytest.mark.parametrize("request_line", [CHAT, "GET /v1/models", "GET /props"])
def test_a_key_opens(request_line: str, headers: list[str]) -> None:
    assert status(judge(head_of(request_line, *headers), LOCKED)) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["authorization: Bearer wrong", "x-api-key: first"],
        [basic("me:wrong"), "x-api-key: first"],
        [basic("first:")],
        ["authorization: Bearer  first"],
        ["authorization: Bearer FIRST"],
        ["authorization: Bearer firs"],
        ["authorization: Bearer"],
        ["x-api-key: "],
        ["x-api-key: first", "x-api-key: first"],
    ],
)
@pytest.mark.parametrize("request_line", [CHAT, "GET /v1/models", "HEAD /props", "GET /unload"])
def test_without_a_key_nobody_enters(request_line: str, headers: list[str]) -> None:
    assert judge(head_of(request_line, *headers), LOCKED) == Denied(
        401, "unauthorized: invalid or missing API key"
    )


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /",
        "GET /health",
        "OPTIONS /v1/models",
        "GET /nowhere",
        "GET /v1/chat/completions",
        "DELETE /v1/models",
        "GET /v1%2Fmodels",
    ],
)
def test_open_routes_preflights_404_and_405_need_no_key(request_line: str) -> None:
    assert isinstance(judge(head_of(request_line), LOCKED), Control)


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/assets/main.js"])
def test_a_browser_gets_the_page_that_asks_for_a_key(path: str) -> None:
    browser = "user-agent: Mozilla/5.0 (X11; Linux x86_64)"
    assert judge(head_of(f"GET {path}", browser), LOCKED) == Control(path)
    assert status(judge(head_of(f"GET {path}", "user-agent: curl/8.5.0"), LOCKED)) == 401
    assert status(judge(head_of("GET /v1/models", browser), LOCKED)) == 401


def test_clean_up_redirects_need_no_key() -> None:
    assert judge(head_of("GET //v1/models"), LOCKED) == Redirect(b"/v1/models")


# -- Host --------------------------------------------------------------------------

NAMES_OF_THIS_MACHINE = [
    "localhost",
    "localhost:8080",
    "LOCALHOST.",
    "ui.localhost:1",
    "127.0.0.1",
    "127.0.0.1:8080",
    "192.168.0.7:1",
    "[::1]",
    "[::1]:8080",
    "box.lan",
    "Box.Lan:8080",
]
FOREIGN_NAMES = ["evil.example", "evil.example:8080", "localhost.evil.example", "xlocalhost", "::"]


@pytest.mark.parametrize("host", NAMES_OF_THIS_MACHINE)
def test_names_of_this_machine_are_served_on_loopback(host: str) -> None:
    assert status(judge(head_of(CHAT, host=host), RULES)) is None


@pytest.mark.parametrize("host", [*FOREIGN_NAMES, ""])
@pytest.mark.parametrize("request_line", [CHAT, "GET /", "OPTIONS /x", "GET //x"])
def test_foreign_names_are_refused_on_loopback(request_line: str, host: str) -> None:
    verdict = judge(head_of(request_line, host=host), RULES)

    assert isinstance(verdict, Denied)
    assert verdict.status == 403
    assert "access.allowedHosts" in verdict.message


@pytest.mark.parametrize("host", FOREIGN_NAMES)
def test_elsewhere_every_name_is_served(host: str) -> None:
    assert status(judge(head_of(CHAT, host=host), replace(RULES, loopback=False))) is None


def test_the_host_of_an_absolute_target_counts() -> None:
    assert status(judge(head_of("GET http://evil.example/", host="localhost"), RULES)) == 403


# -- foreign web pages ---------------------------------------------------------------

CROSS_SITE = [
    ["sec-fetch-site: cross-site", "origin: https://evil.example"],
    ["sec-fetch-site: cross-site"],
    ["sec-fetch-site: same-site", "origin: http://localhost:3000"],
    ["origin: https://evil.example"],
    ["origin: null"],
    ["origin: http://localhost:8081"],
]
OWN = [
    [],
    ["sec-fetch-site: same-origin", "origin: https://proxy.example"],
    ["sec-fetch-site: none"],
    ["origin: http://localhost:8080"],
    ["sec-fetch-site: cross-site", "origin: https://ui.example"],
    ["origin: HTTPS://ui.example"],
]
CHANGING = ["GET /unload", "POST /api/models/unload", "PUT /api/profiles/active"]


@pytest.mark.parametrize("headers", CROSS_SITE)
@pytest.mark.parametrize("request_line", CHANGING)
def test_a_foreign_page_cannot_change_anything(request_line: str, headers: list[str]) -> None:
    verdict = judge(head_of(request_line, *headers), RULES)

    assert isinstance(verdict, Denied)
    assert verdict.status == 403
    assert "access.allowedOrigins" in verdict.message


@pytest.mark.parametrize("headers", OWN)
@pytest.mark.parametrize("request_line", CHANGING)
def test_own_pages_and_other_programs_can(request_line: str, headers: list[str]) -> None:
    assert isinstance(judge(head_of(request_line, *headers), RULES), Control)


@pytest.mark.parametrize("headers", CROSS_SITE)
@pytest.mark.parametrize("request_line", [CHAT, "GET /v1/models", "GET /props"])
def test_inference_and_reading_stay_open_to_every_page(
    request_line: str, headers: list[str]
) -> None:
    assert status(judge(head_of(request_line, *headers), RULES)) is None


# -- size --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "setting"),
    [
        (["content-length: 1001"], "limits.body"),
        (["content-length: 101", "content-type: application/json"], "limits.jsonBody"),
        (["content-length: 101", "content-type: Application/JSON; a=b"], "limits.jsonBody"),
    ],
)
@pytest.mark.parametrize("request_line", [CHAT, "POST /api/models/unload", "POST /nowhere"])
def test_a_body_over_the_limit_is_refused(
    request_line: str, headers: list[str], setting: str
) -> None:
    verdict = judge(head_of(request_line, *headers), RULES)

    assert isinstance(verdict, Denied)
    assert verdict.status == 413
    assert f"{setting} (" in verdict.message


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["content-length: 1000"],
        ["content-length: 100", "content-type: application/json"],
        ["content-length: 101", "content-type: application/problem+json"],
    ],
)
def test_a_body_within_the_limit_passes(headers: list[str]) -> None:
    assert isinstance(judge(head_of(CHAT, *headers), RULES), ModelRoute)


# -- pass-throughs -------------------------------------------------------------------

PASSED = ["GET /upstream/m/x", "POST /upstream/m/v1/messages", "PUT /comfyui/", "GET /comfyui"]


@pytest.mark.parametrize("request_line", PASSED)
def test_a_pass_through_takes_any_method(request_line: str) -> None:
    method, path = request_line.split()
    for other in (method, "DELETE", "PROPFIND"):
        assert isinstance(judge(head_of(f"{other} {path}"), RULES), PassRoute)


@pytest.mark.parametrize("request_line", PASSED)
def test_a_pass_through_needs_a_key(request_line: str) -> None:
    denied = Denied(401, "unauthorized: invalid or missing API key")
    assert judge(head_of(request_line), LOCKED) == denied
    for spelling in ("/%75pstream/m/x", "/upstrea%6D/m", "/%63omfyui"):
        assert judge(head_of(f"GET {spelling}"), LOCKED) == denied
    allowed = judge(head_of(request_line, "authorization: Bearer first"), LOCKED)
    assert isinstance(allowed, PassRoute)


@pytest.mark.parametrize("path", ["/upstream", "/upstream%2Fm/x", "/upstreams/m", "/x/upstream/m"])
def test_everything_else_is_no_pass_through(path: str) -> None:
    assert judge(head_of(f"GET {path}"), LOCKED) == Control(path)


def test_the_bare_upstream_is_open() -> None:
    rules = replace(LOCKED, serves=lambda method, path: (method, path) == ("GET", "/upstream"))
    assert judge(head_of("GET /upstream"), rules) == Control("/upstream")


def test_preflights_and_unclean_paths_come_before_a_pass_through() -> None:
    assert judge(head_of("OPTIONS /upstream/m/x"), LOCKED) == Control("/upstream/m/x")
    assert judge(head_of("POST /upstream/m//x"), LOCKED) == Redirect(b"/upstream/m/x")
    assert status(judge(head_of("GET /comfyui/", host="evil.example"), LOCKED)) == 403


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_a_foreign_page_may_read_through_a_pass_through_and_change_nothing(
    headers: list[str],
) -> None:
    def objection(request_line: str, *more: str) -> str:
        route = judge(head_of(request_line, *headers, *more), RULES)
        assert isinstance(route, PassRoute)
        return route.objection

    assert objection("GET /upstream/m/x") == objection("HEAD /comfyui/") == ""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert "access.allowedOrigins" in objection(f"{method} /upstream/m/slots/0")
    assert "access.allowedOrigins" in objection("GET /comfyui/ws", "upgrade: websocket")


@pytest.mark.parametrize("headers", OWN)
def test_own_pages_and_other_programs_may_do_all_through_a_pass_through(headers: list[str]) -> None:
    route = judge(head_of("POST /comfyui/prompt", *headers), RULES)
    assert route == PassRoute("comfyui", b"/prompt")


def test_what_is_passed_through_is_not_held_in_memory() -> None:
    json = "content-type: application/json"
    large = judge(head_of(PASSED[1], json, "content-length: 1000"), RULES)
    assert isinstance(large, PassRoute)
    too_large = judge(head_of(PASSED[1], json, "content-length: 1001"), RULES)
    assert isinstance(too_large, Denied)
    assert too_large.status == 413
    assert "limits.body (" in too_large.message
