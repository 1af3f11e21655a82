"""Checks a configuration that nobody has stored: `POST /api/x/config/check`.

It is read as a load would read it, but nothing in it is run or opened. Variables of the
environment count, yet are not told: whoever may use the models need not know them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer
from hotbay.api.body import body_of
from hotbay.api.news import changes
from hotbay.api.services import services_of
from hotbay.config import Config, ConfigError, Problem, SourceText, load_text
from hotbay.config.effective import REDACTED

LARGEST = 1 << 18
"""Bytes of the largest text: that of thousands of models, which take seconds to read."""

_STAND_IN = "1"  # accepted in most places
_UNSAID = "what the environment puts here is not accepted"


async def check(request: Request) -> Response:
    """Answer with what is wrong with a text and what is odd, and what it would change."""
    services = services_of(request)
    body = await body_of(request, LARGEST)
    if body is None:
        return error_answer(request, 413, f"the request body is larger than {LARGEST} bytes")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error_answer(request, 400, f"the configuration is not UTF-8 text: {error.reason}")
    # One at a time, as a large one keeps a core busy for seconds.
    async with services.checking:
        return json_answer(await asyncio.to_thread(checked, text, services.config))


def checked(
    text: str, active: Config, *, environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Return what is wrong with a text, what is odd, and how it differs from what is in force."""
    found = _read(text, environ)
    errors, warnings = found.errors, found.warnings
    if (errors or warnings) and "${env." in text:
        # What is said with other values in the environment as well does not tell of these.
        other = _read(text, dict.fromkeys(environ, _STAND_IN))
        errors = _without_values(errors, other.errors)
        warnings = _without_values(warnings, other.warnings)
    return {
        "ok": found.config is not None,
        "errors": [_plain(problem) for problem in errors],
        "warnings": [_plain(problem) for problem in warnings],
        "models": None if found.config is None else _changes(text, active, found.config),
    }


class _Found(NamedTuple):
    config: Config | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def _read(text: str, environ: Mapping[str, str]) -> _Found:
    try:
        loaded = load_text(SourceText("", text), environ=environ)
    except ConfigError as error:
        return _Found(None, error.problems, error.warnings)
    return _Found(loaded.config, (), loaded.warnings)


def _without_values(
    problems: tuple[Problem, ...], sayable: Collection[Problem]
) -> tuple[Problem, ...]:
    return tuple(
        problem
        if problem in sayable
        else Problem("", problem.line, problem.column, "", _UNSAID, problem.source_line)
        for problem in problems
    )


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "source_line": problem.source_line,
    }


def _changes(text: str, active: Config, found: Config) -> dict[str, list[str]]:
    """Return which models would come, go, and be started anew; an ID from elsewhere is unsaid."""
    return {
        what: [model if model in text or model in active.models else REDACTED for model in models]
        for what, models in changes(active, found).items()
    }
