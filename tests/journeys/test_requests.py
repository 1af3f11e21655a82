"""Bad requests, keys and hosts at the whole program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.conftest import Configure, answer_of, connect, get, post
from tests.journeys.program import serving


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a program that starts nothing for the requests of this module."""
    configuration = json.dumps({"limits": {"body": 2048}, "models": {"a": {"cmd": "x ${PORT}"}}})
    with serving(configuration, tmp_path_factory.mktemp("requests")) as (program, url):
        yield url
        assert "a: starting" not in program.output


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (b'{"model": "a"', 400, "bad_request", ""),
        (b"not json", 400, "bad_request", ""),
        (b"", 400, "bad_request", ""),
        (b'{"messages": []}', 404, "not_found", "no model id could be identified"),
        (b'{"model": ""}', 404, "not_found", "no model id could be identified"),
        (b'{"model": "ghost"}', 404, "not_found", "no router for requested model"),
        (b'{"model": "a", "pad": "' + b"x" * 3000 + b'"}', 413, "invalid_request", "limits.body"),
    ],
)
def test_a_bad_request_is_refused_before_anything_starts(
    url: str, body: bytes, status: int, code: str, message: str
) -> None:
    for path in ("/v1/chat/completions", "/v1/messages"):
        answer = post(url, body, path=path)
        assert answer.status == status
        assert message in answer.error
        assert answer.json["error"]["type"] == "invalid_request_error"
        assert answer.json["error"]["code"] == code
        assert (answer.json.get("type") == "error") == (path == "/v1/messages")


@pytest.mark.parametrize("path", ["/running", "/v1/chat/completions"])
def test_a_foreign_name_for_this_machine_is_refused(url: str, path: str) -> None:
    method = "GET" if path == "/running" else "POST"
    connection = connect(url)
    connection.request(method, path, b'{"model": "a"}', headers={"Host": "evil.example"})
    answer = answer_of(connection)
    assert answer.status == 403
    assert "access.allowedHosts" in answer.error


def test_keys_are_asked_for_on_both_planes(configure: Configure, tmp_path: Path) -> None:
    with serving(configure({"apiKeys": ["secret-key"]}, a={}), tmp_path) as (program, url):
        assert get(url, "/health").status == 200
        assert get(url, "/running").status == 401
        refused = post(url, "a")
        assert refused.status == 401
        assert refused.error == "unauthorized: invalid or missing API key"
        headers = {"Content-Type": "application/json", "Authorization": "Bearer secret-key"}
        for method, path in (("POST", "/v1/chat/completions"), ("GET", "/running")):
            connection = connect(url)
            connection.request(method, path, b'{"model": "a"}', headers)
            assert answer_of(connection).status == 200
        assert "secret-key" not in program.output
