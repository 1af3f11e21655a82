"""`--watch-config` sees every way in which a configuration is changed (spec/cli.md 4.1)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.conftest import command, free_port, get
from tests.journeys.program import Program, running

LISTEN = ("--listen", "127.0.0.1:0", "--watch-config")


def text(*models: str, **top: Any) -> str:
    return json.dumps(top | {"models": {model: {"cmd": command()} for model in models}})


def names(url: str) -> list[str]:
    return [model["id"] for model in get(url, "/v1/models").json["data"]]


def in_place(file: Path, content: str) -> None:
    file.write_text(content)


def by_renaming(file: Path, content: str) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(content)
    fresh.replace(file)


def with_a_backup(file: Path, content: str) -> None:
    """Write as vim does by default, so that there is no such file for a moment."""
    file.replace(file.with_name(f"{file.name}~"))
    file.write_text(content)


@pytest.mark.parametrize("save", [in_place, by_renaming, with_a_backup])
def test_a_file_is_watched_however_it_is_saved(
    tmp_path: Path, save: Callable[[Path, str], None]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text("a"))
    with running("--config", str(file), *LISTEN) as (program, url):
        assert names(url) == ["a"]
        save(file, text("a", "b"))
        program.wait_for("configuration reloaded")
        assert names(url) == ["a", "b"]


def mount(folder: Path, version: int, **files: str) -> None:
    """Put a version of a volume in place as Kubernetes does: `..data` is swapped at once."""
    fresh = folder / f"..version_{version}"
    fresh.mkdir()
    for name, content in files.items():
        (fresh / f"{name}.yaml").write_text(content)
        os.utime(fresh / f"{name}.yaml", (1, 1))  # as where builds are reproducible
        link = folder / f"{name}.yaml"
        if not link.is_symlink():
            link.symlink_to(f"..data/{name}.yaml")
    pointer = folder / "..data_tmp"
    pointer.symlink_to(fresh.name)
    pointer.replace(folder / "..data")
    if version > 1:
        shutil.rmtree(folder / f"..version_{version - 1}")


@pytest.mark.parametrize("flag", ["--config", "--config-dir"])
def test_a_volume_that_is_swapped_is_seen(tmp_path: Path, flag: str) -> None:
    """Also if the new file has the size and the time of the old one."""
    mount(tmp_path, 1, config=text("a"))
    source = tmp_path if flag == "--config-dir" else tmp_path / "config.yaml"
    with running(flag, str(source), *LISTEN) as (program, url):
        assert names(url) == ["a"]
        mount(tmp_path, 2, config=text("b"))
        program.wait_for("configuration reloaded")
        assert names(url) == ["b"]


@pytest.fixture
def split(tmp_path: Path) -> Iterator[tuple[Program, str]]:
    """Serve a file and a folder, which are merged."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (tmp_path / "config.yaml").write_text(text("a", startPort=free_port()))
    (folder / "10.yaml").write_text(text("b"))
    sources = ("--config", str(tmp_path / "config.yaml"), "--config-dir", str(folder))
    with running(*sources, *LISTEN) as started:
        yield started


def test_files_that_come_change_and_go_in_a_folder_are_seen(
    split: tuple[Program, str], tmp_path: Path
) -> None:
    program, url = split
    folder = tmp_path / "conf.d"
    assert names(url) == ["a", "b"]
    (folder / "README.md").write_text("no configuration")
    by_renaming(folder / "20.yml", text("c", "d"))
    program.wait_for("configuration reloaded")
    assert names(url) == ["a", "b", "c", "d"]
    by_renaming(folder / "20.yml", "models: {e: {ttl: wrong}}")
    program.wait_for(r"\[WARN\] failed to reload config: .*20\.yml:1:\d+: models\.e\.ttl")
    assert names(url) == ["a", "b", "c", "d"]
    (folder / "20.yml").unlink()
    program.wait_for("configuration reloaded")
    assert names(url) == ["a", "b"]
