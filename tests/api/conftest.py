"""What the tests of the control plane share: a whole application in the test's process."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.conftest import command, free_port

from hotbay.api.services import Build
from hotbay.app import App, Origin
from hotbay.config import Sources, load
from hotbay.runtime.console import Console
from hotbay.runtime.logs import LogBook

LIMIT = 30.0
"""Seconds after which something that was waited for will not come any more."""
BUILD = Build("1.2.3", "abcd", "2031-04-05T06:07:08Z")


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of the error envelope."""
        assert self.json["src"] == "llama-swap"
        return str(self.json["error"]["message"])


class Stream:
    """A response that goes on, read as it comes."""

    def __init__(self, reader: asyncio.StreamReader, head: bytes) -> None:
        self._reader = reader
        lines = head.decode().rstrip().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        self.seen = bytearray()

    async def until(self, text: bytes) -> None:
        """Read on until the text has come."""
        searched = 0
        async with asyncio.timeout(LIMIT):
            while self.seen.find(text, searched) < 0:
                searched = max(0, len(self.seen) - len(text))
                self.seen += await self._chunk()

    async def end(self) -> None:
        """Read on until the response ends as it should."""
        async with asyncio.timeout(LIMIT):
            while piece := await self._chunk():
                self.seen += piece

    async def _chunk(self) -> bytes:
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        return (await self._reader.readexactly(size + 2))[:-2]


class Served:
    """A running application and its clients."""

    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.port = port

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """Make a request on a connection of its own; a body that is no bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return await asyncio.to_thread(self._ask, method, target, dict(headers or {}), data)

    async def get(self, target: str, **headers: str) -> Answer:
        """GET; header names are written with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("GET", target, named)

    async def use(self, model: str) -> Answer:
        """Have a request served by a model."""
        headers = {"Content-Type": "application/json"}
        answer = await self.ask("POST", "/v1/chat/completions", headers, {"model": model})
        assert answer.status == 200, answer.body
        return answer

    def _ask(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.reason, response.headers, response.read())
        finally:
            connection.close()

    @asynccontextmanager
    async def stream(self, target: str) -> AsyncIterator[Stream]:
        """GET what does not end; entered once the head has come."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            async with asyncio.timeout(LIMIT):
                head = await reader.readuntil(b"\r\n\r\n")
            yield Stream(reader, head)
        finally:
            writer.close()
            await writer.wait_closed()

    async def logged(self, pattern: str) -> re.Match[str]:
        """Wait for a line in the server's own log that matches as a whole."""
        reader = self.app.logs.proxy_monitor.subscribe()
        text = ""
        try:
            async with asyncio.timeout(LIMIT):
                async for piece in reader:
                    text += piece.decode()
                    if match := re.search(f"^{pattern}$", text, re.MULTILINE):
                        return match
        except TimeoutError:
            pass
        finally:
            reader.close()
        raise AssertionError(f"{pattern!r} was not logged:\n{text}")

    @property
    def log(self) -> str:
        """The server's own log so far; what is old may begin in the middle of a character."""
        return self.app.logs.proxy_monitor.history().decode(errors="replace")


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Serve a configuration: `await serve({...}, a={...})`; a model without cmd is scripted."""
    apps: list[App] = []
    collecting = gc.get_threshold()

    async def start(
        top: dict[str, Any] | None = None, /, *, loopback: bool = True, **models: dict[str, Any]
    ) -> Served:
        named = {name: {"cmd": command(), **settings} for name, settings in models.items()}
        content = {"startPort": free_port(), "unloadTimeout": 2, **(top or {})}
        content["models"] = {**named, **content.get("models", {})}
        file = tmp_path / "config.yaml"
        file.write_text(json.dumps(content))  # JSON is YAML
        sources = Sources(file, None)
        loaded = load(sources)
        sock = socket.create_server(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
        origin = Origin(sources, [sock], loopback, None, None, BUILD)
        logs = LogBook(loaded.config, Console(None))
        app = App(loaded.config, origin, logs, loaded.warnings, loaded.texts)
        apps.append(app)
        await app.start()
        return Served(app, port)

    yield start
    for app in apps:
        app.kill()
        await app.stop()
        assert "internal error" not in app.logs.proxy_monitor.history().decode(errors="replace")
    gc.unfreeze()
    gc.set_threshold(*collecting)
