"""Which files make up the configuration, and their text (spec/config-loading.md 1)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hotbay.config.problems import Report


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a file that was loaded, under the name by which problems call it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the configuration comes from.

    Attributes:
        config: one file, or None.
        config_dir: a directory; its `*.yml` and `*.yaml` files are merged after `config`.
    """

    config: Path | None
    config_dir: Path | None = None

    def files(self) -> tuple[Path, ...]:
        """Return the files to load now, in order.

        Raises:
            ConfigError: there is no source, or the directory cannot be used.
        """
        report = Report()
        files = self._pick(report)
        report.raise_errors()
        return files

    def _pick(self, report: Report) -> tuple[Path, ...]:
        if self.config is None and self.config_dir is None:
            report.file_error("", "no configuration: give --config FILE or --config-dir DIRECTORY")
            return ()
        first = () if self.config is None else (self.config,)
        if self.config_dir is None:
            return first
        try:
            listed = [entry for entry in self.config_dir.iterdir() if _is_source(entry)]
        except OSError as error:
            problem = f"cannot read the directory: {error.strerror or error}"
            report.file_error(str(self.config_dir), problem)
            return first
        picked = tuple(sorted(listed, key=lambda entry: entry.name))
        if self.config and _full(self.config) in map(_full, picked):
            problem = f"the file given with --config also lies in --config-dir {self.config_dir}"
            report.file_error(str(self.config), problem)
        if not first and not picked:
            report.file_error(str(self.config_dir), "no *.yml or *.yaml files in the directory")
        return first + picked


def _full(path: Path) -> str:
    """Return the absolute text of a path; symbolic links count as what they are called."""
    return os.path.normpath(path.absolute())


def _is_source(entry: Path) -> bool:
    return entry.name.endswith((".yml", ".yaml")) and not entry.is_dir()


def read_text(file: Path, report: Report) -> str | None:
    """Return the text of a file, or None if it cannot be read; that is reported."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        report.file_error(str(file), f"cannot read the file: {error.strerror or error}")
    except UnicodeDecodeError as error:
        report.file_error(str(file), f"the file is not UTF-8 text: {error.reason}")
    return None
