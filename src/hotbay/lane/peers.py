"""Where a peer is, and what a client is told when it does not answer (spec/http-api.md 5.2)."""

from __future__ import annotations

import errno
import os
import sys

from hotbay.config.model import PeerConfig
from hotbay.runtime.endpoint import Endpoint, endpoint_at

_NO_LIVES = 0
"""Generation of every peer: nobody here starts one. Those of model servers begin at 1."""

_LOCAL_NETWORK = (
    "; macOS may keep this program out of the local network: "
    "see System Settings > Privacy & Security > Local Network"
)


def peer_endpoint(peer: str, config: PeerConfig) -> Endpoint:
    """Return where requests for a peer's models go; to be asked once per configuration.

    Raises:
        ValueError: its proxy URL is not one that can be forwarded to; the message is for people.
    """
    return endpoint_at(config.proxy, model=peer, generation=_NO_LIVES, timeouts=config.timeouts)


def peer_failure(cause: str, platform: str = sys.platform) -> str:
    """Return what a 502 says when a peer could not be reached or broke off before its head.

    `cause` is the message of the `UpstreamError`. On macOS a program without the permission for
    the local network is told that there is no route, which sends people looking elsewhere.
    """
    unreachable = (
        os.strerror(errno.EHOSTUNREACH) in cause or f"Errno {errno.EHOSTUNREACH}]" in cause
    )
    hint = _LOCAL_NETWORK if unreachable and platform == "darwin" else ""
    return f"peer proxy error: {cause}{hint}"
