"""Samples as Prometheus reads them (spec/monitoring.md 1.7)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hotbay.monitor.exposition import exposition, number
from hotbay.monitor.samples import DiskIo, Gpu, HostSample, NetworkIo, batch_of

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
HOST = HostSample(
    timestamp=NOW,
    cpu_util_per_core=(10.5, 20.0),
    mem_total_mb=8192,
    mem_used_mb=1000,
    mem_free_mb=7000,
    swap_total_mb=2048,
    swap_used_mb=5,
    load_avg_1=0.42,
    load_avg_5=0.38,
    load_avg_15=0.3,
    net_io=(NetworkIo("eth0", 123456, 65432),),
    disk_io=(DiskIo("sda", 1, 2),),
)
CARD = Gpu(
    id=0,
    name="NVIDIA GeForce RTX 4070",
    uuid="GPU-1",
    temp_c=51,
    vram_temp_c=0,
    gpu_util_pct=37,
    mem_used_mb=3071,
    mem_total_mb=12282,
    fan_speed_pct=30,
    power_draw_w=88.41,
)

WHOLE = """\
# TYPE llamaswap_cpu_util_percent gauge
llamaswap_cpu_util_percent{core="0"} 10.5
llamaswap_cpu_util_percent{core="1"} 20
# TYPE llamaswap_memory_total_bytes gauge
llamaswap_memory_total_bytes 8589934592
# TYPE llamaswap_memory_used_bytes gauge
llamaswap_memory_used_bytes 1048576000
# TYPE llamaswap_memory_free_bytes gauge
llamaswap_memory_free_bytes 7340032000
# TYPE llamaswap_swap_total_bytes gauge
llamaswap_swap_total_bytes 2147483648
# TYPE llamaswap_swap_used_bytes gauge
llamaswap_swap_used_bytes 5242880
# TYPE llamaswap_load_average gauge
llamaswap_load_average{interval="1m"} 0.42
llamaswap_load_average{interval="5m"} 0.38
llamaswap_load_average{interval="15m"} 0.3
# TYPE llamaswap_network_bytes_total counter
llamaswap_network_bytes_total{interface="eth0",direction="recv"} 123456
llamaswap_network_bytes_total{interface="eth0",direction="sent"} 65432
# TYPE llamaswap_gpu_temperature_celsius gauge
llamaswap_gpu_temperature_celsius{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 51
# TYPE llamaswap_gpu_vram_temperature_celsius gauge
llamaswap_gpu_vram_temperature_celsius{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 0
# TYPE llamaswap_gpu_util_percent gauge
llamaswap_gpu_util_percent{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 37
# TYPE llamaswap_gpu_memory_util_percent gauge
llamaswap_gpu_memory_util_percent{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 25.004071
# TYPE llamaswap_gpu_memory_used_bytes gauge
llamaswap_gpu_memory_used_bytes{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 3220176896
# TYPE llamaswap_gpu_memory_total_bytes gauge
llamaswap_gpu_memory_total_bytes{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 12878610432
# TYPE llamaswap_gpu_fan_speed_percent gauge
llamaswap_gpu_fan_speed_percent{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 30
# TYPE llamaswap_gpu_power_draw_watts gauge
llamaswap_gpu_power_draw_watts{id="0",name="NVIDIA GeForce RTX 4070",uuid="GPU-1"} 88.41
"""


def test_names_order_labels_and_numbers_are_those_of_llama_swap() -> None:
    text = exposition(HOST, batch_of([CARD], NOW))
    helped = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
    typed = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert helped == typed
    share = 3071 / 12282 * 100
    lines = [line for line in text.splitlines() if not line.startswith("# HELP")]
    assert "\n".join(lines) + "\n" == WHOLE.replace("25.004071", repr(share))


def test_a_client_library_reads_it() -> None:
    families = list(text_string_to_metric_families(exposition(HOST, batch_of([CARD], NOW))))
    assert [family.type for family in families].count("counter") == 1
    assert len(families) == 16
    power = next(family for family in families if family.name == "llamaswap_gpu_power_draw_watts")
    assert power.samples[0].value == 88.41


def test_before_the_first_sample_there_is_nothing() -> None:
    assert exposition(None, ()) == ""


def test_without_interfaces_the_block_of_the_network_is_missing() -> None:
    from msgspec.structs import replace

    assert "network" not in exposition(replace(HOST, net_io=()), ())


def test_a_gpu_without_uuid_has_no_such_label() -> None:
    text = exposition(None, batch_of([Gpu(id=3, name="GPU 3")], NOW))
    assert 'llamaswap_gpu_util_percent{id="3",name="GPU 3"} 0\n' in text
    assert "uuid" not in text


def test_label_values_are_escaped_and_read_back() -> None:
    name = 'GPU "x" \\ \\n \n end'
    text = exposition(None, batch_of([Gpu(id=0, name=name)], NOW))
    assert r'name="GPU \"x\" \\ \\n \n end"' in text
    for family in text_string_to_metric_families(text):
        assert family.samples[0].labels["name"] == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20.0, "20"),
        (10.5, "10.5"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (0.00001, "0.00001"),
        (-3, "-3"),
    ],
)
def test_numbers_are_short_and_have_no_exponent(value: float, text: str) -> None:
    assert number(value) == text
    assert float(text) == value
