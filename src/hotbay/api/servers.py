"""What runs, and stopping it: `/running`, `/unload`, `/api/models/unload…` (spec/http-api.md 7)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer, rest_of, text_answer
from hotbay.api.services import services_of
from hotbay.core.effects import State


async def running(request: Request) -> Response:
    """Answer with every model server that is not stopped, by model ID."""
    services = services_of(request)
    entries = []
    for server in services.engine.servers():
        model = services.config.models.get(server.model)
        if server.state is State.STOPPED or model is None:
            continue
        entries.append(
            {
                "model": server.model,
                "state": server.state.value,
                "cmd": model.cmd,
                "proxy": model.proxy,
                "ttl": model.ttl,
                "name": model.name,
                "description": model.description,
            }
        )
    return json_answer({"running": entries})


async def unload(request: Request) -> Response:
    """Stop every model server; answer when they are gone."""
    await services_of(request).engine.unload()
    return text_answer("OK")


async def unload_all(request: Request) -> Response:
    """Do as `unload`, with an answer in JSON."""
    await services_of(request).engine.unload()
    return json_answer({"msg": "ok"})


async def unload_one(request: Request) -> Response:
    """Stop one model's server; answer when it is gone."""
    services = services_of(request)
    name = rest_of(request, segments=3).removeprefix("/")
    model = services.config.names.local(name)
    if model is None:
        return error_answer(request, 404, "model not found")
    await services.engine.unload([model])
    return text_answer("OK")
