"""Which proxy the environment names for an upstream: HTTP_PROXY, HTTPS_PROXY, NO_PROXY.

Pure: reads the variables once and answers for scheme, host and port. Follows the rules
of Go's golang.org/x/net/http/httpproxy, which users of llama-swap know: upper-case names
before lower-case ones; loopback is never proxied; NO_PROXY lists `*`, addresses,
networks, and domains, which include their subdomains, each with or without a port.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class ProxyError(Exception):
    """A proxy variable cannot be used; the message names it."""


class Proxy(NamedTuple):
    """An HTTP proxy.

    Attributes:
        host: name or address.
        port: TCP port.
        tls: it is itself spoken to with TLS.
        authorization: value of Proxy-Authorization, empty without credentials.
    """

    host: str
    port: int
    tls: bool
    authorization: bytes


class EnvProxies:
    """The proxies of one environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._variables = {
            scheme: (name, environ.get(name) or environ.get(name.lower(), ""))
            for scheme, name in (("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY"))
        }
        exceptions = environ.get("NO_PROXY") or environ.get("no_proxy", "")
        self._exceptions = [e for item in exceptions.split(",") if (e := item.strip().lower())]

    def find(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy to use for an upstream, None to go there directly.

        Raises:
            ProxyError: the variable's value is not the URL of an HTTP proxy.
        """
        name, value = self._variables[scheme]
        if not value or self._is_exempt(host.lower().rstrip("."), port):
            return None
        return _parse(name, value)

    def _is_exempt(self, host: str, port: int) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or any(
                _names(exception, host, port) for exception in self._exceptions
            )
        return address.is_loopback or any(
            exception == "*" or _covers(exception, address, port) for exception in self._exceptions
        )


def _names(exception: str, host: str, port: int) -> bool:
    """Tell whether an item of NO_PROXY means this host name."""
    domain, colon, wanted = exception.rpartition(":")
    if colon and wanted.isdigit():
        if int(wanted) != port:
            return False
    else:
        domain = exception
    if domain == "*":
        return True
    domain = domain.removeprefix("*")
    if domain.startswith("."):
        return host.endswith(domain)
    return host == domain or host.endswith("." + domain)


def _covers(
    exception: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> bool:
    """Tell whether an item of NO_PROXY means this address."""
    for text, fits in _readings(exception, port):
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
        if fits and address in network:
            return True
    return False


def _readings(exception: str, port: int) -> list[tuple[str, bool]]:
    """Return an item as an address or network, and as an address with a port."""
    host, _, wanted = exception.rpartition(":")
    return [
        (exception.removeprefix("[").removesuffix("]"), True),
        (host.removeprefix("[").removesuffix("]"), wanted == str(port)),
    ]


def _parse(name: str, value: str) -> Proxy:
    url = urlsplit(value if "://" in value else f"http://{value}")
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme not in _DEFAULT_PORTS or not url.hostname or port == -1:
        # Credentials in the value must not reach a log.
        shown = value.rpartition("@")[2]
        raise ProxyError(f"{name} is not the URL of an HTTP proxy: {shown!r}")
    authorization = b""
    if url.username is not None:
        credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
        authorization = b"Basic " + base64.b64encode(credentials.encode())
    return Proxy(
        url.hostname,
        _DEFAULT_PORTS[url.scheme] if port is None else port,
        url.scheme == "https",
        authorization,
    )
