"""Makes the models' settings effective: inherited, filled in, split (spec/config.md 5, 6, 12)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hotbay.config.aliases import all_aliases
from hotbay.config.commands import split_command
from hotbay.config.expansion import Expansion
from hotbay.config.filters import normalise_filters
from hotbay.config.findings import Findings
from hotbay.config.model import ModelConfig
from hotbay.config.settings.model import ModelSettings, Timeouts
from hotbay.config.settings.top import TopSettings

DEFAULT_CONCURRENCY = 10
COMFYUI = "comfyui_auto"
"""The model behind `/comfyui/`: its page opens many connections and a WebSocket that stays."""
COMFYUI_CONCURRENCY = 50
_WINDOWS_STOP = "taskkill /f /t /pid ${PID}"


def effective_models(
    top: TopSettings, expansion: Expansion, findings: Findings, *, windows: bool
) -> Mapping[str, ModelConfig]:
    """Return all models, in written order; `top` has its global values normalised already."""
    aliases = all_aliases(top.models, findings)
    return MappingProxyType(
        {
            model_id: _effective(
                model_id,
                model,
                aliases=aliases[model_id],
                top=top,
                expansion=expansion,
                findings=findings,
                windows=windows,
            )
            for model_id, model in top.models.items()
        }
    )


def _effective(
    model_id: str,
    model: ModelSettings,
    *,
    aliases: tuple[str, ...],
    top: TopSettings,
    expansion: Expansion,
    findings: Findings,
    windows: bool,
) -> ModelConfig:
    path = ("models", model_id)
    cmd_stop = model.cmd_stop or (_WINDOWS_STOP if windows else "")
    loading = model.send_loading_state
    concurrency = model.concurrency_limit if model.concurrency_limit > 0 else DEFAULT_CONCURRENCY
    compat = model.compat
    if model_id == COMFYUI:
        concurrency = max(concurrency, COMFYUI_CONCURRENCY)
        compat = compat.model_copy(update={"ignore_websockets": True})
    values = {name: getattr(model, name) for name in ModelSettings.model_fields}
    values |= {
        "id": model_id,
        "fingerprint": expansion.fingerprints.get(model_id, ""),
        "port": expansion.ports.get(model_id),
        "argv": split_command(model.cmd, windows=windows),
        "stop_argv": split_command(cmd_stop, windows=windows),
        "aliases": aliases,
        "cmd_stop": cmd_stop,
        "ttl": top.global_ttl if model.ttl == -1 else model.ttl,
        "unload_timeout": model.unload_timeout or top.unload_timeout,
        "concurrency_limit": concurrency,
        "filters": normalise_filters(model.filters, (*path, "filters"), findings),
        "send_loading_state": top.send_loading_state if loading is None else loading,
        "timeouts": effective_timeouts(model.timeouts),
        "compat": compat,
        "health_check_timeout": top.health_check_timeout,
    }
    if not values["argv"]:
        findings.warn((*path, "cmd"), "the command is empty; the model cannot be started")
    if not model.proxy:
        findings.warn((*path, "proxy"), "the address is empty; the model cannot be started")
    return ModelConfig.model_construct(**values)


def effective_timeouts(timeouts: Timeouts) -> Timeouts:
    """Return timeouts with 0, which means none, for negative ones."""
    values = {name: max(0, getattr(timeouts, name)) for name in type(timeouts).model_fields}
    return timeouts.model_copy(update=values)
