"""Bad input: exit code 1, the place in the message, and nothing started."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.journeys.conftest import command
from tests.journeys.program import Program

HOTBAY = Path(sys.executable).with_name("hotbay")
GOOD = """\
hooks: {{on_startup: {{preload: [good]}}}}
models:
  good:
    cmd: "{command}"
    aliases: [taken]
"""


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """Return where the good model, which is to be preloaded, notes that it was started."""
    return tmp_path / "note"


@pytest.fixture
def file(tmp_path: Path, note: Path) -> Path:
    """Return a configuration that is good so far."""
    file = tmp_path / "config.yaml"
    file.write_text(GOOD.format(command=command(note=note)))
    return file


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param("groups: ]", r"6:9: not valid YAML", id="broken YAML"),
        pytest.param(
            "groups: {g: {members: [good, ghost]}}", r"6:\d+: .*ghost", id="unknown model"
        ),
        pytest.param("  bad: {cmd: x, proxy: 'http://h:1', ttl: -2}", r"6:\d+: .*ttl", id="ttl"),
        pytest.param("  bad: {cmd: '${env.HOTBAY_LACKS}'}", r"6:\d+: .*HOTBAY_LACKS", id="env"),
        pytest.param("startPort: 0", r"6:12: startPort", id="startPort"),
        pytest.param("  bad: {cmd: 'x ${PORT}'}\nstartPort: 65535", r"\d+:\d+: .*65536", id="port"),
        pytest.param(
            "  bad: {cmd: x, proxy: 'http://h:1', aliases: [taken]}", r"6:\d+: .*taken", id="alias"
        ),
        pytest.param("upstream: {ignorePaths: ['(']}", r"6:\d+: .*ignorePaths", id="regex"),
    ],
)
def test_a_bad_configuration_starts_nothing_and_says_where(
    file: Path, note: Path, more: str, told: str
) -> None:
    with file.open("a") as rest:
        rest.write(f"{more}\n")
    program = Program(["--config", str(file), "--listen", "127.0.0.1:0"])
    program.wait_for(rf"^\S+ \S+ ERROR {re.escape(str(file))}:{told}")
    assert program.wait() == 1
    assert "listening" not in program.output
    assert not note.exists()


def test_an_activity_log_that_cannot_be_opened_starts_nothing(
    file: Path, note: Path, tmp_path: Path
) -> None:
    log = tmp_path / "activity.db"
    log.write_text("this is no database " * 100)
    with file.open("a") as rest:
        rest.write(f"store: {{path: {log}}}\n")
    program = Program(["--config", str(file), "--listen", "127.0.0.1:0"])
    program.wait_for(rf"^\S+ \S+ ERROR store\.path: cannot use {re.escape(str(log))}: ")
    assert program.wait() == 1
    assert "listening" not in program.output
    assert not note.exists()


def test_an_address_that_is_taken_starts_nothing(file: Path, note: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        program = Program(["--config", str(file), "--listen", address])
        assert program.wait() == 1
    assert f"ERROR cannot listen on {address}: Address already in use" in program.output
    assert not note.exists()


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["-version"], 0, "version: ", ""),
        (["-help"], 0, "--watch-config", ""),
        ([], 1, "", "no configuration"),
        (["-nonsense"], 2, "", "Usage"),
    ],
)
def test_the_exit_code_says_how_it_went(words: list[str], code: int, out: str, err: str) -> None:
    done = subprocess.run([HOTBAY, *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert (out in done.stdout) if out else not done.stdout
    assert (err in done.stderr) if err else not done.stderr


def test_a_configuration_can_be_looked_into_without_starting_anything(
    file: Path, note: Path
) -> None:
    def ask(*words: str) -> str:
        done = subprocess.run(
            [HOTBAY, *words, "--config", str(file)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    with file.open("a") as rest:
        rest.write("  other: {cmd: 'x ${PORT}'}\nstartPort: 7000\n")
    models = json.loads(ask("check", "--json"))["models"]
    assert models["other"]["cmd"] == ["x", "7001"]
    told = json.loads(ask("plan", "other", "--running", "taken", "--json"))
    assert (told["target"], told["evict"]) == ("other", ["good"])
    assert ask("plan", "other", "--running", "taken").startswith("other: stops good")
    assert not note.exists()
