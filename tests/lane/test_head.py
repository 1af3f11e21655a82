from __future__ import annotations

import pytest
from tests.lane.heads import head_of

from hotbay.lane.head import BadRequest, decoded


def refusal(*args: str, **options: object) -> tuple[int, str]:
    with pytest.raises(BadRequest) as caught:
        head_of(*args, **options)  # type: ignore[arg-type]  # whatever the case gives
    return caught.value.status, caught.value.message


def test_the_target_is_split_at_the_first_question_mark() -> None:
    head = head_of("GET /a%2Fb?x=1?y=/../")

    assert (head.path, head.query) == (b"/a%2Fb", b"x=1?y=/../")
    assert head_of("GET /a").query is None
    assert head_of("GET /a?").query == b""


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("http://example.net/v1/x?a=b", b"/v1/x", b"a=b", b"example.net"),
        ("HTTPS://example.net:81/", b"/", None, b"example.net:81"),
        ("http://example.net", b"/", None, b"example.net"),
        ("http://example.net?a=/b", b"/", b"a=/b", b"example.net"),
    ],
)
def test_the_authority_of_an_absolute_target_replaces_host(
    target: str, path: bytes, query: bytes | None, host: bytes
) -> None:
    head = head_of(f"GET {target}", "accept: */*")

    assert (head.path, head.query) == (path, query)
    assert head.fields[b"host"] == host
    assert head.headers == [(b"host", host), (b"accept", b"*/*")]


def test_options_for_the_whole_server() -> None:
    assert head_of("OPTIONS *").path == b"/"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("GET *", 400),
        ("GET x", 400),
        ("GET ftp://example.net/", 400),
        ("GET http:///x", 400),
        ("GET http://me@example.net/x", 400),
        ("GET /a#b", 400),
        ("CONNECT example.net:443", 501),
        ("CONNECT /", 501),
    ],
)
def test_other_targets_are_refused(target: str, status: int) -> None:
    assert refusal(target)[0] == status


def test_http_11_needs_exactly_one_host() -> None:
    assert refusal("GET /", host=None) == (400, "the request has no Host header")
    assert refusal("GET /", "host: b")[0] == 400
    assert head_of("GET /", host=None, version="1.0").fields == {}


@pytest.mark.parametrize("value", ["gzip, chunked", "chunked, identity", "identity", "xchunked"])
def test_the_only_transfer_encoding_is_chunked(value: str) -> None:
    assert refusal("POST /", f"transfer-encoding: {value}")[0] == 400


def test_two_transfer_encodings_are_refused() -> None:
    encodings = ["transfer-encoding: chunked"] * 2
    assert refusal("POST /", *encodings)[0] == 400


def test_chunked_in_any_case_is_taken() -> None:
    assert head_of("POST /", "transfer-encoding: Chunked").fields[b"transfer-encoding"]


def test_http_10_has_no_transfer_encoding_and_one_answer_per_connection() -> None:
    assert refusal("POST /", "transfer-encoding: chunked", version="1.0")[0] == 400
    assert head_of("GET /", version="1.0").keep_alive is False


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_other_versions_are_refused(version: str) -> None:
    assert refusal("GET /", version=version)[0] == 505


def test_values_of_a_repeated_header_are_joined() -> None:
    head = head_of("GET /", "x-a: 1", "x-b: 2", "x-a: 3")

    assert head.fields[b"x-a"] == b"1, 3"
    assert len(head.headers) == 4


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/v1/models", "/v1/models"),
        (b"/v1/chat%2Dx%20y", "/v1/chat-x y"),
        (b"/v1%2Fmodels", "/v1%2Fmodels"),
        (b"/v1%2fmodels", "/v1%2Fmodels"),
        (b"/%C3%A9", "/\u00e9"),
        (b"/%FF", "/\ufffd"),
        (b"/100%", "/100%"),
    ],
)
def test_paths_are_decoded_but_an_encoded_slash_separates_nothing(path: bytes, text: str) -> None:
    assert decoded(path) == text
