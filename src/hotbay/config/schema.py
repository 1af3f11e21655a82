"""The JSON Schema of the configuration for editors: `python -m hotbay.config.schema` prints it.

Made from what the reader makes of the settings, so that the two agree: null is an absent
key, a number is a text too, `yes` is a boolean, any scalar may be a placeholder, and
unknown keys are no error (spec/config.md 14).
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

from pydantic.fields import FieldInfo

from hotbay.config.conversion import FALSE_WORDS, TRUE_WORDS
from hotbay.config.kinds import (
    ChoiceKind,
    JsonKind,
    Kind,
    ListKind,
    ScalarKind,
    TableKind,
)
from hotbay.config.quantities import duration_text
from hotbay.config.reader import SettingsKind, settings_kind
from hotbay.config.settings.base import DEPRECATED, Duration, NullFault, Settings, Size
from hotbay.config.settings.top import TopSettings

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The newest draft that every YAML plug-in understands."""

_PLACEHOLDER = r"\$\{"
"""A macro or a variable of the environment, which any scalar may be until it is expanded."""
_WORDS = "|".join(TRUE_WORDS + FALSE_WORDS)
_UNITS = "ns|us|µs|μs|ms|s|m|h"
_DURATION = rf"^[+-]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)({_UNITS}))+)$"


def schema() -> Schema:
    """Return the schema of a configuration file."""
    definitions: dict[str, Schema] = {}
    top = _Definitions(definitions).settings(settings_kind(TopSettings))
    return {
        "$schema": DIALECT,
        "title": "hotbay configuration",
        **top,
        "definitions": dict(sorted(definitions.items())),
    }


class _Definitions:
    """Collects the definitions of all settings that are referred to."""

    def __init__(self, collected: dict[str, Schema]) -> None:
        self._collected = collected

    def settings(self, kind: SettingsKind) -> Schema:
        """Return the schema of a mapping with known keys."""
        properties = {
            field.alias or name: self._property(kind.kinds[name], field)
            for name, field in kind.settings.model_fields.items()
        }
        described: Schema = {
            "description": _summary(kind.settings),
            "type": "object",
            "properties": properties,
        }
        if kind.required:
            described["required"] = sorted(kind.required)
        return described

    def _property(self, kind: Kind, field: FieldInfo) -> Schema:
        described = self._type(kind) if field.is_required() else _nullable(self._type(kind))
        described["description"] = field.description
        if not field.is_required() and field.default_factory is None and field.default is not None:
            described["default"] = _default(kind, field.default)
        if field.examples:
            described["examples"] = field.examples
        if field.json_schema_extra == DEPRECATED:
            described |= DEPRECATED
        return described

    def _entry(self, kind: Kind) -> Schema:
        """Return the schema of an element of a list or an entry of a mapping."""
        required = isinstance(kind, SettingsKind) and kind.required
        refuses_null = required or isinstance(kind.null, NullFault) or _is_macro(kind)
        return self._type(kind) if refuses_null else _nullable(self._type(kind))

    def _type(self, kind: Kind) -> Schema:
        match kind:
            case ScalarKind():
                return _scalar(kind)
            case ChoiceKind():
                words = [word for word in kind.words if word]
                return {"anyOf": [{"enum": words}, {"type": "string", "pattern": _PLACEHOLDER}]}
            case ListKind():
                return {"type": "array", "items": self._entry(kind.item)}
            case TableKind():
                return {"type": "object", "additionalProperties": self._entry(kind.value)}
            case JsonKind():
                return {"type": ["string", "number", "boolean"]} if kind.only_scalars else {}
            case SettingsKind():
                name = kind.settings.__name__
                if name not in self._collected:
                    self._collected[name] = self.settings(kind)
                return {"$ref": f"#/definitions/{name}"}
        raise TypeError(f"no schema for {type(kind).__name__}")


def _is_macro(kind: Kind) -> bool:
    return isinstance(kind, JsonKind) and kind.only_scalars


def _default(kind: Kind, value: Any) -> Any:
    if isinstance(kind, ScalarKind) and kind.written is Duration:
        return duration_text(value)
    return list(value) if isinstance(value, tuple) else value


def _summary(settings: type[Settings]) -> str:
    first_paragraph = (inspect.getdoc(settings) or "").split("\n\n")[0]
    return " ".join(first_paragraph.split())


def _scalar(kind: ScalarKind) -> Schema:
    if kind.written is str:
        return {"type": ["string", "number", "boolean"]}
    if kind.written is bool:
        return _text_or({"type": "boolean"}, f"^({_WORDS})$")
    if kind.written is Duration:
        return {"type": "string", "pattern": f"{_DURATION}|{_PLACEHOLDER}"}
    number: Schema = {"type": "number"}
    if kind.least is not None:
        number["minimum"] = kind.least
    return _text_or(number, "^[0-9]+ ?[KMGT]iB$" if kind.written is Size else None)


def _text_or(described: Schema, pattern: str | None) -> Schema:
    pattern = f"{pattern}|{_PLACEHOLDER}" if pattern else _PLACEHOLDER
    return {"anyOf": [described, {"type": "string", "pattern": pattern}]}


def _nullable(described: Schema) -> Schema:
    if not described:
        return {}
    if "anyOf" in described:
        return {"anyOf": [*described["anyOf"], {"type": "null"}]}
    if "type" in described:
        types = described["type"]
        return described | {"type": [*(types if isinstance(types, list) else [types]), "null"]}
    return {"anyOf": [described, {"type": "null"}]}


def main() -> None:
    """Print the schema."""
    json.dump(schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
