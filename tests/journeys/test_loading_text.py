"""The loading text as OpenAI's own client reads it (spec/loading-state.md)."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.journeys.conftest import Stream, command, free_port, get, post, until, until_waiting
from tests.journeys.llama import MESSAGES, anthropic_client, llama, openai_client, write_models
from tests.journeys.program import Program, serving

BAR = "━━━━━"
WHOLE = rf"{BAR}\nllama-swap loading model: %s\n(?:.|\n)*\nDone! \(\d+\.\d\ds\)\n{BAR}\n \n"


@dataclass
class Reader:
    """Reads a streamed completion piece by piece."""

    stream: openai.Stream[Any]
    thoughts: str = ""
    text: str = ""
    order: list[str] = field(default_factory=list)

    def until_thought(self, words: str) -> None:
        """Read on until these words have come."""
        while words not in self.thoughts:
            self._take(next(self.stream))

    def rest(self) -> None:
        for piece in self.stream:
            self._take(piece)

    def _take(self, piece: Any) -> None:
        for choice in piece.choices:
            thought = getattr(choice.delta, "reasoning_content", None) or ""
            self.thoughts += thought
            self.text += choice.delta.content or ""
            kind = "thought" if thought else "text"
            if self.order[-1:] != [kind]:
                self.order.append(kind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loading")
    write_models(folder, "alpha", "beta")
    os.mkfifo(folder / "gate")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[tuple[Program, str]]:
    """Serve models of which only one at a time runs; alpha loads when the gate is opened."""
    models: dict[str, dict[str, Any]] = {
        "alpha": {
            "cmd": llama(folder / "alpha.gguf", gate=folder / "gate"),
            "aliases": ["first"],
        },
        "beta": {"cmd": llama(folder / "beta.gguf")},
        "gamma": {"cmd": llama(folder / "beta.gguf")},
        "broken": {"cmd": command(exit=3, say="CUDA error: out of memory")},
        "endless": {"cmd": command(never=1)},
        "silent": {"cmd": command(), "sendLoadingState": False},
        "small": {"cmd": command(), "concurrencyLimit": 1},
    }
    top = {"startPort": free_port(), "sendLoadingState": True, "models": models}
    with serving(json.dumps(top), folder) as started:
        yield started


@pytest.fixture
def url(served: tuple[Program, str]) -> str:
    """Give the address; no model is loaded."""
    assert get(served[1], "/unload").status == 200
    return served[1]


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai_client(url) as client:
        yield client


def chat(client: openai.OpenAI, model: str, **more: Any) -> Reader:
    return Reader(
        client.chat.completions.create(
            model=model, max_tokens=40, messages=MESSAGES, stream=True, **more
        )
    )


def test_a_load_is_told_of_and_the_answer_follows(client: openai.OpenAI, folder: Path) -> None:
    reader = chat(client, "first")
    reader.until_thought("loading model: alpha\n\n")  # a remark follows
    assert reader.text == ""
    (folder / "gate").open("w").close()
    reader.rest()
    assert re.fullmatch(WHOLE % "alpha", reader.thoughts)
    assert "I am alpha" in reader.text
    assert reader.order == ["thought", "text"]
    again = chat(client, "first")
    again.rest()
    assert "I am alpha" in again.text
    assert again.thoughts == ""


def test_rivals_are_told_their_places_and_whom_they_wait_for(
    url: str, client: openai.OpenAI, folder: Path
) -> None:
    first = chat(client, "alpha")
    first.until_thought("alpha")
    rivals = []
    for place, model in ((1, "beta"), (2, "gamma")):
        rivals.append(chat(client, model))
        until_waiting(url, 1 + place)
    for place, rival in enumerate(rivals, start=1):
        rival.until_thought(f"Queue position: #{place}. Waiting for alpha")
    rivals[0].stream.close()
    rivals[1].until_thought("Queue position: #1. Waiting for")
    (folder / "gate").open("w").close()
    for reader, name in ((first, "alpha"), (rivals[1], "beta")):
        reader.rest()
        assert f"I am {name}" in reader.text
        assert reader.order == ["thought", "text"]
    assert re.fullmatch(WHOLE % "gamma", rivals[1].thoughts)


def test_a_start_that_fails_is_an_error_of_the_client(client: openai.OpenAI) -> None:
    reader = chat(client, "broken")
    with pytest.raises(openai.APIError) as raised:
        reader.rest()
    assert raised.value.message.startswith("unspecific error: ")
    assert "exit status 3" in raised.value.message
    assert "out of memory" in raised.value.message
    assert raised.value.code == "internal_error"
    assert "loading model: broken" in reader.thoughts
    assert "Failed!" in reader.thoughts
    assert "Done!" not in reader.thoughts
    assert reader.text == ""


@pytest.mark.parametrize("how", ["unload", "deadline", "cancel"])
def test_what_ends_the_wait_is_an_error_of_the_client(
    url: str, client: openai.OpenAI, how: str
) -> None:
    headers = {"X-Request-Timeout": "0.5"} if how == "deadline" else {}
    reader = chat(client, "endless", extra_headers=headers)
    reader.until_thought("endless")
    if how == "unload":
        assert get(url, "/unload").status == 200
    elif how == "cancel":
        assert post(url, path=f"/api/inflight/{only_request(url)}/cancel").status < 300
    with pytest.raises(openai.APIError) as raised:
        reader.rest()
    told = {
        "unload": "unspecific error: group: model unloaded",
        "deadline": "no answer began within the 0.5 s that the request allows",
        "cancel": "the request was cancelled by an operator",
    }
    assert raised.value.message == told[how]
    assert "Failed!" in reader.thoughts
    until(lambda: get(url, "/api/x/queue").json["waiting"] == [])


def only_request(url: str) -> str:
    """Return the ID of the only request in flight, as the first messages to a web UI have it."""
    with urllib.request.urlopen(f"{url}/api/events", timeout=60) as events:
        for line in events:
            message = json.loads(line[5:]) if line.startswith(b"data:") else {}
            if message.get("type") == "inflight":
                [request] = json.loads(message["data"])["requests"]
                return str(request["id"])
    raise AssertionError("there is no list of requests in flight")


def test_nothing_is_told_to_who_does_not_stream_or_cannot_show_it(
    url: str, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(model="beta", max_tokens=40, messages=MESSAGES)
    assert "I am beta" in str(answer.choices[0].message.content)
    assert not hasattr(answer.choices[0].message, "reasoning_content")
    with (
        anthropic_client(url) as claude,
        claude.messages.stream(model="gamma", max_tokens=40, messages=MESSAGES) as stream,
    ):
        assert [part.type for part in stream.get_final_message().content] == ["text"]


def test_a_request_that_is_refused_keeps_its_status(url: str, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        chat(client, "nobody")
    busy = Stream(url, "small", "events=2&hold=1")
    with pytest.raises(openai.RateLimitError) as refused:
        chat(client, "small")
    busy.close()
    assert refused.value.response.headers["content-type"] == "application/json"
    assert int(refused.value.response.headers["retry-after"]) >= 1


def test_a_model_can_do_without(url: str) -> None:
    body = json.dumps({"model": "silent", "stream": True}).encode()
    answer = post(url, body, "events=2")
    assert answer.body == b"data: 0\n\ndata: 1\n\n"
