from __future__ import annotations

import pytest
from tests.lane.heads import head_of

from hotbay.lane.forwarding import request_head


def sent(
    request_line: str = "POST /v1/x",
    *headers: str,
    recorded: bool = True,
    length: int = 2,
    upgrade: bool = False,
    version: str = "1.1",
    host: str | None = "front.example:80",
) -> list[str]:
    """Return the lines of the head that a model server is sent."""
    head = head_of(request_line, *headers, host=host, version=version)
    data = request_head(
        head,
        head.path,
        authority=b"127.0.0.1:5800",
        peer=b"192.0.2.7",
        length=length,
        recorded=recorded,
        upgrade=upgrade,
    )
    text = data.decode("latin-1")
    assert text.endswith("\r\n\r\n")
    return text.removesuffix("\r\n\r\n").split("\r\n")


def test_method_target_host_and_other_headers_pass() -> None:
    assert sent(
        "POST /a%2Fb?x=%20&y", "authorization: Bearer k", "cookie: a=b", "x-api-key: k"
    ) == [
        "POST /a%2Fb?x=%20&y HTTP/1.1",
        "host: front.example:80",
        "authorization: Bearer k",
        "cookie: a=b",
        "x-api-key: k",
        "content-length: 2",
        "x-forwarded-for: 192.0.2.7",
    ]


def test_headers_of_the_connection_stay_behind() -> None:
    lines = sent(
        "POST /",
        "connection: keep-alive, X-Mine , content-length, host",
        "x-mine: 1",
        "keep-alive: 5",
        "proxy-connection: close",
        "proxy-authenticate: a",
        "proxy-authorization: b",
        "te: gzip",
        "trailer: x",
        "transfer-encoding: chunked",
        "upgrade: h2c",
        "expect: 100-continue",
    )

    assert lines == [
        "POST / HTTP/1.1",
        "host: front.example:80",
        "content-length: 2",
        "x-forwarded-for: 192.0.2.7",
    ]


def test_te_trailers_is_kept() -> None:
    assert "te: trailers" in sent("POST /", "te: trailers")


def test_the_callers_address_is_appended() -> None:
    assert sent("GET /", "x-forwarded-for: 10.0.0.1, 10.0.0.2", "x-forwarded-for: 10.0.0.3")[
        -1
    ] == ("x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7")
    lines = sent("GET /", "connection: x-forwarded-for", "x-forwarded-for: 10.0.0.1")
    assert lines[-1] == "x-forwarded-for: 192.0.2.7"


@pytest.mark.parametrize(
    ("request_line", "length", "expected"),
    [
        ("POST /", 0, ["content-length: 0"]),
        ("POST /", 7, ["content-length: 7"]),
        ("GET /", 0, []),
        ("HEAD /", 0, []),
        ("GET /", 7, ["content-length: 7"]),
    ],
)
def test_the_length_is_that_of_the_body_sent(
    request_line: str, length: int, expected: list[str]
) -> None:
    lines = sent(request_line, "content-length: 99", length=length)

    assert [line for line in lines if line.startswith("content-length")] == expected


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("br, gzip;q=0.5, zstd", ["accept-encoding: gzip;q=0.5"]),
        ("GZIP,deflate", ["accept-encoding: GZIP, deflate"]),
        ("br", []),
        ("", []),
    ],
)
def test_recorded_responses_are_encoded_in_a_way_we_can_undo(
    accepted: str, expected: list[str]
) -> None:
    lines = sent("POST /", f"accept-encoding: {accepted}")

    assert [line for line in lines if line.startswith("accept-encoding")] == expected


def test_other_responses_may_be_encoded_in_any_way() -> None:
    assert "accept-encoding: br" in sent("GET /", "accept-encoding: br", recorded=False)
    assert not [line for line in sent("POST /") if line.startswith("accept-encoding")]
    hidden = sent("POST /", "connection: accept-encoding", "accept-encoding: gzip")
    assert not [line for line in hidden if line.startswith("accept-encoding")]


def test_http_10_without_host_gets_the_servers() -> None:
    assert "host: 127.0.0.1:5800" in sent("GET /", version="1.0", host=None)


def test_an_upgrade_keeps_its_wish() -> None:
    lines = sent(
        "GET /",
        "connection: keep-alive, Upgrade",
        "upgrade: websocket",
        "sec-websocket-key: abc",
        upgrade=True,
        length=0,
    )

    assert lines.count("connection: Upgrade") == 1
    assert lines.count("upgrade: websocket") == 1
    assert "sec-websocket-key: abc" in lines
