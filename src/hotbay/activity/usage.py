"""Token numbers from what a model server tells of them (spec/request-pipeline.md 9.2 and 9.3).

Pure: JSON of a `usage` (OpenAI, Anthropic), `timings` (llama.cpp) or `metrics` (vLLM) object goes
in, the numbers of an activity row come out. Whatever is not as expected counts as missing, as a
server that tells nonsense is no reason to lose the rest.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Raw

from hotbay.activity.row import Tokens

NOT_TOLD = -1
"""Stands for a number that the server left out while it told others."""

_LARGEST = (1 << 63) - 1  # what an INTEGER of SQLite holds


class Counted(NamedTuple):
    """The tokens that a usage object tells of; `cached` is -1 if it does not say."""

    input: int = 0
    output: int = 0
    cached: int = NOT_TOLD


class Totals(NamedTuple):
    """The numbers of one response.

    Attributes:
        tokens: for the activity row.
        duration_ms: how long the server says that it worked, 0 if it does not say.
    """

    tokens: Tokens
    duration_ms: int


class _UsageObject(msgspec.Struct, gc=False):
    prompt_tokens: Any = UNSET
    input_tokens: Any = UNSET
    completion_tokens: Any = UNSET
    output_tokens: Any = UNSET
    cache_read_input_tokens: Any = UNSET
    input_tokens_details: Any = UNSET
    prompt_tokens_details: Any = UNSET


class _Timings(msgspec.Struct, gc=False):
    prompt_n: Any = UNSET
    prompt_ms: Any = UNSET
    prompt_per_second: Any = UNSET
    predicted_n: Any = UNSET
    predicted_ms: Any = UNSET
    predicted_per_second: Any = UNSET
    cache_n: Any = UNSET
    draft_n: Any = UNSET
    draft_n_accepted: Any = UNSET


class _Metrics(msgspec.Struct, gc=False):
    time_to_first_token_ms: Any = UNSET
    mean_itl_ms: Any = UNSET
    speculative_decoding: Any = UNSET


_Object = TypeVar("_Object", _UsageObject, _Timings, _Metrics)

_USAGE = msgspec.json.Decoder(_UsageObject)
_TIMINGS = msgspec.json.Decoder(_Timings)
_METRICS = msgspec.json.Decoder(_Metrics)


def read_usage(usage: Raw) -> Counted | None:
    """Read a usage object; None if it has none of the members of spec/request-pipeline.md 9.2.

    A member that is null is there, and counts as 0.
    """
    told = _read(usage, _USAGE, _UsageObject)
    count = _first(told.prompt_tokens, told.input_tokens)
    output = _first(told.completion_tokens, told.output_tokens)
    cached = _first(
        told.cache_read_input_tokens,
        _member(told.input_tokens_details, "cached_tokens"),
        _member(told.prompt_tokens_details, "cached_tokens"),
    )
    if count is output is cached is UNSET:
        return None
    return Counted(_count(count), _count(output), NOT_TOLD if cached is UNSET else _count(cached))


def put_together(counted: Counted, timings: Raw | None, metrics: Raw | None) -> Totals:
    """Make one set of numbers of what was told (spec/request-pipeline.md 9.3)."""
    prompt_speed = speed = float(NOT_TOLD)
    drafts: tuple[int, int] = (NOT_TOLD, NOT_TOLD)
    duration_ms = 0
    if timings is not None:
        timed = _read(timings, _TIMINGS, _Timings)
        cached = counted.cached if timed.cache_n is UNSET else _count(timed.cache_n)
        counted = Counted(_count(timed.prompt_n), _count(timed.predicted_n), cached)
        prompt_speed = _decimal(timed.prompt_per_second)
        speed = _decimal(timed.predicted_per_second)
        drafts = _both(timed.draft_n, timed.draft_n_accepted) or drafts
        duration_ms = _count(_decimal(timed.prompt_ms) + _decimal(timed.predicted_ms))
    if metrics is not None:
        measured = _read(metrics, _METRICS, _Metrics)
        speculation = measured.speculative_decoding
        drafts = (
            _both(
                _member(speculation, "num_draft_tokens"),
                _member(speculation, "num_accepted_draft_tokens"),
            )
            or drafts
        )
        if (first_ms := _decimal(measured.time_to_first_token_ms)) > 0:
            prompt_speed = _decimal((counted.input - max(0, counted.cached)) / (first_ms / 1000))
        if (interval_ms := _decimal(measured.mean_itl_ms)) > 0:
            speed = _decimal(1000 / interval_ms)
    tokens = Tokens(
        cache=counted.cached,
        draft=drafts[0],
        draft_accepted=drafts[1],
        input=counted.input,
        output=counted.output,
        prompt_per_second=prompt_speed,
        tokens_per_second=speed,
    )
    return Totals(tokens, duration_ms)


def _read(raw: Raw, decoder: msgspec.json.Decoder[_Object], kind: type[_Object]) -> _Object:
    """Decode an object; what is not one has no members."""
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError):
        return kind()


def _first(*values: Any) -> Any:
    for value in values:
        if value is not UNSET:
            return value
    return UNSET


def _member(value: Any, name: str) -> Any:
    return value.get(name, UNSET) if isinstance(value, dict) else UNSET


def _both(proposed: Any, accepted: Any) -> tuple[int, int] | None:
    if proposed is UNSET or accepted is UNSET:
        return None
    return _count(proposed), _count(accepted)


def _count(value: Any) -> int:
    """Return a whole number: fractions are cut off, what is no number is 0."""
    whole = value if isinstance(value, int) else int(_decimal(value))
    return max(-_LARGEST, min(_LARGEST, whole))


def _decimal(value: Any) -> float:
    """Return a finite number; what is none is 0. Numbers in strings count."""
    if not isinstance(value, (int, float, str)):
        return 0.0
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) else 0.0
