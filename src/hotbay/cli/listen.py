"""Where to listen: reading an address, binding sockets, telling loopback from the network."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

BACKLOG = 2048
_LAST_PORT = 65535


class ListenError(Exception):
    """The address cannot be read or bound; the text names it and the cause."""


@dataclass(frozen=True, slots=True)
class Address:
    """Host (empty: every interface) and port (0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as it is typed, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `host:port`, `:port`, `[v6]:port`.

    Raises:
        ListenError: there is no port, or it is not one.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _LAST_PORT:
        raise ListenError(f"listen address {text!r}: expected host:port or :port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ListenError(f"listen address {text!r}: put an IPv6 address in brackets")
    return Address(host, int(port))


def is_loopback(address: Address) -> bool:
    """Whether only this machine can reach the address: every address of its host is loopback."""
    if not address.host:
        return False
    try:
        hosts = [host for _, host in _resolve(address)]
    except OSError:
        return False
    return all(ipaddress.ip_address(host.partition("%")[0]).is_loopback for host in hosts)


def bind(address: Address) -> list[socket.socket]:
    """Return listening sockets for every address of the host; they share one port.

    Raises:
        ListenError: the host is unknown, or the port is taken or not allowed.
    """
    sockets: list[socket.socket] = []
    try:
        if not address.host:
            return [_bind_everywhere(address.port)]
        port = address.port
        for family, host in _resolve(address):
            sockets.append(socket.create_server((host, port), family=family, backlog=BACKLOG))
            port = sockets[0].getsockname()[1]
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from error
    return sockets


def _resolve(address: Address) -> list[tuple[int, str]]:
    """Return family and numeric host of every address of the host."""
    infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(family), str(target[0])) for family, _, _, _, target in infos))


def _bind_everywhere(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
        )
    return socket.create_server(("", port), backlog=BACKLOG)
