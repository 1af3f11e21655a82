"""Watching the configuration's files (spec/cli.md 4.1 and 8.3)."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from hotbay.cli.watch import Watcher, watch
from hotbay.config import Sources


def touch(path: Path, seconds: float = 1) -> None:
    """Move a file's modification time on."""
    status = path.stat()
    later = status.st_mtime_ns + int(seconds * 1e9)
    os.utime(path, ns=(status.st_atime_ns, later))


def rewrite(path: Path, text: str) -> None:
    """Write a file without changing its modification time."""
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("models: {}\n")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "a.yaml").write_text("x")
    return folder


def watching(file: Path) -> Watcher:
    return Watcher(Sources(file, None))


def watching_folder(folder: Path) -> Watcher:
    return Watcher(Sources(None, folder))


def test_the_state_at_the_start_is_nothing_new(file: Path, folder: Path) -> None:
    watcher = Watcher(Sources(file, folder))
    assert not watcher.changed()
    assert not watcher.changed()


@pytest.mark.parametrize("seconds", [1, -1, 1e-6])
def test_another_time_fires_once(file: Path, seconds: float) -> None:
    watcher = watching(file)
    touch(file, seconds)
    assert watcher.changed()
    assert not watcher.changed()


def test_another_size_fires_though_the_time_is_the_same(file: Path) -> None:
    watcher = watching(file)
    rewrite(file, "longer than before\n")
    assert watcher.changed()


def test_a_file_that_disappears_is_nothing_new_but_its_return_is(file: Path) -> None:
    watcher = watching(file)
    away = file.rename(file.with_name("away"))
    assert not watcher.changed()
    assert not watcher.changed()
    away.rename(file)
    assert watcher.changed()
    assert not watcher.changed()


def test_a_file_that_was_missing_at_the_start_fires_when_it_comes(tmp_path: Path) -> None:
    watcher = watching(tmp_path / "later.yaml")
    assert not watcher.changed()
    (tmp_path / "later.yaml").write_text("x")
    assert watcher.changed()


def test_a_symlink_is_followed(tmp_path: Path) -> None:
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "config.yaml"
    old.write_text("models: {}")
    new.write_text("models: {}")
    touch(new, 10)
    link.symlink_to(old)
    watcher = watching(link)
    touch(old)
    assert watcher.changed()
    swap = tmp_path / "swap"
    swap.symlink_to(new)
    swap.replace(link)
    assert watcher.changed()
    assert not watcher.changed()


def test_a_volume_of_kubernetes_is_seen_to_be_swapped(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "config.yaml").write_text(f"# {version}\n")
    touch(tmp_path / "v2" / "config.yaml", 10)
    data = tmp_path / "..data"
    data.symlink_to("v1")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    file, folder = watching(tmp_path / "config.yaml"), watching_folder(tmp_path)
    fresh = tmp_path / "..fresh"
    fresh.symlink_to("v2")
    fresh.replace(data)
    assert file.changed()
    assert folder.changed()


def test_a_link_to_another_file_fires_though_time_and_size_are_the_same(tmp_path: Path) -> None:
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "config.yaml"
    for file in (old, new):
        file.write_text("models: {}")
        os.utime(file, (1, 1))  # as in the Nix store
    link.symlink_to(old)
    watcher, inside = watching(link), watching_folder(tmp_path)
    swap = tmp_path / "swap"
    swap.symlink_to(new)
    swap.replace(link)
    assert watcher.changed()
    assert inside.changed()


def test_a_dangling_symlink_is_a_missing_file(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "config.yaml"
    target.write_text("x")
    link.symlink_to(target)
    file, folder = watching(link), watching_folder(tmp_path)
    target.unlink()
    assert not file.changed()
    assert not folder.changed()


def broken(link: Path) -> Path:
    """Make a link that cannot be followed, for another reason than that nothing is there."""
    link.symlink_to("x" * 1000)
    return link


def test_what_cannot_be_looked_at_counts_as_missing_and_is_told(file: Path, folder: Path) -> None:
    watcher = Watcher(Sources(file, folder))
    away = file.rename(file.with_name("away"))
    inside = broken(folder / "b.yaml")
    broken(file)
    assert not watcher.changed()
    assert str(file) in watcher.trouble
    assert str(inside) in watcher.trouble
    file.unlink()
    inside.unlink()
    away.rename(file)
    assert watcher.changed()
    assert watcher.trouble == ""


def test_what_is_missing_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file" / "inside"):
        watcher = Watcher(Sources(path, path))
        assert not watcher.changed()
        assert watcher.trouble == ""


@pytest.mark.parametrize("name", ["b.yaml", "b.yml", ".hidden.yaml"])
def test_a_configuration_that_comes_into_the_folder_fires(folder: Path, name: str) -> None:
    watcher = watching_folder(folder)
    (folder / name).write_text("x")
    assert watcher.changed()
    assert not watcher.changed()


def test_a_change_in_the_folder_fires(folder: Path) -> None:
    watcher = watching_folder(folder)
    touch(folder / "a.yaml")
    assert watcher.changed()
    rewrite(folder / "a.yaml", "longer")
    assert watcher.changed()


def test_one_of_several_that_goes_fires(folder: Path) -> None:
    (folder / "b.yaml").write_text("x")
    watcher = watching_folder(folder)
    (folder / "b.yaml").unlink()
    assert watcher.changed()


@pytest.mark.parametrize("name", ["notes.txt", "b.yaml~", "yaml", ".b.yaml.swp", "B.YAML"])
def test_other_files_are_ignored(folder: Path, name: str) -> None:
    watcher = watching_folder(folder)
    (folder / name).write_text("x")
    assert not watcher.changed()


def test_folders_within_are_ignored(folder: Path) -> None:
    watcher = watching_folder(folder)
    (folder / "sub.yaml").mkdir()
    (folder / "sub.yaml" / "c.yaml").write_text("x")
    assert not watcher.changed()


def test_an_emptied_folder_is_nothing_new_but_a_refilled_one_is(folder: Path) -> None:
    watcher = watching_folder(folder)
    away = (folder / "a.yaml").rename(folder / "a.away")
    assert not watcher.changed()
    away.rename(folder / "a.yaml")
    assert watcher.changed()
    assert not watcher.changed()


def test_a_deleted_folder_is_nothing_new_but_its_return_is(folder: Path) -> None:
    watcher = watching_folder(folder)
    shutil.rmtree(folder)
    assert not watcher.changed()
    folder.mkdir()
    assert not watcher.changed()
    (folder / "a.yaml").write_text("x")
    assert watcher.changed()


async def test_every_change_is_told_until_it_is_cancelled(file: Path) -> None:
    told = asyncio.Event()
    task = asyncio.create_task(watch(watching(file), told.set, interval=0.001))
    async with asyncio.timeout(30):
        for _ in range(2):
            told.clear()
            touch(file)
            await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Beside(Watcher):
    """Looks at a file that somebody writes piece by piece, one before each look."""

    def __init__(self, file: Path, *pieces: str) -> None:
        self._written, self._pieces = file, list[str]()
        super().__init__(Sources(file, None))
        self._pieces += pieces

    def changed(self) -> bool:
        if self._pieces:
            with self._written.open("a") as file:
                file.write(self._pieces.pop(0))
        return super().changed()


async def test_a_file_is_told_of_once_it_is_written_to_its_end(file: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    watcher = Beside(file, "a: 1\n", "b: 2\n", "c: 3\n")
    task = asyncio.create_task(
        watch(watcher, lambda: told.put_nowait(file.read_text()), interval=0.001)
    )
    assert (await asyncio.wait_for(told.get(), 30)).endswith("a: 1\nb: 2\nc: 3\n")
    assert told.empty()
    task.cancel()
    await asyncio.wait([task])


async def test_a_file_that_is_written_without_end_is_told_of_nevertheless(file: Path) -> None:
    told = asyncio.Event()
    watcher = Beside(file, *["# more\n"] * 10_000)
    task = asyncio.create_task(watch(watcher, told.set, interval=0.001))
    await asyncio.wait_for(told.wait(), 30)
    task.cancel()
    await asyncio.wait([task])


async def test_trouble_is_logged_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = asyncio.Event()
    other = broken(file.with_name("other.yaml"))
    watcher = Watcher(Sources(file, file.parent))
    task = asyncio.create_task(watch(watcher, told.set, interval=0.001))
    async with asyncio.timeout(30):
        for _ in range(3):
            await asyncio.sleep(0)
            told.clear()
            touch(file)
            await told.wait()
    task.cancel()
    await asyncio.wait([task])
    [record] = caplog.records
    assert (record.levelname, str(other) in record.getMessage()) == ("WARNING", True)
