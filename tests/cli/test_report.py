"""Lines for a person: colour on a terminal, none elsewhere."""

from __future__ import annotations

import os
import re
import sys

import pytest

from hotbay.cli.report import Level, report

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_elsewhere_a_line_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    report(Level.ERROR, "it broke path=/x")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(rf"{LINE} ERROR it broke path=/x\n", captured.err)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
@pytest.mark.parametrize("level", list(Level))
def test_on_a_terminal_the_level_has_a_colour(
    monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        report(level, "text")
        terminal.flush()
        written = os.read(ours, 1000).decode()
    os.close(ours)
    colour = re.escape(f"\x1b[{level.value}m{level.name}\x1b[0m")
    assert re.fullmatch(rf"{LINE} {colour} text\r\n", written)
