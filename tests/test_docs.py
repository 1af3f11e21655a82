"""The documentation is part of the contract: what it names exists, and what exists is named."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from hotbay.api.app import ROUTES
from hotbay.api.news import EVENTS, MESSAGES
from hotbay.cli.commands import app
from hotbay.cli.flags import SWITCHES, VALUED
from hotbay.lane.routes import model_paths, passthrough_paths

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)#?([^)\s]*)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TEST_FILES = sorted((ROOT / "tests").rglob("test_*.py"))


def anchors(page: Path) -> set[str]:
    """Return what a link into a page may have behind its `#`, as GitHub makes them."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    astray = []
    for path, anchor in LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            astray.append(f"{path}#{anchor}")
    assert astray == []


def test_every_picture_is_there_and_shown() -> None:
    text = (DOCS / "web-ui.md").read_text()
    shown = set(re.findall(r'(?:src|srcset)="images/([^"]+)"', text))
    assert shown == {file.name for file in (DOCS / "images").iterdir()}


@pytest.mark.parametrize("page", ["guarantees.md", "compatibility.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    text = (DOCS / page).read_text()
    sources = "\n".join(file.read_text() for file in TEST_FILES)
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", text))
    assert len(named) > 30
    functions = {name for name in named if not name.endswith(".py")}
    assert named - functions <= {file.name for file in TEST_FILES}
    assert sorted(name for name in functions if f"def {name}(" not in sources) == []


def test_every_guarantee_names_a_test() -> None:
    sections = re.split(r"^## (\d+)\. ", (DOCS / "guarantees.md").read_text(), flags=re.MULTILINE)
    numbers = [int(number) for number in sections[1::2]]
    assert numbers == list(range(1, 16))
    for number, section in zip(numbers, sections[2::2], strict=True):
        assert "`test_" in section, number


def test_every_rule_names_a_test_or_says_why_there_is_none() -> None:
    text = (DOCS / "compatibility.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    rules = [row for row in rows if not re.match(r"\| (route|rule|status) \|", row)]
    assert len(rules) > 150
    unproven = [row for row in rules if "`test_" not in row]
    assert [row for row in unproven if "none: " not in row and "| see " not in row] == []


def test_every_route_of_llama_swap_is_in_the_page_of_compatibility() -> None:
    spec = (DOCS / "spec" / "http-api.md").read_text()
    table = spec.partition("\n## 3. Route table")[2].partition("\n## 4.")[0]
    paths = [row.split("|")[2] for row in table.splitlines() if row.startswith("|")]
    routes = set(re.findall(r"`(/[^`]*)`", " ".join(paths)))
    assert len(routes) > 25
    page = (DOCS / "compatibility.md").read_text().partition("\n## The HTTP interface")[0]
    assert routes - set(re.findall(r"`(/[^`]*)`", page)) == set()


def test_the_reference_of_the_configuration_is_that_of_the_code() -> None:
    page = (DOCS / "reference" / "configuration.md").read_text()
    generate = runpy.run_path(str(DOCS / "generate.py"))["generate"]
    assert page == generate(page), "run: python docs/generate.py"


def test_every_route_is_documented_and_every_documented_route_exists() -> None:
    text = (DOCS / "reference" / "http.md").read_text()
    own = {route.path.replace("{rest:path}", "{rest}") for route in ROUTES}
    routes = text.partition("\n## Errors")[0]
    # In tables, and only there, a path in backticks is a route.
    rows = "\n".join(line for line in routes.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(/[^`?]*)`", rows)) == own | model_paths() | passthrough_paths()


def test_every_event_is_documented() -> None:
    text = (DOCS / "reference" / "events.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"^\| `(\w+)`", row)}
    assert sorted((EVENTS | MESSAGES) - named) == []


def test_every_flag_and_command_is_documented() -> None:
    text = (DOCS / "reference" / "command-line.md").read_text()
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    flags = {f"--{name}" for name in (VALUED | SWITCHES) - {"h"}}
    for command in (group, *group.commands.values()):
        flags |= {word for option in command.params for word in option.opts if word[0] == "-"}
    commands = {f"hotbay {name}" for name in group.commands}
    assert {"--json", "--running", "--folder"} <= flags
    assert sorted(word for word in flags | commands if f"`{word}" not in text) == []
