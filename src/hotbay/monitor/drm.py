"""Graphics cards as Linux shows them under /sys/class/drm (kernel documentation, gpu/).

Owns no state; a file that is missing or cannot be read is an unknown, as drivers differ.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x1022: "AMD", 0x8086: "Intel", 0x106B: "Apple"}
"""Who is behind a PCI vendor ID."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a vendor that we know.

    Attributes:
        index: the number in `card<n>`.
        vendor: who made it.
        device: its directory, `/sys/class/drm/card<n>/device`.
        address: its PCI address, as `0000:03:00.0`.
        driver: name of its driver, empty if it has none.
        render: its render node, as `renderD128`; empty if it has none.
    """

    index: int
    vendor: str
    device: Path
    address: str
    driver: str
    render: str


def cards(root: Path = Path("/")) -> list[Card]:
    """Return the cards of known vendors, by number."""
    found = []
    for entry in (root / "sys/class/drm").glob("card*"):
        match = re.fullmatch(r"card(\d+)", entry.name)
        device = entry / "device"
        vendor = VENDORS.get(int_of(device / "vendor", 16) or 0)
        if match is None or vendor is None:
            continue
        renders = sorted(node.name for node in (device / "drm").glob("renderD*"))
        found.append(
            Card(
                int(match[1]),
                vendor,
                device,
                device.resolve().name,
                (device / "driver").resolve().name if (device / "driver").exists() else "",
                renders[0] if renders else "",
            )
        )
    return sorted(found, key=lambda card: card.index)


def accessible(render: str, root: Path = Path("/")) -> bool:
    """Whether this process may use a render node."""
    return bool(render) and os.access(root / "dev/dri" / render, os.R_OK | os.W_OK)


def text_of(file: Path) -> str:
    """Return what a file says, trimmed; "" if it says nothing."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def int_of(file: Path, base: int = 10) -> int | None:
    """Return the number in a file; None if there is none."""
    try:
        return int(text_of(file), base)
    except ValueError:
        return None
