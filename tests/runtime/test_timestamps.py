from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from hotbay.config.settings.top import TIME_FORMATS
from hotbay.runtime.timestamps import LAYOUTS, stamp

MOMENT = 1_709_672_829_012_345_678
"""Tuesday 5 March 2024, 14:07:09.012345678 in the zone MST (-0700)."""


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ansic", "Tue Mar  5 14:07:09 2024"),
        ("unixdate", "Tue Mar  5 14:07:09 MST 2024"),
        ("rubydate", "Tue Mar 05 14:07:09 -0700 2024"),
        ("rfc822", "05 Mar 24 14:07 MST"),
        ("rfc822z", "05 Mar 24 14:07 -0700"),
        ("rfc850", "Tuesday, 05-Mar-24 14:07:09 MST"),
        ("rfc1123", "Tue, 05 Mar 2024 14:07:09 MST"),
        ("rfc1123z", "Tue, 05 Mar 2024 14:07:09 -0700"),
        ("rfc3339", "2024-03-05T14:07:09-07:00"),
        ("rfc3339nano", "2024-03-05T14:07:09.012345678-07:00"),
        ("kitchen", "2:07PM"),
        ("stamp", "Mar  5 14:07:09"),
        ("stampmilli", "Mar  5 14:07:09.012"),
        ("stampmicro", "Mar  5 14:07:09.012345"),
        ("stampnano", "Mar  5 14:07:09.012345678"),
    ],
)
def test_every_format_is_written_as_its_layout_shows(
    name: str, text: str, zone: Callable[[str], None]
) -> None:
    zone("MST7")
    assert stamp(name, MOMENT) == text


@pytest.mark.parametrize(
    ("zone_name", "name", "nanoseconds", "text"),
    [
        ("UTC0", "rfc3339", 0, "1970-01-01T00:00:00Z"),
        ("UTC0", "rfc3339nano", 0, "1970-01-01T00:00:00Z"),
        ("UTC0", "rfc3339nano", 120_000_000, "1970-01-01T00:00:00.12Z"),
        ("UTC0", "kitchen", 0, "12:00AM"),
        ("UTC0", "kitchen", 12 * 3600 * 10**9, "12:00PM"),
        ("IST-5:30", "rfc3339", 0, "1970-01-01T05:30:00+05:30"),
        ("NST3:30", "rfc1123z", 0, "Wed, 31 Dec 1969 20:30:00 -0330"),
    ],
)
def test_edges_of_zones_and_fractions(
    zone_name: str, name: str, nanoseconds: int, text: str, zone: Callable[[str], None]
) -> None:
    zone(zone_name)
    assert stamp(name, nanoseconds) == text


def test_the_configuration_knows_the_same_names() -> None:
    assert set(TIME_FORMATS) == set(LAYOUTS)
