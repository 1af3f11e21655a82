"""AMD GPUs by `rocm-smi` (spec/monitoring.md 1.5)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.monitor.machine import ROCM, first, printing, program

from hotbay.monitor.gpu.rocm_smi import RocmSmi, parse
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.samples import Gpu

CARD = Gpu(
    id=0,
    name="Radeon RX 7800 XT card0 (gfx1101)",
    uuid="41207",
    temp_c=47,
    vram_temp_c=62,
    gpu_util_pct=12,
    mem_used_mb=6547,
    mem_total_mb=16368,
    fan_speed_pct=25,
    power_draw_w=41,
)


def test_a_table_is_read_by_the_names_of_its_columns() -> None:
    header, line = ROCM.splitlines()
    columns = list(zip(header.split(","), line.split(","), strict=True))
    reverse = "\n".join(",".join(words) for words in zip(columns[0], *columns[:0:-1], strict=True))
    assert list(parse(ROCM)) == list(parse(reverse)) == [CARD]


def test_version_5_has_neither_guid_nor_name() -> None:
    text = """\
device,GPU ID,Temperature (Sensor edge) (C),Fan speed (level),Fan speed (%),\
Average Graphics Package Power (W),GPU use (%),GPU memory use (%),\
VRAM Total Memory (B),VRAM Total Used Memory (B),Card series,Card model
card0,0x73bf,52.5,0,0.0,28.0,3,1,17163091968,1073741824,Radeon RX 6800 XT,0x0e3a
"""
    assert list(parse(text)) == [
        Gpu(
            id=0,
            name="card0",
            temp_c=52,
            gpu_util_pct=3,
            mem_used_mb=1024,
            mem_total_mb=16368,
            power_draw_w=28,
        )
    ]


def test_version_7_has_names_that_say_nothing() -> None:
    text = """\
device,Device Name,GUID,Temperature (Sensor edge) (C),Current Socket Graphics Package Power (W),\
GPU use (%),VRAM Total Memory (B),VRAM Total Used Memory (B),Card Series,GFX Version
card0,Instinct MI300X,1,N/A,135.0,0,206141652992,302952448,N/A,gfx942
card1,N/A,2,41.0,140.5,100,206141652992,302952448,N/A,gfx942
"""
    first_card, second = parse(text)
    assert (first_card.name, first_card.temp_c) == ("Instinct MI300X card0 (gfx942)", 0)
    assert (second.name, second.power_draw_w, second.id) == ("card1", 140.5, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ROCM.splitlines()[1],
        ROCM.replace(",gfx1101", ""),
        ROCM.replace("card0", "system"),
        ROCM.replace("card0", "cardX"),
        "device,GPU use (%)\n",
        "WARNING: AMD GPU device(s) is/are in a low-power state\n",
    ],
)
def test_lines_without_header_wrong_lines_and_other_devices_are_ignored(text: str) -> None:
    assert list(parse(text)) == []


async def test_it_is_run_for_each_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    program(tmp_path, "rocm-smi", f'echo "$*" > {asked}\n{printing(ROCM)}')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert await first(RocmSmi()) == [CARD]
    wanted = "-i -P -t -f -u --showmemuse --showmeminfo vram --showproductname --csv"
    assert asked.read_text().strip() == wanted


async def test_a_machine_without_cards_does_not_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "rocm-smi", "echo 'ERROR: no AMD GPUs'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(SourceError, match="it knows no cards"):
        await first(RocmSmi())
