"""The demo gets ready once, keeps what the user changed, and serves from any folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.llamacpp.running import PATIENCE, Running

from hotbay.config import ModelConfig, Sources, load
from hotbay.config.rules import compile_rules
from hotbay.core.planners.planner import View
from hotbay.core.planners.registry import make_planner
from hotbay.llamacpp.demo import default_folder, prepare

AWKWARD = 'a folder\'s ${NAME} ${env.HOME} #1 "quoted" \\'
MODELS = ["alpha", "beta", "embed", "rerank"]


class Said(list[str]):
    """What the user was told."""

    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def config(tmp_path: Path, said: Said) -> Path:
    return prepare(tmp_path / "demo", tell=said)


def changes(folder: Path) -> dict[str, tuple[int, int]]:
    """Which files there are, and which versions of them."""
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in folder.iterdir()}


def models_of(config: Path) -> dict[str, ModelConfig]:
    return dict(load(Sources(config, None)).config.models)


def test_it_makes_the_models_and_a_valid_configuration(config: Path) -> None:
    loaded = load(Sources(config, None))
    assert loaded.warnings == ()
    assert sorted(loaded.config.models) == MODELS
    assert {f"{name}.gguf" for name in MODELS} < changes(config.parent).keys()


def test_it_tells_what_it_writes(config: Path, said: Said) -> None:
    assert said == [f"writing {config.parent / name}.gguf" for name in MODELS]


def test_a_second_time_nothing_is_written_or_said(config: Path, said: Said) -> None:
    before = changes(config.parent)
    said.clear()
    assert prepare(config.parent, tell=said) == config
    assert changes(config.parent) == before
    assert said == []


def test_a_second_time_numpy_is_not_imported(config: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hotbay.llamacpp.demo import prepare;"
        f"prepare(Path({str(config.parent)!r})); print('numpy' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert result.stdout == "False\n"


def lose(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def scribble(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("damage", [lose, shorten, scribble])
def test_a_model_that_is_not_as_it_was_written_is_written_again(
    config: Path, said: Said, damage: Callable[[Path], None]
) -> None:
    model = config.parent / "beta.gguf"
    whole = model.read_bytes()
    damage(model)
    said.clear()
    prepare(config.parent, tell=said)
    assert said == [f"writing {model}"]
    assert model.read_bytes() == whole


@pytest.mark.parametrize("damage", [lose, shorten])
def test_models_of_which_nothing_is_known_are_written_again(
    config: Path, said: Said, damage: Callable[[Path], None]
) -> None:
    damage(config.parent / ".written.json")
    said.clear()
    prepare(config.parent, tell=said)
    assert len(said) == len(MODELS)


def test_a_configuration_that_the_user_changed_is_kept_and_that_is_said(
    config: Path, said: Said
) -> None:
    config.write_text(config.read_text() + "# mine\n")
    said.clear()
    assert prepare(config.parent, tell=said) == config
    assert config.read_text().endswith("# mine\n")
    assert said == [
        f"keeping {config}, which you have changed (delete it to get the demo's own back)"
    ]


def test_a_configuration_that_was_there_before_is_kept(tmp_path: Path, said: Said) -> None:
    mine = tmp_path / "config.yaml"
    mine.write_text("models: {}\n")
    prepare(tmp_path, tell=said)
    assert mine.read_text() == "models: {}\n"
    assert said[-1].startswith(f"keeping {mine}")


def test_a_configuration_that_is_ours_is_brought_up_to_date(
    config: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/another/python")
    said.clear()
    prepare(config.parent, tell=said)
    assert models_of(config)["alpha"].argv[0] == "/another/python"
    assert said == []


def test_a_configuration_that_was_deleted_comes_back(config: Path, said: Said) -> None:
    text = config.read_text()
    config.unlink()
    prepare(config.parent, tell=said)
    assert config.read_text() == text


def test_no_half_written_file_is_left(config: Path) -> None:
    assert not list(config.parent.glob("*.part"))


def test_the_configuration_explains_itself(config: Path) -> None:
    lines = config.read_text().splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) >= 15
    assert not any("@" in line for line in lines)


@pytest.mark.parametrize(
    ("target", "running", "evicted"),
    [
        ("beta", ("alpha", "embed", "rerank"), ("alpha",)),
        ("alpha", ("beta",), ("beta",)),
        ("embed", ("alpha", "rerank"), ()),
        ("rerank", ("beta", "embed"), ()),
    ],
)
def test_chat_models_take_turns_and_the_others_stay(
    config: Path, target: str, running: tuple[str, ...], evicted: tuple[str, ...]
) -> None:
    planner = make_planner(compile_rules(load(Sources(config, None)).config))
    assert planner.decide(target, View(running)).evict == evicted


def test_paths_need_no_care(tmp_path: Path, said: Said) -> None:
    folder = tmp_path / AWKWARD
    argv = models_of(prepare(folder, tell=said))["alpha"].argv
    assert argv[:5] == (sys.executable, "-P", "-m", "hotbay", "llama-server")
    assert argv[argv.index("--model") + 1] == str(folder / "alpha.gguf")


def test_a_relative_folder_is_made_absolute(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = prepare(Path("demo"), tell=said)
    assert config == tmp_path / "demo" / "config.yaml"
    assert str(tmp_path / "demo" / "embed.gguf") in models_of(config)["embed"].argv


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_served_by_its_command_in_any_folder(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xllamacpp.py").write_text("raise SystemExit('not this one')")
    argv = list(models_of(config)[name].argv)
    argv[argv.index("--port") + 1] = "0"
    server = Running([], argv)
    try:
        assert [each["id"] for each in server.ready().json("/v1/models")["data"]] == [name]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/hotbay/demo"),
        ("linux", {"XDG_CACHE_HOME": "caches"}, "/home/me/.cache/hotbay/demo"),
        ("linux", {}, "/home/me/.cache/hotbay/demo"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "/home/me/Library/Caches/hotbay/demo"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/hotbay/demo"),
        ("win32", {}, "/home/me/AppData/Local/hotbay/demo"),
    ],
)
def test_the_default_folder_is_where_the_platform_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, platform: str, environ: dict[str, str], folder: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert default_folder(environ, platform) == Path(folder)


def test_without_the_packages_it_says_how_to_install_them(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "src"
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "from pathlib import Path; from hotbay.llamacpp.demo import DemoError, prepare\n"
        f"try: prepare(Path({str(tmp_path / 'demo')!r}))\n"
        "except DemoError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert result.stdout == 'the demo needs xllamacpp: pip install "hotbay[llamacpp]"\n'
    assert not (tmp_path / "demo").exists()
