"""The access log: one line for each finished request of both planes (spec/events-and-logs.md 3).

Owns the form of the line and which requests have one. The line goes to a callback;
where it ends up is the log's business.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Sink = Callable[[str], None]

CLIENT_LEFT = 499
"""What the log says of a request whose client left before an answer began; as in nginx."""

_UNLOGGED = ("/wol-health", "/api/performance", "/metrics", "/api/x/servers")
"""What is asked for again and again."""


class AccessLog:
    """ASGI application that runs another one and logs each request when it has ended."""

    def __init__(self, app: App, sink: Callable[[], Sink | None]) -> None:
        """Wrap `app`; `sink` says at the end of each request where its line goes."""
        self._app = app
        self._sink = sink

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        start = time.monotonic()
        status, size = CLIENT_LEFT, 0

        async def counting(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counting)
        except Exception:
            status = 500 if status == CLIENT_LEFT else status
            raise
        finally:
            sink = self._sink()
            if sink is not None and is_logged(scope["path"]):
                client = scope["client"]
                fields = dict(reversed(scope["headers"]))
                sink(
                    access_line(
                        address=caller_address(fields, client[0] if client else ""),
                        method=scope["method"],
                        path=scope["path"],
                        version=scope["http_version"],
                        status=status,
                        size=0 if scope["method"] == "HEAD" else size,
                        agent=fields.get(b"user-agent", b""),
                        seconds=time.monotonic() - start,
                    )
                )


def access_line(
    *,
    address: str,
    method: str,
    path: str,
    version: str,
    status: int,
    size: int,
    agent: bytes,
    seconds: float,
) -> str:
    """Return the line, without the level in front; what comes from outside cannot end a field."""
    line = (
        f'Request {_quoted(address)} "{method} {_quoted(path)} HTTP/{version}" {status} {size} '
        f'"{_quoted(agent.decode("utf-8", "replace"))}" {readable_duration(seconds)}'
    )
    return line if line.isprintable() else _escaped(line)


def is_logged(path: str) -> bool:
    """Tell whether requests for this decoded path are logged; polling is not."""
    return not path.startswith(_UNLOGGED)


def caller_address(fields: Mapping[bytes, bytes], peer: str) -> str:
    """Return who asks, as far as proxies in between say so (spec/http-api.md 2.5)."""
    forwarded = fields.get(b"x-forwarded-for")
    if forwarded:
        return forwarded.partition(b",")[0].strip().decode("latin-1")
    real = fields.get(b"x-real-ip")
    return real.strip().decode("latin-1") if real else peer


def readable_duration(seconds: float) -> str:
    """Return a duration as people read it: `12.9µs`, `1.41ms`, `2.31s`, `1m3.2s`."""
    if seconds < 1e-3:
        return f"{_three_digits(seconds * 1e6)}µs"
    if seconds < 1:
        return f"{_three_digits(seconds * 1e3)}ms"
    if seconds < 60:
        return f"{_three_digits(seconds)}s"
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{hours}h' if hours else ''}{minutes}m{tenths / 10:g}s"


def _three_digits(number: float) -> str:
    if number < 10:
        return f"{number:.2f}"
    return f"{number:.1f}" if number < 100 else f"{number:.0f}"


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text:
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text


def _escaped(line: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )
