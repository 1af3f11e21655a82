"""GPUs as Linux shows them: the compute topology of AMD, and all cards (spec/monitoring.md 2.3).

The former is described in the kernel's documentation of amdkfd, the latter in that of DRM and of
hwmon. Owns no state.
"""

from __future__ import annotations

from pathlib import Path

from hotbay.monitor.drm import VENDORS, Card, accessible, cards, int_of, text_of
from hotbay.monitor.hardware.facts import Accelerator, known, positive

_FIRST_TARGET = 10000


def target_name(version: int) -> str | None:
    """Return how LLVM calls a graphics target, as `gfx90a` for 90010; None if it is none."""
    major, minor, step = version // 10000, version // 100 % 100, version % 100
    if version < _FIRST_TARGET or minor > 9 or step > 15:
        return None
    return f"gfx{major}{minor}{step:x}"


def compute_nodes(root: Path = Path("/")) -> list[Accelerator]:
    """Return the architectures of AMD's GPUs that this process may use."""
    found = []
    for file in sorted((root / "sys/class/kfd/kfd/topology/nodes").glob("*/properties")):
        properties = dict(
            line.split(maxsplit=1) for line in text_of(file).splitlines() if " " in line
        )
        version, minor = (
            int(text) if (text := properties.get(key, "").strip()).isdigit() else 0
            for key in ("gfx_target_version", "drm_render_minor")
        )
        device = root / f"sys/class/drm/renderD{minor}/device"
        if (
            version >= _FIRST_TARGET
            and minor > 0
            and (root / f"dev/dri/renderD{minor}").exists()
            and VENDORS.get(int_of(device / "vendor", 16) or 0) == "AMD"
        ):
            found.append(
                Accelerator(
                    identity=device.resolve().name,
                    vendor="AMD",
                    architecture=target_name(version),
                )
            )
    return found


def graphics_cards(root: Path = Path("/")) -> list[Accelerator]:
    """Return the cards of known vendors that this process may use."""
    return [_accelerator(card, root) for card in cards(root) if accessible(card.render, root)]


def _accelerator(card: Card, root: Path) -> Accelerator:
    memory = int_of(card.device / "mem_info_vram_total") or 0
    caps = sorted(card.device.glob("hwmon/*/power1_cap"))
    cap = positive(int_of(caps[0])) if caps else None
    return Accelerator(
        identity=card.address,
        vendor=card.vendor,
        model=known(text_of(card.device / "product_name")),
        memory_kind="dedicated" if memory > 0 else "shared_system",
        memory=memory if memory > 0 else None,
        driver=known(card.driver),
        driver_version=known(text_of(root / "sys/module" / card.driver / "version"))
        if card.driver
        else None,
        power_limit=cap / 1e6 if cap else None,
    )
