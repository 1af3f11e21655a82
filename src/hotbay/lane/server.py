"""Listens, and ends every connection when the program does.

Owns the listening sockets and the set of open connections. From uvicorn come the
configuration and the state that its protocol class needs; its server, with signal
handlers, ticks and lifespan of its own, is not used: `hotbay.app` owns all that.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from hotbay.lane.access import AccessLog, App
from hotbay.lane.certificate import Certificate
from hotbay.lane.context import Lane
from hotbay.lane.protocol import LaneProtocol

_BACKLOG = 2048


_STREAM_GRACE = 0.5
"""Seconds for the application's streams to end by themselves at a shutdown."""


class LaneServer:
    """One server for both planes."""

    def __init__(
        self,
        app: App,
        lane: Lane,
        sockets: Sequence[socket.socket],
        *,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        """Prepare to serve.

        Args:
            app: the control plane, an ASGI application.
            lane: where connections find what they need.
            sockets: bound; closed by `stop`.
            certificate: PEM file; with it the server speaks TLS only.
            key: PEM file of its private key, if it is not in the same file.
        """
        self._lane = lane
        self._sockets = sockets
        self._config = Config(
            AccessLog(app, lambda: lane.context.access),
            interface="asgi3",
            http=LaneProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._files = certificate, key
        self._certificate: Certificate | None = None
        self._connections = _Connections()
        self._state = ServerState()
        self._state.connections = self._connections
        self._listeners: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen; connections are served from the return of this on.

        Raises:
            OSError: certificate or key cannot be used, or a socket cannot listen.
        """
        self._config.load()
        file, key = self._files
        self._certificate = None if file is None else Certificate(file, key)
        context = None if self._certificate is None else self._certificate.context
        loop = asyncio.get_running_loop()
        make = partial(LaneProtocol, self._config, self._state, {}, lane=self._lane)
        for sock in self._sockets:
            _tune(sock)
            self._listeners.append(
                await loop.create_server(make, sock=sock, ssl=context, backlog=_BACKLOG)
            )

    def reload_certificate(self) -> None:
        """Show new connections what is in the files of the certificate now, if there is one.

        Raises:
            OSError: they cannot be used; the certificate stays as it is.
        """
        if self._certificate is not None:
            self._certificate.reload()

    async def stop(self, grace: float) -> None:
        """Take no more requests, let answers end for `grace` seconds, then abort them.

        Idle connections are closed at once. Streams of the application have a moment to end
        by themselves, so that their clients see a whole answer. May be called again, with less
        grace, while an earlier call waits.
        """
        for listener in self._listeners:
            listener.close()
        for sock in self._sockets:
            sock.close()
        for connection in list(self._connections):
            connection.shutdown()
        streams = asyncio.get_running_loop().call_later(
            min(grace, _STREAM_GRACE), self._end_streams
        )
        try:
            async with asyncio.timeout(grace):
                await self._connections.gone()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._connections.gone()
        streams.cancel()
        for task in self._state.tasks:
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)

    def _end_streams(self) -> None:
        for connection in list(self._connections):
            connection.end_stream()


class _Connections(set[Any]):
    """Open connections, as uvicorn's protocol keeps them; tells when none is left."""

    def __init__(self) -> None:
        super().__init__()
        self._gone = asyncio.Event()

    def discard(self, connection: object, /) -> None:
        super().discard(connection)
        if not self:
            self._gone.set()

    async def gone(self) -> None:
        """Wait until there is no connection."""
        while self:
            self._gone.clear()
            await self._gone.wait()


def _tune(sock: socket.socket) -> None:
    """Set what every accepted socket inherits.

    The kernel is not to hold back what is written until the client has acknowledged what came
    before, which a client does up to 40 ms late: asyncio sees to that only on sockets that were
    made with their protocol named. And it is to notice clients that vanished, as nothing is sent
    to a client that waits; the times are those of Go's net package.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 9)):
        if hasattr(socket, name):  # not everywhere
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
