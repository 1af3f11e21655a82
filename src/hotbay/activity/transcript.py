"""What a streamed answer says, put together from its events. Pure.

Knows the streams of OpenAI's chat completions, completions and responses, of Anthropic's messages,
and of llama.cpp's own completions. Whatever an event has that is not expected is passed over, so a
stream that broke off, or is only half understood, is put together as far as possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Event = Mapping[str, Any]

_LINE_END = re.compile("\r\n|\r|\n")


class Part(msgspec.Struct, omit_defaults=True):
    """A piece of an answer.

    Attributes:
        type: `text`, `reasoning`, `refusal` or `tool_call`.
        text: what it says; of a tool call the arguments.
        id: of a tool call.
        name: of a tool call: that of the tool.
    """

    type: str
    text: str
    id: str = ""
    name: str = ""


class Choice(msgspec.Struct):
    """One of the answers that were asked for, usually the only one.

    Attributes:
        index: counts from 0.
        parts: in the order in which they began.
        finish_reason: why it ended, in the words of the model server; empty if it did not.
    """

    index: int
    parts: list[Part] = []
    finish_reason: str = ""


class Transcript(msgspec.Struct):
    """A whole answer.

    Attributes:
        format: `chat`, `completions`, `messages`, `responses` or `llama.cpp`.
        model: its name, as the model server gives it.
        choices: by index.
        usage: the last numbers of tokens that were told, as they were told.
        complete: whether the stream came to its end.
    """

    format: str = ""
    model: str = ""
    choices: list[Choice] = []
    usage: dict[str, Any] | None = None
    complete: bool = False


def transcript_of(stream: bytes) -> Transcript | None:
    """Return what a stream of events says; None if it is of no kind that is known."""
    writer = _Writer()
    for data in events_of(stream.decode("utf-8", "replace")):
        if data == "[DONE]":
            writer.transcript.complete = True
            continue
        try:
            event = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(event, dict):
            writer.take(event)
    return writer.finish()


def events_of(stream: str) -> Iterator[str]:
    """Yield the data of each event (https://html.spec.whatwg.org/#event-stream-interpretation)."""
    data: list[str] = []
    for line in _LINE_END.split(stream.removeprefix("\ufeff")):
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:  # it broke off, but what is here may be whole
        yield "\n".join(data)


class _Writer:
    """Takes events and writes down what they say."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self._choices: dict[int, Choice] = {}
        self._parts: dict[tuple[int, object], tuple[Part, list[str]]] = {}

    def finish(self) -> Transcript | None:
        """Return what has been written."""
        if not self.transcript.format:
            return None
        for part, pieces in self._parts.values():
            part.text = "".join(pieces)
        self.transcript.choices = [choice for _, choice in sorted(self._choices.items())]
        return self.transcript

    def take(self, event: Event) -> None:
        """Write down one event."""
        kind = _text(event.get("type"))
        if kind.startswith("response."):
            self._response(kind, event)
        elif kind.startswith(("message_", "content_block_")):
            self._message(kind, event)
        elif isinstance(event.get("choices"), list):
            self._completion(event)
        elif isinstance(event.get("content"), str) and "stop" in event:
            self._llama_cpp(event)

    def _about(self, format: str, source: Event) -> None:  # noqa: A002 - the member is called so
        """Note what is told beside the answer."""
        self.transcript.format = self.transcript.format or format
        self.transcript.model = _text(source.get("model")) or self.transcript.model
        if usage := source.get("usage"):
            self.transcript.usage = {**(self.transcript.usage or {}), **_object(usage)}

    def _choice(self, index: int) -> Choice:
        return self._choices.setdefault(index, Choice(index))

    def _say(self, index: int, key: object, kind: str, text: object, **call: object) -> None:
        """Append to the part of a choice that goes by this key; `call` is of a tool call."""
        if not text and not any(call.values()):
            return
        if (index, key) not in self._parts:
            part = Part(kind, "")
            self._choice(index).parts.append(part)
            self._parts[index, key] = part, []
        part, pieces = self._parts[index, key]
        pieces.append(_text(text))
        part.id = part.id or _text(call.get("id"))
        part.name = part.name or _text(call.get("name"))

    # -- dialects ----------------------------------------------------------------------------

    def _completion(self, event: Event) -> None:
        """https://platform.openai.com/docs/api-reference/chat-streaming, and its predecessor."""
        for choice in map(_object, event["choices"]):
            index = _number(choice.get("index"))
            if "text" in choice:
                self._about("completions", event)
                self._say(index, "text", "text", choice["text"])
            elif "delta" in choice:
                self._about("chat", event)
                self._delta(index, _object(choice["delta"]))
            if reason := _text(choice.get("finish_reason")):
                self._choice(index).finish_reason = reason
                self.transcript.complete = True
        if not event["choices"] and self.transcript.format:  # usage comes last, by itself
            self._about("", event)

    def _delta(self, index: int, delta: Event) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        self._say(index, "reasoning", "reasoning", reasoning)
        self._say(index, "text", "text", delta.get("content"))
        self._say(index, "refusal", "refusal", delta.get("refusal"))
        for call in map(_object, _list(delta.get("tool_calls"))):
            function = _object(call.get("function"))
            self._say(
                index,
                _number(call.get("index")),
                "tool_call",
                function.get("arguments"),
                id=call.get("id"),
                name=function.get("name"),
            )

    def _message(self, kind: str, event: Event) -> None:
        """https://docs.anthropic.com/en/docs/build-with-claude/streaming."""
        self._about("messages", event)
        block = _number(event.get("index"))
        delta = _object(event.get("delta"))
        if kind == "message_start":
            self._about("messages", _object(event.get("message")))
        elif kind == "content_block_start":
            content = _object(event.get("content_block"))
            if _text(content.get("type")).endswith("tool_use"):
                self._say(0, block, "tool_call", "", id=content.get("id"), name=content.get("name"))
            else:
                self._block(block, content)
        elif kind == "content_block_delta":
            self._block(block, delta)
        elif kind == "message_delta":
            self._choice(0).finish_reason = _text(delta.get("stop_reason"))
        elif kind == "message_stop":
            self.transcript.complete = True

    def _block(self, block: int, content: Event) -> None:
        self._say(0, block, "reasoning", content.get("thinking"))
        self._say(0, block, "text", content.get("text"))
        self._say(0, block, "tool_call", content.get("partial_json"))

    def _response(self, kind: str, event: Event) -> None:
        """https://platform.openai.com/docs/api-reference/responses-streaming."""
        response = _object(event.get("response"))
        self._about("responses", response)
        output = _number(event.get("output_index"))
        item = _object(event.get("item"))
        if kind in _RESPONSE_PARTS:
            self._say(0, (output, kind), _RESPONSE_PARTS[kind], event.get("delta"))
        elif kind == "response.output_item.added" and item.get("type") == "function_call":
            key = output, "response.function_call_arguments.delta"
            self._say(0, key, "tool_call", "", id=item.get("call_id"), name=item.get("name"))
        elif kind in {"response.completed", "response.incomplete", "response.failed"}:
            details = _object(response.get("incomplete_details"))
            reason = _text(details.get("reason")) or _text(response.get("status"))
            self._choice(0).finish_reason = reason
            self.transcript.complete = True

    def _llama_cpp(self, event: Event) -> None:
        """`/completion` and `/infill` of https://github.com/ggml-org/llama.cpp (tools/server)."""
        self._about("llama.cpp", event)
        index = _number(event.get("index"))
        self._say(index, "text", "text", event["content"])
        if event["stop"] is True:
            self._choice(index).finish_reason = _text(event.get("stop_type"))
            self.transcript.complete = True


_RESPONSE_PARTS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.function_call_arguments.delta": "tool_call",
}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
