"""How the machine is and what it is made of (spec/http-api.md 13, spec/monitoring.md)."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.api.conftest import Serve, Served
from tests.journeys.conftest import command
from tests.monitor.machine import FOREVER, NVIDIA, ROCM, lact, printing, program, until
from tests.monitor.test_lact import DEVICE, STATS

from hotbay.core.effects import State

RTX = "GPU-11111111-2222-3333-4444-555555555555"
OFTEN = 0.05
"""Seconds between samples; the configuration allows no less than 5."""


def often(served: Served) -> None:
    """Sample more often than a configuration can ask for."""
    served.app._machine.performance.configure(OFTEN)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for tools; of all other sources only those are left that need no tool."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


async def gpus(served: Served) -> list[dict[str, Any]]:
    """Return the samples of GPUs once there are some."""

    async def some() -> bool:
        return bool((await served.get("/api/performance")).json["gpu_stats"])

    await until(some)
    return list((await served.get("/api/performance")).json["gpu_stats"])


# -- /api/performance -----------------------------------------------------------------------


async def test_before_the_first_sample_the_lists_are_empty(serve: Serve) -> None:
    served = await serve({"performance": {"every": "1h"}}, a={})
    answer = await served.get("/api/performance")
    assert (answer.status, answer.json["enabled"], answer.json["sys_stats"]) == (200, True, [])


async def test_samples_are_told_as_llama_swap_tells_them(serve: Serve, tools: Path) -> None:
    program(tools, "nvidia-smi", printing(NVIDIA, FOREVER))
    served = await serve(a={})
    card, tesla = await gpus(served)
    assert card.pop("timestamp") == tesla.pop("timestamp")
    assert tesla == {
        "id": 1,
        "name": "Tesla P40",
        "uuid": "GPU-66666666-7777-8888-9999-000000000000",
        "temp_c": 44,
        "vram_temp_c": 0,
        "gpu_util_pct": 0,
        "mem_util_pct": 5 / 24576 * 100,
        "mem_used_mb": 5,
        "mem_total_mb": 24576,
        "fan_speed_pct": 0,
        "power_draw_w": 9.75,
    }
    often(served)
    await until(lambda: bool(served.app._machine.performance.hosts()))
    sample = (await served.get("/api/performance")).json["sys_stats"][0]
    assert list(sample) == [
        "timestamp",
        "cpu_util_per_core",
        "mem_total_mb",
        "mem_used_mb",
        "mem_free_mb",
        "swap_total_mb",
        "swap_used_mb",
        "load_avg_1",
        "load_avg_5",
        "load_avg_15",
        "net_io",
        "disk_io",
    ]
    assert datetime.fromisoformat(sample["timestamp"]).tzinfo == UTC


async def test_only_what_is_strictly_later_is_told(serve: Serve) -> None:
    served = await serve(a={})
    often(served)
    await until(lambda: len(served.app._machine.performance.hosts()) >= 3)
    served.app._machine.performance.stop()
    times = [s["timestamp"] for s in (await served.get("/api/performance")).json["sys_stats"]]
    later = (await served.get(f"/api/performance?after={times[1]}")).json
    assert [sample["timestamp"] for sample in later["sys_stats"]] == times[2:]
    none = (await served.get(f"/api/performance?after={times[-1]}")).json
    assert none == {"enabled": True, "sys_stats": [], "gpu_stats": []}
    other_zone = quote("2001-01-01T00:00:00.5+02:00")
    assert len((await served.get(f"/api/performance?after={other_zone}")).json["sys_stats"]) == len(
        times
    )
    assert len((await served.get("/api/performance?after=")).json["sys_stats"]) == len(times)


@pytest.mark.parametrize("after", ["yesterday", "2026-01-05", "1700000000", "2026-13-01T00:00:00Z"])
async def test_a_time_that_is_none_is_refused(serve: Serve, after: str) -> None:
    answer = await (await serve(a={})).get(f"/api/performance?after={after}")
    assert (answer.status, answer.error) == (
        400,
        "invalid 'after' timestamp, use RFC3339 format",
    )


# -- /metrics --------------------------------------------------------------------------------


async def test_without_a_sample_there_is_nothing_of_the_machine(serve: Serve) -> None:
    served = await serve({"performance": {"every": "1h"}}, a={})
    answer = await served.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"llamaswap_cpu" not in answer.body


@pytest.mark.parametrize(
    ("tool", "script", "seen"),
    [
        ("nvidia-smi", printing(NVIDIA, FOREVER), (RTX, 88.41)),
        ("rocm-smi", printing(ROCM), ("41207", 41)),
    ],
)
async def test_a_tool_in_path_is_seen_in_the_metrics(
    serve: Serve, tools: Path, tool: str, script: str, seen: tuple[str, float]
) -> None:
    program(tools, "nvidia-smi", "exit 9")
    program(tools, tool, script)
    served = await serve(a={})
    await gpus(served)
    text = (await served.get("/metrics")).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    sample = families["llamaswap_gpu_power_draw_watts"].samples[0]
    assert (sample.labels["uuid"], sample.value) == seen
    await served.logged(rf"\[INFO\] using {tool} for GPU monitoring")


async def test_what_hotbay_counts_itself_comes_after_the_machine(serve: Serve) -> None:
    served = await serve(a={}, b={})
    often(served)
    await served.use("a")
    await until(lambda: bool(served.app._machine.performance.hosts()))
    text = (await served.get("/metrics")).body.decode()
    assert text.index("llamaswap_load_average") < text.index("hotbay_requests_total")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["hotbay_connections"].samples[0].value >= 1
    (resident,) = families["hotbay_model_resident_memory_bytes"].samples
    assert (resident.labels, resident.value > 1_000_000) == ({"model": "a"}, True)
    queued = {s.labels["model"]: s.value for s in families["hotbay_queue_length"].samples}
    assert queued == {"a": 0, "b": 0}


async def test_the_daemon_of_lact_comes_first(
    serve: Serve, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tools / "lactd.sock"
    monkeypatch.setenv("LACT_DAEMON_SOCKET_PATH", str(path))
    program(tools, "nvidia-smi", printing(NVIDIA, FOREVER))

    def answer(line: bytes) -> bytes:
        listing = json.loads(line)["command"] == "list_devices"
        return json.dumps({"status": "ok", "data": [DEVICE] if listing else STATS}).encode()

    async with lact(path, answer):
        served = await serve(a={})
        assert [gpu["name"] for gpu in await gpus(served)] == ["Radeon RX 7800 XT"]


async def test_the_lag_of_the_event_loop_is_measured(serve: Serve) -> None:
    served = await serve()
    async with asyncio.timeout(20):
        while b"hotbay_event_loop_lag_seconds_count" not in (await served.get("/metrics")).body:
            pass


async def test_metrics_neither_load_a_model_nor_keep_one_alive(serve: Serve) -> None:
    served = await serve(a={"ttl": 1}, b={})
    await served.use("a")
    engine = served.app._engine

    async def gone() -> bool:
        await served.get("/metrics")
        await served.get("/api/x/servers")
        return engine.state("a") is State.STOPPED

    await until(gone)
    assert engine.state("b") is State.STOPPED


async def test_neither_metrics_nor_samples_leave_a_line_in_the_log(serve: Serve) -> None:
    served = await serve(a={})
    await served.get("/metrics")
    await served.get("/api/performance")
    await served.get("/api/x/servers")
    await served.get("/api/version")
    await served.logged(r'\[INFO\] Request 127\.0\.0\.1 "GET /api/version HTTP/1\.1" 200 .*')
    assert "/metrics" not in served.log
    assert "/api/performance" not in served.log
    assert "/api/x/servers" not in served.log


async def test_a_key_is_asked_for(serve: Serve) -> None:
    served = await serve({"apiKeys": ["secret"]}, a={})
    for path in ("/metrics", "/api/performance", "/api/hardware", "/api/x/servers"):
        assert (await served.get(path)).status == 401
        assert (await served.get(path, x_api_key="secret")).status == 200


# -- switched off --------------------------------------------------------------------------------


async def test_switched_off_there_is_none(serve: Serve) -> None:
    served = await serve({"performance": {"disabled": True}}, a={})
    answer = await served.get("/api/performance")
    assert (answer.status, answer.json) == (503, {"enabled": False})
    answer = await served.get("/metrics")
    assert (answer.status, answer.body) == (503, b"# performance monitor not available\n")


async def test_a_reload_switches_on_and_off_and_empties_the_rings(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve({"performance": {"disabled": True}}, a={})
    file = tmp_path / "config.yaml"
    content = json.loads(file.read_text())

    async def reload(performance: dict[str, Any]) -> None:
        file.write_text(json.dumps({**content, "performance": performance}))
        await served.app.reload()

    await reload({})
    monitor = served.app._machine.performance
    assert ((await served.get("/api/performance")).status, monitor.capacity) == (200, 720)
    often(served)
    await until(lambda: bool(monitor.hosts()))
    await reload({"every": "10s"})
    assert (monitor.hosts(), monitor.capacity) == ([], 360)
    await reload({"disabled": True})
    assert (await served.get("/metrics")).status == 503


# -- /api/hardware ---------------------------------------------------------------------------------


async def test_the_hardware_is_told(serve: Serve) -> None:
    answer = await (await serve(a={})).get("/api/hardware")
    assert answer.json["schema_version"] == 1
    assert answer.json["capture"]["detector"] == {"name": "hotbay", "version": "1.2.3"}
    assert answer.json["cpu"]["logical_thread_count"] == os.cpu_count()


async def test_a_detection_that_fails_is_told(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotbay.monitor.hardware.detection.LIMIT", 0)
    served = await serve(a={})
    answer = await served.get("/api/hardware")
    assert (answer.status, answer.error) == (503, "hardware detection unavailable")
    await served.logged(r"\[WARN\] hardware detection failed: .*")


# -- /api/x/servers --------------------------------------------------------------------------------


async def test_every_model_is_told_with_what_it_uses(serve: Serve, tools: Path) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    pid = served.app._engine.pids()["a"]
    program(
        tools,
        "nvidia-smi",
        f"""case "$*" in
*compute-apps*) echo "{pid}, GPU-66666666-7777-8888-9999-000000000000, Tesla P40, 300" ;;
*) {printing(NVIDIA, FOREVER)} ;;
esac
""",
    )
    served.app._machine.performance.configure(3600)  # looks for sources again
    await gpus(served)
    a, b = (await served.get("/api/x/servers")).json["servers"]
    assert a["pid"] == pid
    assert a["gpus"] == [
        {
            "id": 1,
            "uuid": "GPU-66666666-7777-8888-9999-000000000000",
            "name": "Tesla P40",
            "memory_bytes": 300 << 20,
        }
    ]
    assert 1_000_000 < a["rss_bytes"] < 200_000_000
    assert 0 < a["load_time"] < 30
    assert 0 <= a["uptime"] < 30
    assert b == {
        "model": "b",
        "state": "stopped",
        "pid": None,
        "uptime": None,
        "rss_bytes": None,
        "gpus": [],
        "in_flight": 0,
        "waiting": 0,
        "load_time": None,
        "idle": None,
        "unload_in": None,
        "last_failure": None,
    }


async def test_a_model_that_nobody_uses_is_told_with_the_time_it_has_left(serve: Serve) -> None:
    served = await serve(a={"ttl": 500}, b={"ttl": 0})
    left = {}
    for model in ("a", "b"):
        await served.use(model)
        servers = (await served.get("/api/x/servers")).json["servers"]
        left |= {each["model"]: each["unload_in"] for each in servers if each["state"] == "ready"}
    assert 400 < left["a"] <= 500
    assert left["b"] is None


async def test_when_a_model_was_used_is_told_also_after_it_was_stopped(serve: Serve) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    await served.ask("POST", "/api/models/unload")
    a, b = (await served.get("/api/x/servers")).json["servers"]
    assert a["state"] == "stopped"
    assert 0 <= a["idle"] < 30
    assert b["idle"] is None


async def test_a_model_that_does_not_start_is_told_why(serve: Serve) -> None:
    served = await serve(a={"cmd": command(exit=3, say="no such file")})
    await served.ask("POST", "/api/x/load/a")
    (a,) = (await served.get("/api/x/servers")).json["servers"]
    assert "exit status 3" in a["last_failure"]


# -- /api/x/load -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", ["lab/a", "lab%2Fa", "first"])
async def test_a_model_is_loaded_by_any_of_its_names(serve: Serve, rest: str) -> None:
    served = await serve(**{"lab/a": {"aliases": ["first"]}})
    answer = await served.ask("POST", f"/api/x/load/{rest}")
    assert (answer.status, answer.json["model"], answer.json["state"]) == (200, "lab/a", "ready")
    assert answer.json["load_time"] > 0
    assert served.app._engine.state("lab/a") is State.READY
    (server,) = served.app._engine.servers()
    assert server.in_flight == 0


async def test_loading_stops_what_has_to_stop(serve: Serve) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    assert (await served.ask("POST", "/api/x/load/b")).status == 200
    assert served.app._engine.state("a") is State.STOPPED


async def test_a_load_that_fails_says_why(serve: Serve) -> None:
    served = await serve(a={"cmd": command(exit=3, say="no such file")})
    answer = await served.ask("POST", "/api/x/load/a")
    assert answer.status == 500
    assert "exit status 3" in answer.error
    assert "no such file" in answer.error


@pytest.mark.parametrize("rest", ["", "ghost", "far/rose"])
async def test_only_local_models_can_be_loaded(serve: Serve, rest: str) -> None:
    peers = {"far": {"proxy": "http://127.0.0.1:9", "models": ["rose"]}}
    answer = await (await serve({"peers": peers}, a={})).ask("POST", f"/api/x/load/{rest}")
    assert (answer.status, answer.error) == (404, "model not found")


async def test_nothing_is_loaded_for_a_client_that_left(serve: Serve) -> None:
    served = await serve(a={}, b={})
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"model": "a"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(
        f"POST /v1/chat/completions?events=100000 HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await reader.readuntil(b"data: 0")
    _, waiting = await asyncio.open_connection("127.0.0.1", served.port)
    waiting.write(b"POST /api/x/load/b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
    await until(lambda: len(served.app._engine.queue().waiting) == 1)
    waiting.close()
    await until(lambda: not served.app._engine.queue().waiting)
    writer.close()
    assert served.app._engine.state("b") is State.STOPPED
