"""Headers as people may see them (spec/request-pipeline.md 10.3)."""

from __future__ import annotations

import pytest

from hotbay.activity.headers import shown_headers


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"content-type", "Content-Type"),
        (b"X-API-VERSION", "X-Api-Version"),
        (b"etag", "Etag"),
        (b"x--y-", "X--Y-"),
    ],
)
def test_names_are_in_canonical_form(name: bytes, shown: str) -> None:
    assert shown_headers([(name, b"v")]) == {shown: "v"}


def test_the_first_value_of_a_name_counts_however_it_is_written() -> None:
    assert shown_headers([(b"a", b"1"), (b"A", b"2")]) == {"A": "1"}


@pytest.mark.parametrize(
    "name", [b"authorization", b"Proxy-Authorization", b"COOKIE", b"set-cookie", b"X-Api-Key"]
)
def test_secrets_are_not_shown(name: bytes) -> None:
    (value,) = shown_headers([(name, b"secret")]).values()
    assert value == "[REDACTED]"


def test_the_host_is_left_out() -> None:
    assert shown_headers([(b"host", b"h"), (b"Host", b"h")]) == {}


def test_what_is_no_text_is_shown_as_far_as_it_is() -> None:
    assert shown_headers([(b"a", b"caf\xe9"), (b"b", "é".encode())]) == {"A": "caf�", "B": "é"}
