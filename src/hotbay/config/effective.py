"""The effective configuration as plain data, for `hotbay check --json` (design 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotbay.config.model import Config, ModelConfig
from hotbay.config.quantities import duration_text
from hotbay.config.settings.base import Settings
from hotbay.config.settings.model import ModelSettings
from hotbay.config.settings.top import TopSettings

REDACTED = "[REDACTED]"


def effective(config: Config) -> dict[str, Any]:
    """Return a configuration as JSON can hold it, under the names of its YAML keys.

    Macros are expanded, defaults are filled in, `cmd` and `cmdStop` are lists of
    arguments, secrets are `[REDACTED]`. What has nothing to say any more is left out:
    macros, and the old places and spellings of keys.
    """
    top = _members(config, TopSettings)
    for spent in ("macros", "groups", "matrix"):
        del top[spent]
    top["apiKeys"] = [REDACTED for _ in config.api_keys]
    top["performance"]["every"] = duration_text(config.performance.every)
    top["models"] = {model_id: _model(model) for model_id, model in config.models.items()}
    for peer in top["peers"].values():
        peer["apiKey"] = peer["apiKey"] and REDACTED
    return top


def _model(model: ModelConfig) -> dict[str, Any]:
    members = _members(model, ModelSettings)
    del members["macros"]
    del members["filters"]["strip_params"]
    return {**members, "cmd": list(model.argv), "cmdStop": list(model.stop_argv)}


def _members(settings: Settings, declared: type[Settings]) -> dict[str, Any]:
    """Return the members that a class declares, which may be a base of the settings' own."""
    fields = declared.model_fields.items()
    return {field.alias or name: _plain(getattr(settings, name)) for name, field in fields}


def _plain(value: object) -> Any:
    if isinstance(value, Settings):
        return _members(value, type(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
