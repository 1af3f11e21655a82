from __future__ import annotations

import pytest
from tests.lane.heads import head_of

from hotbay.lane.response import Framing, own_response, passed_on_head, switched_head


def passed(
    status: int = 200,
    *headers: str,
    reason: bytes = b"OK",
    request: str = "POST /",
    version: str = "1.1",
    keep_alive: bool = True,
) -> tuple[list[str], Framing]:
    """Return the lines a client is sent for a model server's response, without the date."""
    fields = [line.encode().split(b": ", 1) for line in headers]
    head, framing = passed_on_head(
        status,
        reason,
        [(name, value) for name, value in fields],
        head_of(request, version=version),
        keep_alive=keep_alive,
    )
    lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    return [line for line in lines if not line.startswith("Date: ")], framing


def test_status_headers_and_length_pass() -> None:
    lines, framing = passed(
        418, "content-length: 5", "set-cookie: a=1", "set-cookie: b=2", reason=b"Short"
    )

    assert framing is Framing.LENGTH
    assert lines == [
        "HTTP/1.1 418 Short",
        "content-length: 5",
        "set-cookie: a=1",
        "set-cookie: b=2",
    ]


def test_headers_of_the_connection_stay_behind() -> None:
    lines, framing = passed(
        200,
        "connection: close, X-Mine, content-length",
        "x-mine: 1",
        "keep-alive: timeout=5",
        "proxy-authenticate: x",
        "trailer: x",
        "upgrade: h2c",
        "content-length: 5",
    )

    assert (lines, framing) == (["HTTP/1.1 200 OK", "content-length: 5"], Framing.LENGTH)


def test_a_length_beside_chunks_does_not_count() -> None:
    lines, framing = passed(200, "content-length: 5", "transfer-encoding: chunked")

    assert framing is Framing.CHUNKED
    assert lines == ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]


def test_without_a_length_the_body_is_chunked_or_ends_with_the_connection() -> None:
    assert passed(200) == (["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], Framing.CHUNKED)
    assert passed(200, version="1.0") == (
        ["HTTP/1.1 200 OK", "Connection: close"],
        Framing.CLOSE,
    )


@pytest.mark.parametrize(
    ("status", "request_line", "expected"),
    [
        (200, "HEAD /", ["content-length: 5"]),
        (304, "GET /", ["content-length: 5"]),
        (204, "GET /", []),
    ],
)
def test_responses_without_a_body(status: int, request_line: str, expected: list[str]) -> None:
    lines, framing = passed(status, "content-length: 5", request=request_line)

    assert framing is Framing.NONE
    assert lines[1:] == expected


def test_a_connection_that_ends_says_so() -> None:
    assert "Connection: close" in passed(200, "content-length: 0", keep_alive=False)[0]


def test_event_streams_are_not_to_be_held_back() -> None:
    lines, _ = passed(200, "content-type: Text/Event-Stream; a=b", "x-accel-buffering: yes")

    assert [line for line in lines if line.lower().startswith("x-accel")] == [
        "X-Accel-Buffering: no"
    ]
    assert "x-accel-buffering: yes" in passed(200, "x-accel-buffering: yes")[0]


def test_a_response_has_a_date() -> None:
    mine, _ = passed_on_head(200, b"OK", [(b"date", b"then")], head_of(), keep_alive=True)
    none, _ = passed_on_head(200, b"OK", [], head_of(), keep_alive=True)

    assert mine.lower().count(b"date: ") == 1
    assert none.count(b"Date: ") == 1


def test_a_status_without_reason_gets_one() -> None:
    assert passed(404, reason=b"")[0][0] == "HTTP/1.1 404 Not Found"
    assert passed(599, reason=b"")[0][0] == "HTTP/1.1 599 "


def test_own_responses_are_whole() -> None:
    whole = own_response(404, [(b"X-A", b"b")], b"gone", keep_alive=False)
    head = own_response(404, [], b"gone", bodiless=True, keep_alive=True)

    assert whole.startswith(b"HTTP/1.1 404 Not Found\r\nDate: ")
    assert whole.endswith(b"X-A: b\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone")
    assert head.endswith(b"Content-Length: 4\r\n\r\n")


def test_a_switch_of_protocols_keeps_its_headers() -> None:
    head = switched_head(b"Switching", [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")])

    assert head == (b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n")
