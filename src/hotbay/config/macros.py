"""Macros: their declarations, their scopes, and their expansion (spec/config-loading.md 5).

Owns the substitution of `${name}` in values; which scope belongs to which part of the
configuration is decided in `expansion`.
"""

from __future__ import annotations

import re

from hotbay.config.environment import PLACEHOLDER as ENVIRONMENT_PLACEHOLDER
from hotbay.config.nodes import UNKNOWN, Node, Path, Scalar, Table, Value, is_null, map_strings
from hotbay.config.problems import Report
from hotbay.config.scalars import Timestamp, text_of

MAX_EXPANDED = 1 << 20
"""Characters one value may grow to; macros that double each other would fill the memory."""

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LEFTOVER = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")
_RESERVED = ("PID", "PORT", "MODEL_ID")

Scope = dict[str, Value]
"""Macro values by name, in the order of definition."""


def declared(node: Node | None, path: Path, report: Report) -> dict[str, Value]:
    """Check a `macros` block and return its macros; the value of a bad one is unknown."""
    if is_null(node):
        return {}
    if not isinstance(node, Table):
        # Not a mapping: reported with the other type errors.
        return {}
    if node.merge:
        report.error(node.merge, path, "a merge key (<<) cannot stand directly in a macros block")
    macros: dict[str, Value] = {}
    for name, value in node.items.items():
        fault = _fault(name, value)
        if fault:
            report.error(node.keys[name], (*path, name), fault)
        macros[name] = value.value if isinstance(value, Scalar) and not fault else UNKNOWN
    return macros


def _fault(name: str, node: Node) -> str | None:
    if len(name.encode()) >= 64:
        return "the name of a macro must be shorter than 64 bytes"
    if not _NAME.fullmatch(name):
        return f"macro {name!r}: a name consists of letters, digits, '_' and '-'"
    value = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, Timestamp):
        return f"macro {name}: the value must be a string, a number or a boolean"
    if isinstance(value, str) and f"${{{name}}}" in value:
        return f"macro {name}: self reference, the value contains ${{{name}}}"
    if name in _RESERVED:
        return f"macro {name}: the name is reserved"
    return None


def model_scope(model_id: str, global_macros: Scope, local_macros: Scope) -> Scope:
    """Return a model's scope: a local macro takes the place of a global one of its name."""
    return {"MODEL_ID": model_id, **global_macros, **local_macros}


class ExpansionError(ValueError):
    """A value grows beyond `MAX_EXPANDED`."""


def expand_value(value: str, scope: Scope) -> Value:
    """Expand one string, from the last macro of the scope to the first.

    A string that is exactly one placeholder takes the macro's value with its type.

    Raises:
        ExpansionError: the text becomes too long.
    """
    for name in reversed(scope):
        if "${" not in value:
            break
        placeholder = f"${{{name}}}"
        count = value.count(placeholder)
        if not count:
            continue
        macro = scope[name]
        if macro is None or macro is UNKNOWN:
            return UNKNOWN
        if value == placeholder:
            if not isinstance(macro, str):
                return macro
            value = macro
            continue
        text = text_of(macro)
        if len(value) + count * len(text) > MAX_EXPANDED:
            raise ExpansionError(f"macro {name} expands to more than {MAX_EXPANDED} characters")
        value = value.replace(placeholder, text)
    return value


def expand_node(node: Node, scope: Scope, path: Path, report: Report) -> Node:
    """Expand every string below a node; keys stay as they are."""

    def change(scalar: Scalar, text: str, where: Path) -> Scalar:
        if "${" not in text:
            return scalar
        try:
            return scalar.with_value(expand_value(text, scope))
        except ExpansionError as error:
            report.error(scalar.mark, where, str(error))
            return scalar.with_value(UNKNOWN)

    return map_strings(node, path, change)


def reject_leftovers(node: Node, path: Path, report: Report) -> Node:
    """Report every string below a node that still holds a placeholder; its value is unknown."""

    def change(scalar: Scalar, text: str, where: Path) -> Scalar:
        faults = leftover_faults(text, in_stop_command=where[-1] == "cmdStop")
        for fault in faults:
            report.error(scalar.mark, where, fault)
        return scalar.with_value(UNKNOWN) if faults else scalar

    return map_strings(node, path, change)


def mentioned(text: str) -> list[str]:
    """Return the name of each placeholder in a text, without those of environment variables."""
    return _LEFTOVER.findall(text)


def leftover_faults(text: str, *, in_stop_command: bool = False) -> list[str]:
    """Return what is wrong with each placeholder that is left in a text."""
    if "${" not in text:
        return []
    names = dict.fromkeys(mentioned(text))
    variables = dict.fromkeys(ENVIRONMENT_PLACEHOLDER.findall(text))
    return [
        *(f"${{env.{v}}} came in through another value and is not expanded" for v in variables),
        *(_unknown(name) for name in names if not (name == "PID" and in_stop_command)),
    ]


def _unknown(name: str) -> str:
    if name == "PORT":
        return "${PORT} can only be used in a model whose cmd contains ${PORT}"
    if name == "PID":
        return "${PID} can only be used in cmdStop"
    if name == "MODEL_ID":
        return "${MODEL_ID} can only be used inside a model"
    return f"unknown macro ${{{name}}}; a macro must be declared before the macros that use it"
