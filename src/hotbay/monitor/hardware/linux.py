"""Host, processors, memory and surroundings of a Linux (spec/monitoring.md 2.3). Owns no state.

Where something stands is in proc(5), os-release(5), the kernel's documentation of control groups
and the container interface of systemd.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from hotbay.monitor.drm import text_of
from hotbay.monitor.hardware.facts import Cpu, Environment, System, known
from hotbay.monitor.tools import ToolError, result_of

CONTAINERS = {"docker", "lxc", "rkt", "podman", "containerd", "systemd-nspawn"}
_NAMES = {
    "docker": "Docker",
    "kvm": "KVM",
    "vmware": "VMware",
    "vbox": "VirtualBox",
    "oracle": "VirtualBox",
    "hyperv": "Hyper-V",
    "microsoft": "Hyper-V",
    "lxc": "LXC",
}
_BOARDS = {
    "vmware": "vmware",
    "innotek": "vbox",
    "virtualbox": "vbox",
    "qemu": "kvm",
    "kvm": "kvm",
    "amazon ec2": "kvm",
    "google compute engine": "kvm",
    "xen": "xen",
    "bochs": "bochs",
    "parallels": "parallels",
}
"""What firmware calls virtual machines (SMBIOS, as under /sys/class/dmi)."""
_GROUPS = re.compile(r"docker|lxc|containerd|kubepods|libpod|nspawn")
_BY_GROUP = {"kubepods": "containerd", "libpod": "podman", "nspawn": "systemd-nspawn"}


def host(root: Path = Path("/")) -> System:
    """Return which distribution it is, and the kernel's release."""
    lines = [line.partition("=") for line in text_of(root / "etc/os-release").splitlines()]
    release = {key: value.strip("\"'") for key, _, value in lines}
    name, version = known(release.get("ID")), known(release.get("VERSION_ID"))
    if name == "debian":  # only its own file knows the point release
        exact = text_of(root / "etc/debian_version")
        version = exact if exact[:1].isdigit() else version
    return System("linux", None, name, version, os.uname().release)


def cpu(root: Path = Path("/"), *, cores: int | None, threads: int | None) -> Cpu:
    """Return the processors; their numbers of cores and threads are known already."""
    text = text_of(root / "proc/cpuinfo")

    def values(key: str) -> list[str]:
        return re.findall(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE)

    return Cpu(
        vendor=known(next(iter(values("vendor_id")), None)),
        model=known(next(iter(values("model name")), None)),
        sockets=len(set(values("physical id"))) or None,
        cores=cores,
        threads=threads,
    )


def memory(total: int, root: Path = Path("/"), page: int | None = None) -> int:
    """Return what this process may use of the memory, in bytes.

    Args:
        total: what the kernel manages, in bytes.
        root: where the system's files are.
        page: bytes of a page, the system's if None.
    """
    pages = present_pages(text_of(root / "proc/zoneinfo"))
    installed = max(total, pages * (page or os.sysconf("SC_PAGE_SIZE")))
    limits = [
        int(text)
        for file in ("memory.max", "memory/memory.limit_in_bytes")
        if (text := text_of(root / "sys/fs/cgroup" / file)).isdigit() and int(text) > 0
    ]
    return min([installed, *limits])


def present_pages(zoneinfo: str) -> int:
    """Add up the pages of /proc/zoneinfo, those of devices left out."""
    pages, counted = 0, False
    for line in zoneinfo.splitlines():
        words = line.split()
        if words[:1] == ["Node"]:
            counted = words[-1] != "Device"
        elif counted and len(words) == 2 and words[0] == "present":
            pages += int(words[1])
    return pages


async def environment(root: Path = Path("/"), release: str | None = None) -> Environment:
    """Say what surrounds this process; `release` is the kernel's."""
    release = (os.uname().release if release is None else release).lower()
    if "microsoft" in release or "wsl" in release:
        return Environment("wsl", "WSL")
    if guest := _container(root) or _virtual_machine(root):
        return _named(guest)
    if _is_host(root):
        return Environment("native")
    try:
        status, word = await result_of("systemd-detect-virt", limit=2.0)
    except ToolError:
        return Environment()
    if status == 1:
        return Environment("native")
    return _named(word.strip()) if status == 0 and known(word) else Environment()


def _named(system: str) -> Environment:
    kind = "container" if system in CONTAINERS else "virtual_machine"
    return Environment(kind, _NAMES.get(system, system))


def _container(root: Path) -> str:
    for said in (
        text_of(root / "run/systemd/container"),
        text_of(root / "proc/1/environ").partition("container=")[2].partition("\0")[0],
    ):
        if said in CONTAINERS:
            return said
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    match = _GROUPS.search(text_of(root / "proc/1/cgroup"))
    return _BY_GROUP.get(match[0], match[0]) if match else ""


def _virtual_machine(root: Path) -> str:
    board = root / "sys/class/dmi/id"
    vendor, product = text_of(board / "sys_vendor").lower(), text_of(board / "product_name").lower()
    if "microsoft" in vendor and "virtual machine" in product:
        return "hyperv"
    words = f"{vendor} {product}"
    return next((system for word, system in _BOARDS.items() if word in words), "")


def _is_host(root: Path) -> bool:
    """Whether this kernel runs virtual machines and is not itself in one."""
    loaded = re.search(r"^(kvm|vboxdrv)\b", text_of(root / "proc/modules"), re.MULTILINE)
    inside = re.search(r"^flags\s*:.*\bhypervisor\b", text_of(root / "proc/cpuinfo"), re.MULTILINE)
    return bool(loaded) and not inside
