"""What runs, starting and stopping it (spec/http-api.md 7), and what model servers use.

`/running`, `/unload`, `/api/models/unload…`, `/api/x/servers` and `/api/x/load/…`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer, rest_of, text_answer
from hotbay.api.services import Services, services_of
from hotbay.core.effects import Refused, State
from hotbay.core.machine import ServerView
from hotbay.lane.refusals import describe
from hotbay.monitor.servers import Usage
from hotbay.runtime.preload import load


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


async def load_one(request: Request) -> Response:
    """Start one model's server; answer when it is ready, or why that failed."""
    services = services_of(request)
    model = services.config.names.local(rest_of(request, segments=3).removeprefix("/"))
    if model is None:
        return error_answer(request, 404, "model not found")
    refused = await _load_while_heard(request, services, model)
    if refused is not None:
        told = describe(refused, model, services.config.routing.router.use)
        return error_answer(request, told.status, told.message)
    load_time = services.engine.load_time(model)
    return json_answer({"model": model, "state": State.READY.value, "load_time": load_time})


async def _load_while_heard(request: Request, services: Services, model: str) -> Refused | None:
    """Load a model for a client, who may leave meanwhile: nothing is loaded for nobody."""
    loading = asyncio.create_task(load(services.engine, model))
    leaving = asyncio.create_task(_leaves(request))
    try:
        await asyncio.wait({loading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            raise ClientDisconnect
        return loading.result()
    finally:
        loading.cancel()
        leaving.cancel()


async def _leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def usage(request: Request) -> Response:
    """Answer with every model: its server's state, what it uses, how busy it is."""
    services = services_of(request)
    measured = await services.machine.usage(services.engine.pids())
    gpu_ids = {gpu.uuid: gpu.id for gpu in services.machine.performance.newest_gpus()}
    now = asyncio.get_running_loop().time()
    entries = [
        {
            "model": server.model,
            "state": server.state.value,
            **_measured(measured.get(server.model), gpu_ids),
            "in_flight": server.in_flight,
            "waiting": server.waiting,
            "load_time": services.engine.load_time(server.model),
            "idle": _idle(server, now),
            "unload_in": _unload_in(services, server, now),
            "last_failure": server.last_failure or None,
        }
        for server in services.engine.servers()
    ]
    return json_answer({"servers": entries})


def _idle(server: ServerView, now: float) -> float | None:
    """Return the seconds since somebody last used a model; None: nobody has."""
    if server.in_flight + server.waiting > 0:
        return 0.0
    return round(max(0.0, now - server.last_used), 3) if server.last_used > 0 else None


def _unload_in(services: Services, server: ServerView, now: float) -> float | None:
    """Return the seconds after which a server is stopped if nobody uses it; None: it is not."""
    model = services.config.models.get(server.model)
    idle = server.state is State.READY and server.in_flight + server.waiting == 0
    if model is None or model.ttl <= 0 or not idle:
        return None
    return round(max(0.0, server.last_used + model.ttl - now), 3)


def _measured(found: Usage | None, gpu_ids: dict[str, int]) -> dict[str, Any]:
    if found is None:
        return {"pid": None, "uptime": None, "rss_bytes": None, "gpus": []}
    return {
        "pid": found.pid,
        "uptime": round(max(0.0, time.time() - found.started), 3),
        "rss_bytes": found.resident,
        "gpus": [
            {
                "id": gpu_ids.get(gpu.uuid),
                "uuid": gpu.uuid,
                "name": gpu.name,
                "memory_bytes": gpu.memory,
            }
            for gpu in found.gpus
        ],
    }
