"""Where a peer is, and what is told of one that does not answer (spec/http-api.md 5.2)."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hotbay.config import Sources, load
from hotbay.config.model import PeerConfig
from hotbay.lane.peers import peer_endpoint, peer_failure


def peer(folder: Path, **settings: Any) -> PeerConfig:
    file = folder / "config.yaml"
    file.write_text(json.dumps({"peers": {"far": {"models": ["m"], **settings}}}))
    return load(Sources(file, None), environ={}).config.peers["far"]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://peer.example/gw", ("https", "peer.example", 443, "peer.example", "/gw")),
        ("http://Peer.example:81/", ("http", "peer.example", 81, "Peer.example:81", "")),
        ("http://[::1]:9/a/b//", ("http", "::1", 9, "[::1]:9", "/a/b")),
        ("http://me:pw@h/a%2Fb c/é?x=1", ("http", "h", 80, "h", "/a%2Fb%20c/%C3%A9")),
    ],
)
def test_a_peer_is_where_its_url_says(
    tmp_path: Path, url: str, parts: tuple[str, str, int, str, str]
) -> None:
    found = peer_endpoint("far", peer(tmp_path, proxy=url))
    assert (found.scheme, found.host, found.port, found.authority, found.base_path) == parts
    assert (found.model, found.generation) == ("far", 0)


def test_a_peer_has_a_minute_for_its_head_unless_told_otherwise(tmp_path: Path) -> None:
    usual = peer_endpoint("far", peer(tmp_path, proxy="http://h")).timeouts
    assert (usual.connect, usual.response_header, usual.idle_conn) == (30, 60, 90)
    own = {"responseHeader": 5, "connect": 0}
    settings = peer(tmp_path, proxy="http://h", timeouts=own)
    timeouts = peer_endpoint("far", settings).timeouts
    assert (timeouts.connect, timeouts.response_header, timeouts.idle_conn) == (0, 5, 90)


@pytest.mark.parametrize("url", ["ftp://h/x", "http:", "http://h:99999"])
def test_an_address_that_cannot_be_forwarded_to_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"proxy URL .* is not an http or https address"):
        peer_endpoint("far", peer(tmp_path, proxy=url))


def test_a_failure_names_its_cause() -> None:
    assert (
        peer_failure("connection refused by h:1") == "peer proxy error: connection refused by h:1"
    )


@pytest.mark.parametrize(
    "cause",
    [
        f"no connection to h:1: {os.strerror(errno.EHOSTUNREACH)}",
        f"no connection to h:1: Multiple exceptions: [Errno {errno.EHOSTUNREACH}] Connect call",
    ],
)
def test_macos_is_asked_for_leave_where_it_says_there_is_no_route(cause: str) -> None:
    assert "Local Network" in peer_failure(cause, "darwin")
    assert peer_failure(cause, "linux") == f"peer proxy error: {cause}"
    assert "Local Network" not in peer_failure("connection refused by h:1", "darwin")
