from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.lane.heads import head_of

from hotbay.lane.forwarding import peer_request_head, request_head


def sent(
    request_line: str = "POST /v1/x",
    *headers: str,
    recorded: bool = True,
    length: int | None = 2,
    version: str = "1.1",
    host: str | None = "front.example:80",
    **options: Any,
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
        **options,
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


@pytest.mark.parametrize("headers", [["te: trailers"], ["te: gzip, Trailers"], ["te: a"] * 2])
def test_of_te_only_trailers_is_kept(headers: list[str]) -> None:
    kept = [line for line in sent("POST /", *headers) if line.startswith("te:")]
    assert kept == (["te: trailers"] if "trailers" in headers[0].lower() else [])


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
        ("POST /", None, ["transfer-encoding: chunked"]),
        ("GET /", None, ["transfer-encoding: chunked"]),
    ],
)
def test_the_length_is_that_of_the_body_sent(
    request_line: str, length: int | None, expected: list[str]
) -> None:
    framing = ("content-length", "transfer-encoding")
    for header in ("content-length: 99", "transfer-encoding: chunked"):
        lines = sent(request_line, header, length=length)
        assert [line for line in lines if line.startswith(framing)] == expected


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


def test_extra_headers_replace_those_of_the_same_name() -> None:
    extra = ((b"x-request-id", b"mine"), (b"traceparent", b"00-1"))
    lines = sent("POST /", "x-request-id: a", "x-request-id: b", "accept: c", extra=extra)
    assert [line for line in lines if line.startswith(("x-request", "trace", "accept"))] == [
        "accept: c",
        "x-request-id: mine",
        "traceparent: 00-1",
    ]
    hidden = sent("POST /", "connection: x-request-id", "x-request-id: a", extra=extra)
    assert "x-request-id: mine" in hidden
    assert "x-request-id: a" not in hidden


# -- to a peer -------------------------------------------------------------------------------

OURS = [b"our-key", b"our:other=key"]


def sent_to_peer(
    *headers: str, request_line: str = "POST /v1/x?q", api_key: bytes = b"", **options: Any
) -> list[str]:
    """Return the lines of the head that a peer is sent."""
    head = head_of(request_line, *headers, host="front.example:80")
    data = peer_request_head(
        head,
        b"/gw" + head.path,
        authority=b"peer.example:8443",
        **{"length": 2, "recorded": True, "own_keys": OURS, **options},
        api_key=api_key,
    )
    text = data.decode("latin-1")
    assert text.endswith("\r\n\r\n")
    return text.removesuffix("\r\n\r\n").split("\r\n")


def test_a_peer_is_addressed_by_its_own_name_and_told_nothing_of_the_caller() -> None:
    assert sent_to_peer(
        "accept: a",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: front.example",
        "x-forwarded-proto: https",
        "x-forwarded-port: 443",
        "forwarded: for=192.0.2.1",
        "proxy-authorization: a",
        "connection: x-mine",
        "x-mine: 1",
        "accept-encoding: br, gzip",
        "x-last: 1",
    ) == [
        "POST /gw/v1/x?q HTTP/1.1",
        "accept: a",
        "x-last: 1",
        "host: peer.example:8443",
        "accept-encoding: gzip",
        "content-length: 2",
    ]


def test_the_key_of_a_peer_replaces_what_the_client_sent() -> None:
    lines = sent_to_peer(
        "authorization: Basic abc", "x-api-key: x", "x-api-key: y", api_key=b"peer-key"
    )
    credentials = [line for line in lines if line.startswith(("authorization", "x-api-key"))]
    assert credentials == ["authorization: Bearer peer-key", "x-api-key: peer-key"]
    assert sent_to_peer(api_key=b"peer-key")[-1:] == ["content-length: 2"]


def test_the_clients_own_credentials_reach_a_peer_without_a_key() -> None:
    theirs = ["authorization: Bearer their-key", "x-api-key: theirs", "cookie: a=b"]
    assert sent_to_peer(*theirs)[1:4] == theirs
    assert sent_to_peer(*theirs, own_keys=[])[1:4] == theirs
    assert theirs[1] in sent_to_peer("authorization: Bearer our-key", theirs[1])


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        "authorization: Bearer our-key",
        "authorization: bearer   our-key ",
        "authorization: our-key",
        "authorization: Bearer our:other=key",
        f"authorization: Basic {basic('me:our-key')}",
        f"authorization: bASIC {basic(':our:other=key')}",
        f"authorization: Basic {basic('our-key:')}",
        f"authorization: Basic {basic('our-key')}",
        f"authorization: Basic {basic('x:our-key').rstrip('=')}",
        "x-api-key: our-key",
        "x-api-key: theirs, our-key",
        "api-key: our-key",
        "cookie: a=1; key=our-key",
        "authorization: Digest token='our-key'",
    ],
)
@pytest.mark.parametrize("api_key", [b"", b"peer-key"])
def test_a_key_of_ours_never_reaches_a_peer(header: str, api_key: bytes) -> None:
    lines = sent_to_peer(header, "accept: a", api_key=api_key)
    assert header not in lines
    assert "accept: a" in lines
    name = header.partition(":")[0]
    known = {f"{name}: Bearer peer-key", f"{name}: peer-key"} if api_key else set()
    assert {line for line in lines if line.startswith(f"{name}:")} <= known


def test_a_key_is_not_found_in_the_middle_of_a_word() -> None:
    others = ["authorization: Bearer not-our-key", f"x-api-key: {basic('me:our-key2')}"]
    assert sent_to_peer(*others)[1:3] == others
    assert "authorization: Basic %%%" in sent_to_peer("authorization: Basic %%%")


def test_bodies_upgrades_and_extra_headers_go_to_a_peer_as_to_a_model_server() -> None:
    lines = sent_to_peer(
        "connection: upgrade",
        "upgrade: websocket",
        request_line="GET /",
        length=0,
        upgrade=True,
        extra=((b"x-request-id", b"mine"),),
    )
    assert lines[1:] == [
        "x-request-id: mine",
        "host: peer.example:8443",
        "connection: Upgrade",
        "upgrade: websocket",
    ]
    assert sent_to_peer(length=None)[-1] == "transfer-encoding: chunked"
