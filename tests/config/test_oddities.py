"""What is allowed and yet odd (spec/web-ui.md 20.6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Warnings = Callable[..., list[str]]

MODELS = """models:
  a: {cmd: run, proxy: "http://localhost:9000"}
  b: {cmd: run, proxy: "http://127.0.0.1:9000/v1"}
  c: {cmd: "run ${PORT}"}
  d: {cmd: "run ${PORT}"}
"""


def routed(settings: str, use: str = "group") -> str:
    return MODELS + f"routing: {{router: {{use: {use}, settings: {{{settings}}}}}}}\n"


@pytest.mark.parametrize("strategy", ["warm", "spillover"])
def test_a_selector_that_cannot_choose(warnings_of: Warnings, strategy: str) -> None:
    text = MODELS + f"selectors:\n  s:\n    strategy: {strategy}\n    targets: [c]\n"
    problem = f"there is only one target, so {strategy!r} has nothing to choose"
    assert warnings_of(text) == [f"config.yaml:9:5: selectors.s.targets: {problem}"]
    assert warnings_of(text.replace(strategy, "pin")) == []
    assert warnings_of(text.replace("[c]", "[c, d]").replace(strategy, "warm")) == []


def test_models_that_no_set_of_the_matrix_has(warnings_of: Warnings) -> None:
    matrix = "matrix: {vars: {v: c, w: d}, sets: {s: v & w}}"
    (warning,) = warnings_of(routed(matrix, "matrix"))
    assert "matrix.sets: in no set, so that nothing may run beside: a, b" in warning


@pytest.mark.parametrize(
    ("settings", "odd"),
    [
        ("groups: {}", False),
        ("groups: {g: {swap: true, members: [a, b]}}", False),
        ("groups: {g: {swap: false, members: [a, b]}}", True),
        ("groups: {g: {members: [a, c]}, h: {members: [b]}}", False),
        ("groups: {g: {members: [a, c], persistent: true}, h: {members: [b]}}", True),
        ("groups: {g: {members: [a, c]}, h: {members: [b], exclusive: false}}", True),
    ],
)
def test_a_port_of_two_models_that_may_run_at_the_same_time(
    warnings_of: Warnings, settings: str, odd: bool
) -> None:
    expected = (
        "config.yaml:3:24: models.b.proxy: 'a' has the port 9000 as well, and both may run at the "
        "same time"
    )
    assert warnings_of(routed(settings)) == [expected] * odd


def test_a_port_of_two_models_of_a_matrix(warnings_of: Warnings) -> None:
    matrix = "matrix: {vars: {v: a, w: b, x: c, y: d}, sets: {s: v & x & y, t: w & x}}"
    assert warnings_of(routed(matrix, "matrix")) == []
    (warning,) = warnings_of(routed(matrix.replace("t: w & x", "t: w & v"), "matrix"))
    assert "has the port 9000 as well" in warning


def test_a_server_elsewhere_may_have_any_port(warnings_of: Warnings) -> None:
    groups = routed("groups: {g: {swap: false, members: [a, b]}}")
    assert warnings_of(groups.replace("localhost:9000", "far.example:9000")) == []
    assert warnings_of(groups.replace("localhost:9000", "localhost:99999")) == []
