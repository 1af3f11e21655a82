"""The snapshot's format: how facts become it, and its rules (spec/monitoring.md 2.1 and 2.2)."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hotbay.monitor.hardware.facts import (
    Accelerator,
    Cpu,
    Environment,
    Facts,
    System,
    known,
    merge,
    positive,
    snapshot,
)
from hotbay.monitor.hardware.rules import InvalidSnapshotError, validate

AT = datetime(2026, 1, 5, 10, 0, 0, 500_000, tzinfo=UTC)
EXAMPLE: dict[str, Any] = {
    "schema_version": 1,
    "captured_at": "2026-01-05T10:00:00.500000Z",
    "capture": {
        "scope": "inference_host",
        "method": "detected",
        "detector": {"name": "hotbay", "version": "1.2.3"},
    },
    "architecture": {"name": "x86_64", "raw_name": "AMD64"},
    "operating_system": {
        "family": "linux",
        "name": "debian",
        "version": "12.5",
        "kernel": "6.1.0-18-amd64",
    },
    "environment": {"kind": "container", "name": "Docker", "version": None},
    "cpu": {
        "vendor": "AuthenticAMD",
        "model": "AMD Ryzen 9 5900X 12-Core Processor",
        "socket_count": 1,
        "physical_core_count": 12,
        "logical_thread_count": 24,
    },
    "memory": {"capacity_bytes": 68719476736},
    "accelerators": [
        {
            "index": 0,
            "kind": "gpu",
            "vendor": "NVIDIA",
            "model": "NVIDIA GeForce RTX 4070",
            "architecture": "Ada Lovelace",
            "memory": {"kind": "dedicated", "capacity_bytes": 12878610432},
            "driver": {"name": "NVIDIA", "version": "560.35.03"},
            "power_limit_watts": 200,
        }
    ],
}
CARD = Accelerator(
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


def facts(**changed: Any) -> Facts:
    found: dict[str, Any] = {
        "machine": "AMD64",
        "system": System("linux", None, "debian", "12.5", "6.1.0-18-amd64"),
        "cpu": Cpu("AuthenticAMD", "AMD Ryzen 9 5900X 12-Core Processor", 1, 12, 24),
        "memory": 68719476736,
        "environment": Environment("container", "Docker"),
        "accelerators": [CARD],
    }
    return Facts(**{**found, **changed})


def taken(**changed: Any) -> dict[str, Any]:
    found = snapshot(facts(**changed), version="1.2.3", at=AT)
    validate(found)
    return found


def test_facts_become_the_snapshot() -> None:
    assert taken() == EXAMPLE


def test_neither_address_nor_uuid_is_shown() -> None:
    text = json.dumps(taken(accelerators=[CARD, Accelerator(identity="GPU-1111-2222")]))
    assert "0000:01:00.0" not in text
    assert "GPU-1111" not in text


@pytest.mark.parametrize(
    ("machine", "name", "raw"),
    [
        ("x86_64", "x86_64", None),
        ("aarch64", "arm64", "aarch64"),
        ("arm64", "arm64", None),
        ("armv7l", "armv7", "armv7l"),
        ("riscv64", "riscv64", None),
        ("loongarch64", "other", "loongarch64"),
    ],
)
def test_architectures_have_one_name(machine: str, name: str, raw: str | None) -> None:
    assert taken(machine=machine)["architecture"] == {"name": name, "raw_name": raw}


def test_another_family_is_named_raw() -> None:
    system = taken(system=System("other", "SunOS"))["operating_system"]
    assert (system["family"], system["raw_family"]) == ("other", "SunOS")


def test_more_cores_than_threads_is_unknown() -> None:
    assert taken(cpu=Cpu(cores=8, threads=4))["cpu"]["physical_core_count"] is None


def test_a_driver_of_which_nothing_is_known_is_null() -> None:
    assert taken(accelerators=[Accelerator()])["accelerators"][0]["driver"] is None


# -- merging -------------------------------------------------------------------------------


def test_records_of_one_address_become_one_and_the_first_wins() -> None:
    other = Accelerator(
        identity=CARD.identity,
        vendor="NVIDIA",
        memory_kind="shared_system",
        driver="nvidia",
        driver_version="1",
        power_limit=5,
    )
    assert merge([CARD, other]) == [CARD]


def test_gaps_are_filled_one_by_one() -> None:
    first = Accelerator(identity="a", vendor="AMD", memory_kind="unknown", driver="amdgpu")
    second = Accelerator(identity="a", vendor="ATI", architecture="gfx90a", driver_version="6.1")
    third = Accelerator(identity="a", memory_kind="dedicated", memory=5, architecture="gfx1")
    whole = Accelerator(
        identity="a",
        vendor="AMD",
        architecture="gfx90a",
        memory_kind="dedicated",
        memory=5,
        driver="amdgpu",
        driver_version="6.1",
    )
    assert merge([first, second, third]) == [whole]


def test_others_stay_apart_and_are_sorted() -> None:
    found = [
        Accelerator(identity="0000:65:00.0", vendor="NVIDIA"),
        Accelerator(model="b"),
        Accelerator(identity="0000:03:00.0", vendor="AMD"),
        Accelerator(model="a"),
    ]
    assert [each.vendor or each.model for each in merge(found)] == ["a", "b", "AMD", "NVIDIA"]
    assert [each["index"] for each in taken(accelerators=found)["accelerators"]] == [0, 1, 2, 3]


# -- rules ----------------------------------------------------------------------------------


def test_the_example_follows_the_rules() -> None:
    validate(EXAMPLE)
    validate({**EXAMPLE, "capture": {**EXAMPLE["capture"], "detector": None}})
    validate({**EXAMPLE, "accelerators": []})


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("schema_version", 2, "schema_version cannot be 2"),
        ("schema_version", True, "schema_version cannot be True"),
        ("captured_at", "2026-01-05T10:00:00+02:00", "captured_at cannot be"),
        ("captured_at", "yesterday", "captured_at cannot be 'yesterday'"),
        ("capture.scope", "client", "capture.scope cannot be 'client'"),
        ("capture.detector.version", "", "capture.detector.version cannot be ''"),
        ("architecture.name", "z80", "architecture.name cannot be 'z80'"),
        ("architecture", {"name": "other", "raw_name": None}, "architecture.raw_name cannot be"),
        ("operating_system.family", "other", "operating_system.raw_family is missing"),
        ("operating_system.raw_family", "x", "operating_system.raw_family is not allowed"),
        ("environment.kind", "other", "environment.raw_kind is missing"),
        ("environment.name", "N/A", "environment.name cannot be 'N/A'"),
        ("cpu.physical_core_count", 25, "cpu has more cores than threads"),
        ("cpu.socket_count", 0, "cpu.socket_count cannot be 0"),
        ("cpu.extra", 1, "cpu.extra is not allowed"),
        ("memory.capacity_bytes", 0, "memory.capacity_bytes cannot be 0"),
        ("memory.capacity_bytes", None, "memory.capacity_bytes cannot be None"),
        ("memory", None, "memory is no object"),
        ("accelerators", None, "accelerators cannot be None"),
        ("accelerators.0.index", 1, "accelerators[0].index cannot be 1"),
        ("accelerators.0.kind", "tpu", "accelerators[0].kind cannot be 'tpu'"),
        ("accelerators.0.kind", "other", "accelerators[0].raw_kind is missing"),
        ("accelerators.0.memory.kind", "hbm", "accelerators[0].memory.kind cannot be 'hbm'"),
        ("accelerators.0.driver.name", "unknown", "driver.name cannot be 'unknown'"),
        ("accelerators.0.power_limit_watts", -1, "power_limit_watts cannot be -1"),
        ("accelerators.0.power_limit_watts", float("inf"), "power_limit_watts cannot be inf"),
        ("accelerators.0", "gpu", "accelerators[0] is no object"),
    ],
)
def test_what_breaks_a_rule_is_named(path: str, value: object, problem: str) -> None:
    broken: Any = copy.deepcopy(EXAMPLE)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = broken
    for part in parents:
        place = place[part]
    place[last] = value
    with pytest.raises(InvalidSnapshotError) as caught:
        validate(broken)
    assert problem in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "snapshot", {}])
def test_what_is_no_snapshot_is_refused(value: object) -> None:
    with pytest.raises(InvalidSnapshotError):
        validate(value)


@pytest.mark.parametrize("text", ["", "  ", "N/A", "[N/A]", "Unknown", None, 5])
def test_words_that_say_nothing_are_unknown(text: object) -> None:
    assert known(text) is None


@pytest.mark.parametrize("number", ["0", "-5", "[N/A]", "inf", "nan", None, 0])
def test_numbers_that_cannot_be_are_unknown(number: object) -> None:
    assert positive(number) is None
