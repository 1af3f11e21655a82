"""Samples as Prometheus reads them (spec/monitoring.md 1.7).

Pure. Written by hand, as names, order and form of the numbers are part of the compatibility. The
format is Prometheus' text format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from hotbay.monitor.samples import MIB, GpuSample, HostSample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[tuple[tuple[str, str], ...], float]
"""Labels in order, and the value."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_GPU: tuple[tuple[str, str, Callable[[GpuSample], float]], ...] = (
    ("temperature_celsius", "temperature of the GPU, 0 if unknown", lambda g: g.temp_c),
    (
        "vram_temperature_celsius",
        "temperature of its memory, 0 if unknown",
        lambda g: g.vram_temp_c,
    ),
    ("util_percent", "busy share of the GPU", lambda g: g.gpu_util_pct),
    ("memory_util_percent", "used share of its memory", lambda g: g.mem_util_pct),
    ("memory_used_bytes", "used memory of the GPU", lambda g: g.mem_used_mb * MIB),
    ("memory_total_bytes", "memory of the GPU", lambda g: g.mem_total_mb * MIB),
    ("fan_speed_percent", "speed of the fan, 0 if unknown or stopped", lambda g: g.fan_speed_pct),
    ("power_draw_watts", "power that the GPU draws", lambda g: g.power_draw_w),
)


def exposition(host: HostSample | None, gpus: Sequence[GpuSample]) -> str:
    """Write the newest sample of the host, and of each GPU in this order; "" if there is none."""
    lines = [] if host is None else list(_host(host))
    if gpus:
        labels = [_gpu_labels(gpu) for gpu in gpus]
        for name, meaning, value in _GPU:
            samples = zip(labels, map(value, gpus), strict=True)
            lines.extend(_block(f"gpu_{name}", "gauge", meaning, samples))
    return "".join(f"{line}\n" for line in lines)


def number(value: float) -> str:
    """Write a number in the shortest form that reads back to the same, without exponent."""
    if value == int(value):
        return str(int(value))
    text = repr(value)
    return f"{value:.20f}".rstrip("0") if "e" in text else text


def _host(host: HostSample) -> Iterator[str]:
    cores = (((("core", str(i)),), busy) for i, busy in enumerate(host.cpu_util_per_core))
    yield from _block("cpu_util_percent", "gauge", "busy share per core", cores)
    for name, meaning, mebibytes in (
        ("memory_total", "installed memory", host.mem_total_mb),
        ("memory_used", "used memory", host.mem_used_mb),
        ("memory_free", "unused memory", host.mem_free_mb),
        ("swap_total", "swap space", host.swap_total_mb),
        ("swap_used", "used swap space", host.swap_used_mb),
    ):
        yield from _block(f"{name}_bytes", "gauge", meaning, [((), mebibytes * MIB)])
    loads = (("1m", host.load_avg_1), ("5m", host.load_avg_5), ("15m", host.load_avg_15))
    averages = (((("interval", interval),), load) for interval, load in loads)
    yield from _block("load_average", "gauge", "load average", averages)
    if host.net_io:
        counters = (
            ((("interface", interface.name), ("direction", direction)), count)
            for interface in host.net_io
            for direction, count in (
                ("recv", interface.bytes_recv),
                ("sent", interface.bytes_sent),
            )
        )
        yield from _block("network_bytes_total", "counter", "bytes since boot", counters)


def _gpu_labels(gpu: GpuSample) -> tuple[tuple[str, str], ...]:
    labels = (("id", str(gpu.id)), ("name", gpu.name))
    return (*labels, ("uuid", gpu.uuid)) if gpu.uuid else labels


def _block(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP llamaswap_{name} {meaning}"
    yield f"# TYPE llamaswap_{name} {kind}"
    for labels, value in samples:
        inner = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels)
        yield f"llamaswap_{name}{f'{{{inner}}}' if inner else ''} {number(value)}"
