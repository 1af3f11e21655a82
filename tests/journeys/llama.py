"""Real llama.cpp servers for journeys: tiny models that tell their name, and how to start one."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import anthropic
import openai

MESSAGES: Any = [{"role": "user", "content": "Who are you?"}]


def write_models(folder: Path, *names: str) -> dict[str, Path]:
    """Write models; each says `I am NAME` and more."""
    from hotbay.llamacpp.tiny.chat import write_chat

    files = {name: folder / f"{name}.gguf" for name in names}
    for name, file in files.items():
        write_chat(file, name)
    return files


def llama(model: Path, *, gate: Path | None = None) -> str:
    """Return the command of a server; it loads once somebody has opened the gate to write."""
    engine = (sys.executable, "-P", "-m", "hotbay", "llama-server")
    options = ("--host", "127.0.0.1", "--port", "${PORT}", "--threads", "1", "--model", str(model))
    words = shlex.join((*engine, *options)).replace("'${PORT}'", "${PORT}")
    return words if gate is None else shlex.join(("sh", "-c", f": < {gate}; exec {words}"))


def openai_client(url: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)


def anthropic_client(url: str, key: str = "none") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=60)
