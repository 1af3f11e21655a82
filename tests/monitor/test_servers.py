"""Memory that model servers use."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.monitor.machine import LIMIT, program
from tests.monitor.nvml import GIB
from tests.monitor.nvml import Nvml as Driver

from hotbay.monitor import servers
from hotbay.monitor.gpu.processes import GpuProcess, gpu_processes, parse
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.servers import GpuUse, ServerMeter
from hotbay.runtime.procfs import processes

MIB = 1 << 20
HOLD = "import sys; data = bytearray(50_000_000); print('ready', flush=True); sys.stdin.read()"


@contextmanager
def holding(child: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds 50 MB, or has a child that does; entered once it does."""
    words = [sys.executable, "-S", "-c", HOLD]
    if child:
        words = ["sh", "-c", '"$0" -S -c "$1"; true', sys.executable, HOLD]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.communicate("", LIMIT)


@pytest.fixture
def no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave the package of NVIDIA away; returns a folder in PATH."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


@pytest.mark.parametrize("child", [False, True])
async def test_memory_is_that_of_the_process_and_all_below_it(no_driver: Path, child: bool) -> None:
    with holding(child) as process:
        usage = (await ServerMeter().measure({"a": process.pid}))["a"]
    assert 50_000_000 < usage.resident < 150_000_000
    assert usage.pid == process.pid
    assert 0 <= time.time() - usage.started < LIMIT
    assert usage.gpus == ()


async def test_a_process_that_has_gone_is_left_out(no_driver: Path) -> None:
    with holding() as process:
        pass
    assert await ServerMeter().measure({"a": process.pid}) == {}
    assert await ServerMeter().measure({}) == {}


async def test_memory_of_gpus_is_added_up_by_gpu(no_driver: Path) -> None:
    with holding(child=True) as process:
        (below,) = [each.pid for each in processes() if each.parent == process.pid]
        program(
            no_driver,
            "nvidia-smi",
            f"""cat <<'END'
{process.pid}, GPU-1, NVIDIA H100, 100
{below}, GPU-1, NVIDIA H100, 200
{below}, GPU-0, NVIDIA H100, 50
{os.getpid()}, GPU-1, NVIDIA H100, 4000
END
""",
        )
        usage = (await ServerMeter().measure({"a": process.pid}))["a"]
    assert usage.gpus == (
        GpuUse("GPU-0", "NVIDIA H100", 50 * MIB),
        GpuUse("GPU-1", "NVIDIA H100", 300 * MIB),
    )


async def test_the_library_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    driver.processes = {0: [(10, 3 * GIB), (11, None)], 1: [(10, GIB)]}
    driver.drawing = {1: [(10, GIB), (12, 7)]}
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert sorted(await gpu_processes()) == [
        GpuProcess(10, "GPU-0", "NVIDIA H100", 3 * GIB),
        GpuProcess(10, "GPU-1", "Tesla K80", GIB),
        GpuProcess(12, "GPU-1", "Tesla K80", 7),
    ]
    assert driver.opened == 0


async def test_the_program_is_not_asked_by_everybody(
    no_driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = no_driver / "asked"
    program(no_driver, "nvidia-smi", f"echo x >> {asked}\nexit 9")
    monkeypatch.setattr(servers, "PAUSE", 1000)
    meter, pids = ServerMeter(), {"a": os.getpid()}
    await asyncio.gather(*(meter.measure(pids) for _ in range(5)))
    await meter.measure(pids)
    assert asked.read_text() == "x\n"


async def test_nobody_to_ask_is_an_error(no_driver: Path) -> None:
    program(no_driver, "nvidia-smi", "exit 9")
    with pytest.raises(SourceError, match="nvidia-smi: exit status 9"):
        await gpu_processes()


def test_processes_without_memory_and_odd_lines_are_left_out() -> None:
    lines = ["1, GPU-1, A, [N/A]", "No running processes found", "", "2, GPU-1, A, 5"]
    assert list(parse(lines)) == [GpuProcess(2, "GPU-1", "A", 5 * MIB)]
