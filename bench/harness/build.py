"""Where the programs under measurement come from: compiled here, or found on this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
BIN = BENCH / "bin"


def compiled(name: str) -> Path:
    """Return the program of `bench/NAME.c`, compiled again if a source is newer."""
    program, sources = BIN / name, [BENCH / f"{name}.c", BENCH / "message.h"]
    newest = max(source.stat().st_mtime for source in sources)
    if not program.exists() or program.stat().st_mtime < newest:
        BIN.mkdir(exist_ok=True)
        compiler = found("cc", "gcc libc6-dev")
        flags = ["-O2", "-Wall", "-Wextra", "-Wno-unused-function"]
        subprocess.run([compiler, *flags, "-o", program, sources[0]], check=True)
    return program


def found(name: str, package: str) -> str:
    """Return where a program is; end with a line on how to install it where it is not."""
    where = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if where is None:
        sys.exit(f"{name} is missing; on Debian: apt-get install {package}")
    return where


def hotbay() -> str:
    """Return the installed hotbay of the Python that runs this."""
    where = shutil.which("hotbay", path=str(Path(sys.executable).parent))
    if where is None:
        sys.exit("hotbay is not installed beside this Python; `make bench` installs it")
    return where
