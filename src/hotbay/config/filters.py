"""Normalises filters: which members of a request body are removed and set (spec/config.md 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from hotbay.config.findings import Findings
from hotbay.config.nodes import Path
from hotbay.config.settings.model import Filters, ModelFilters

F = TypeVar("F", bound=Filters)

_PROTECTED = "model"
_PATH_PART = re.compile(r"(?:[^.\\]|\\.?)*", re.DOTALL)


def normalise_filters(filters: F, path: Path, findings: Findings) -> F:
    """Return filters with a clean strip list, without `model`, and with sorted keys."""
    written = filters.strip_params
    if isinstance(filters, ModelFilters):
        written = written or filters.old_strip_params
    names = {name.strip() for name in written.split(",")}
    stripped = sorted(name for name in names if name and not _is_protected(name))
    set_params = _settable(filters.set_params, (*path, "setParams"), findings)
    by_id = (*path, "setParamsByID")
    set_params_by_id = {
        name: _settable(params, (*by_id, name), findings)
        for name, params in filters.set_params_by_id.items()
    }
    update: dict[str, object] = {
        "strip_params": ", ".join(stripped),
        "set_params": set_params,
        "set_params_by_id": MappingProxyType(set_params_by_id),
    }
    if isinstance(filters, ModelFilters):
        update["old_strip_params"] = ""
    return filters.model_copy(update=update)


def _settable(params: Mapping[str, object], path: Path, findings: Findings) -> Mapping[str, object]:
    for key in params:
        if _is_protected(key):
            findings.warn((*path, key), "the request's model cannot be set here, it is ignored")
    return MappingProxyType({k: params[k] for k in sorted(params) if not _is_protected(k)})


def _is_protected(key: str) -> bool:
    """Return whether the first part of a key's path is `model`, however it is escaped."""
    first = _PATH_PART.match(key)
    return first is not None and re.sub(r"\\(.?)", r"\1", first[0]) == _PROTECTED
