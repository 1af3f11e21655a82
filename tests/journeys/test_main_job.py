"""The main job, with real llama.cpp servers and the clients that people use."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest
from tests.journeys.conftest import free_port
from tests.journeys.program import Program, running

from hotbay.llamacpp.demo import configuration, write_models


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, str]]:
    folder = tmp_path_factory.mktemp("demo")
    # Ports of its own, as another demo may run beside this one.
    own = configuration(write_models(folder, tell=lambda _line: None))
    edited = own.replace("startPort: 15800", f"startPort: {free_port()}")
    assert edited != own
    (folder / "config.yaml").write_text(edited)
    with running("demo", "--folder", str(folder), "--listen", "127.0.0.1:0") as started:
        yield started


def get(url: str, path: str) -> object:
    with urllib.request.urlopen(f"{url}{path}", timeout=30) as answer:
        return json.load(answer)


def up(url: str) -> dict[str, str]:
    servers = get(url, "/running")["running"]  # type: ignore[index]
    return {server["model"]: server["state"] for server in servers}


def say(client: openai.OpenAI, model: str) -> str:
    stream = client.chat.completions.create(
        model=model,
        max_tokens=40,
        stream=True,
        messages=[{"role": "user", "content": "Who are you?"}],
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_two_chat_models_are_swapped_and_each_names_itself(demo: tuple[Program, str]) -> None:
    program, url = demo
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    assert {model.id for model in client.models.list()} >= {"alpha", "beta", "embed", "rerank"}
    assert up(url) == {}

    assert "I am alpha" in say(client, "alpha")
    assert up(url) == {"alpha": "ready"}

    assert "I am beta" in say(client, "beta")
    assert up(url) == {"beta": "ready"}

    vectors = client.embeddings.create(model="embed", input=["the cat", "a dog"])
    assert len(vectors.data) == 2
    assert vectors.data[0].embedding != vectors.data[1].embedding
    assert up(url) == {"beta": "ready", "embed": "ready"}

    request = urllib.request.Request(
        f"{url}/v1/rerank",
        json.dumps({"model": "rerank", "query": "cat", "documents": ["a cat", "a dog"]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert {result["index"] for result in json.load(answer)["results"]} == {0, 1}
    assert up(url) == {"beta": "ready", "embed": "ready", "rerank": "ready"}

    claude = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
    message = claude.messages.create(
        model="alpha", max_tokens=40, messages=[{"role": "user", "content": "Who are you?"}]
    )
    assert "I am alpha" in "".join(part.text for part in message.content if part.type == "text")
    assert up(url)["alpha"] == "ready"
    assert "beta" not in up(url)

    assert len(program.family()) >= 2
    assert program.end(signal.SIGINT) == 0
    assert not program.family()
    assert "shutdown complete" in program.output


def test_the_demo_keeps_a_configuration_that_was_edited(tmp_path: Path) -> None:
    arguments = ("demo", "--folder", str(tmp_path), "--listen", "127.0.0.1:0")
    with running(*arguments):
        pass
    file = tmp_path / "config.yaml"
    edited = file.read_text() + "\nlogLevel: debug\n"
    file.write_text(edited)
    with running(*arguments) as (program, _):
        assert "[DEBUG]" in program.output
    assert file.read_text() == edited
