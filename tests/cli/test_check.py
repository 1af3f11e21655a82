"""`hotbay check`, and what bad input is answered with (spec/cli.md 1, design 6)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.conftest import Run

GOOD = """\
models:
  mist:
    cmd: mist-server --port ${PORT} -m 'a b'
    ttl: 30
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.mark.parametrize("flag", ["--config", "-config"])
def test_a_valid_configuration_is_said_to_be_so(run: Run, file: Path, flag: str) -> None:
    file.write_text(GOOD)
    code, out, err = run("check", flag, str(file))
    assert (code, err) == (0, "")
    assert out == "the configuration is valid: 1 model\n"


def test_json_is_the_effective_configuration(run: Run, file: Path) -> None:
    file.write_text(f"apiKeys: [very-secret]\nstartPort: 6000\n{GOOD}")
    code, out, err = run("check", "--config", str(file), "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["models"]["mist"]["cmd"] == ["mist-server", "--port", "6000", "-m", "a b"]
    assert told["models"]["mist"]["ttl"] == 30
    assert told["unloadTimeout"] == 10
    assert "very-secret" not in out


def test_a_folder_is_merged(run: Run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD.replace("mist", "fog"))
    code, out, _ = run("check", "--config-dir", str(tmp_path))
    assert (code, out) == (0, "the configuration is valid: 2 models\n")


def test_a_warning_is_told_and_no_failure(run: Run, file: Path) -> None:
    file.write_text(GOOD + "unlodTimeout: 3\n")
    code, out, err = run("check", "--config", str(file))
    assert code == 0
    assert "valid" in out
    assert re.search(rf"WARN {re.escape(str(file))}:5:1: .*unloadTimeout", err)
    assert "unlodTimeout: 3\n" in err
    assert err.rstrip().endswith("^")


def test_a_warning_is_told_beside_an_error_that_it_may_explain(run: Run, file: Path) -> None:
    file.write_text("models:\n  m:\n    comand: x\n    ttl: -2\n")
    code, out, err = run("check", "--config", str(file))
    assert (code, out) == (1, "")
    assert f"ERROR {file}:4:10: models.m.ttl" in err
    assert f"WARN {file}:3:5: models.m.comand" in err


BAD = [
    pytest.param("models:\n  a: {cmd: x\n", (3, 1), "", id="broken YAML"),
    pytest.param("models:\n  a:\n    cmd: x ${PORT}\n   b: 1\n", (4, 4), "", id="bad indentation"),
    pytest.param(
        "models:\n  a: {cmd: 'x ${PORT}'}\ngroups:\n  g:\n    members: [a, ghost]\n",
        (5, 18),
        "ghost",
        id="unknown model in a group",
    ),
    pytest.param(
        "models:\n  a:\n    cmd: x ${PORT}\n    ttl: -2\n", (4, 10), "ttl", id="ttl below -1"
    ),
    pytest.param(
        "models:\n  a:\n    cmd: x ${PORT} ${env.HOTBAY_NOT_SET}\n",
        (3, 10),
        "HOTBAY_NOT_SET",
        id="missing environment variable",
    ),
    pytest.param(
        "startPort: 0\nmodels:\n  a: {cmd: 'x ${PORT}'}\n", (1, 12), "startPort", id="startPort"
    ),
    pytest.param(
        "startPort: 65535\nmodels:\n  a: {cmd: 'x ${PORT}'}\n  b: {cmd: 'x ${PORT}'}\n",
        None,
        "65536",
        id="port above 65535",
    ),
    pytest.param(
        "models:\n  a:\n    cmd: x ${PORT}\n    aliases: [n]\n"
        "  b:\n    cmd: x ${PORT}\n    aliases: [m, n]\n",
        (7, 18),
        "n",
        id="one alias for two models",
    ),
    pytest.param(
        "upstream:\n  ignorePaths: ['[']\nmodels:\n  a: {cmd: 'x ${PORT}'}\n",
        (2, 17),
        "ignorePaths",
        id="bad regular expression",
    ),
]


@pytest.mark.parametrize("command", [("check",), ("plan", "a"), (), ("serve",)])
@pytest.mark.parametrize(("text", "place", "named"), BAD)
def test_bad_input_is_named_with_its_place_and_nothing_starts(
    run: Run,
    file: Path,
    *,
    command: tuple[str, ...],
    text: str,
    place: tuple[int, int] | None,
    named: str,
) -> None:
    file.write_text(text)
    flags = ["--config", str(file)]
    words = [*command[:1], *flags, *command[1:]]
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    where = r"\d+:\d+" if place is None else ":".join(map(str, place))
    lines = [line for line in err.splitlines() if "ERROR" in line]
    assert len(lines) == 1, err
    assert re.match(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d ERROR {re.escape(str(file))}:{where}: .*{named}",
        lines[0],
    ), err


def test_all_errors_are_told_at_once(run: Run, file: Path) -> None:
    file.write_text("startPort: 0\nmodels:\n  a:\n    cmd: x ${PORT}\n    ttl: -2\n")
    code, _, err = run("check", "--config", str(file))
    assert code == 1
    assert err.index(":1:12:") < err.index(":5:10:")


def test_a_file_that_is_not_there_is_named(run: Run, file: Path) -> None:
    for command in ((), ("check",)):
        code, out, err = run(*command, "--config", str(file))
        assert (code, out) == (1, "")
        assert f"ERROR {file}: " in err


def test_a_folder_without_configurations_is_named(run: Run, tmp_path: Path) -> None:
    code, _, err = run("check", "--config-dir", str(tmp_path / "none"))
    assert code == 1
    assert str(tmp_path / "none") in err


@pytest.mark.parametrize("command", [(), ("serve",), ("check",), ("plan", "m")])
def test_no_configuration_is_an_error_that_says_what_to_do(
    run: Run, command: tuple[str, ...]
) -> None:
    code, out, err = run(*command)
    assert (code, out) == (1, "")
    assert "no configuration" in err
    assert "-config" in err


@pytest.mark.parametrize("flag", ["-tls-cert-file", "-tls-key-file"])
def test_one_tls_flag_alone_is_an_error(run: Run, file: Path, flag: str) -> None:
    file.write_text(GOOD)
    code, out, err = run("-config", str(file), flag, "x.pem")
    assert (code, out) == (1, "")
    assert "-tls-cert-file and -tls-key-file go together" in err


def test_an_address_that_is_none_is_an_error(run: Run, file: Path) -> None:
    file.write_text(GOOD)
    code, _, err = run("-config", str(file), "-listen", "nowhere")
    assert code == 1
    assert "'nowhere'" in err


@pytest.mark.parametrize("words", [("-nonsense",), ("-watch-config=maybe",), ("-listen",)])
def test_a_bad_flag_shows_the_usage_and_exits_with_2(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert words[0].partition("=")[0] in err
    assert "Usage" in err


@pytest.mark.parametrize("words", [("check", "--nonsense"), ("plan",), ("nonsense",)])
def test_bad_words_of_a_command_exit_with_2(run: Run, words: tuple[str, ...]) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert "Usage" in err
