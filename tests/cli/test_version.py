"""`-version`, `-help`, and the demo without what it needs (spec/cli.md 1)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from hotbay import __version__


@pytest.mark.parametrize("words", [("-version",), ("--version",), ("-version", "-config", "none")])
def test_the_version_is_one_line(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert out == f"version: {__version__} (unknown), built at unknown\n"


@pytest.mark.parametrize("flag", ["-h", "-help", "--help", "-h=true"])
def test_help_names_every_flag_and_command(run: Run, flag: str) -> None:
    code, out, err = run(flag)
    assert (code, err) == (0, "")
    for flags in ("--config", "--config-dir", "--listen", "--tls-cert-file", "--tls-key-file"):
        assert flags in out
    for word in ("--watch-config", "--version", "check", "plan", "demo", "serve", "llama-server"):
        assert word in out


@pytest.mark.parametrize("command", ["serve", "check", "plan", "demo"])
def test_every_command_has_help(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"hotbay {command}" in out


def test_the_demo_without_its_extra_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    code, out, err = run("demo", "--folder", str(tmp_path / "demo"))
    assert (code, out) == (1, "")
    assert 'ERROR the demo needs xllamacpp: pip install "hotbay[llamacpp]"' in err
    assert not (tmp_path / "demo").exists()
