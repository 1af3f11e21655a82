"""Records the answers of the real llama.cpp server that the tests of the usage reader go by.

Run it from the root of the repository, as

    .venv/bin/python -m tests.activity.golden.record

when llama.cpp changes what it sends; then put what the new files say into `expected.json`, by hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.llamacpp.running import Running, serving

from hotbay.llamacpp.demo import write_models
from hotbay.llamacpp.tiny.chat import write_chat

FOLDER = Path(__file__).parent / "llamacpp"

HELLO = [{"role": "user", "content": "Hello, who are you?"}]
CHAT = {"messages": HELLO, "max_tokens": 12}
STREAM = {"stream": True}
INFILL = {"input_prefix": "I am ", "input_suffix": " model", "n_predict": 6}

ASKED: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "alpha": [
        ("chat", "/v1/chat/completions", CHAT),
        ("chat-again", "/v1/chat/completions", CHAT),
        ("chat-stream", "/v1/chat/completions", CHAT | STREAM),
        (
            "chat-stream-usage",
            "/v1/chat/completions",
            CHAT | STREAM | {"stream_options": {"include_usage": True}},
        ),
        (
            "chat-stream-timings",
            "/v1/chat/completions",
            CHAT | STREAM | {"timings_per_token": True},
        ),
        ("completions", "/v1/completions", {"prompt": "I am", "max_tokens": 6}),
        ("completions-stream", "/v1/completions", {"prompt": "I am", "max_tokens": 6} | STREAM),
        ("responses", "/v1/responses", {"input": "Hello", "max_output_tokens": 12}),
        ("responses-stream", "/v1/responses", {"input": "Hello", "max_output_tokens": 12} | STREAM),
        ("messages", "/v1/messages", CHAT),
        ("messages-stream", "/v1/messages", CHAT | STREAM),
        ("count-tokens", "/v1/messages/count_tokens", {"messages": HELLO}),
        ("completion", "/completion", {"prompt": "I am", "n_predict": 6}),
        ("completion-list", "/completion", {"prompt": ["I am", "Hello"], "n_predict": 3}),
        ("completion-stream", "/completion", {"prompt": "I am", "n_predict": 6} | STREAM),
        ("infill", "/infill", INFILL),
        ("infill-stream", "/infill", INFILL | STREAM),
        ("bad-request", "/v1/chat/completions", {"messages": "none"}),
        ("too-long", "/v1/completions", {"prompt": "hello " * 9000, "max_tokens": 1}),
    ],
    "sage": [("thoughts-stream", "/v1/chat/completions", CHAT | STREAM)],
    "embed": [("embeddings", "/v1/embeddings", {"input": ["one", "two"]})],
    "rerank": [
        (
            "rerank",
            "/v1/rerank",
            {"query": "a dog", "documents": ["a cat", "a dog in the house"], "top_n": 2},
        )
    ],
}
OPTIONS = {"embed": ["--embeddings"], "rerank": ["--reranking"]}


@contextmanager
def running(model: str, path: Path) -> Iterator[Running]:
    """A server of one model."""
    options = ["--model", str(path), "--alias", model, *OPTIONS.get(model, [])]
    with serving(*options) as server:
        yield server


def record(server: Running, name: str, path: str, body: dict[str, Any]) -> None:
    """Keep what one request is answered with: the status, the headers that count, the body."""
    with server.ask(path, body) as response:
        kind = response.headers["Content-Type"]
        head = f"POST {path}\n{response.status}\nContent-Type: {kind}\n\n"
        (FOLDER / f"{name}.http").write_bytes(head.encode() + response.read())


def main() -> None:
    """Record everything."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        models = write_models(Path(folder))
        models["sage"] = Path(folder) / "sage.gguf"
        write_chat(models["sage"], "sage", thinking=True)
        for model, asked in ASKED.items():
            with running(model, models[model]) as server:
                for name, path, body in asked:
                    record(server, name, path, body)


if __name__ == "__main__":
    main()
