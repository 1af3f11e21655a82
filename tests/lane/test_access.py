from __future__ import annotations

import re
from typing import Any

import pytest

from hotbay.lane.access import (
    AccessLog,
    App,
    Message,
    Receive,
    Scope,
    Send,
    access_line,
    caller_address,
    is_logged,
    readable_duration,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00µs"),
        (12.94e-6, "12.9µs"),
        (0.000_5, "500µs"),
        (0.001_41, "1.41ms"),
        (0.999_4, "999ms"),
        (2.314, "2.31s"),
        (59.94, "59.9s"),
        (63.2, "1m3.2s"),
        (59.999 + 60, "2m0s"),
        (3 * 3600 + 62, "3h1m2s"),
        (3600, "1h0m0s"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert readable_duration(seconds) == text


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({}, "192.0.2.7"),
        ({b"x-forwarded-for": b" 10.0.0.1 , 10.0.0.2", b"x-real-ip": b"10.0.0.3"}, "10.0.0.1"),
        ({b"x-forwarded-for": b"", b"x-real-ip": b" 10.0.0.3 "}, "10.0.0.3"),
    ],
)
def test_the_caller_is_the_one_before_all_proxies(fields: dict[bytes, bytes], address: str) -> None:
    assert caller_address(fields, "192.0.2.7") == address


def line(**parts: Any) -> str:
    usual = {
        "address": "192.0.2.7",
        "method": "POST",
        "path": "/v1/chat/completions",
        "version": "1.1",
        "status": 200,
        "size": 5312,
        "agent": b"my-client/1.0",
        "seconds": 2.31,
    }
    return access_line(**{**usual, **parts})


def test_a_line_says_who_asked_what_and_how_it_went() -> None:
    assert line() == (
        'Request 192.0.2.7 "POST /v1/chat/completions HTTP/1.1" 200 5312 "my-client/1.0" 2.31s'
    )


def test_nobody_can_forge_a_field() -> None:
    forged = line(address='1" 2', path='/a HTTP/1.1" 200 0 "x', agent=b'\\" 500 1')

    assert forged == (
        'Request 1\\" 2 "POST /a HTTP/1.1\\" 200 0 \\"x HTTP/1.1" 200 5312 "\\\\\\" 500 1" 2.31s'
    )


def test_nobody_can_break_the_line() -> None:
    broken = line(address="1\x1b[31m", path="/a\nb\u2028", agent=b"a\tb\x85")

    assert broken == (
        'Request 1\\x1b[31m "POST /a\\nb\\u2028 HTTP/1.1" 200 5312 "a\\tb\ufffd" 2.31s'
    )


def test_polling_is_not_logged() -> None:
    assert not is_logged("/metrics")
    assert not is_logged("/wol-health")
    assert not is_logged("/api/performance")
    assert is_logged("/health")


# -- the application's requests ------------------------------------------------------


async def lines_of(app: App, path: str = "/x", method: str = "GET") -> list[str]:
    lines: list[str] = []
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "http_version": "1.1",
        "headers": [(b"user-agent", b"ua"), (b"user-agent", b"second")],
        "client": ("192.0.2.7", 1),
    }

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    try:
        await AccessLog(app, lambda: lines.append)(scope, receive, send)
    except ZeroDivisionError:
        lines.append("raised")
    return [re.sub(r" [\d.]+.s$", "", line) for line in lines]


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"abc", "more_body": True})
    await send({"type": "http.response.body", "body": b"de"})


async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError


async def test_a_request_to_the_application_is_logged_when_it_has_ended() -> None:
    assert await lines_of(answering) == ['Request 192.0.2.7 "GET /x HTTP/1.1" 201 5 "ua"']
    assert await lines_of(answering, method="HEAD") == [
        'Request 192.0.2.7 "HEAD /x HTTP/1.1" 201 0 "ua"'
    ]
    assert await lines_of(answering, "/metrics") == []


async def test_a_client_that_left_is_logged_as_such() -> None:
    assert await lines_of(leaving) == ['Request 192.0.2.7 "GET /x HTTP/1.1" 499 0 "ua"']


async def test_a_failure_of_the_application_is_logged_and_passed_on() -> None:
    assert await lines_of(failing) == ['Request 192.0.2.7 "GET /x HTTP/1.1" 500 0 "ua"', "raised"]
