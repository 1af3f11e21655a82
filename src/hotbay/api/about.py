"""Small fixed answers: health and version."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import json_answer, text_answer
from hotbay.api.services import services_of


async def health(_request: Request) -> Response:
    """Say that the server answers; needs no key and touches no model."""
    return text_answer("OK")


async def version(request: Request) -> Response:
    """Answer with version, commit and build date."""
    build = services_of(request).build
    return json_answer({"version": build.version, "commit": build.commit, "build_date": build.date})
