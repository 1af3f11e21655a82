"""Profiles: what there is and which one is active (spec/http-api.md 10)."""

from __future__ import annotations

import json
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer
from hotbay.api.body import BODY, body_of
from hotbay.api.services import services_of


async def profiles(request: Request) -> Response:
    """Answer with the active profile, and with all of them by ID."""
    services = services_of(request)
    entries = [
        {"id": name, "description": profile.description, "pins": profile.pins}
        for name, profile in sorted(services.config.profiles.items())
    ]
    return json_answer({"active": services.profiles.id, "profiles": entries})


async def select(request: Request) -> Response:
    """Make a profile the active one, or none."""
    body = await body_of(request)
    if body is None:
        return error_answer(request, 413, f"the request body is larger than {BODY} bytes")
    try:
        name = _name_in(body)
    except ValueError as error:
        return error_answer(request, 400, str(error))
    profiles = services_of(request).profiles
    if not profiles.select(name or None):
        return error_answer(request, 404, f'profile "{name}" not found')
    return json_answer({"active": profiles.id})


def _name_in(body: bytes) -> str | None:
    """Return the profile that a body asks for; what follows its first value does not count.

    Raises:
        ValueError: it asks for none in the right form; the text is for the client.
    """
    try:
        text = body.decode(errors="replace").lstrip(" \t\r\n")
        asked, _ = _first_value.raw_decode(text)
    except (ValueError, RecursionError):
        raise ValueError("invalid profile request") from None
    if asked is None or (isinstance(asked, dict) and "name" not in asked):
        raise ValueError("profile name is required")
    if not isinstance(asked, dict):
        raise ValueError("invalid profile request")  # noqa: TRY004 - it is the client's value
    name = asked["name"]
    if name is None:
        return None
    if not isinstance(name, str):
        raise ValueError("profile name must be a string or null")  # noqa: TRY004 - as above
    return name.encode(errors="replace").decode()  # half a surrogate pair is no text


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_first_value = json.JSONDecoder(parse_constant=_no_number)
