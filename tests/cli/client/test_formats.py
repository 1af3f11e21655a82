"""How numbers and tables are written for people."""

from __future__ import annotations

import pytest

from hotbay.cli.client.events import read_events
from hotbay.cli.client.formats import count, duration, printable, size, speed, table


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (4_509_715_660, "4.2 GiB"),
        (150 << 20, "150 MiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_sizes_are_short(number: int | None, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.347, "0.35s"),
        (12.34, "12.3s"),
        (245, "4m 05s"),
        (12_000, "3h 20m"),
        (187_200, "2d 04h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert [speed(None), speed(0), speed(-1), speed(28.25)] == ["-", "-", "-", "28.2"]
    assert [count(None), count(-1), count(0), count(40)] == ["-", "-", "0", "40"]


def test_columns_are_aligned() -> None:
    rows = [("MODEL", "N"), ("a", 5), ("long", 100)]
    assert list(table(rows)) == ["MODEL    N", "a        5", "long   100"]


def test_what_clients_chose_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\nü") == "a\\x1b[2Jb\\nü"


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_events_are_read_from_any_pieces(cut: int) -> None:
    text = (
        ': hello\n\nid: x-1\nevent: queue\ndata: {"a":"ü: 1"}\n\n: still here\n\n'
        "event: profile\ndata: {}\n\nevent: half\n"
    ).encode()
    pieces = [text[i : i + cut] for i in range(0, len(text), cut)]
    assert list(read_events(pieces)) == [("queue", {"a": "ü: 1"}), ("profile", {})]
