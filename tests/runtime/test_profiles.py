from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.config.model import ProfileConfig
from hotbay.runtime.profiles import ActiveProfile

DAY = ProfileConfig(pins={"chat": "big", "draw": ""})
PATHS = ProfileConfig(
    pins={"front": "a", "front/deep": "b", "x": "", "größe": "c", "front/deeper/still": "d"}
)


class Chosen:
    """A selection, with whatever it has told."""

    def __init__(self, profiles: Mapping[str, ProfileConfig]) -> None:
        self.lines: list[str] = []
        self.told: list[str | None] = []
        self.active = ActiveProfile(profiles, self.lines.append)
        self.active.on_change.append(self.told.append)


def test_no_profile_is_active_at_first() -> None:
    chosen = Chosen({"day": DAY})
    assert chosen.active.id is None
    assert chosen.active.pin("chat") is None
    assert chosen.active.pin_path("chat/x") is None


def test_the_active_profile_replaces_and_blocks_names() -> None:
    chosen = Chosen({"day": DAY})
    assert chosen.active.select("day")
    assert chosen.active.pin("chat") == "big"
    assert chosen.active.pin("draw") == ""
    assert chosen.active.pin("Chat") is None
    assert chosen.active.pin("big") is None


def test_a_change_is_logged_and_told_once() -> None:
    chosen = Chosen({"day": DAY, "night": DAY})
    for profile in ("day", "day", "night", None, None):
        assert chosen.active.select(profile)
    assert chosen.told == ["day", "night", None]
    assert chosen.lines == [
        'active profile changed to "day"',
        'active profile changed to "night"',
        'active profile changed to ""',
    ]


def test_who_is_told_sees_the_new_profile() -> None:
    chosen = Chosen({"day": DAY})
    seen: list[str | None] = []
    chosen.active.on_change.append(lambda _: seen.append(chosen.active.pin("chat")))
    chosen.active.select("day")
    chosen.active.select(None)
    assert seen == ["big", None]


def test_an_unknown_profile_changes_nothing() -> None:
    chosen = Chosen({"day": DAY})
    chosen.active.select("day")
    assert not chosen.active.select("nigth")
    assert (chosen.active.id, chosen.told) == ("day", ["day"])


def test_a_profile_that_still_exists_stays_with_its_new_pins() -> None:
    chosen = Chosen({"day": DAY})
    chosen.active.select("day")
    chosen.active.configure({"day": ProfileConfig(pins={"chat": "small"})})
    assert chosen.active.pin("chat") == "small"
    assert chosen.active.pin("draw") is None
    assert chosen.told == ["day"]


def test_a_profile_that_is_gone_is_not_active_any_more() -> None:
    chosen = Chosen({"day": DAY})
    chosen.active.select("day")
    chosen.active.configure({"night": DAY})
    assert (chosen.active.id, chosen.active.pin("chat")) == (None, None)
    assert chosen.told == ["day", None]
    chosen.active.configure({"day": DAY})
    assert chosen.active.id is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("front", ("a", 5)),
        ("front/", ("a", 5)),
        ("front/x/y", ("a", 5)),
        ("frontier/x", None),
        ("front/deep", ("b", 10)),
        ("front/deep/x", ("b", 10)),
        ("front/deeper/x", ("a", 5)),
        ("front/deeper/still/x", ("d", 18)),
        ("x/y", ("", 1)),
        ("größe/x", ("c", 5)),
        ("", None),
        ("/front", None),
    ],
)
def test_the_longest_pin_at_the_beginning_of_a_path_counts(
    path: str, expected: tuple[str, int] | None
) -> None:
    chosen = Chosen({"paths": PATHS})
    chosen.active.select("paths")
    assert chosen.active.pin_path(path) == expected


@given(st.lists(st.text("ab/", min_size=1, max_size=4), min_size=1), st.text("ab/", max_size=8))
def test_a_pin_in_a_path_ends_where_a_segment_does(pins: list[str], path: str) -> None:
    chosen = Chosen({"p": ProfileConfig(pins={pin: f"to {pin}" for pin in pins})})
    chosen.active.select("p")
    fitting = [path[:end] for end in range(len(path) + 1) if path[end : end + 1] in {"", "/"}]
    longest = max((part for part in fitting if part in pins), key=len, default=None)
    expected = None if longest is None else (f"to {longest}", len(longest))
    assert chosen.active.pin_path(path) == expected
