"""The rules of the snapshot's format, version 1 (spec/monitoring.md 2.1). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

Check = Callable[[Any], bool]
"""Whether a value is allowed."""

_ARCHITECTURES = {"x86_64", "arm64", "armv7", "ppc64le", "riscv64", "s390x", "other"}
_FAMILIES = {"linux", "macos", "windows", "freebsd", "other"}
_ENVIRONMENTS = {"native", "container", "virtual_machine", "wsl", "other", "unknown"}
_KINDS = {"gpu", "npu", "other"}
_MEMORIES = {"dedicated", "unified", "shared_system", "unknown"}


class InvalidSnapshotError(Exception):
    """A snapshot breaks the rules; the text says where and how."""


def validate(snapshot: object) -> None:
    """Check a snapshot.

    Raises:
        InvalidSnapshotError: it breaks rules; the text lists them.
    """
    if found := list(_problems(snapshot)):
        raise InvalidSnapshotError("; ".join(found))


def _text(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() not in {"", "n/a", "unknown"}


def _text_or_null(value: Any) -> bool:
    return value is None or _text(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _count_or_null(value: Any) -> bool:
    return value is None or _count(value)


def _watts_or_null(value: Any) -> bool:
    return value is None or (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )


def _utc(value: Any) -> bool:
    try:
        return isinstance(value, str) and not datetime.fromisoformat(value).utcoffset()
    except ValueError:
        return False


def _one_of(values: set[str]) -> Check:
    return lambda value: value in values


def _is(wanted: Any) -> Check:
    return lambda value: value == wanted and type(value) is type(wanted)


def _problems(snapshot: object) -> Iterator[str]:
    top: dict[str, Check] = {
        "schema_version": _is(1),
        "captured_at": _utc,
        "capture": _anything,
        "architecture": _anything,
        "operating_system": _anything,
        "environment": _anything,
        "cpu": _anything,
        "memory": _anything,
        "accelerators": lambda value: isinstance(value, list),
    }
    yield from (found := list(_members("", snapshot, top)))
    if found or not isinstance(snapshot, Mapping):
        return
    capture = snapshot["capture"]
    checks: dict[str, Check] = {
        "scope": _is("inference_host"),
        "method": _is("detected"),
        "detector": _anything,
    }
    yield from _members("capture", capture, checks)
    if isinstance(capture, Mapping) and capture.get("detector") is not None:
        detector: dict[str, Check] = {"name": _text, "version": _text}
        yield from _members("capture.detector", capture["detector"], detector)
    yield from _architecture(snapshot["architecture"])
    yield from _with_raw(
        "operating_system",
        snapshot["operating_system"],
        "family",
        _FAMILIES,
        {"name": _text_or_null, "version": _text_or_null, "kernel": _text_or_null},
    )
    environment: dict[str, Check] = {"name": _text_or_null, "version": _text_or_null}
    yield from _with_raw("environment", snapshot["environment"], "kind", _ENVIRONMENTS, environment)
    yield from _cpu(snapshot["cpu"])
    yield from _members("memory", snapshot["memory"], {"capacity_bytes": _count})
    for position, accelerator in enumerate(snapshot["accelerators"]):
        yield from _accelerator(position, accelerator)


def _anything(_: Any) -> bool:
    return True


def _members(path: str, value: object, checks: Mapping[str, Check]) -> Iterator[str]:
    """Check that an object has just these members, and each of them."""
    if not isinstance(value, Mapping):
        yield f"{path or 'snapshot'} is no object"
        return
    prefix = f"{path}." if path else ""
    for name in sorted(value.keys() - checks.keys()):
        yield f"{prefix}{name} is not allowed"
    for name, check in checks.items():
        if name not in value:
            yield f"{prefix}{name} is missing"
        elif not check(value[name]):
            yield f"{prefix}{name} cannot be {value[name]!r}"


def _with_raw(
    path: str, value: object, member: str, allowed: set[str], others: Mapping[str, Check]
) -> Iterator[str]:
    """Check an object whose `raw_…` is there exactly if the member is `other`."""
    checks = {member: _one_of(allowed), **others}
    if isinstance(value, Mapping) and value.get(member) == "other":
        checks[f"raw_{member}"] = _text
    yield from _members(path, value, checks)


def _architecture(value: object) -> Iterator[str]:
    other = isinstance(value, Mapping) and value.get("name") == "other"
    checks: dict[str, Check] = {
        "name": _one_of(_ARCHITECTURES),
        "raw_name": _text if other else _text_or_null,
    }
    yield from _members("architecture", value, checks)


def _cpu(value: object) -> Iterator[str]:
    checks: dict[str, Check] = {
        "vendor": _text_or_null,
        "model": _text_or_null,
        "socket_count": _count_or_null,
        "physical_core_count": _count_or_null,
        "logical_thread_count": _count_or_null,
    }
    yield from (found := list(_members("cpu", value, checks)))
    if not found and isinstance(value, Mapping):
        cores, threads = value["physical_core_count"], value["logical_thread_count"]
        if cores and threads and cores > threads:
            yield "cpu has more cores than threads"


def _accelerator(position: int, value: object) -> Iterator[str]:
    path = f"accelerators[{position}]"
    checks: dict[str, Check] = {
        "index": _is(position),
        "vendor": _text_or_null,
        "model": _text_or_null,
        "architecture": _text_or_null,
        "memory": _anything,
        "driver": _anything,
        "power_limit_watts": _watts_or_null,
    }
    yield from _with_raw(path, value, "kind", _KINDS, checks)
    if isinstance(value, Mapping):
        memory: dict[str, Check] = {
            "kind": _one_of(_MEMORIES),
            "capacity_bytes": _count_or_null,
        }
        yield from _members(f"{path}.memory", value.get("memory"), memory)
        if value.get("driver") is not None:
            driver: dict[str, Check] = {"name": _text_or_null, "version": _text_or_null}
            yield from _members(f"{path}.driver", value["driver"], driver)
