"""Whether this machine has what a configuration needs: `/api/x/setup`, and programs that lack."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import json_answer
from hotbay.api.services import services_of
from hotbay.config.model import Config, ModelConfig
from hotbay.config.origins import origins
from hotbay.config.problems import Problem
from hotbay.config.sources import SourceText
from hotbay.runtime.probe import port_in_use

_MODEL_SERVER = "llama-server"
_LIBRARY = "xllamacpp"
"""What `hotbay llama-server` runs."""


async def setup(request: Request) -> Response:
    """Answer with what somebody wants to know who writes a first configuration."""
    return json_answer(await asyncio.to_thread(_found, services_of(request).config))


def _found(config: Config) -> dict[str, Any]:
    port = config.start_port
    return {
        "windows": os.name == "nt",
        "llama_server": shutil.which(_MODEL_SERVER),
        "built_in": importlib.util.find_spec(_LIBRARY) is not None,
        "port": port,
        "port_free": not port_in_use("localhost", port),
    }


def missing_programs(config: Config, texts: Sequence[SourceText]) -> list[Problem]:
    """Return a warning for each model whose program is not to be found, at its place."""
    missing = {model.id: model.argv[0] for model in config.models.values() if _lacks(model)}
    if not missing:
        return []
    return list(_located(missing, texts))


def _lacks(model: ModelConfig) -> bool:
    if not model.argv or any(entry.startswith("PATH=") for entry in model.env):
        return False  # nobody but the model's own environment knows
    return shutil.which(model.argv[0]) is None


def _located(missing: dict[str, str], texts: Sequence[SourceText]) -> Iterator[Problem]:
    places = {origin.path: origin for origin in origins(texts)}
    for model, program in missing.items():
        place = places["models", model, "cmd"]
        message = f"the program {program!r} is not to be found on this machine"
        yield Problem(place.file, place.line, place.column, f"models.{model}.cmd", message)
