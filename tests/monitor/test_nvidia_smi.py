"""NVIDIA GPUs by `nvidia-smi` (spec/monitoring.md 1.5)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.monitor.machine import FOREVER, LIMIT, NVIDIA, first, printing, program

from hotbay.monitor.gpu.nvidia_smi import FIELDS, NvidiaSmi, Rounds, parse_line
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.samples import Gpu
from hotbay.runtime.procfs import look_up

ROUND = tuple(parse_line(line) for line in NVIDIA.splitlines())


def test_a_line_is_a_gpu() -> None:
    assert ROUND[0] == Gpu(
        id=0,
        name="NVIDIA GeForce RTX 4070",
        uuid="GPU-11111111-2222-3333-4444-555555555555",
        temp_c=51,
        gpu_util_pct=37,
        mem_used_mb=3071,
        mem_total_mb=12282,
        fan_speed_pct=30,
        power_draw_w=88.41,
    )


@pytest.mark.parametrize("unknown", ["[N/A]", "[Not Supported]", "", "nan", "inf"])
def test_a_field_that_is_no_number_is_zero(unknown: str) -> None:
    gpu = parse_line(f"1, Tesla, GPU-6, {unknown}, {unknown}, 5, {unknown}, {unknown}, {unknown}")
    assert gpu == Gpu(id=1, name="Tesla", uuid="GPU-6", mem_used_mb=5)


@pytest.mark.parametrize("line", ["", "0, short, line", "NVIDIA-SMI has failed because …"])
def test_a_short_line_is_ignored(line: str) -> None:
    assert parse_line(line) is None


def test_a_round_ends_when_an_index_repeats() -> None:
    rounds = Rounds()
    a, b = Gpu(id=0), Gpu(id=1)
    assert (rounds.add(a), rounds.add(b)) == ((), ())
    assert rounds.add(a) == (a, b)
    assert rounds.add(b) == ()
    assert rounds.end() == (a, b)
    assert not rounds.begun


async def test_the_first_round_comes_at_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    script = f'echo "$*" > {asked}\n{printing(NVIDIA, FOREVER)}'
    program(tmp_path, "nvidia-smi", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert await first(NvidiaSmi(), every=7.9) == ROUND
    assert asked.read_text().split() == [
        f"--query-gpu={FIELDS}",
        "--format=csv,noheader,nounits",
        "--loop",
        "7",
    ]


async def test_round_after_round_comes_from_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "nvidia-smi", printing(NVIDIA * 3, FOREVER))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    batches = NvidiaSmi().batches(5)
    async with asyncio.timeout(LIMIT):
        assert [await anext(batches) for _ in range(3)] == [ROUND] * 3
    await batches.aclose()


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended may not have been reaped yet."""
    process = look_up(pid)
    return process is not None and process.alive


async def test_its_processes_end_with_the_sampling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pids"
    script = f"sleep 1000 &\necho $$ $! > {note}\n{printing(NVIDIA)}wait\n"
    program(tmp_path, "nvidia-smi", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    await first(NvidiaSmi())
    assert [pid for pid in note.read_text().split() if lives(int(pid))] == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo NVIDIA-SMI has failed; exit 9", "nvidia-smi: the program has ended"),
        (None, "nvidia-smi: not found in PATH"),
    ],
)
async def test_a_tool_that_cannot_tell_anything_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, reason: str
) -> None:
    if script:
        program(tmp_path, "nvidia-smi", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=reason):
        await first(NvidiaSmi())
