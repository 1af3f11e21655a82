"""The level of hotbay's own log, while it runs: `/api/x/log-level`."""

from __future__ import annotations

from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer
from hotbay.api.body import BODY, body_of
from hotbay.api.services import Services, services_of


class LevelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /api/x/log-level`."""

    level: Literal["debug", "info", "warn", "error"]


async def level(request: Request) -> Response:
    """Answer which level is in force, and which one the configuration says."""
    return _answer(services_of(request))


async def set_level(request: Request) -> Response:
    """Log from another level on, until the next reload."""
    services = services_of(request)
    body = await body_of(request)
    if body is None:
        return error_answer(request, 413, f"the request body is larger than {BODY} bytes")
    try:
        asked = msgspec.json.decode(body, type=LevelRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return error_answer(request, 400, f"invalid log level request: {error}")
    log = services.logs.proxy
    if asked.level != log.level:
        old, log.level = log.level, asked.level
        log.info(f"log level changed from {old} to {asked.level}")
    return _answer(services)


def _answer(services: Services) -> Response:
    return json_answer(
        {"level": services.logs.proxy.level, "configured": services.config.log_level}
    )
