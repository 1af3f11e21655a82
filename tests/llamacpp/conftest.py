from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.llamacpp.running import Running

from hotbay.llamacpp.demo import write_models
from hotbay.llamacpp.tiny.chat import write_chat


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The demo's models, and `sage`, a chat model that thinks."""
    folder = tmp_path_factory.mktemp("models")
    sage = folder / "sage.gguf"
    write_chat(sage, "sage", thinking=True)
    return {**write_models(folder, tell=lambda _line: None), "sage": sage}


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts servers with the given arguments, and ends them after the test."""
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(["--threads", "1", *arguments]))
        return started[-1]

    yield start
    for server in started:
        server.close()
