"""How the machine is and what it is made of: `/api/performance` and `/api/hardware`.

See spec/http-api.md 13. Neither loads a model or keeps one alive.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.moments import parse_moment
from hotbay.api.answers import error_answer, json_answer
from hotbay.api.services import services_of


async def performance(request: Request) -> Response:
    """Answer with the samples of the last hour, or with those later than `after`."""
    monitor = services_of(request).machine.performance
    if not monitor.enabled:
        body = msgspec.json.encode({"enabled": False})
        return Response(body, 503, media_type="application/json")
    after = None
    if text := request.query_params.get("after", "").strip():
        seconds = parse_moment(text)
        if seconds is None:
            return error_answer(request, 400, "invalid 'after' timestamp, use RFC3339 format")
        after = datetime.fromtimestamp(seconds, UTC)
    hosts, gpus = monitor.hosts(after), monitor.gpus(after)
    return json_answer({"enabled": True, "sys_stats": hosts, "gpu_stats": gpus})


async def hardware(request: Request) -> Response:
    """Answer with the snapshot that was taken at the start."""
    found = await services_of(request).machine.hardware()
    if found is None:
        return error_answer(request, 503, "hardware detection unavailable")
    return json_answer(found)
