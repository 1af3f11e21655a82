"""The upstream client: sends calls over kept-alive connections, or over fresh ones.

`Client` owns one `Pool` per endpoint, that is per model and generation, so that no
connection of an earlier life of a model server is used again. Most recently used
connections come first; the rest of a burst ages and is closed by one timer per pool.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping

from hotbay.lane.body import Body
from hotbay.lane.call import Call, Sink, UpstreamError
from hotbay.lane.dial import Dialer, server_name
from hotbay.lane.env_proxies import EnvProxies, Proxy, ProxyError
from hotbay.lane.upstream import Connection
from hotbay.runtime.endpoint import Endpoint

MAX_IDLE = 128
"""Idle connections kept per endpoint."""


class Client:
    """Sends requests to upstreams. Belongs to one event loop."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Start without connections; `environ` may name proxies."""
        self._proxies = EnvProxies(environ)
        self._dialer = Dialer()
        self._pools: dict[tuple[str, int], Pool] = {}

    def request(
        self,
        endpoint: Endpoint,
        head: bytes,
        body: Body,
        sink: Sink,
        *,
        head_only: bool = False,
        expect_continue: bool = False,
    ) -> Call:
        """Send a request and have its answer told to `sink`; see `Call` for the arguments.

        The caller releases `body` once the call has ended.
        """
        call = Call(
            endpoint, head, body, sink, head_only=head_only, expect_continue=expect_continue
        )
        key = (endpoint.model, endpoint.generation)
        pool = self._pools.get(key)
        if pool is None or (pool.endpoint is not endpoint and pool.endpoint != endpoint):
            if pool is not None:
                pool.close()
            pool = self._pools[key] = Pool(endpoint, self._proxies, self._dialer)
        pool.send(call)
        return call

    def forget(self, endpoint: Endpoint) -> None:
        """Close what is idle of an endpoint that will not be used again.

        Calls under way go on; their connections are closed after them.
        """
        pool = self._pools.pop((endpoint.model, endpoint.generation), None)
        if pool is not None:
            pool.close()

    def close(self) -> None:
        """Forget all endpoints."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()


class Pool:
    """The connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, proxies: EnvProxies, dialer: Dialer) -> None:
        self.endpoint = endpoint
        self._dialer = dialer
        self._proxy: Proxy | None = None
        self._misconfigured = ""
        try:
            self._proxy = proxies.find(endpoint.scheme, server_name(endpoint), endpoint.port)
        except ProxyError as error:
            self._misconfigured = str(error)
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    def send(self, call: Call) -> None:
        """Send a call over an idle connection, or connect first.

        A body that can be sent only once gets a fresh connection: an idle one may turn
        out to have been closed by the upstream.
        """
        if self._proxy is not None and self.endpoint.scheme == "http":
            call.head = _absolute(call.head, self.endpoint, self._proxy)
        now = self._loop.time()
        while self._idle and call.body.replayable:
            connection = self._idle.pop()
            if not connection.closed and connection.expires > now:
                connection.reused = True
                connection.start(call)
                return
            connection.close()
        self.resend(call)

    def resend(self, call: Call) -> None:
        """Send a call over a fresh connection."""
        task = self._loop.create_task(self._connect(call))
        call.connecting = task
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, call: Call) -> None:
        if self._misconfigured:
            call.fail(UpstreamError("connect", self._misconfigured))
            return
        endpoint = self.endpoint
        try:
            connection = await self._dialer.dial(
                endpoint, self._proxy, lambda name: Connection(self, endpoint, name)
            )
        except UpstreamError as error:
            call.fail(error)
            return
        call.connecting = None
        connection.start(call)

    def released(self, connection: Connection) -> None:
        """Keep a connection for the next call, as long as the upstream is sure to."""
        lifetime = self._lifetime(connection)
        if self._closed or lifetime <= 0 or len(self._idle) >= MAX_IDLE:
            connection.close()
            return
        connection.expires = self._loop.time() + lifetime
        self._idle.append(connection)
        if self._sweeping is None and lifetime != math.inf:
            self._sweeping = self._loop.call_later(lifetime, self._sweep)

    def lost(self, connection: Connection) -> None:
        """Drop an idle connection that has ended."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close what is idle, and every other connection once its call has ended."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _lifetime(self, connection: Connection) -> float:
        """Return for how many seconds a connection may be idle (design 7.10)."""
        limit = self.endpoint.timeouts.idle_conn or math.inf
        return limit if connection.hint is None else min(limit, connection.hint - 1)

    def _sweep(self) -> None:
        """Close what has been idle for too long, and come back for the rest."""
        self._sweeping = None
        now = self._loop.time()
        kept = [connection for connection in self._idle if connection.expires > now]
        for connection in self._idle:
            if connection.expires <= now:
                connection.close()
        self._idle = kept
        if kept:
            earliest = min(connection.expires for connection in kept)
            self._sweeping = self._loop.call_at(earliest, self._sweep)


def _absolute(head: bytes, endpoint: Endpoint, proxy: Proxy) -> bytes:
    """Return a head as a proxy wants it: the target in absolute form (RFC 9112 3.2.2)."""
    method, _, rest = head.partition(b" ")
    line, _, headers = rest.partition(b"\r\n")
    if proxy.authorization:
        headers = b"Proxy-Authorization: %b\r\n%b" % (proxy.authorization, headers)
    return b"%b http://%b%b\r\n%b" % (method, endpoint.authority.encode(), line, headers)
