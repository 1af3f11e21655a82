"""Taking the snapshot of this machine (spec/monitoring.md 2.2)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
import pytest
from tests.monitor.hardware.test_linux import NVIDIA
from tests.monitor.machine import LogLines, printing, program

from hotbay.monitor.hardware.detection import detect


async def test_this_machine_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "nvidia-smi", printing(NVIDIA))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = await detect("1.2.3", LogLines())
    assert found["capture"]["detector"] == {"name": "hotbay", "version": "1.2.3"}
    assert found["operating_system"]["family"] == "linux"
    assert found["operating_system"]["kernel"] == os.uname().release
    assert found["cpu"]["logical_thread_count"] == psutil.cpu_count()
    assert found["memory"]["capacity_bytes"] > 0
    models = [gpu["model"] for gpu in found["accelerators"]]
    assert [model for model in models if model] == ["NVIDIA GeForce RTX 4070", "Tesla P40"]
    text = json.dumps(found)
    assert "GPU-1111" not in text
    assert "00:00.0" not in text


async def test_a_tool_that_hangs_costs_its_facts_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotbay.monitor.hardware.nvidia.LIMIT", 0.1)
    program(tmp_path, "nvidia-smi", "exec sleep 1000")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    log = LogLines()
    found = await detect("1", log)
    assert "NVIDIA" not in [gpu["vendor"] for gpu in found["accelerators"]]
    line = "debug hardware detection: nvidia-smi: no answer within 0.1 seconds"
    assert line in log.lines


@pytest.mark.parametrize(
    ("platform", "family"), [("darwin", "macos"), ("win32", "windows"), ("haiku1", "other")]
)
async def test_every_system_gets_a_valid_snapshot(
    monkeypatch: pytest.MonkeyPatch, platform: str, family: str
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("platform.system", lambda: "Haiku")
    found = await detect("1", LogLines())
    assert found["operating_system"]["family"] == family
    assert found["environment"]["kind"] == "unknown"
    assert found["accelerators"] == []
