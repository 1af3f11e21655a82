"""The configuration in force, where it was written, and reloading it.

`/api/x/config`, `/api/x/config/origins` and `/api/x/reload`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import json_answer
from hotbay.api.redaction import without_secrets
from hotbay.api.services import Services, services_of
from hotbay.api.setup import missing_programs
from hotbay.config.effective import effective
from hotbay.config.model import Config
from hotbay.config.nodes import Path
from hotbay.config.origins import Origin
from hotbay.config.origins import origins as written_in
from hotbay.config.sources import SourceText


async def configuration(request: Request) -> Response:
    """Answer with what is in force, and with what became of the last attempt to load it."""
    return json_answer(await _state(services_of(request)))


async def origins(request: Request) -> Response:
    """Answer with the place of each value that was written, by its JSON pointer (RFC 6901)."""
    services = services_of(request)
    texts = services.texts
    written = await asyncio.to_thread(written_in, texts)
    values = {_pointer(origin.path): _plain(origin) for origin in written}
    files = [text.name for text in texts]
    return json_answer({"files": files, "watched": services.watched, "values": values})


async def reload(request: Request) -> Response:
    """Load the configuration again; 409 if it was refused, so that the old one goes on."""
    services = services_of(request)
    await services.reload()
    state = await _state(services)
    return json_answer(state, status=200 if state["ok"] else 409)


async def _state(services: Services) -> dict[str, Any]:
    last, config, texts = services.news.last_load, services.config, services.texts
    ok = last["result"] != "refused"
    # In a thread, as hundreds of models take long enough to hold up a stream.
    active = await asyncio.to_thread(_shown, config, texts)
    missing = await asyncio.to_thread(missing_programs, config, texts) if ok else []
    return {
        "loaded_at": last["at"],
        "since": last["since"],
        "ok": ok,
        "error": last["problems"],
        "warnings": [*last["warnings"], *map(asdict, missing)],
        "active": active,
    }


def _shown(config: Config, texts: Sequence[SourceText]) -> dict[str, Any]:
    return without_secrets(effective(config), config, texts, os.environ)


def _plain(origin: Origin) -> dict[str, Any]:
    return {
        "file": origin.file,
        "line": origin.line,
        "column": origin.column,
        "macros": origin.macros,
        "variables": origin.variables,
        "also": [{"file": file, "line": line} for file, line in origin.also],
    }


def _pointer(path: Path) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
