"""What probes find out, and how it becomes the snapshot (spec/monitoring.md 2.1).

Pure. Unknown is None; nothing is invented. Bus addresses and UUIDs stay inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

SCHEMA_VERSION = 1
_NOTHING = {"", "n/a", "[n/a]", "unknown"}


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A GPU or the like.

    Attributes:
        identity: where it sits or what it is called, to tell it from others; never shown.
        vendor: who made it.
        model: how it is called.
        architecture: its family.
        memory_kind: `dedicated`, `unified`, `shared_system` or `unknown`.
        memory: its size in bytes.
        driver: name of the driver.
        driver_version: version of the driver.
        power_limit: in watts.
    """

    identity: str = ""
    vendor: str | None = None
    model: str | None = None
    architecture: str | None = None
    memory_kind: str = "unknown"
    memory: int | None = None
    driver: str | None = None
    driver_version: str | None = None
    power_limit: float | None = None


@dataclass(frozen=True, slots=True)
class System:
    """Operating system: family as the format names it, and what the platform calls the rest."""

    family: str
    raw_family: str | None = None
    name: str | None = None
    version: str | None = None
    kernel: str | None = None


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processors."""

    vendor: str | None = None
    model: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the program runs: `native`, `container`, `virtual_machine`, `wsl` or `unknown`."""

    kind: str = "unknown"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found out; `machine` is the platform's word for the architecture."""

    machine: str
    system: System
    cpu: Cpu
    memory: int
    environment: Environment
    accelerators: Sequence[Accelerator]


def known(text: object) -> str | None:
    """Return a text, None if it says nothing."""
    if not isinstance(text, str) or text.strip().lower() in _NOTHING:
        return None
    return text.strip()


def positive(number: object) -> float | None:
    """Return a number above 0, None for anything else."""
    try:
        value = float(number) if isinstance(number, str | int | float) else 0.0
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def merge(found: Sequence[Accelerator]) -> list[Accelerator]:
    """Put together what has the same identity, and sort.

    The first wins field by field, later ones fill its gaps.
    """
    whole: dict[str, Accelerator] = {}
    nameless = []
    for each in found:
        if not each.identity:
            nameless.append(each)
        elif each.identity in whole:
            whole[each.identity] = filled(whole[each.identity], each)
        else:
            whole[each.identity] = each
    return sorted([*whole.values(), *nameless], key=lambda each: (each.identity, each.model or ""))


def filled(first: Accelerator, other: Accelerator) -> Accelerator:
    """Return the first with its gaps filled from another; an unknown kind of memory is a gap."""
    gaps = {
        field.name: getattr(other, field.name)
        for field in fields(first)
        if getattr(first, field.name) in {None, "", "unknown"}
    }
    return replace(first, **gaps)


_ARCHITECTURES = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "arm64": "arm64",
    "aarch64": "arm64",
    "armv7": "armv7",
    "armv7l": "armv7",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


def snapshot(facts: Facts, *, version: str, at: datetime) -> dict[str, Any]:
    """Write the snapshot that `GET /api/hardware` shows.

    Args:
        facts: what was found out.
        version: of hotbay.
        at: when, in UTC.
    """
    architecture = _ARCHITECTURES.get(facts.machine.lower(), "other")
    raw = facts.machine if architecture != facts.machine else None
    system = facts.system
    cores, threads = facts.cpu.cores, facts.cpu.threads
    if cores is not None and threads is not None and cores > threads:
        cores = None
    return {
        "schema_version": SCHEMA_VERSION,
        "captured_at": at.isoformat().replace("+00:00", "Z"),
        "capture": {
            "scope": "inference_host",
            "method": "detected",
            "detector": {"name": "hotbay", "version": version},
        },
        "architecture": {"name": architecture, "raw_name": raw},
        "operating_system": {
            "family": system.family,
            **({"raw_family": system.raw_family} if system.family == "other" else {}),
            "name": system.name,
            "version": system.version,
            "kernel": system.kernel,
        },
        "environment": {
            "kind": facts.environment.kind,
            "name": facts.environment.name,
            "version": None,
        },
        "cpu": {
            "vendor": facts.cpu.vendor,
            "model": facts.cpu.model,
            "socket_count": facts.cpu.sockets,
            "physical_core_count": cores,
            "logical_thread_count": threads,
        },
        "memory": {"capacity_bytes": facts.memory},
        "accelerators": [
            _accelerator(index, each) for index, each in enumerate(merge(facts.accelerators))
        ],
    }


def _accelerator(index: int, found: Accelerator) -> dict[str, Any]:
    driver = {"name": found.driver, "version": found.driver_version}
    return {
        "index": index,
        "kind": "gpu",
        "vendor": found.vendor,
        "model": found.model,
        "architecture": found.architecture,
        "memory": {"kind": found.memory_kind, "capacity_bytes": found.memory},
        "driver": driver if any(driver.values()) else None,
        "power_limit_watts": found.power_limit,
    }
