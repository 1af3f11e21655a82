"""A model server in the test's own process, so that every byte that reaches it can be looked at."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.lane.upstreams import SWITCHED, Peer, upstream


@dataclass(frozen=True)
class Forwarded:
    """A request as it arrived: its first line without the version, headers, body."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header that must not be there twice."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(
    body: bytes = b'{"ok":true}',
    *headers: str,
    status: str = "200 OK",
    kind: str = "application/json",
) -> bytes:
    """Return a whole answer of a model server."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


class Backend:
    """Answers every request with `answer`, once `gate` is open; grants upgrades and echoes.

    A model with the `checkEndpoint` `/health` is loading for as long as `loading` says.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Forwarded] = []
        self.answer = answer()
        self.gate = asyncio.Event()
        self.gate.set()
        self.loading = False
        self.arrived = asyncio.Semaphore(0)

    def model(self, base: str = "", **settings: Any) -> dict[str, Any]:
        """Return settings of a local model that this is the server of; it is ready at once."""
        return {
            "cmd": "sleep 1000",
            "checkEndpoint": "none",
            "proxy": self.url + base,
            **settings,
        }

    def peer(self, base: str = "", **settings: Any) -> dict[str, Any]:
        """Return settings of a peer that this is."""
        return {"proxy": self.url + base, **settings}

    @property
    def last(self) -> Forwarded:
        return self.requests[-1]

    @property
    def lines(self) -> Sequence[str]:
        return [request.line for request in self.requests]

    async def follow(self, peer: Peer) -> None:
        while True:
            head, body = await peer.request()
            line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
            fields = [
                (name.lower(), value) for name, _, value in (x.partition(": ") for x in lines)
            ]
            if line.startswith("GET /health "):
                status = "503 Loading" if self.loading else "200 OK"
                await peer.send(answer(status=status))
                continue
            request = Forwarded(line.removesuffix(" HTTP/1.1"), fields, body)
            self.requests.append(request)
            self.arrived.release()
            if request.header("upgrade"):
                await peer.send(SWITCHED)
                while data := await peer.reader.read(4096):
                    await peer.send(data)
                return
            await self.gate.wait()
            await peer.send(self.answer)


@contextlib.asynccontextmanager
async def serving_backend() -> AsyncIterator[Backend]:
    """Run one."""
    backend = Backend()
    async with upstream(backend.follow) as up:
        backend.url = f"http://127.0.0.1:{up.port}"
        yield backend
