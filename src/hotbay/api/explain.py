"""Looking into the decisions: `POST /api/x/plan` and `GET /api/x/queue`."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer
from hotbay.api.body import BODY, body_of
from hotbay.api.queue import queue_as_plain, wait_as_plain
from hotbay.api.services import Services, services_of
from hotbay.core.explain import Forecast


class PlanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/x/plan`; without `running` the present is meant."""

    model: str
    running: tuple[str, ...] | None = None


async def plan(request: Request) -> Response:
    """Answer whom a request for a model would evict, why, and whether it would wait."""
    services = services_of(request)
    body = await body_of(request)
    if body is None:
        return error_answer(request, 413, f"the request body is larger than {BODY} bytes")
    try:
        asked = msgspec.json.decode(body, type=PlanRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return error_answer(request, 400, f"invalid plan request: {error}")
    names = [_meant(services, asked.model), *(asked.running or ())]
    models = [services.config.names.local(name) for name in names]
    for name, model in zip(names, models, strict=True):
        if model is None:
            return error_answer(request, 404, f"model {name!r} not found")
    target, *up = [model for model in models if model is not None]
    found = services.engine.forecast(target, None if asked.running is None else up)
    if found is None:
        return error_answer(request, 404, f"model {target!r} not found")
    return json_answer(as_plain(found))


def _meant(services: Services, name: str) -> str:
    """Return what a name leads to now: through the profile, and as a selector chooses."""
    pinned = services.profiles.pin(name) or name
    return services.engine.choice(pinned) or pinned


def as_plain(found: Forecast) -> dict[str, Any]:
    """Return a forecast as JSON has it; the CLI prints the same."""
    return {
        "target": found.target,
        "evict": list(found.plan.evict),
        "set": found.plan.set,
        "cost": found.plan.cost,
        "reason": found.plan.reason,
        "runnerUp": found.plan.runner_up or None,
        "action": found.action,
        "wait": wait_as_plain(found.wait),
        "text": found.text,
    }


async def queue(request: Request) -> Response:
    """Answer with the swaps under way, and with everybody who waits, for what, and how long."""
    return json_answer(queue_as_plain(services_of(request).engine.queue()))
