"""Makes the demo ready: tiny models, and a configuration that serves them, in a cache folder.

What is there and current is left alone, so that a second start costs nothing;
a configuration that the user has changed is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from subprocess import list2cmdline

CHAT_MODELS = ("alpha", "beta")
EMBEDDER = "embed"
RERANKER = "rerank"

_CONFIG = "config.yaml"
_WRITTEN = ".written.json"  # for each file that we wrote, what was in it
_HERE = Path(__file__).parent
_NEEDED = ("xllamacpp", "gguf", "numpy")


class DemoError(Exception):
    """Why the demo cannot be made ready: one line for the user."""


@dataclass(frozen=True, slots=True)
class _Written:
    """Remembers what we wrote into a folder, in a file of that folder."""

    path: Path
    digests: dict[str, list[str]]

    @classmethod
    def read(cls, folder: Path) -> _Written:
        path = folder / _WRITTEN
        try:
            digests = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # nothing known: write again, overwrite nothing
            digests = {}
        return cls(path, digests)

    def holds(self, file: Path, recipe: str) -> bool:
        """Whether a file is as we wrote it, by this recipe."""
        return file.is_file() and self.digests.get(file.name) == [recipe, _digest(file)]

    def untouched(self, file: Path) -> bool:
        """Whether a file is as we wrote it, whatever we would write today."""
        _, digest = self.digests.get(file.name, ["", ""])
        return digest == _digest(file)

    def note(self, file: Path, recipe: str) -> None:
        self.digests[file.name] = [recipe, _digest(file)]
        text = json.dumps(self.digests, indent=1)
        _replace(self.path, lambda path: _write_text(path, text))


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def prepare(folder: Path | None = None, *, tell: Callable[[str], None] = _tell) -> Path:
    """Make the demo ready in a folder; returns the path of its configuration.

    Args:
        folder: where; by default a folder for caches of this platform.
        tell: takes a line for the user on what takes a moment or may surprise.

    Raises:
        DemoError: if the packages that it needs are not installed.
        OSError: if the folder cannot be written.
    """
    folder = (folder or default_folder()).absolute()
    for package in _NEEDED:
        if find_spec(package) is None:
            raise DemoError(f'the demo needs {package}: pip install "hotbay[llamacpp]"')
    models = write_models(folder, tell=tell)
    return _write_config(folder, configuration(models), tell)


def default_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where the demo lives if nobody says otherwise: below the user's caches.

    On Linux as the XDG Base Directory Specification says: `XDG_CACHE_HOME`
    counts if it is absolute.
    """
    if platform == "win32":
        caches = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(environ.get("XDG_CACHE_HOME", ""))
        if not caches.is_absolute():
            caches = Path.home() / ".cache"
    return caches / "hotbay" / "demo"


def write_models(folder: Path, *, tell: Callable[[str], None] = _tell) -> dict[str, Path]:
    """Write the demo's models, as far as they are missing or outdated; returns them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    written = _Written.read(folder)
    recipe = _recipe()
    models = {name: folder / f"{name}.gguf" for name in (*CHAT_MODELS, EMBEDDER, RERANKER)}
    for name, path in models.items():
        if not written.holds(path, recipe):
            tell(f"writing {path}")
            _replace(path, partial(_write_model, name))
            written.note(path, recipe)
    return models


def configuration(models: Mapping[str, Path], *, windows: bool = os.name == "nt") -> str:
    """The text of the configuration that serves the models with this very interpreter."""
    text = (_HERE / "demo_config.yaml").read_text(encoding="utf-8")
    # -P: nothing is imported from the folder in which hotbay happens to be started.
    engine = [_quoted(word, windows=windows) for word in (sys.executable, "-P", "-m", "hotbay")]
    text = text.replace("@SERVER@", " ".join([*engine, "llama-server"]))
    for name, path in models.items():
        text = text.replace(f"@{name.upper()}@", _quoted(str(path), windows=windows))
    return text


def _write_model(name: str, path: Path) -> None:
    from hotbay.llamacpp.tiny.chat import write_chat  # noqa: PLC0415 -- imports numpy, which a second start needs not
    from hotbay.llamacpp.tiny.embedder import write_embedder  # noqa: PLC0415 -- imports numpy, which a second start needs not
    from hotbay.llamacpp.tiny.reranker import write_reranker  # noqa: PLC0415 -- imports numpy, which a second start needs not

    if name in CHAT_MODELS:
        write_chat(path, name)
    elif name == EMBEDDER:
        write_embedder(path, name)
    else:
        write_reranker(path, name)


def _write_config(folder: Path, text: str, tell: Callable[[str], None]) -> Path:
    path = folder / _CONFIG
    written = _Written.read(folder)
    if path.exists() and path.read_bytes() == text.encode():
        return path
    if path.exists() and not written.untouched(path):
        tell(f"keeping {path}, which you have changed (delete it to get the demo's own back)")
        return path
    _replace(path, lambda part: _write_text(part, text))
    written.note(path, "")
    return path


def _recipe() -> str:
    """Changes whenever the code that builds the models does."""
    digest = hashlib.sha256()
    for module in sorted((_HERE / "tiny").glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that nobody ever sees half of it."""
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _quoted(word: str, *, windows: bool) -> str:
    """A word so that a command of the configuration has it as one argument.

    As spec/config-loading.md 7.2 splits commands; a `${` in a path must not look
    like the beginning of a macro.
    """
    if windows:
        return list2cmdline([word])
    return shlex.quote(word).replace("${", "$''{")
