"""From what was written to what it means: settings to `Config` (spec/config.md 12)."""

from __future__ import annotations

from types import MappingProxyType

from hotbay.config.expansion import Expansion
from hotbay.config.filters import normalise_filters
from hotbay.config.findings import Findings
from hotbay.config.local_models import effective_models, effective_timeouts
from hotbay.config.model import Config
from hotbay.config.names import Names, build_names
from hotbay.config.routing import effective_routing
from hotbay.config.settings.peer import PeerConfig
from hotbay.config.settings.sections import DEFAULT_IGNORED, Hooks, Ui
from hotbay.config.settings.top import LOG_LEVELS, TIME_FORMATS, TopSettings

SHORTEST_HEALTH_CHECK = 15
DEFAULT_UNLOAD_TIMEOUT = 10
DEFAULT_ROWS = 1000


def normalise(
    written: TopSettings, expansion: Expansion, findings: Findings, *, windows: bool
) -> Config:
    """Return the effective configuration; what is found wrong on the way is reported."""
    top = written.model_copy(update=_simple_values(written, findings))
    models = effective_models(top, expansion, findings, windows=windows)
    peers = {peer: _effective_peer(peer, top.peers[peer], findings) for peer in top.peers}
    names = build_names(
        {model.id: model.aliases for model in models.values()},
        {peer_id: peer.models for peer_id, peer in peers.items()},
    )
    values = {name: getattr(top, name) for name in TopSettings.model_fields}
    values |= {
        "models": models,
        "peers": MappingProxyType(peers),
        "routing": effective_routing(top, names, models, findings),
        "groups": MappingProxyType({}),
        "matrix": None,
        "hooks": _effective_hooks(top.hooks, names, findings),
    }
    return Config.model_construct(**values)


def _simple_values(top: TopSettings, findings: Findings) -> dict[str, object]:
    """Return what single keys of the top level come to."""
    rows = top.metrics_max_in_memory
    patterns = top.upstream.ignore_paths or (DEFAULT_IGNORED,)
    store = top.store
    return {
        "health_check_timeout": max(SHORTEST_HEALTH_CHECK, top.health_check_timeout),
        "log_level": _word(top.log_level, LOG_LEVELS, "info", "logLevel", findings),
        "log_time_format": _word(top.log_time_format, TIME_FORMATS, "", "logTimeFormat", findings),
        "metrics_max_in_memory": rows if rows > 0 else DEFAULT_ROWS,
        "capture_buffer": max(0, top.capture_buffer),
        "unload_timeout": top.unload_timeout or DEFAULT_UNLOAD_TIMEOUT,
        "store": store and store.model_copy(update={"path": store.path.strip()}),
        "ui": _effective_ui(top.ui),
        "upstream": top.upstream.model_copy(update={"ignore_paths": patterns}),
    }


def _word(written: str, known: tuple[str, ...], default: str, key: str, findings: Findings) -> str:
    word = written.strip().lower()
    if word in known:
        return word
    if word:
        acts_as = default or "none"
        problem = f"unknown value {written!r}, it acts as {acts_as}; known are {', '.join(known)}"
        findings.warn((key,), problem)
    return default


def _effective_ui(ui: Ui) -> Ui:
    headers: dict[str, str] = {}
    for name in ui.activity.session_id:
        if name.strip():
            headers.setdefault(name.strip().lower(), name.strip())
    activity = ui.activity.model_copy(update={"session_id": tuple(headers.values())})
    return ui.model_copy(update={"activity": activity})


def _effective_peer(peer_id: str, peer: PeerConfig, findings: Findings) -> PeerConfig:
    path = ("peers", peer_id, "filters")
    return peer.model_copy(
        update={
            "models": tuple(dict.fromkeys(peer.models)),
            "filters": normalise_filters(peer.filters, path, findings),
            "timeouts": effective_timeouts(peer.timeouts),
        }
    )


def _effective_hooks(hooks: Hooks, names: Names, findings: Findings) -> Hooks:
    preload = []
    for index, name in enumerate(hooks.on_startup.preload):
        model = names.local(name.strip())
        if model is not None:
            preload.append(model)
        elif name.strip():
            path = ("hooks", "on_startup", "preload", index)
            findings.warn(path, f"{name.strip()!r} is not a local model, it is not preloaded")
    on_startup = hooks.on_startup.model_copy(update={"preload": tuple(preload)})
    return hooks.model_copy(update={"on_startup": on_startup})
