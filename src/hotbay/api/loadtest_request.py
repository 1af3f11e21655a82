"""One request of a load test: a real chat over a connection of its own, with its times taken.

Owns the little HTTP that this needs. It talks to nobody but this very program.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httptools
import msgspec

PATH = "/v1/chat/completions"
READ = 64 * 1024
LONGEST_REST = 1 << 20
"""Bytes that are held of an answer."""
LONGEST_ERROR = 300
"""Characters of what is kept of an error that is not in the usual form."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the requests go: to the address at which the test itself was asked for.

    `headers` are those by which the caller may use it.
    """

    host: str
    port: int
    tls: bool
    headers: Mapping[str, str]


@dataclass(slots=True)
class Outcome:
    """What became of a request; times are seconds since it was begun, None if it never happened.

    Attributes:
        model: whom it was for.
        error: why it failed; empty if it did not.
        seconds: until its end.
        first_token: until the model said something.
        tokens: of the answer, as the model server counts them, else the pieces it came in.
        prompt_tokens: as the model server counts them.
        phases: milliseconds in the queue and so on before it was forwarded (spec/web-ui.md 20.3).
    """

    model: str
    error: str = ""
    seconds: float = 0.0
    first_token: float | None = None
    tokens: int = 0
    prompt_tokens: int | None = None
    phases: Mapping[str, float] = field(default_factory=dict)


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Any] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Event(msgspec.Struct):
    id: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Event)
_LOADING = "chatcmpl-loading"
"""The ID of events with the loading text, which is ours and no token (lane/loading.py)."""


async def ask(target: Target, body: Mapping[str, Any], request_id: str, outcome: Outcome) -> None:
    """Make the request and fill in what becomes of it, also if it is cancelled; not `phases`."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    answer = _Answer(outcome, lambda: clock() - begun)
    try:
        await _exchange(target, _encoded(target, body, request_id), answer)
        answer.finish()
    except (OSError, httptools.HttpParserError) as error:
        outcome.error = f"the connection broke off: {error}"
    finally:
        outcome.seconds = clock() - begun


async def _exchange(target: Target, request: bytes, answer: _Answer) -> None:
    context = _own_certificate() if target.tls else None
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
    try:
        writer.write(request)
        while not answer.complete and (data := await reader.read(READ)):
            answer.feed(data)
    finally:
        # Not waited for: the server is to notice at once that nobody listens any more.
        writer.transport.abort()


def _own_certificate() -> ssl.SSLContext:
    """Return a context for a connection to ourselves, whose certificate names other addresses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the address is that of our own listening socket
    return context


def _encoded(target: Target, body: Mapping[str, Any], request_id: str) -> bytes:
    content = msgspec.json.encode(body)
    headers = {
        "User-Agent": "hotbay load test",
        **target.headers,
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "X-Request-ID": request_id,
        "Connection": "close",
    }
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


class _Answer:
    """Reads an answer as the parser hands it out."""

    def __init__(self, outcome: Outcome, elapsed: Callable[[], float]) -> None:
        self.complete = False
        self._outcome = outcome
        self._elapsed = elapsed
        self._parser = httptools.HttpResponseParser(self)
        self._stream = False
        self._rest = b""
        self._pieces = 0

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self._parser.feed_data(data)

    def finish(self) -> None:
        """Judge what has come, once no more comes."""
        outcome = self._outcome
        if not self._stream and self._rest:
            self._event(self._rest)
            if self._parser.get_status_code() >= 400 and not outcome.error:
                outcome.error = self._rest.decode(errors="replace").strip()[:LONGEST_ERROR]
        if not self.complete and not outcome.error:
            outcome.error = "the answer broke off"
        outcome.tokens = outcome.tokens or self._pieces

    # -- called by the parser ---------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._stream = value.lower().startswith(b"text/event-stream")

    def on_body(self, data: bytes) -> None:
        if len(self._rest) > LONGEST_REST:
            self._rest = b""  # no event is that long, and no error worth it
        self._rest += data
        if not self._stream:
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(line[5:].strip())

    def on_message_complete(self) -> None:
        self.complete = True

    # -- inside -----------------------------------------------------------------------------

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            return
        with suppress(msgspec.MsgspecError):  # what is not understood is passed over
            self._take(_decoder.decode(data))

    def _take(self, event: _Event) -> None:
        outcome = self._outcome
        if event.error is not None:
            outcome.error = _message(event.error)
        if event.usage is not None:
            outcome.tokens = event.usage.completion_tokens or outcome.tokens
            outcome.prompt_tokens = event.usage.prompt_tokens
        if event.id == _LOADING or not any(_says(choice.delta) for choice in event.choices):
            return
        self._pieces += 1
        if outcome.first_token is None:
            outcome.first_token = self._elapsed()


def _says(delta: _Delta) -> bool:
    return bool(delta.content or delta.reasoning_content or delta.reasoning or delta.tool_calls)


def _message(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    text = message if isinstance(message, str) else msgspec.json.encode(error).decode()
    return text[:LONGEST_ERROR] or "the model server told of an error without a word"
