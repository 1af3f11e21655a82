"""Expands macros and assigns ports in the merged document (spec/config-loading.md 2, steps 3 to 9).

Owns which scope applies where; how a value is expanded is in `macros`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotbay.config.commands import strip_comments
from hotbay.config.conversion import to_integer
from hotbay.config.fingerprint import fingerprint
from hotbay.config.macros import (
    ExpansionError,
    Scope,
    declared,
    expand_node,
    expand_value,
    leftover_faults,
    model_scope,
    reject_leftovers,
)
from hotbay.config.nodes import UNKNOWN, Mark, Node, Scalar, Table, is_null, table_at
from hotbay.config.ports import LAST_PORT, AssignPorts, PortRequest
from hotbay.config.problems import Report
from hotbay.config.scalars import text_of
from hotbay.config.settings.model import ModelSettings
from hotbay.config.settings.top import TopSettings

DEFAULT_PROXY: str = ModelSettings.model_fields["proxy"].default
_NOT_GLOBAL = {"macros", "models"}
_KNOWN = {field.alias or name for name, field in TopSettings.model_fields.items()}


@dataclass(frozen=True, slots=True)
class Expansion:
    """The document after expansion, and what became of each model on the way.

    Attributes:
        root: the document; declarations of macros are still in it, as written.
        ports: the assigned port of each model that has one.
        fingerprints: the fingerprint of each model that is a mapping.
    """

    root: Table
    ports: Mapping[str, int]
    fingerprints: Mapping[str, str]


def expand(root: Table, report: Report, assign_ports: AssignPorts, *, windows: bool) -> Expansion:
    """Expand macros and assign ports; what cannot be expanded is reported and becomes unknown."""
    macros = declared(root.items.get("macros"), ("macros",), report)
    items = {
        key: node if key in _NOT_GLOBAL else expand_node(node, macros, (key,), report)
        for key, node in root.items.items()
    }
    written = table_at(root, "models") or Table(root.mark)
    models = {
        model_id: _expand_model(model_id, model, macros, report)
        for model_id, model in sorted(written.items.items())
        if isinstance(model, Table)
    }
    fingerprints = {
        model_id: fingerprint(model, windows=windows) for model_id, model in models.items()
    }
    wanted = [PortRequest(m, fingerprints[m]) for m, model in models.items() if _takes_port(model)]
    assigned = assign_ports(_start_port(items.get("startPort")), wanted)
    ports = {request.model_id: assigned[request.model_id] for request in wanted}
    for model_id, model in models.items():
        models[model_id] = _finish_model(model_id, model, ports.get(model_id), report)
    for key in (_KNOWN - _NOT_GLOBAL) & items.keys():
        items[key] = reject_leftovers(items[key], (key,), report)
    if models:
        items["models"] = written.with_items({**written.items, **models})
    return Expansion(root.with_items(items), ports, fingerprints)


def _expand_model(model_id: str, model: Table, global_macros: Scope, report: Report) -> Table:
    path = ("models", model_id)
    local_macros = declared(model.items.get("macros"), (*path, "macros"), report)
    items = dict(model.items)
    for key in ("cmd", "cmdStop"):
        command = items.get(key)
        if isinstance(command, Scalar) and isinstance(command.value, str):
            items[key] = command.with_value(strip_comments(command.value))
    if is_null(items.get("proxy")):
        items["proxy"] = Scalar(model.mark, DEFAULT_PROXY, DEFAULT_PROXY)
    scope = model_scope(model_id, global_macros, local_macros)
    return _substitute(model.with_items(items), scope, path, report)


def _substitute(model: Table, scope: Scope, path: tuple[str, str], report: Report) -> Table:
    """Expand a scope in all values of a model, and in the keys of its `setParamsByID`."""
    items = {
        key: node if key == "macros" else expand_node(node, scope, (*path, key), report)
        for key, node in model.items.items()
    }
    filters = items.get("filters")
    params = table_at(filters, "setParamsByID")
    if isinstance(filters, Table) and params:
        where = (*path, "filters", "setParamsByID")
        renamed = _rename_keys(params, scope, where, report)
        items["filters"] = filters.with_items({**filters.items, "setParamsByID": renamed})
    return model.with_items(items)


def _rename_keys(table: Table, scope: Scope, path: tuple[str, ...], report: Report) -> Table:
    items: dict[str, Node] = {}
    keys: dict[str, Mark] = {}
    for key, node in table.items.items():
        mark = table.keys[key]
        try:
            value = expand_value(key, scope)
        except ExpansionError as error:
            report.error(mark, (*path, key), str(error))
            continue
        if value is None or value is UNKNOWN:
            continue
        name = text_of(value)
        if name in items:
            report.error(mark, (*path, key), f"two keys become {name!r} when macros are expanded")
        else:
            items[name], keys[name] = node, mark
    return Table(table.mark, items, keys)


def _takes_port(model: Table) -> bool:
    return _mentions_port(model.items.get("cmd"))


def _finish_model(model_id: str, model: Table, port: int | None, report: Report) -> Table:
    """Fill in the port, and refuse what is left unexpanded."""
    path = ("models", model_id)
    if port is None:
        model = _without_port(model, path, report)
    else:
        if port > LAST_PORT:
            problem = f"the assigned port {port} is above {LAST_PORT}; choose a lower startPort"
            report.error(model.place("cmd"), (*path, "cmd"), problem)
        model = _substitute(model, {"PORT": port}, path, report)
    params = table_at(model, "filters", "setParamsByID")
    for key, mark in params.keys.items() if params else ():
        for fault in leftover_faults(key):
            report.error(mark, (*path, "filters", "setParamsByID", key), fault)
    items = {
        key: node if key == "macros" else reject_leftovers(node, (*path, key), report)
        for key, node in model.items.items()
    }
    return model.with_items(items)


def _without_port(model: Table, path: tuple[str, str], report: Report) -> Table:
    """Refuse a proxy address with a port that nobody assigns."""
    proxy = model.items["proxy"]
    if not _mentions_port(proxy):
        return model
    command = model.items.get("cmd")
    if not (isinstance(command, Scalar) and command.value is UNKNOWN):
        problem = (
            "${PORT} in proxy needs ${PORT} in cmd"
            f" (the default proxy is {DEFAULT_PROXY}); start the server on ${{PORT}},"
            " or write the address at which it listens as proxy"
        )
        report.error(proxy.mark, (*path, "proxy"), problem)
    return model.with_items({**model.items, "proxy": Scalar(proxy.mark, UNKNOWN, "")})


def _mentions_port(node: Node | None) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and "${PORT}" in node.value


def _start_port(node: Node | None) -> int:
    """Return the first port; a bad one is reported when the top level is read."""
    default: int = TopSettings.model_fields["start_port"].default
    try:
        return max(1, to_integer(node.value)) if isinstance(node, Scalar) else default
    except ValueError:
        return default
