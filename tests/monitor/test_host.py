"""Reading the host (spec/monitoring.md 1.3)."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from hotbay.monitor.host import begin_readings, is_disk, read_host


def test_a_sample_tells_of_every_core_and_adds_up() -> None:
    begin_readings()
    sample = read_host()
    assert len(sample.cpu_util_per_core) == psutil.cpu_count()
    assert all(0 <= busy <= 100 for busy in sample.cpu_util_per_core)
    assert sample.mem_total_mb == psutil.virtual_memory().total // 1048576
    assert 0 < sample.mem_used_mb < sample.mem_total_mb
    assert 0 < sample.mem_free_mb < sample.mem_total_mb
    assert 0 <= sample.swap_used_mb <= sample.swap_total_mb
    assert "lo" not in [interface.name for interface in sample.net_io]


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("sda", True),
        ("nvme0n1", True),
        ("sda1", False),
        ("loop0", False),
        ("zram0", False),
        ("dm-0", False),
        ("md127", False),
    ],
)
def test_only_whole_disks_of_their_own_are_counted(tmp_path: Path, name: str, whole: bool) -> None:
    for block in ("sda", "nvme0n1", "loop0", "zram0", "dm-0", "md127"):
        (tmp_path / block).mkdir()
    assert is_disk(name, str(tmp_path)) is whole
