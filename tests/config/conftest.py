from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hotbay.config import Config, ConfigError, Loaded, Sources, load

Load = Callable[..., Loaded]
Refuse = Callable[..., list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load a text as `config.yaml`."""

    def run(
        text: str, environ: Mapping[str, str] | None = None, *, windows: bool = False
    ) -> Loaded:
        file = tmp_path / "config.yaml"
        file.write_text(text, encoding="utf-8")
        return load(Sources(file), environ=environ or {}, windows=windows)

    return run


@pytest.fixture
def config_of(load_text: Load) -> Callable[..., Config]:
    """Load a text and return the configuration alone."""

    def run(
        text: str, environ: Mapping[str, str] | None = None, *, windows: bool = False
    ) -> Config:
        return load_text(text, environ, windows=windows).config

    return run


@pytest.fixture
def errors_of(load_text: Load, tmp_path: Path) -> Refuse:
    """Load a text that is refused, and return its errors, without the name of the folder."""

    def run(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, environ)
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]

    return run


@pytest.fixture
def warnings_of(load_text: Load, tmp_path: Path) -> Refuse:
    """Load a text and return the warnings, without the name of the folder."""

    def run(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        loaded = load_text(text, environ)
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in loaded.warnings]

    return run
