from __future__ import annotations

import json

import pytest

from hotbay.lane.errors import error_headers, is_anthropic, render_error


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", "bad_request"),
        (401, "authentication_error", "unauthorized"),
        (403, "authentication_error", "forbidden"),
        (404, "invalid_request_error", "not_found"),
        (409, "invalid_request_error", "conflict"),
        (413, "invalid_request_error", "invalid_request"),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (499, "invalid_request_error", "invalid_request"),
        (500, "server_error", "internal_error"),
        (501, "server_error", "internal_error"),
        (502, "server_error", "bad_gateway"),
        (503, "server_error", "service_unavailable"),
        (504, "server_error", "gateway_timeout"),
    ],
)
def test_type_and_code_follow_from_the_status(status: int, kind: str, code: str) -> None:
    content_type, body = render_error(status, "it broke")

    assert content_type == "application/json"
    assert json.loads(body) == {
        "src": "llama-swap",
        "error": {"message": "it broke", "type": kind, "param": None, "code": code},
    }


@pytest.mark.parametrize(
    ("accept", "content_type", "body"),
    [
        ("text/plain", "text/plain", b"llama-swap: a <b> & c"),
        ("text/html, text/plain;q=0.1", "text/plain", b"llama-swap: a <b> & c"),
        (
            "text/html,application/xhtml+xml",
            "text/html",
            b"<html><body><h1>llama-swap</h1><p>a &lt;b&gt; &amp; c</p></body></html>",
        ),
    ],
)
def test_the_body_has_the_form_the_client_accepts(
    accept: str, content_type: str, body: bytes
) -> None:
    assert render_error(404, "a <b> & c", accept=accept) == (content_type, body)


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_other_clients_get_json(accept: str) -> None:
    assert render_error(404, "x", accept=accept).content_type == "application/json"


@pytest.mark.parametrize("accept", ["text/plain", "text/html"])
def test_too_many_requests_is_json_whatever_the_client_accepts(accept: str) -> None:
    content_type, body = render_error(
        429, "Too many requests", accept=accept, code="concurrency_limit"
    )

    assert content_type == "application/json"
    assert json.loads(body)["error"]["code"] == "concurrency_limit"
    assert json.loads(body)["error"]["type"] == "rate_limit_error"
    assert error_headers(429) == [(b"Retry-After", b"1")]


def test_anthropic_clients_find_the_top_level_type() -> None:
    _, body = render_error(404, "no router", anthropic=True)

    assert json.loads(body)["type"] == "error"
    assert json.loads(body)["src"] == "llama-swap"
    assert json.loads(body)["error"]["message"] == "no router"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/messages", True),
        ("/v1/messages/count_tokens", True),
        ("/v/messages", True),
        ("/v/messages/count_tokens", True),
        ("/v1/chat/completions", False),
    ],
)
def test_anthropic_routes(path: str, *, expected: bool) -> None:
    assert is_anthropic(path) is expected


def test_a_browser_is_told_to_ask_for_a_password() -> None:
    assert error_headers(401) == [(b"WWW-Authenticate", b'Basic realm="llama-swap"')]
    assert error_headers(404) == []


def test_a_browser_is_not_told_so_where_the_page_asks_itself() -> None:
    challenge = [(b"WWW-Authenticate", b'Bearer realm="llama-swap"')]
    assert error_headers(401, by_script=True) == challenge
