"""What a web page of another site, open in the user's browser, can do: nothing that counts.

Browsers send such requests with the site's Origin. With DNS rebinding a site's name leads to this
machine, and its page looks like one of ours, but for the name in Host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.journeys.conftest import (
    Answer,
    Stream,
    answer_of,
    command,
    connect,
    free_port,
    get,
    post,
    together,
    up,
)
from tests.journeys.program import Program, serving

from hotbay.api.app import ROUTES

EVIL = "http://evil.example"
CROSS_SITE = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
REBOUND = {"Host": "evil.example", "Origin": EVIL, "Sec-Fetch-Site": "same-origin"}
BODIES = {
    "/api/profiles/active": {"name": "other"},
    "/api/x/log-level": {"level": "error"},
    "/api/x/plan": {"model": "b"},
}
CHANGING = [
    (method, route.path)
    for route in ROUTES
    for method in sorted(route.methods or ())
    if (method not in {"GET", "HEAD"} or route.path == "/unload") and route.path != "/upstream"
]
"""Every route of the application that could change something."""
SPELLINGS = [
    ("GET", "/unload/"),
    ("GET", "/%75nload"),
    ("GET", "//unload"),
    ("GET", "/ui/../unload"),
    ("GET", "/unload?x=1"),
    ("GET", "http://evil.example/unload"),
    ("POST", "/unload"),
    ("POST", "/api/./models/unload"),
    ("POST", "/api/models/unload/"),
    ("POST", "/api/models/unload/%61"),
    ("POST", "/api%2Fmodels%2Funload"),
    ("OPTIONS", "/unload"),
]
PASSED_THROUGH = [
    ("POST", "/upstream/a/slots/0?action=erase"),
    ("PUT", "/upstream/a/settings"),
    ("DELETE", "/upstream/a/v1/chat/completions"),
    ("POST", "/comfyui/api/prompt"),
    ("POST", "/comfyui/"),
]


@dataclass(frozen=True)
class Victim:
    """A running program in which there is something to lose."""

    program: Program
    url: str

    def send(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        connection = connect(self.url)
        body = json.dumps(BODIES.get(path, {"model": "a"}))
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        return answer_of(connection)

    def state(self) -> Any:
        """Return all that a control route could change."""
        return {
            "up": up(self.url),
            "pid": post(self.url, "a").json["pid"],
            "profile": get(self.url, "/api/profiles").json["active"],
            "level": get(self.url, "/api/x/log-level").json,
            "models": [model["id"] for model in get(self.url, "/v1/models").json["data"]],
            "queue": get(self.url, "/api/x/queue").json,
        }


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Serve a model, with a profile chosen, and a configuration that waits to be loaded."""
    folder = tmp_path_factory.mktemp("victim")
    models = {"a": {"cmd": command()}, "b": {"cmd": command()}, "comfyui_auto": {"cmd": command()}}
    configuration = {
        "startPort": free_port(),
        "models": models,
        "profiles": {"mine": {"pins": {"x": "a"}}, "other": {"pins": {"x": "b"}}},
        "access": {"allowedOrigins": ["https://chat.example"], "allowedHosts": ["llm.example"]},
        **together(*models),
    }
    with serving(json.dumps(configuration), folder) as (program, url):
        victim = Victim(program, url)
        connection = connect(url)
        connection.request("PUT", "/api/profiles/active", '{"name": "mine"}')
        assert answer_of(connection).status == 200
        post(url, "a")
        changed = configuration | {"models": {}, "profiles": {}, "groups": {}}
        (folder / "config.yaml").write_text(json.dumps(changed))
        yield victim


@pytest.fixture
def unchanged(victim: Victim) -> Iterator[Victim]:
    """Fail if anything is different afterwards, or a stream of the user's has broken."""
    before = victim.state()
    stream = Stream(victim.url, "a", "events=3&hold=1")
    yield victim
    assert post(victim.url, "a", "release=1").status == 200
    assert stream.rest().body.count(b"data: ") == 3
    assert victim.state() == before
    assert "reloading" not in victim.program.output


@pytest.mark.parametrize("headers", [CROSS_SITE, {"Origin": EVIL}, {"Origin": "null"}, REBOUND])
def test_a_foreign_page_changes_nothing(unchanged: Victim, headers: dict[str, str]) -> None:
    named = "access.allowedHosts" if "Host" in headers else "access.allowedOrigins"
    for method, path in CHANGING:
        for argument in ("a", "1"):  # a model, a request
            answer = unchanged.send(method, re.sub(r"\{[^}]*\}", argument, path), headers)
            assert answer.status == 403, (method, path)
            assert method == "HEAD" or named in answer.error
    for method, path in PASSED_THROUGH:
        assert unchanged.send(method, path, headers).status == 403, path
    for method, path in SPELLINGS:
        status = unchanged.send(method, path, headers).status
        assert status in {204, 307, 403, 404, 405}, (method, path)


def test_a_foreign_page_opens_no_websocket_into_a_model_server(unchanged: Victim) -> None:
    wish = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    for path in ("/upstream/a/live", "/comfyui/ws"):
        for headers in (CROSS_SITE, {"Origin": EVIL}, REBOUND):
            connection = connect(unchanged.url)
            connection.request("GET", path, headers=wish | headers)
            assert answer_of(connection).status == 403


def test_a_rebound_name_reads_nothing(unchanged: Victim) -> None:
    readable = [route.path for route in ROUTES if "GET" in (route.methods or ())]
    for path in [*readable, "/v1/chat/completions", "/upstream/a/props", "/props?model=a"]:
        answer = unchanged.send("GET", re.sub(r"\{[^}]*\}", "1", path), REBOUND)
        assert answer.status == 403, path
        assert "access.allowedHosts" in answer.error


def test_a_foreign_page_may_infer_and_list(unchanged: Victim) -> None:
    page = {"Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}
    assert unchanged.send("GET", "/v1/models", page).status == 200
    assert unchanged.send("POST", "/v1/chat/completions", page).json["model"] == "a"
    path = "/upstream/a/v1/chat/completions"
    assert unchanged.send("POST", path, page).json["model"] == "a"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://chat.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "llm.example", "Origin": "http://llm.example"},
        {},
    ],
)
def test_own_and_allowed_pages_may_change_things(victim: Victim, headers: dict[str, str]) -> None:
    assert victim.send("PUT", "/api/profiles/active", headers).json == {"active": "other"}
    assert victim.send("POST", "/api/models/unload/a", headers).status == 200
    assert "a" not in up(victim.url)
    post(victim.url, "a")
    connection = connect(victim.url)
    connection.request("PUT", "/api/profiles/active", '{"name": "mine"}')
    assert answer_of(connection).status == 200
