"""The documentation is part of the contract: what it names exists, and what exists is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hotbay.api.app import ROUTES
from hotbay.cli.commands import app
from hotbay.cli.flags import SWITCHES, VALUED
from hotbay.lane.routes import model_paths

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_every_test_that_a_guarantee_names_exists() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    sources = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    files = {file.name for file in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", text))
    assert len(named) > 30
    functions = {name for name in named if not name.endswith(".py")}
    assert named - functions <= files
    assert sorted(name for name in functions if f"def {name}(" not in sources) == []


def test_every_route_is_documented() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    own = {route.path.replace("{rest:path}", "{rest}") for route in ROUTES}
    assert sorted(path for path in own | model_paths() if f"`{path}`" not in text) == []


def test_every_flag_and_command_is_documented() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    flags = {f"--{name}" for name in (VALUED | SWITCHES) - {"h"}}
    commands = {f"hotbay {command.name}" for command in app.registered_commands}
    assert len(commands) >= 4
    assert sorted(word for word in flags | commands if word not in text) == []
