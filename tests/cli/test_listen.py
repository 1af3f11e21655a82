"""Listen addresses (spec/cli.md 1, 2 and 8)."""

from __future__ import annotations

import socket

import pytest

from hotbay.cli.listen import Address, ListenError, bind, is_loopback, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":8080", "", 8080),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:1", "localhost", 1),
        ("[::1]:65535", "::1", 65535),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "8080", "localhost", "h:", "h:x", "h:-1", "h:65536", "::1:80", "h:١"]
)
def test_a_bad_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(ListenError) as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":8080", False),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("127.0.0.5:1", True),
        ("192.0.2.7:1", False),
    ],
)
def test_loopback_means_only_this_machine_can_connect(text: str, expected: bool) -> None:
    assert is_loopback(parse_address(text)) is expected


def test_all_addresses_of_a_name_share_one_port() -> None:
    sockets = bind(Address("localhost", 0))
    try:
        ports = {s.getsockname()[1] for s in sockets}
        assert len(ports) == 1
        for bound in sockets:
            socket.create_connection(bound.getsockname()[:2], timeout=5).close()
    finally:
        for bound in sockets:
            bound.close()


def test_a_taken_port_is_reported_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}.*in use"):
            bind(Address("127.0.0.1", port))
