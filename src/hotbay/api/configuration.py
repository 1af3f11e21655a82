"""The configuration in force, where it was written, and reloading it.

`/api/x/config`, `/api/x/config/origins` and `/api/x/reload`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import json_answer
from hotbay.api.services import Services, services_of
from hotbay.config.effective import REDACTED, effective
from hotbay.config.model import Config
from hotbay.config.nodes import Path
from hotbay.config.origins import origins as written_in

_SECRET = re.compile(r"(key|token|secret|passw(or)?d|credentials?)$", re.IGNORECASE)
"""How the names of environment variables end that hold secrets."""
_USER_INFO = re.compile(r"(?<=//)[^/?#]*@")


async def configuration(request: Request) -> Response:
    """Answer with what is in force, and with what became of the last attempt to load it."""
    return json_answer(await _state(services_of(request)))


async def origins(request: Request) -> Response:
    """Answer with the place of each value that was written, by its JSON pointer (RFC 6901)."""
    services = services_of(request)
    texts = services.texts
    written = await asyncio.to_thread(written_in, texts)
    values = {
        _pointer(origin.path): {
            "file": origin.file,
            "line": origin.line,
            "column": origin.column,
            "macros": origin.macros,
        }
        for origin in written
    }
    files = [text.name for text in texts]
    return json_answer({"files": files, "watched": services.watched, "values": values})


async def reload(request: Request) -> Response:
    """Load the configuration again; 409 if it was refused, so that the old one goes on."""
    services = services_of(request)
    await services.reload()
    state = await _state(services)
    return json_answer(state, status=200 if state["ok"] else 409)


async def _state(services: Services) -> dict[str, Any]:
    last = services.news.last_load
    # In a thread, as hundreds of models take long enough to hold up a stream.
    active = await asyncio.to_thread(_shown, services.config)
    return {
        "loaded_at": last["at"],
        "ok": last["result"] != "refused",
        "error": last["problems"],
        "warnings": last["warnings"],
        "active": active,
    }


def _shown(config: Config) -> dict[str, Any]:
    """Return a configuration without what its programs and peers are entrusted with.

    Whoever may use the models need not know it.
    """
    active = effective(config)
    for model in active["models"].values():
        model["env"] = [_without_secret(entry) for entry in model["env"]]
    for server in (*active["models"].values(), *active["peers"].values()):
        server["proxy"] = _USER_INFO.sub(f"{REDACTED}@", server["proxy"])
    return active


def _pointer(path: Path) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _without_secret(entry: str) -> str:
    name, mark, _ = entry.partition("=")
    return f"{name}={REDACTED}" if mark and _SECRET.search(name) else entry
