"""Asks a starting model server whether it is ready (design 7.4, spec/lifecycle.md 4.1).

Owns the rhythm of the questions. Only the status line of an answer is read; redirects are not
followed.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from hotbay.runtime.endpoint import Endpoint

REFUSED_PAUSE = 0.01
"""Seconds between probes while nobody accepts; also the least between any two."""
EARLY_PAUSE = 0.02
"""Seconds between probes while the server has accepted for less than `EARLY`."""
EARLY = 5.0
LATE_SHARE = 1 / 50
"""Afterwards a pause is this share of the time that has passed, so that waiting costs little."""
LONGEST_PAUSE = 0.25
ANSWER_LIMIT = 3.0
"""Seconds until an answer is not waited for any more."""
LOOKUP_AGE = 1.0
"""Seconds that the addresses of a name are used."""

_LOOPBACK = ("127.0.0.1", "::1")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})\b")
_LONGEST_STATUS_LINE = 1024


def pause_after(elapsed: float, accepted_for: float) -> float:
    """Tell how many seconds after one probe the next one follows, once the server accepts.

    Args:
        elapsed: seconds since the first probe.
        accepted_for: seconds since the server first accepted a connection.
    """
    if accepted_for < EARLY:
        return EARLY_PAUSE
    return min(max(EARLY_PAUSE, elapsed * LATE_SHARE), LONGEST_PAUSE)


def target_of(endpoint: Endpoint, path: str) -> str:
    """Join base path and check path to a request target; a URL counts for its path only."""
    parts = urlsplit(path)
    joined = f"{endpoint.base_path}/{parts.path.removeprefix('/')}"
    query = f"?{parts.query}" if parts.query else ""
    return quote(joined + query, safe="/?%:@!$&'()*+,;=~-._[]")


async def probe_until_ready(endpoint: Endpoint, path: str, output: asyncio.Event) -> Endpoint:
    """Ask until the answer is exactly 200; return the endpoint with the address that gave it.

    Args:
        endpoint: where the server will listen.
        path: what to ask for.
        output: set by whoever reads the server's output when there is some: a reason to ask at
            once. What comes right after an answer is taken for the server's own note of the
            question, otherwise a server that logs requests would be asked without a pause.
    """
    loop = asyncio.get_running_loop()
    prober = _Prober(endpoint, path)
    began = loop.time()
    accepted: float | None = None
    while True:
        asked = loop.time()
        outcome = await prober.ask()
        if isinstance(outcome, Endpoint):
            return outcome
        await asyncio.sleep(REFUSED_PAUSE)
        if not outcome:
            continue
        accepted = accepted or asked
        output.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(asked + pause_after(asked - began, asked - accepted)):
                await output.wait()


class _Prober:
    """Asks one question at a time."""

    def __init__(self, endpoint: Endpoint, path: str) -> None:
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._context = ssl.create_default_context() if endpoint.scheme == "https" else None
        self._request = (
            f"GET {target_of(endpoint, path)} HTTP/1.1\r\nHost: {endpoint.authority}\r\n"
            "User-Agent: hotbay\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        ).encode()
        limits = (endpoint.timeouts.connect, endpoint.timeouts.response_header)
        self._limit = min([ANSWER_LIMIT, *(limit for limit in limits if limit > 0)])
        self._addresses: Sequence[str] = ()
        self._looked_up = 0.0

    async def ask(self) -> Endpoint | bool:
        """Return the endpoint that is ready, otherwise whether anybody has accepted."""
        accepted = False
        for address in await self._find_addresses():
            sock = _dial(address, self._endpoint.port)
            if sock is None:
                continue
            status = await self._ask_at(sock)
            if status == 200:
                local = self._endpoint.host == "localhost"
                return replace(self._endpoint, host=address) if local else self._endpoint
            accepted = accepted or status is not None
        return accepted

    async def _find_addresses(self) -> Sequence[str]:
        host = self._endpoint.host
        if host == "localhost":
            return _LOOPBACK
        with suppress(ValueError):
            return (str(ip_address(host)),)
        now = self._loop.time()
        if not self._addresses or now - self._looked_up >= LOOKUP_AGE:
            self._looked_up = now
            try:
                found = await self._loop.getaddrinfo(
                    host, self._endpoint.port, type=socket.SOCK_STREAM
                )
            except (OSError, UnicodeError):
                await asyncio.sleep(LONGEST_PAUSE)
                found = []
            self._addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        return self._addresses

    async def _ask_at(self, sock: socket.socket) -> int | None:
        """Return the status, 0 if there is none in time, None if nobody has accepted."""
        answer = _Answer(self._request)
        name = None if self._context is None else self._endpoint.host
        try:
            async with asyncio.timeout(self._limit):
                await self._loop.create_connection(
                    lambda: answer, sock=sock, ssl=self._context, server_hostname=name
                )
                return await answer.status
        except ConnectionRefusedError:
            return None
        except OSError:  # no TLS, or nothing in time
            return 0
        finally:
            answer.hang_up()


class _Answer(asyncio.Protocol):
    """Sends the question once connected, and waits for a status line."""

    def __init__(self, request: bytes) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._request = request
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # tells the type checker
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\n" in self._received or len(self._received) > _LONGEST_STATUS_LINE:
            found = _STATUS.match(self._received)
            self._settle(int(found[1]) if found else 0)

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ConnectionRefusedError) and not self.status.done():
            self.status.set_exception(exc)
        self._settle(0)

    def hang_up(self) -> None:
        """Close the connection, whatever is still under way."""
        if self._transport is not None:
            self._transport.abort()

    def _settle(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)


def _dial(address: str, port: int) -> socket.socket | None:
    """Begin to connect; return None if it is refused at once, as on loopback it is.

    Asking the loop to wait for a connection costs several times as much, and while a model loads
    this is done a hundred times a second.
    """
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    except OSError:  # no IPv6 here
        return None
    sock.setblocking(False)  # noqa: FBT003  # positional only
    error = sock.connect_ex((address, port))
    if error in {errno.EINPROGRESS, errno.EWOULDBLOCK}:
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        sock.close()
        return None
    return sock


def port_in_use(host: str, port: int) -> bool:
    """Tell whether another program listens where a model server on this machine is to listen.

    Of a host that is not an address of this machine nothing is known: False.
    """
    addresses = _LOOPBACK if host == "localhost" else (host,)
    return any(_is_taken(address, port) for address in addresses)


def _is_taken(address: str, port: int) -> bool:
    with suppress(OSError, ValueError):
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family) as sock:
            # As servers do: connections of an earlier server that linger are no obstacle. On
            # Windows the option means something else, and they are none anyway.
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, port))
            except OSError as error:
                return error.errno == errno.EADDRINUSE
    return False
