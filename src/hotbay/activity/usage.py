"""Token numbers from what a model server tells of them (spec/request-pipeline.md 9.2 and 9.3).

Pure: a `usage` (OpenAI, Anthropic), `timings` (llama.cpp) or `metrics` (vLLM) object goes in, as
decoded from JSON, the numbers of an activity row come out. Whatever is not as expected counts as
missing, as a server that tells nonsense is no reason to lose the rest.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import UNSET, Struct

from hotbay.activity.row import NO_TOKENS, Tokens

NOT_TOLD = -1
"""Stands for a number that the server left out while it told others."""

_LARGEST = (1 << 63) - 1  # what an INTEGER of SQLite holds


class Counted(Struct, frozen=True, gc=False):
    """The tokens that a usage object tells of; `cached` is -1 if it does not say."""

    input: int = 0
    output: int = 0
    cached: int = NOT_TOLD


class Totals(Struct, frozen=True, gc=False):
    """The numbers of one response.

    Attributes:
        tokens: for the activity row.
        duration_ms: how long the server says that it worked, 0 if it does not say.
    """

    tokens: Tokens
    duration_ms: int


NOTHING = Totals(NO_TOKENS, 0)
"""What a response tells that has none of these objects."""


def read_usage(usage: Any) -> Counted | None:
    """Read a usage object; None if it has none of the members of spec/request-pipeline.md 9.2.

    A member that is null is there, and counts as 0.
    """
    if not isinstance(usage, dict):
        return None
    count = _first(usage, "prompt_tokens", "input_tokens")
    output = _first(usage, "completion_tokens", "output_tokens")
    cached = usage.get("cache_read_input_tokens", UNSET)
    for details in ("input_tokens_details", "prompt_tokens_details"):
        if cached is UNSET and isinstance(told := usage.get(details), dict):
            cached = told.get("cached_tokens", UNSET)
    if count is output is cached is UNSET:
        return None
    return Counted(_count(count), _count(output), NOT_TOLD if cached is UNSET else _count(cached))


def put_together(counted: Counted | None, timings: Any = UNSET, metrics: Any = UNSET) -> Totals:
    """Make one set of numbers of what was told (spec/request-pipeline.md 9.3).

    Args:
        counted: the tokens; None if no usage told of any.
        timings: UNSET if they were not told.
        metrics: likewise.
    """
    if counted is None:
        tokens, output, cached = 0, 0, NOT_TOLD
    else:
        tokens, output, cached = counted.input, counted.output, counted.cached
    prompt_speed = speed = float(NOT_TOLD)
    drafts: tuple[int, int] = (NOT_TOLD, NOT_TOLD)
    duration_ms = 0
    if timings is not UNSET:
        timed = timings if isinstance(timings, dict) else {}
        tokens, output = _count(timed.get("prompt_n")), _count(timed.get("predicted_n"))
        if "cache_n" in timed:
            cached = _count(timed["cache_n"])
        prompt_speed = _decimal(timed.get("prompt_per_second"))
        speed = _decimal(timed.get("predicted_per_second"))
        drafts = _both(timed, "draft_n", "draft_n_accepted") or drafts
        duration_ms = _count(_decimal(timed.get("prompt_ms")) + _decimal(timed.get("predicted_ms")))
    if metrics is not UNSET:
        measured = metrics if isinstance(metrics, dict) else {}
        speculation = measured.get("speculative_decoding")
        drafts = _both(speculation, "num_draft_tokens", "num_accepted_draft_tokens") or drafts
        if (first_ms := _decimal(measured.get("time_to_first_token_ms"))) > 0:
            prompt_speed = _decimal((tokens - max(0, cached)) / (first_ms / 1000))
        if (interval_ms := _decimal(measured.get("mean_itl_ms"))) > 0:
            speed = _decimal(1000 / interval_ms)
    return Totals(Tokens(cached, *drafts, tokens, output, prompt_speed, speed), duration_ms)


def _first(told: dict[str, Any], name: str, other: str) -> Any:
    value = told.get(name, UNSET)
    return told.get(other, UNSET) if value is UNSET else value


def _both(told: Any, proposed: str, accepted: str) -> tuple[int, int] | None:
    if not isinstance(told, dict) or proposed not in told or accepted not in told:
        return None
    return _count(told[proposed]), _count(told[accepted])


def _count(value: Any) -> int:
    """Return a whole number: fractions are cut off, what is no number is 0."""
    whole = value if isinstance(value, int) else int(_decimal(value))
    return whole if -_LARGEST <= whole <= _LARGEST else _LARGEST if whole > 0 else -_LARGEST


def _decimal(value: Any) -> float:
    """Return a finite number; what is none is 0. Numbers in strings count."""
    if not isinstance(value, (int, float, str)):
        return 0.0
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) else 0.0
