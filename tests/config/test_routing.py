"""Routing in both styles, groups, matrix, priorities (spec/config.md 11)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotbay.config import Config

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]

MODELS = """
models:
  a: {cmd: run, proxy: "http://x", aliases: [x]}
  b: {cmd: run, proxy: "http://x"}
  c: {cmd: run, proxy: "http://x"}
"""


def members(config: Config) -> dict[str, tuple[str, ...]]:
    groups = config.routing.router.settings.groups
    return {name: group.members for name, group in groups.items()}


def test_without_groups_all_models_are_in_the_default_group(config_of: Configs) -> None:
    config = config_of(MODELS)
    assert members(config) == {"(default)": ("a", "b", "c")}
    default = config.routing.router.settings.groups["(default)"]
    assert (default.swap, default.exclusive, default.persistent) == (True, True, False)


@pytest.mark.parametrize(
    "style", ["groups: {}", "routing: {{router: {{settings: {{groups: {}}}}}}}"]
)
def test_both_styles_lead_to_the_same_form(config_of: Configs, style: str) -> None:
    groups = "{g: {swap: no, exclusive: no, persistent: yes, members: [x, c]}}"
    config = config_of(
        MODELS + style.format(groups) if "{{" in style else MODELS + f"groups: {groups}"
    )
    assert config.routing.router.use == "group"
    assert members(config) == {"g": ("a", "c"), "(default)": ("b",)}
    group = config.routing.router.settings.groups["g"]
    assert (group.swap, group.exclusive, group.persistent) == (False, False, True)
    assert dict(config.groups) == {}


def test_a_default_group_of_the_users_keeps_its_switches(config_of: Configs) -> None:
    config = config_of(MODELS + "groups: {(default): {swap: no, members: [c]}, g: {members: [a]}}")
    assert members(config) == {"(default)": ("c", "b"), "g": ("a",)}
    assert config.routing.router.settings.groups["(default)"].swap is False


def test_the_default_group_may_be_empty(config_of: Configs) -> None:
    assert members(config_of("groups: {g: {}}")) == {"g": (), "(default)": ()}


@pytest.mark.parametrize(
    ("groups", "error"),
    [
        ("{g: {members: [a, zz]}}", "groups.g.members[1]: unknown model 'zz' in group 'g'"),
        ("{g: {members: [a, b, a]}}", "groups.g.members[2]: the model 'a' is twice in group 'g'"),
        ("{g: {members: [a, x]}}", "groups.g.members[1]: the model 'a' is twice in group 'g'"),
        (
            "{g: {members: [a]}, h: {members: [x]}}",
            "groups.h.members[0]: the model 'a' is in two groups, 'g' and 'h'",
        ),
    ],
)
@pytest.mark.parametrize("new", [False, True])
def test_bad_members_are_refused(errors_of: Errors, groups: str, error: str, new: bool) -> None:
    text = (
        f"routing: {{router: {{settings: {{groups: {groups}}}}}}}" if new else f"groups: {groups}"
    )
    (found,) = errors_of(MODELS + text)
    path = f"routing.router.settings.{error}" if new else error
    assert found.startswith("config.yaml:6:")
    assert found.endswith(": " + path)


def test_an_unknown_member_is_placed(errors_of: Errors) -> None:
    assert errors_of(MODELS + "groups:\n  g:\n    members:\n    - a\n    - ~\n    - ghost\n") == [
        "config.yaml:11:7: groups.g.members[1]: unknown model 'ghost' in group 'g'"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("groups: {g: {}}\nrouting: {router: {use: group}}", "groups: groups at the top level and"),
        ("groups: {g: {}}\nrouting: {router: {settings: {groups: {g: {}}}}}", "groups: groups at"),
        (
            "matrix: {sets: {s: a}}\nrouting: {router: {settings: {matrix: {sets: {s: a}}}}}",
            "matrix: matrix at",
        ),
        ("matrix: {sets: {s: a}}\ngroups: {g: {}}", "groups: use either matrix or groups"),
        ("matrix: {}", "matrix.sets: a matrix needs at least one set"),
        (
            "routing: {router: {use: matrix}}",
            "routing.router.use: use: matrix needs routing.router.settings.matrix",
        ),
        ("routing: {router: {use: grup}}", "routing.router.use: unknown planner 'grup'"),
        (
            "routing: {router: {use: matrix, settings: {matrix: {sets: {s: zz}}}}}",
            "routing.router.settings.matrix.sets.s: ",
        ),
    ],
)
def test_styles_that_do_not_go_together(errors_of: Errors, text: str, error: str) -> None:
    (found,) = errors_of(MODELS + text)
    assert error in found


@pytest.mark.parametrize(
    "text",
    [
        "groups: {}\nmatrix: ~\nrouting: {router: {use: group}}",
        "groups: {g: {}}\nrouting: {scheduler: {settings: {fifo: {priority: {a: 1}}}}}",
        "groups: {g: {}}\nrouting: {router: {use: '', settings: {groups: {}, matrix: ~}}}",
        "groups: ~\nrouting: {router: {settings: {groups: {g: {members: [a]}}}}}",
    ],
)
def test_styles_that_do_go_together(config_of: Configs, text: str) -> None:
    assert config_of(MODELS + text).routing.router.use == "group"


def test_the_inactive_router_is_not_validated(config_of: Configs) -> None:
    config = config_of(
        MODELS
        + """
routing:
  router:
    use: matrix
    settings:
      groups: {g: {members: [ghost]}}
      matrix: {sets: {s: a & b}}
"""
    )
    assert config.routing.router.use == "matrix"
    assert members(config) == {}


def test_a_matrix_without_use_matrix_is_inactive_and_warned_of(warnings_of: Errors) -> None:
    text = MODELS + "routing: {router: {settings: {matrix: {sets: {s: ((}}}}}"
    (warning,) = warnings_of(text)
    assert warning.startswith("config.yaml:6:31: routing.router.settings.matrix: the matrix has no")


@pytest.mark.parametrize("old", [True, False])
def test_a_matrix(config_of: Configs, old: bool) -> None:
    matrix = "{vars: {v: a}, evict_costs: {v: 5, b: 2.9}, sets: {s9: v & b, s10: +s9 | c}}"
    text = (
        f"matrix: {matrix}"
        if old
        else f"routing: {{router: {{use: matrix, settings: {{matrix: {matrix}}}}}}}"
    )
    config = config_of(MODELS + text)
    found = config.routing.router.settings.matrix
    assert config.routing.router.use == "matrix"
    assert config.matrix is None
    assert found is not None
    assert dict(found.vars) == {"v": "a"}
    assert dict(found.evict_costs) == {"v": 5, "b": 2}
    assert list(found.sets.items()) == [("s9", "v & b"), ("s10", "+s9 | c")]


@pytest.mark.parametrize(
    ("matrix", "error"),
    [
        ("{sets: [a]}", "6:10: matrix.sets: expected a mapping"),
        ("{sets: {s: a}, vars: {long_name: a}}", "matrix.vars.long_name: "),
        ("{sets: {s: a}, vars: {v: zz}}", "matrix.vars.v: "),
        ("{sets: {s: a}, vars: {v: x}}", "matrix.vars.v: "),
        ("{sets: {s: a}, evict_costs: {zz: 1}}", "matrix.evict_costs.zz: "),
        ("{sets: {s: a}, evict_costs: {a: 0}}", "matrix.evict_costs.a: "),
        ("{sets: {s: a}, evict_costs: {a: 0.5}}", "matrix.evict_costs.a: "),
        ("{sets: {s: a}, evict_costs: {a: '5'}}", "matrix.evict_costs.a: expected an integer"),
        ("{sets: {s: ''}}", "matrix.sets.s: "),
        ("{sets: {s: [a]}}", "matrix.sets.s: expected a string"),
    ],
)
def test_a_bad_matrix_is_refused(errors_of: Errors, matrix: str, error: str) -> None:
    assert any(error in found for found in errors_of(MODELS + f"matrix: {matrix}"))


@pytest.mark.parametrize(
    ("written", "column"),
    [
        ("a & zz", 12),
        ("'a & zz'", 13),
        ('"a & zz"', 13),
        ("|-\n      a & zz", 8),
        ('"\\x61 & zz"', 8),
    ],
)
def test_an_error_in_an_expression_is_placed_inside_its_text(
    errors_of: Errors, written: str, column: int
) -> None:
    (error,) = errors_of(MODELS + f"matrix:\n  sets:\n    s: {written}\n")
    assert error.startswith(f"config.yaml:8:{column}: matrix.sets.s: ")
    assert "zz" in error


def test_every_error_of_a_matrix_is_reported(errors_of: Errors) -> None:
    errors = errors_of(MODELS + "matrix: {vars: {v: zz}, sets: {s: (a, t: b |, u: +u}}")
    assert len(errors) == 4


@pytest.mark.parametrize(
    ("priority", "result"),
    [
        ("{a: 3, b: -1, c: 0}", {"a": 3, "b": -1, "c": 0}),
        ("{x: 3}", {"a": 3}),
        ("{x: 3, a: 5}", {"a": 5}),
        ("{a: 5, x: 3}", {"a": 5}),
        ("{a: ~}", {}),
    ],
)
def test_priorities_are_those_of_models(
    config_of: Configs, priority: str, result: dict[str, int]
) -> None:
    text = f"routing: {{scheduler: {{settings: {{fifo: {{priority: {priority}}}}}}}}}"
    config = config_of(MODELS + text)
    assert dict(config.routing.scheduler.settings.fifo.priority) == result


def test_a_priority_of_an_unknown_model_is_an_error(errors_of: Errors) -> None:
    text = "routing: {scheduler: {settings: {fifo: {priority: {zz: 1}}}}}"
    (error,) = errors_of(MODELS + text)
    assert error.endswith("routing.scheduler.settings.fifo.priority.zz: unknown model 'zz'")
