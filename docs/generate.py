"""Writes the tables of docs/reference/configuration.md: `python docs/generate.py`.

Walks the settings as the reader of the configuration does, so that every key is there with
the type, the default and the description that it has in the code. What stands above the mark
is written by hand.
"""  # noqa: INP001 - a script beside the pages, no package

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from hotbay.config.kinds import ChoiceKind, JsonKind, Kind, ListKind, ScalarKind, TableKind
from hotbay.config.quantities import duration_text
from hotbay.config.reader import SettingsKind, settings_kind
from hotbay.config.settings.base import DEPRECATED, Duration, Settings, Size
from hotbay.config.settings.top import TopSettings

PAGE = Path(__file__).parent / "reference" / "configuration.md"
MARK = "<!-- From here on made by docs/generate.py: do not edit. -->\n"

_TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Duration: "duration",
    Size: "size",
}
_PLURALS = {"text": "texts", "whole number": "whole numbers"}

Places = Mapping[type[Settings], str]
"""Where each mapping of known keys stands, as a path; empty for the top level."""


def generate(page: str) -> str:
    """Return the page with its tables made anew."""
    by_hand, mark, _ = page.partition(MARK)
    places = dict(_places("", settings_kind(TopSettings), set()))
    return by_hand + mark + "".join(_section(settings, places) for settings in places)


def _places(
    path: str, kind: SettingsKind, seen: set[type[Settings]]
) -> Iterator[tuple[type[Settings], str]]:
    """Yield each class of settings once: the old place of a section has the keys of the new."""
    seen.add(kind.settings)
    yield kind.settings, path
    for name, field in kind.settings.model_fields.items():
        inner = kind.kinds[name]
        place = f"{path}.{field.alias or name}".removeprefix(".")
        if isinstance(inner, TableKind):
            inner, place = inner.value, f"{place}.<name>"
        if isinstance(inner, SettingsKind) and inner.settings not in seen:
            yield from _places(place, inner, seen)


def _section(settings: type[Settings], places: Places) -> str:
    kind = settings_kind(settings)
    lines = [f"\n## {_title(places[settings])}\n", _text(inspect.getdoc(settings) or "")]
    lines += ["\n| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in settings.model_fields.items():
        cells = (
            _code(field.alias or name),
            _type(kind.kinds[name], places),
            _default(kind.kinds[name], field),
            _meaning(field),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _type(kind: Kind, places: Places) -> str:
    match kind:
        case ScalarKind():
            least = "" if kind.least is None else f", at least {kind.least}"
            return _TYPES[kind.written] + least
        case ChoiceKind():
            words = [_code(word) for word in kind.words if word]
            return "one of " * (len(words) > 1) + ", ".join(words)
        case ListKind():
            return f"list of {_plural(_type(kind.item, places))}"
        case TableKind():
            return f"mapping of names to {_plural(_type(kind.value, places))}"
        case JsonKind():
            return "text, number or boolean" if kind.only_scalars else "anything"
        case SettingsKind():
            return f"[settings](#{_anchor(places[kind.settings])})"
    raise TypeError(f"no words for {type(kind).__name__}")


def _default(kind: Kind, field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if isinstance(kind, SettingsKind) or (value is None and field.default_factory is None):
        return ""
    if field.default_factory is not None or value in ("", ()):
        return "empty"
    written = kind.written if isinstance(kind, ScalarKind) else None
    if written is Duration:
        return _code(duration_text(value))
    if written is Size:
        return _code(_size_text(value))
    if written is bool:
        return _code(str(value).lower())
    values = value if isinstance(value, tuple) else (value,)
    return ", ".join(_code(str(item)) for item in values)


def _size_text(size: int) -> str:
    for unit in ("", "KiB", "MiB"):
        if size % 1024:
            return f"{size}{unit}"
        size //= 1024
    return f"{size}GiB"


def _meaning(field: FieldInfo) -> str:
    old = "Deprecated. " if field.json_schema_extra == DEPRECATED else ""
    return old + (field.description or "").replace("|", "\\|")


def _title(place: str) -> str:
    return _code(place) if place else "Top level"


def _anchor(place: str) -> str:
    """Return the anchor that a heading gets, as GitHub makes them."""
    return re.sub(r"[^\w-]", "", place.lower())


def _plural(words: str) -> str:
    return _PLURALS.get(words, words.removeprefix("one of "))


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _text(docstring: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in docstring.split("\n\n"))


if __name__ == "__main__":
    PAGE.write_text(generate(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
