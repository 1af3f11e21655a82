"""Go-style flags (spec/cli.md 1)."""

from __future__ import annotations

import pytest

from hotbay.cli.flags import FlagError, translate


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], []),
        (["-config", "a.yaml"], ["--config=a.yaml"]),
        (["--config", "a.yaml"], ["--config=a.yaml"]),
        (["-config=a.yaml"], ["--config=a.yaml"]),
        (["--config=a=b.yaml"], ["--config=a=b.yaml"]),
        (["-config", "-odd-name.yaml"], ["--config=-odd-name.yaml"]),
        (["-config="], ["--config="]),
        (["-watch-config", "-listen", ":1"], ["--watch-config", "--listen=:1"]),
        (["-watch-config=true", "-version=1"], ["--watch-config", "--version"]),
        (["-watch-config=false", "-listen=:1"], ["--listen=:1"]),
        (["-h"], ["--help"]),
        (["-help"], ["--help"]),
        (["serve", "-config", "a"], ["serve", "--config=a"]),
        (["check", "-config", "a", "--json"], ["check", "--config", "a", "--json"]),
        (
            ["plan", "-config=a", "m", "--running", "b"],
            ["plan", "--config=a", "m", "--running", "b"],
        ),
    ],
)
def test_single_and_double_dashes_are_equivalent(words: list[str], expected: list[str]) -> None:
    assert translate(words) == expected


def test_what_follows_the_last_flag_is_dropped() -> None:
    assert translate(["-config", "a", "word", "-listen", ":1"]) == ["--config=a"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-nonsense"], "-nonsense"),
        (["-config=a", "--cofnig=b"], "--cofnig"),
        (["-config"], "-config"),
        (["-watch-config=perhaps"], "perhaps"),
    ],
)
def test_a_bad_flag_is_named(words: list[str], named: str) -> None:
    with pytest.raises(FlagError, match=named):
        translate(words)
