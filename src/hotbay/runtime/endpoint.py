"""Where one generation of a model server, or a peer, is reached. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from hotbay.config.model import Timeouts

_DEFAULT_PORTS = {"http": 80, "https": 443}


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
        base_path: path of the URL, percent-encoded, without a slash at the end; empty if there
            is none.
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


def endpoint_at(url: str, *, model: str, generation: int, timeouts: Timeouts) -> Endpoint:
    """Return the address that a proxy URL names.

    Raises:
        ValueError: the URL is not one that can be forwarded to.
    """
    message = f"proxy URL {url!r} is not an http or https address"
    try:
        parts = urlsplit(url)
        host, port = unquote(parts.hostname or ""), parts.port
    except ValueError as error:
        raise ValueError(message) from error
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError(message)
    return Endpoint(
        model=model,
        generation=generation,
        scheme=parts.scheme,
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        base_path=quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~"),
        authority=parts.netloc.rpartition("@")[2],
        timeouts=timeouts,
    )
