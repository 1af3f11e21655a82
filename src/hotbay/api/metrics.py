"""What Prometheus asks for: `/metrics` (docs/reference/metrics.md).

Asking loads no model and keeps none alive.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.counters import Counters
from hotbay.api.services import Services, services_of
from hotbay.monitor.exposition import CONTENT_TYPE, exposition

_OFF = "# performance monitor not available\n"


async def metrics(request: Request) -> Response:
    """Answer with what is so now: of host and GPUs, then what hotbay itself counts."""
    services = services_of(request)
    monitor = services.machine.performance
    if not monitor.enabled:
        return Response(_OFF, 503, media_type=CONTENT_TYPE)
    machine = exposition(monitor.newest_host(), monitor.newest_gpus())
    now = await _present(services)
    body = await asyncio.to_thread(_write, services.activity.counters, now, machine)
    return Response(body, media_type=CONTENT_TYPE)


async def _present(services: Services) -> dict[str, Any]:
    """Gather what `hotbay.activity.exposition.Gauges` holds."""
    usage = await services.machine.usage(services.engine.pids())
    servers = services.engine.servers()
    peers = Counter(recording.about.model for recording in services.activity.recorder.inflight)
    local = {server.model: server.in_flight + server.waiting for server in servers}
    return {
        "queued": {server.model: server.waiting for server in servers},
        "in_flight": {**peers, **local},
        "resident": {model: found.resident for model, found in usage.items()},
        "gpu": {model: sum(gpu.memory for gpu in found.gpus) for model, found in usage.items()},
        "connections": services.connections(),
        "dropped_rows": services.activity.store.dropped,
    }


def _write(counters: Counters, now: dict[str, Any], machine: str) -> str:
    # Imported in a thread and only when metrics are asked for: it takes 50 ms.
    from hotbay.activity import exposition as own  # noqa: PLC0415 - see above

    return machine + own.exposition(counters, own.Gauges(**now))
