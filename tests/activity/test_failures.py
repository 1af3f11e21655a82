"""Why a request failed, in a row's `error_msg` (spec/request-pipeline.md 8.4)."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.activity.answers import numbers, read

from hotbay.activity.failures import LONGEST, shortened, status_text


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, '{"error":{"message":" disk full "}}', "disk full"),
        (400, '{"error":"bad shape","message":"x"}', "bad shape"),
        (422, '{"detail":[{"msg":"a"}],"message":"b"}', "b"),
        (401, '{"detail":"no seat"}', "no seat"),
        (502, "", "502 Bad Gateway"),
        (418, "nope", "418 I'm a teapot"),
        (400, '{"error":{"message":"  "},"message":"\\n","detail":"last"}', "last"),
        (400, '{"error":{"message":3,"code":4}}', "400 Bad Request"),
        (400, '{"error":null}', "400 Bad Request"),
        (400, '["error"]', "400 Bad Request"),
        (400, '"error"', "400 Bad Request"),
        (400, '{"error":"cut o', "400 Bad Request"),
        (413, "{}", "413 Request Entity Too Large"),
        (599, "<html>", "HTTP 599"),
        (302, "", "302 Found"),
        (404, '{"usage":{"prompt_tokens":3},"message":"no such model"}', "no such model"),
    ],
)
def test_a_failed_request_says_why(status: int, body: str, message: str) -> None:
    reading = read(body.encode(), status=status)
    assert reading.error == message
    assert set(numbers(reading)) == {0}


def test_the_reason_is_found_in_a_compressed_body() -> None:
    body = gzip.compress(b'{"error":"no room"}')
    assert read(body, status=503, coding="gzip").error == "no room"


def test_a_failed_request_whose_body_is_damaged_says_that() -> None:
    reading = read(b"not gzip", status=503, coding="gzip")
    assert reading.error.startswith("response decode failed: ")
    assert reading.damaged


@pytest.mark.parametrize("status", [200, 201, 202, 206, 299])
def test_every_status_of_success_is_one(status: int) -> None:
    reading = read(b'{"usage":{"prompt_tokens":3}}', status=status)
    assert reading.error == ""
    assert reading.tokens.input == 3


def test_a_status_has_its_text() -> None:
    assert status_text(503) == "503 Service Unavailable"
    assert status_text(499) == "HTTP 499"


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("a" * 500, "a" * 500),
        ("a" * 501, "a" * 500 + "..."),
        ("a" * 499 + "é", "a" * 499 + "..."),
        ("a" * 498 + "é", "a" * 498 + "é"),
        ("😀" * 200, "😀" * 125 + "..."),
    ],
)
def test_a_long_message_is_cut_between_characters(message: str, kept: str) -> None:
    body = json.dumps({"error": message}).encode()
    assert read(body, status=500).error == kept


@given(st.text())
def test_a_shortened_message_is_short_text(message: str) -> None:
    kept = shortened(message * 50)
    assert len(kept.encode()) <= LONGEST + 3
    assert kept.removesuffix("...") in message * 50
