"""Makes connections to upstreams: TCP, a proxy on the way, TLS.

Owns the steps and the words for what can go wrong in them. A connection is handed out
ready for its first request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import os
import socket
import ssl
from collections.abc import Callable

from hotbay.lane.call import UpstreamError
from hotbay.lane.env_proxies import Proxy
from hotbay.lane.upstream import Connection
from hotbay.runtime.endpoint import Endpoint

_REPLY_LIMIT = 64 * 1024
"""Bytes of a proxy's answer to CONNECT."""

_PLATFORM_KEEPALIVE = 15
"""Seconds that `keepalive: 0` stands for (spec/lifecycle.md 7)."""

_LONGEST_KEEPALIVE = 32767
"""Seconds that Linux accepts at most."""

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a name is tried as well (RFC 8305)."""


class Dialer:
    """Makes connections that share one set of TLS settings."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None

    async def dial(
        self, endpoint: Endpoint, proxy: Proxy | None, make: Callable[[str], Connection]
    ) -> Connection:
        """Connect to an endpoint.

        Args:
            endpoint: where to.
            proxy: what to go through.
            make: makes the connection, given the far end's name for messages.

        Raises:
            UpstreamError: of kind `connect` or `tls`; nothing is left open.
        """
        timeouts = endpoint.timeouts
        host, port = (endpoint.host, endpoint.port) if proxy is None else (proxy.host, proxy.port)
        name = address(endpoint.host, endpoint.port)
        greeter, transport = await _open(host, port, timeouts.connect)
        try:
            _keep_alive(transport, timeouts.keepalive)
            if proxy is not None and proxy.tls:
                transport = await self._secure(
                    transport, greeter, proxy.host, timeouts.tls_handshake
                )
            if proxy is not None and endpoint.scheme == "https":
                await greeter.connect_through(transport, proxy, endpoint, timeouts.connect)
            if endpoint.scheme == "https":
                transport = await self._secure(
                    transport, greeter, server_name(endpoint), timeouts.tls_handshake
                )
            connection = make(name)
            transport.set_protocol(connection)
            connection.connection_made(transport)
        except BaseException:
            transport.abort()
            raise
        if transport.is_closing():  # its end may have been told to the greeter
            raise UpstreamError("connect", f"{name} closed the new connection at once")
        return connection

    async def _secure(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, server: str, patience: float
    ) -> asyncio.Transport:
        if transport.is_closing():  # asyncio would wait for ever
            raise UpstreamError("tls", f"no TLS with {server}: it closed the connection")
        if self._context is None:  # made late: it reads the system's certificates
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                protocol,
                self._context,
                server_hostname=server,
                ssl_handshake_timeout=patience or math.inf,
            )
        except ssl.SSLCertVerificationError as error:
            cause = f"the certificate of {server} is not trusted: {error.verify_message}"
            raise UpstreamError("tls", cause) from error
        except OSError as error:
            raise UpstreamError("tls", f"no TLS with {server}: {_reason(error)}") from error
        if secured is None:
            raise UpstreamError("tls", f"no TLS with {server}: it closed the connection")
        return secured


def address(host: str, port: int) -> str:
    """Write host and port as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_name(endpoint: Endpoint) -> str:
    """Return the name that an endpoint's certificate must have.

    It is the one in the URL: `endpoint.host` may be the address found behind it.
    """
    host, colon, port = endpoint.authority.rpartition(":")
    if not colon or not port.isdigit():
        host = endpoint.authority
    return host.removeprefix("[").removesuffix("]")


class _Greeter(asyncio.Protocol):
    """Stands at a new connection until it is ready; reads the proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self._answer = bytearray()
        self._answered = asyncio.Event()

    async def connect_through(
        self, transport: asyncio.Transport, proxy: Proxy, endpoint: Endpoint, patience: float
    ) -> None:
        """Have the proxy connect to the endpoint (RFC 9110 9.3.6)."""
        target = address(server_name(endpoint), endpoint.port)
        through = f"proxy {address(proxy.host, proxy.port)}"
        request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode()
        if proxy.authorization:
            request += b"Proxy-Authorization: " + proxy.authorization + b"\r\n"
        transport.write(request + b"\r\n")
        try:
            async with asyncio.timeout(patience or None):
                await self._answered.wait()
        except TimeoutError:
            cause = f"{through} gave no connection to {target} within {patience:g} s"
            raise UpstreamError("connect", cause) from None
        if refusal := _refusal(bytes(self._answer)):
            raise UpstreamError("connect", f"{through} gave no connection to {target}: {refusal}")

    def data_received(self, data: bytes) -> None:
        """Collect the answer's head."""
        self._answer += data
        if b"\r\n\r\n" in self._answer or len(self._answer) > _REPLY_LIMIT:
            self._answered.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  gone either way
        """Stop waiting for an answer."""
        self._answered.set()


def _refusal(answer: bytes) -> str:
    """Return why an answer to CONNECT is a refusal, nothing if it is none."""
    head, end, _ = answer.partition(b"\r\n\r\n")
    version, _, status = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    if not end:
        return "it hung up"
    return "" if version.startswith("HTTP/1.") and status.startswith("2") else status


async def _open(host: str, port: int, patience: float) -> tuple[_Greeter, asyncio.Transport]:
    name = address(host, port)
    try:
        async with asyncio.timeout(patience or None) as limit:
            transport, greeter = await asyncio.get_running_loop().create_connection(
                _Greeter,
                host,
                port,
                happy_eyeballs_delay=None if _is_literal(host) else _NEXT_ADDRESS,
            )
    except (OSError, UnicodeError) as error:  # the second for names that cannot be names
        if limit.expired():
            cause = f"no connection to {name} within {patience:g} s"
        else:
            cause = _describe(error, name, host)
        raise UpstreamError("connect", cause) from error
    return greeter, transport


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _describe(error: OSError | UnicodeError, name: str, host: str) -> str:
    if isinstance(error, UnicodeError):
        return f"host name {host!r} is not valid"
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {name}"
    if isinstance(error, socket.gaierror):
        return f"host name {host!r} cannot be resolved: {error.strerror}"
    if error.errno is None:  # several addresses were tried; asyncio's text lists them
        return f"no connection to {name}: {error}"
    return f"no connection to {name}: {os.strerror(error.errno)}"


def _keep_alive(transport: asyncio.Transport, interval: float) -> None:
    """Have TCP probe a silent connection, so that a vanished upstream is noticed."""
    seconds = min(int(interval) or _PLATFORM_KEEPALIVE, _LONGEST_KEEPALIVE)
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):  # the second on macOS
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or "it closed the connection"
