"""What a Linux is made of (spec/monitoring.md 2.3)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.monitor.cards import card, write
from tests.monitor.machine import program

from hotbay.monitor.hardware import linux, nvidia, rocm
from hotbay.monitor.hardware.cards import compute_nodes, graphics_cards, target_name
from hotbay.monitor.hardware.facts import Accelerator, Environment
from hotbay.monitor.tools import ToolError

NVIDIA = """\
0, NVIDIA GeForce RTX 4070, GPU-1111, 00000000:01:00.0, 12282, 560.35.03, 200.00
1, Tesla P40, GPU-6666, 00000000:65:00.0, 24576, 560.35.03, 250.00
"""
ROCM = """\
device,Device Name,GUID,VRAM Total Memory (B),Card Series,GFX Version,Driver version,PCI Bus,\
Max Graphics Package Power (W)
card0,AMD Radeon RX 7800 XT,41207,17163091968,Radeon RX 7800 XT,gfx1101,6.10.5,0000:03:00.0,263
"""
ZONEINFO = """\
Node 0, zone      DMA
  pages free     3840
        present  4096
Node 0, zone   Normal
        present  2093056
        managed  2000000
Node 0, zone   Device
        present  65536
"""


# -- memory, processors, distribution --------------------------------------------------------


def test_pages_of_devices_are_not_counted() -> None:
    assert linux.present_pages(ZONEINFO) * 4096 == 8_589_934_592


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ({}, 8_000_000_000),
        ({"proc/zoneinfo": ZONEINFO}, 8_589_934_592),
        ({"proc/zoneinfo": ZONEINFO, "sys/fs/cgroup/memory.max": "max"}, 8_589_934_592),
        ({"proc/zoneinfo": ZONEINFO, "sys/fs/cgroup/memory.max": "4294967296"}, 4_294_967_296),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576"}, 1_048_576),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "0"}, 8_000_000_000),
        ({"sys/fs/cgroup/memory.max": ""}, 8_000_000_000),
    ],
)
def test_memory_is_what_is_installed_within_the_limits(
    tmp_path: Path, files: dict[str, str], size: int
) -> None:
    write(tmp_path, files)
    assert linux.memory(8_000_000_000, tmp_path, page=4096) == size


def test_sockets_are_counted_by_their_numbers(tmp_path: Path) -> None:
    one = "vendor_id : GenuineIntel\nmodel name\t: Xeon\nphysical id\t: {}\n\n"
    write(tmp_path, {"proc/cpuinfo": "".join(one.format(i // 2) for i in range(4))})
    cpu = linux.cpu(tmp_path, cores=2, threads=4)
    assert (cpu.vendor, cpu.model, cpu.sockets, cpu.cores, cpu.threads) == (
        "GenuineIntel",
        "Xeon",
        2,
        2,
        4,
    )


def test_what_the_kernel_does_not_tell_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor : 0\nBogoMIPS : 108.00\n"})
    cpu = linux.cpu(tmp_path, cores=None, threads=4)
    assert (cpu.vendor, cpu.model, cpu.sockets, cpu.threads) == (None, None, None, 4)
    assert (linux.host(tmp_path).name, linux.host(tmp_path).version) == (None, None)


@pytest.mark.parametrize(
    ("release", "exact", "wanted"),
    [
        ('ID=debian\nVERSION_ID="12"', "12.5", ("debian", "12.5")),
        ('ID=debian\nVERSION_ID="13"', "trixie/sid", ("debian", "13")),
        ("ID='ubuntu'\nVERSION_ID=24.04", "trixie/sid", ("ubuntu", "24.04")),
        ("ID=arch", "", ("arch", None)),
    ],
)
def test_the_distribution_is_named_with_its_version(
    tmp_path: Path, release: str, exact: str, wanted: tuple[str, str]
) -> None:
    write(tmp_path, {"etc/os-release": release, "etc/debian_version": exact})
    host = linux.host(tmp_path)
    assert (host.name, host.version) == wanted
    assert host.kernel == os.uname().release


# -- environment -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "release", "wanted"),
    [
        ({".dockerenv": ""}, "5.15.0-microsoft-standard-WSL2", Environment("wsl", "WSL")),
        ({".dockerenv": ""}, "6.1.0", Environment("container", "Docker")),
        ({"run/.containerenv": ""}, "6.1.0", Environment("container", "podman")),
        ({"run/systemd/container": "lxc"}, "6.1.0", Environment("container", "LXC")),
        (
            {"proc/1/environ": "A=b\0container=systemd-nspawn\0"},
            "6.1.0",
            Environment("container", "systemd-nspawn"),
        ),
        (
            {"proc/1/cgroup": "0::/kubepods.slice/burstable"},
            "6.1.0",
            Environment("container", "containerd"),
        ),
        (
            {"sys/class/dmi/id/sys_vendor": "QEMU"},
            "6.1.0",
            Environment("virtual_machine", "KVM"),
        ),
        (
            {
                "sys/class/dmi/id/sys_vendor": "Microsoft Corporation",
                "sys/class/dmi/id/product_name": "Virtual Machine",
            },
            "6.1.0",
            Environment("virtual_machine", "Hyper-V"),
        ),
        (
            {"sys/class/dmi/id/product_name": "VirtualBox"},
            "6.1.0",
            Environment("virtual_machine", "VirtualBox"),
        ),
        ({"proc/modules": "kvm_intel 1 0\nkvm 1 1"}, "6.1.0", Environment("native")),
    ],
)
async def test_surroundings_are_known_by_their_signs(
    tmp_path: Path, files: dict[str, str], release: str, wanted: Environment
) -> None:
    write(tmp_path, files)
    assert await linux.environment(tmp_path, release) == wanted


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("echo none; exit 1", Environment("native")),
        ("echo kvm", Environment("virtual_machine", "KVM")),
        ("echo oracle", Environment("virtual_machine", "VirtualBox")),
        ("echo podman", Environment("container", "podman")),
        ("exit 5", Environment()),
        (None, Environment()),
    ],
)
async def test_without_signs_systemd_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, wanted: Environment
) -> None:
    if script:
        program(tmp_path, "systemd-detect-virt", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    # A guest that itself could be a host is none.
    write(tmp_path, {"proc/modules": "kvm 1 1", "proc/cpuinfo": "flags\t: fpu hypervisor lm"})
    assert await linux.environment(tmp_path, "6.1.0") == wanted


# -- nvidia-smi ----------------------------------------------------------------------------------


def answering(folder: Path, **answers: str) -> None:
    """Make an `nvidia-smi` that answers these queries, by a word in them, and fails for others."""
    cases = "".join(f"  *{word}*) cat <<'END'\n{text}END\n  ;;\n" for word, text in answers.items())
    program(folder, "nvidia-smi", f'case "$1" in\n{cases}  *) exit 6 ;;\nesac\n')


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


async def test_the_list_of_nvidia_smi_with_architectures_by_capability(path: Path) -> None:
    answering(path, uuid=NVIDIA, compute_cap="0, 8.9\n1, 6.1\n")
    card, tesla = await nvidia.nvidia_gpus()
    assert card == Accelerator(
        identity="0000:01:00.0",
        vendor="NVIDIA",
        model="NVIDIA GeForce RTX 4070",
        architecture="Ada Lovelace",
        memory_kind="dedicated",
        memory=12878610432,
        driver="NVIDIA",
        driver_version="560.35.03",
        power_limit=200,
    )
    assert (tesla.identity, tesla.architecture) == ("0000:65:00.0", "Pascal")


async def test_architectures_that_the_program_names_come_first(path: Path) -> None:
    answering(path, uuid=NVIDIA, architecture="0, Ada\n1, [N/A]\n", compute_cap="0, 8.9\n1, 6.1\n")
    assert [gpu.architecture for gpu in await nvidia.nvidia_gpus()] == ["Ada", "Pascal"]


async def test_without_either_the_architecture_is_unknown(path: Path) -> None:
    answering(path, uuid=NVIDIA)
    assert [gpu.architecture for gpu in await nvidia.nvidia_gpus()] == [None, None]


def test_unknown_fields_are_gaps_and_a_uuid_stands_in_for_the_address() -> None:
    (gpu,) = nvidia.parse("3, [N/A], GPU-1, [N/A], [N/A], 560, 0\n").values()
    assert gpu == Accelerator(
        identity="GPU-1", vendor="NVIDIA", driver="NVIDIA", driver_version="560"
    )


@pytest.mark.parametrize(
    "text", ["0, name, uuid, bus, 1, 2\n", f"{NVIDIA}2, a, b, c, d, e, f, g\n", "x,a,b,c,d,e,f\n"]
)
def test_a_list_of_another_shape_fails_as_a_whole(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|literal"):
        nvidia.parse(text)


@pytest.mark.parametrize(
    ("bus", "identity"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("01:00.0", "0000:01:00.0"),
        ("0000:C1:00.0", "0000:c1:00.0"),
        ("00010000:01:00.0", "10000:01:00.0"),
        ("[N/A]", ""),
    ],
)
def test_addresses_have_one_spelling(bus: str, identity: str) -> None:
    assert nvidia.bus_identity(bus) == identity


# -- rocm-smi ---------------------------------------------------------------------------------


def test_the_table_of_rocm_smi() -> None:
    assert rocm.parse(ROCM) == [
        Accelerator(
            identity="0000:03:00.0",
            vendor="AMD",
            model="Radeon RX 7800 XT",
            architecture="gfx1101",
            memory_kind="dedicated",
            memory=17163091968,
            driver="amdgpu",
            driver_version="6.10.5",
            power_limit=263,
        )
    ]


def test_columns_of_other_versions_are_found_too() -> None:
    text = "device,CARD SERIES,Card Model,GUID,Bus\ncard0,N/A,0x7448,9,\nsystem,a,b,c,d\n"
    assert rocm.parse(text) == [
        Accelerator(identity="9", vendor="AMD", model="0x7448", driver="amdgpu")
    ]


async def test_a_version_without_some_options_is_asked_without(path: Path) -> None:
    program(
        path,
        "rocm-smi",
        f'case "$*" in *showmaxpower*) exit 2 ;; esac\ncat <<END\n{ROCM}END\n',
    )
    assert len(await rocm.rocm_gpus()) == 1


async def test_a_program_that_fails_is_an_error(path: Path) -> None:
    program(path, "rocm-smi", "exit 2")
    with pytest.raises(ToolError, match="rocm-smi: exit status 2"):
        await rocm.rocm_gpus()


# -- /sys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (90010, "gfx90a"),
        (110000, "gfx1100"),
        (110501, "gfx1151"),
        (80003, "gfx803"),
        (9999, None),
        (101000, None),
        (90016, None),
    ],
)
def test_targets_are_called_as_llvm_calls_them(version: int, name: str | None) -> None:
    assert target_name(version) == name


def test_the_compute_topology_gives_architectures(tmp_path: Path) -> None:
    nodes = "sys/class/kfd/kfd/topology/nodes"
    device = card(tmp_path, 0, "0x1002", "amdgpu", {}, bus="0000:03:00.0")
    other = card(tmp_path, 1, "0x10de", "nvidia", {})
    for number, behind in ((128, device), (129, other)):
        write(tmp_path, {f"sys/class/drm/renderD{number}/dev": "226:0"})
        (tmp_path / f"sys/class/drm/renderD{number}/device").symlink_to(behind)
    write(
        tmp_path,
        {
            f"{nodes}/0/properties": "cpu_cores_count 16\ngfx_target_version 0\n",
            f"{nodes}/1/properties": "gfx_target_version 110001\ndrm_render_minor 128\n",
            f"{nodes}/2/properties": "gfx_target_version 110001\ndrm_render_minor 129\n",
            f"{nodes}/3/properties": "gfx_target_version 110001\ndrm_render_minor 130\n",
            f"{nodes}/4/properties": "gfx_target_version 110001\ndrm_render_minor 0\n",
        },
    )
    assert compute_nodes(tmp_path) == [
        Accelerator(identity="0000:03:00.0", vendor="AMD", architecture="gfx1101")
    ]


def test_cards_are_those_that_this_process_may_use(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "mem_info_vram_total": 17163091968,
        "product_name": "Radeon RX 7800 XT",
        "hwmon/hwmon3/power1_cap": 263000000,
    }
    card(tmp_path, 0, "0x1002", "amdgpu", files, bus="0000:03:00.0")
    card(tmp_path, 1, "0x8086", "xe", {}, bus="0000:04:00.0")
    card(tmp_path, 2, "0x10de", "nvidia", {}, bus="0000:05:00.0")
    card(tmp_path, 3, "0x1a03", "ast", {}, bus="0000:06:00.0")
    (tmp_path / "dev/dri/renderD130").unlink()
    write(tmp_path, {"sys/module/amdgpu/version": "6.10.5"})
    assert graphics_cards(tmp_path) == [
        Accelerator(
            identity="0000:03:00.0",
            vendor="AMD",
            model="Radeon RX 7800 XT",
            memory_kind="dedicated",
            memory=17163091968,
            driver="amdgpu",
            driver_version="6.10.5",
            power_limit=263,
        ),
        Accelerator(
            identity="0000:04:00.0", vendor="Intel", memory_kind="shared_system", driver="xe"
        ),
    ]
