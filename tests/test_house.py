"""The rules of the house, checked against the source (design 2).

Imports go down and never sideways, the core knows neither clock nor sockets, files
stay small and say what they own, and the lock file fits pyproject.toml.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "hotbay"
FILES = sorted(SOURCE.rglob("*.py"))

FLOORS = {
    "core": 1,
    "config": 2,
    "planners": 2,
    "activity": 3,
    "monitor": 3,
    "runtime": 3,
    "lane": 4,
    "api": 5,
    "app": 6,
    "cli": 6,
}
FRONT_DOOR = "cli"  # starts the composition root, which stands on its floor, and what is beside
BESIDE_AND_USES: dict[str, set[str]] = {
    "llamacpp": set(),  # a model server of its own, in its own process
    "testing": {"core", "config"},  # users write planners with it, so it stays light
}
IMPURE = {
    "asyncio",
    "datetime",
    "http",
    "io",
    "multiprocessing",
    "os",
    "pathlib",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
LONGEST_FILE = 400
FORBIDDEN_NAMES = re.compile(r"(util|utils|helper|helpers|manager|misc|common)\.py")


def imported_modules(source: str, package: str) -> Iterator[str]:
    """Yield the absolute name of every module that `source`, in `package`, imports anywhere."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: -node.level + 1 or None] if node.level else []
            module = ".".join([*parents, node.module] if node.module else parents)
            if module == "hotbay":  # `from hotbay import core` names the part after the import
                yield from (f"hotbay.{alias.name}" for alias in node.names)
            else:
                yield module


def part_of(module: str) -> str | None:
    """Return which part of hotbay a module belongs to; None for the root and other projects."""
    names = module.split(".")
    if names[0] != "hotbay" or len(names) == 1 or names[1].startswith("__"):
        return None
    return names[1]


def may_import(part: str, other: str) -> bool:
    if part == other:
        return True
    if part in BESIDE_AND_USES:
        return other in BESIDE_AND_USES[part]
    if other in BESIDE_AND_USES:
        return part == FRONT_DOOR
    return FLOORS[other] < FLOORS[part] or (part, other) == (FRONT_DOOR, "app")


def forbidden_imports(source: str, package: str) -> list[str]:
    part = part_of(package)
    if part is None:
        return []
    found = []
    for module in imported_modules(source, package):
        other = part_of(module)
        if other is not None and not may_import(part, other):
            found.append(f"{part} imports {module}")
        top = module.partition(".")[0]
        if part == "core" and top != "hotbay" and (top not in sys.stdlib_module_names):
            found.append(f"core imports {module}, which is not in the standard library")
        if part == "core" and top in IMPURE:
            found.append(f"core imports {module}, which is not pure")
    return found


def package_of(file: Path) -> str:
    """Return the package of a source file; a module directly under hotbay counts as its own."""
    names = ["hotbay", *file.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(names if len(names) == 2 else names[:-1])


def test_every_part_has_a_floor() -> None:
    parts = {part_of(package_of(file)) for file in FILES} - {None}
    assert parts <= FLOORS.keys() | BESIDE_AND_USES.keys()


def test_imports_go_down_and_the_core_is_pure() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {problem}"
        for file in FILES
        for problem in forbidden_imports(file.read_text(), package_of(file))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("hotbay.core", "import asyncio"),
        ("hotbay.core", "from os import path"),
        ("hotbay.core.planners", "import msgspec"),
        ("hotbay.core", "def late():\n    import hotbay.config"),
        ("hotbay.config", "from hotbay.runtime.probe import probe"),
        ("hotbay.config", "from hotbay import lane"),
        ("hotbay.activity", "from hotbay.monitor import host"),
        ("hotbay.monitor", "from ..runtime import logs"),
        ("hotbay.runtime.posix", "from ...lane import gate"),
        ("hotbay.lane", "import hotbay.app"),
        ("hotbay.app", "import hotbay.cli.main"),
        ("hotbay.api", "import hotbay.testing"),
        ("hotbay.testing", "import hotbay.lane"),
        ("hotbay.llamacpp.options", "from hotbay.core import rules"),
        ("hotbay.runtime", "import hotbay.llamacpp.server"),
    ],
)
def test_an_import_against_the_rules_is_found(package: str, source: str) -> None:
    assert len(forbidden_imports(source, package)) == 1


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("hotbay.core", "import heapq\nfrom . import events\nfrom hotbay.core.rules import Rules"),
        ("hotbay.config", "import pydantic, os\nfrom ..core import rules"),
        ("hotbay.lane", "import hotbay.runtime.engine\nfrom hotbay import __version__"),
        ("hotbay.cli", "import hotbay.app\nimport hotbay.testing.server"),
        ("hotbay.testing", "from hotbay.core.machine import Machine"),
    ],
)
def test_an_import_within_the_rules_passes(package: str, source: str) -> None:
    assert forbidden_imports(source, package) == []


def test_files_stay_small() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    assert {file: n for file, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_module_says_what_it_owns() -> None:
    silent = [file for file in FILES if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [file for file in FILES if FORBIDDEN_NAMES.fullmatch(file.name)] == []


def locked_versions() -> dict[str, set[str]]:
    """Return the versions that requirements.lock pins, by normalised name."""
    pins = re.findall(
        r"^([\w.-]+)==([^ ;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    versions: dict[str, set[str]] = {}
    for name, version in pins:
        versions.setdefault(normalised(name), set()).add(version)
    return versions


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_file_fits_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *itertools.chain.from_iterable(project["project"]["optional-dependencies"].values()),
        *project["dependency-groups"]["dev"],
    ]
    locked = locked_versions()
    stale = [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not locked.get(normalised(requirement.name))
        or not all(v in requirement.specifier for v in locked[normalised(requirement.name)])
    ]
    assert stale == [], "run `make lock`"


def test_the_lock_file_names_no_registry_and_no_folder() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if re.search(r"://|--(index|extra|find)|@ |[ =]/", line)] == []
