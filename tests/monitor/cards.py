"""Writes what Linux shows of graphics cards into a folder that stands for its root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def card(
    root: Path, index: int, vendor: str, driver: str, files: Mapping[str, object], *, bus: str = ""
) -> Path:
    """Add a card; `files` are those of its device, by their paths in it."""
    device = root / "sys/devices/pci0000:00" / (bus or f"0000:0{index + 1}:00.0")
    node = device / f"drm/renderD{128 + index}"
    node.mkdir(parents=True)
    (device / f"drm/card{index}").mkdir()
    (root / "dev/dri").mkdir(parents=True, exist_ok=True)
    (root / "dev/dri" / node.name).touch()
    (root / "sys/bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
    (device / "driver").symlink_to(root / "sys/bus/pci/drivers" / driver)
    write(device, {"vendor": vendor, **files})
    entries = root / "sys/class/drm"
    entries.mkdir(parents=True, exist_ok=True)
    (entries / f"card{index}").mkdir()
    (entries / f"card{index}/device").symlink_to(device)
    (entries / f"card{index}-DP-1").mkdir()
    return device


def write(folder: Path, files: Mapping[str, object]) -> None:
    """Write files below a folder, each with a line feed as the kernel does."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
