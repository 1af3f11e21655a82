"""What the configuration changes in the JSON body of a request (spec/request-pipeline.md 7.1).

A `BodyFilter` is made once per model or peer of a configuration, and holds its settings
ready to be written: paths split, values encoded. Whoever keeps the configuration keeps
the filters.

A body that a filter looks at cannot show a second face to the upstream. Of members that
occur twice the last one is what was routed and filtered, and the output has it alone: a
changed body is written from that reading; an unchanged one is forwarded byte for byte
only if nothing that matters occurs twice, that is no member if there is anything to
filter, and otherwise no `model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from hotbay.config.model import Filters, ModelConfig, PeerConfig
from hotbay.lane.json_edit import ObjectEdit, Path, PathError, parse_path
from hotbay.lane.json_object import JsonObject

_MODEL = "model"


class FilterError(ValueError):
    """A filter cannot be applied to this body; the message names the parameter, answer 500."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """One entry of `setParams`, or of `setParamsByID`: `origin` tells which."""

    origin: str
    key: str
    path: Path
    value: msgspec.Raw


@dataclass(frozen=True, slots=True)
class BodyFilter:
    """The filters of one model or peer; without arguments, of one that has none.

    Attributes:
        model_name: what replaces the name of the model, whatever was asked for; may be
            empty. Also for multipart forms.
    """

    model_name: str = ""
    _stripped: tuple[Path, ...] = ()
    _settings: tuple[_Setting, ...] = ()
    _settings_by_name: Mapping[str, tuple[_Setting, ...]] = field(default_factory=dict)

    def apply(self, body: JsonObject, *, requested: str, model: str = "") -> bytes | None:
        """Return the body to be forwarded, None if it is the one that came.

        Args:
            body: what the client sent; stays as it is.
            requested: the name of the model after profile and selector, unresolved.
            model: name to write into the body instead of the client's, if not empty.

        Raises:
            FilterError: a parameter cannot be set.
        """
        model = self.model_name or model
        settings = self._settings + self._settings_by_name.get(requested, ())
        if not (model or settings or self._stripped):
            return msgspec.json.encode(body.members) if _MODEL in body.repeated else None
        edit = ObjectEdit(body.members)
        if model:
            edit.set((_MODEL,), _encoded(model))
        for path in self._stripped:
            edit.delete(path)
        for setting in settings:
            _set(edit, setting)
        return edit.encode() if edit.changed or body.repeated else None


def _set(edit: ObjectEdit, setting: _Setting) -> None:
    try:
        edit.set(setting.path, setting.value)
    except PathError as error:
        raise FilterError(f"{setting.origin}: cannot set {setting.key!r}: {error}") from error


def compile_model_filter(model: ModelConfig) -> BodyFilter:
    """Return the filter of a local model."""
    return _compile(model.filters, model.use_model_name)


def compile_peer_filter(peer: PeerConfig) -> BodyFilter:
    """Return the filter for all models of a peer."""
    return _compile(peer.filters, "")


def _compile(filters: Filters, model_name: str) -> BodyFilter:
    by_name = {
        name: _compile_settings(f"setParamsByID[{name!r}]", params)
        for name, params in filters.set_params_by_id.items()
    }
    return BodyFilter(
        model_name,
        tuple(parse_path(key) for key in filters.stripped),
        _compile_settings("setParams", filters.set_params),
        MappingProxyType(by_name),
    )


def _compile_settings(origin: str, params: Mapping[str, object]) -> tuple[_Setting, ...]:
    return tuple(
        _Setting(origin, key, parse_path(key), _encoded(value)) for key, value in params.items()
    )


def _encoded(value: object) -> msgspec.Raw:
    """Return a value of the configuration as JSON text."""
    return msgspec.Raw(msgspec.json.encode(value, enc_hook=_thawed))


def _thawed(value: object) -> dict[str, object]:
    """Return a read-only mapping as one that msgspec knows."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
