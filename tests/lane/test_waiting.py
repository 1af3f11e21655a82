from __future__ import annotations

import typing

import pytest

from hotbay.core.effects import Wait
from hotbay.lane.waiting import waiting_words


def words(position: int, wait: Wait, load_time: float | None = None, **in_flight: int) -> str:
    return waiting_words(
        position, wait, in_flight=lambda model: in_flight.get(model, 0), load_time=load_time
    )


def test_a_first_load_says_nothing() -> None:
    assert words(0, Wait("starting", ("m",))) == ""


@pytest.mark.parametrize(
    ("load_time", "expected"), [(0.04, "1s"), (11.6, "12s"), (150.0, "150s"), (1.0, "1s")]
)
def test_a_later_load_says_how_long_it_usually_takes(load_time: float, expected: str) -> None:
    said = words(0, Wait("starting", ("m",)), load_time)
    assert said == f"Usually loads in about {expected}"


def test_the_queue_position_comes_first_then_the_reason() -> None:
    said = words(2, Wait("busy", ("llama-70b",)), 12.0, **{"llama-70b": 2})
    assert said == "Queue position: #2. Waiting for llama-70b to finish 2 requests"


def test_several_models_are_waited_for() -> None:
    said = words(1, Wait("busy", ("a", "b")), a=1, b=3)
    assert said.endswith("Waiting for a to finish 1 request and b to finish 3 requests")
    assert words(0, Wait("evicting", ("a", "b"))) == "Waiting for a and b to stop"


def test_requests_that_have_just_ended_are_not_counted() -> None:
    assert words(1, Wait("busy", ("a",))).endswith("Waiting for a to finish its requests")


KINDS = typing.get_args(typing.get_type_hints(Wait)["kind"])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "starting"])
def test_every_reason_to_wait_has_words(kind: typing.Any) -> None:
    reason = words(0, Wait(kind, ("other",)))
    assert len(reason) > 10
    assert words(3, Wait(kind, ("other",))) == f"Queue position: #3. {reason}"


def test_no_two_reasons_have_the_same_words() -> None:
    said = {words(0, Wait(kind, ("other",)), 12.0) for kind in KINDS}
    assert len(said) == len(KINDS)
