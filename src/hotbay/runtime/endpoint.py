"""Where one generation of a model server, or a peer, is reached. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from hotbay.config.model import Timeouts


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to forward to.

    Attributes:
        model: whose address it is.
        generation: of the model server; connections of another generation are not used for it.
        scheme: `http` or `https`.
        host: name or address to connect to, IPv6 without brackets; may be the address that was
            found behind the name in the URL.
        port: TCP port.
        base_path: path of the URL without a slash at the end; empty if there is none.
        authority: host and port as written in the URL, for the Host header and the certificate.
        timeouts: limits of its connections.
    """

    model: str
    generation: int
    scheme: str
    host: str
    port: int
    base_path: str
    authority: str
    timeouts: Timeouts
