"""What the embedded engine and the tiny models answer, over HTTP."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.llamacpp.running import Running, serving

from hotbay.llamacpp.tiny.text import SENTENCES

HELLO = [{"role": "user", "content": "Hello, who are you?"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


@pytest.fixture(scope="module")
def alpha(models: dict[str, Path]) -> Iterator[Running]:
    with serving("--model", str(models["alpha"]), "--alias", "alpha") as server:
        yield server


@pytest.fixture(scope="module")
def sage(models: dict[str, Path]) -> Iterator[Running]:
    with serving("--model", str(models["sage"])) as server:
        yield server


@pytest.fixture(scope="module")
def embedder(models: dict[str, Path]) -> Iterator[Running]:
    with serving("--model", str(models["embed"]), "--embeddings") as server:
        yield server


@pytest.fixture(scope="module")
def reranker(models: dict[str, Path]) -> Iterator[Running]:
    with serving("--model", str(models["rerank"]), "--reranking") as server:
        yield server


def chat(server: Running, **body: Any) -> Any:
    """The choice that a chat is answered with."""
    body = {"messages": HELLO, "max_tokens": 200} | body
    return server.json("/v1/chat/completions", body)["choices"][0]


def chunks(server: Running, **body: Any) -> list[Any]:
    """The deltas of a streamed chat."""
    body = {"messages": HELLO, "max_tokens": 200, "stream": True} | body
    *events, done = server.events("/v1/chat/completions", body)
    assert done == "[DONE]"
    return [json.loads(event)["choices"][0]["delta"] for event in events]


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_a_chat_model_says_its_name_and_stops_by_itself(models: dict[str, Path], name: str) -> None:
    with serving("-m", str(models[name])) as server:
        answer = chat(server, temperature=0)
    assert answer["message"]["content"] == f"I am {name}, a tiny model made on this machine."
    assert answer["finish_reason"] == "stop"


@pytest.mark.parametrize("seed", range(4))
def test_a_chat_model_says_only_its_own_sentences(alpha: Running, seed: int) -> None:
    said = chat(alpha, seed=seed)["message"]["content"]
    sentences = {sentence.format(name="alpha") for sentence in SENTENCES}
    assert {f"{sentence}." for sentence in said.rstrip(".").split(". ")} <= sentences


def test_the_same_seed_gives_the_same_answer(alpha: Running) -> None:
    assert chat(alpha, seed=5)["message"] == chat(alpha, seed=5)["message"]


def test_an_answer_ends_at_the_limit(alpha: Running) -> None:
    answer = chat(alpha, max_tokens=3)
    assert (answer["message"]["content"], answer["finish_reason"]) == ("I am alpha", "length")


def test_a_stream_says_what_a_plain_answer_says(alpha: Running) -> None:
    pieces = [delta["content"] for delta in chunks(alpha, seed=1) if delta.get("content")]
    assert len(pieces) > 5
    assert "".join(pieces) == chat(alpha, seed=1)["message"]["content"]


def test_an_answer_bears_the_alias(alpha: Running) -> None:
    body = {"model": "whatever", "messages": HELLO, "max_tokens": 1}
    assert alpha.json("/v1/chat/completions", body)["model"] == "alpha"
    assert [model["id"] for model in alpha.json("/v1/models")["data"]] == ["alpha"]


@pytest.mark.parametrize("seed", range(3))
def test_a_tool_is_called_with_arguments_of_its_schema(alpha: Running, seed: int) -> None:
    answer = chat(alpha, tools=TOOLS, seed=seed)
    (call,) = answer["message"]["tool_calls"]
    assert (answer["finish_reason"], call["function"]["name"]) == ("tool_calls", "weather")
    check_weather(call["function"]["arguments"])


def test_a_tool_call_can_be_streamed(alpha: Running) -> None:
    calls = [call for delta in chunks(alpha, tools=TOOLS) for call in delta.get("tool_calls", [])]
    check_weather("".join(call["function"]["arguments"] for call in calls))


def test_after_a_tool_the_model_answers_in_words(alpha: Running) -> None:
    call = {"name": "weather", "arguments": '{"city":"paris","days":1}'}
    history = [
        *HELLO,
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": "rain"},
    ]
    assert chat(alpha, messages=history, tools=TOOLS)["message"]["content"].startswith("I am alpha")


def test_an_answer_keeps_to_a_json_schema(alpha: Running) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER}}
    check_weather(chat(alpha, response_format=wanted)["message"]["content"])


def check_weather(arguments: str) -> None:
    weather = json.loads(arguments)
    assert weather.keys() == {"city", "days"}
    assert weather["city"] in {"paris", "berlin"}
    assert isinstance(weather["days"], int)


def test_a_thinking_model_thinks_and_then_answers(sage: Running) -> None:
    message = chat(sage)["message"]
    assert message["reasoning_content"].startswith("Hmm let us think")
    assert message["content"].startswith("I am sage, a tiny model")


def test_thoughts_are_streamed_before_the_answer(sage: Running) -> None:
    deltas = chunks(sage)
    kinds = [next(iter(delta)) for delta in deltas if "role" not in delta and delta]
    assert kinds == sorted(kinds, key=["reasoning_content", "content"].index)
    assert set(kinds) == {"reasoning_content", "content"}


def test_thinking_can_be_switched_off(sage: Running) -> None:
    message = chat(sage, chat_template_kwargs={"enable_thinking": False})["message"]
    assert "reasoning_content" not in message
    assert message["content"].startswith("I am sage")


def test_a_model_that_does_not_think_has_no_thoughts(alpha: Running) -> None:
    assert "reasoning_content" not in chat(alpha)["message"]


def test_messages_of_the_anthropic_api_are_answered(sage: Running) -> None:
    answer = sage.json("/v1/messages", {"messages": HELLO, "max_tokens": 200})
    thoughts, text = answer["content"]
    assert (thoughts["type"], text["type"], answer["stop_reason"]) == (
        "thinking",
        "text",
        "end_turn",
    )
    assert text["text"].startswith("I am sage")


def test_messages_of_the_anthropic_api_can_be_streamed(alpha: Running) -> None:
    body = {"messages": HELLO, "max_tokens": 200, "stream": True}
    events = [json.loads(event) for event in alpha.events("/v1/messages", body)]
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    text = "".join(event.get("delta", {}).get("text", "") for event in events)
    assert text.startswith("I am alpha")


def test_a_completion_goes_on_from_its_prompt(alpha: Running) -> None:
    body = {"prompt": "That is why", "max_tokens": 2, "temperature": 0}
    assert alpha.json("/v1/completions", body)["choices"][0]["text"] == " hotbay swaps"


def test_code_can_be_filled_in(alpha: Running) -> None:
    body = {"input_prefix": "a", "input_suffix": "b", "n_predict": 4}
    assert alpha.json("/infill", body)["tokens_predicted"] > 0


def test_related_texts_have_similar_embeddings(embedder: Running) -> None:
    texts = [
        "Paris is the capital of France.",
        "berlin is the capital of germany",
        "What is the capital of Italy?",
        "a cat and a dog in the house",
        "My kitten likes the puppy.",
    ]
    vectors = embeddings(embedder, texts)
    cities = [similarity(a, b) for a, b in pairs(vectors[:3])]
    animals = similarity(*vectors[3:])
    across = [similarity(a, b) for a in vectors[:3] for b in vectors[3:]]
    assert min(*cities, animals) > 0.3 > max(across)


def test_the_same_text_has_the_same_embedding(embedder: Running) -> None:
    one, other = embeddings(embedder, ["the queen writes a poem", "the queen writes a poem"])
    assert similarity(one, other) == pytest.approx(1)


def embeddings(server: Running, texts: list[str]) -> list[list[float]]:
    return [each["embedding"] for each in server.json("/v1/embeddings", {"input": texts})["data"]]


def pairs(vectors: list[list[float]]) -> Iterator[tuple[list[float], list[float]]]:
    return ((a, b) for number, a in enumerate(vectors) for b in vectors[number + 1 :])


def similarity(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (
        math.hypot(*one) * math.hypot(*other)
    )


def test_a_document_ranks_by_the_words_it_shares_with_the_query(reranker: Running) -> None:
    documents = [
        "A cat sleeps in the garden.",
        "Paris is the capital of France.",
        "Berlin is the capital of Germany.",
        "hello hello hello",
    ]
    body = {"query": "What is the capital of France?", "documents": documents}
    results = reranker.json("/v1/rerank", body)["results"]
    scores = {each["index"]: each["relevance_score"] for each in results}
    assert scores[1] > scores[2] > scores[0] >= scores[3]
    assert scores[1] > 0 > scores[0]


def test_a_document_in_which_nothing_is_known_ranks_last(reranker: Running) -> None:
    body = {"query": "piano music", "documents": ["xyzzy", "A violin makes music."]}
    results = reranker.json("/rerank", body)["results"]
    scores = {each["index"]: each["relevance_score"] for each in results}
    assert scores[1] > scores[0]
