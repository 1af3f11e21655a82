"""The model listing, `GET /v1/models` and `GET /models` (spec/http-api.md 6)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.abilities import abilities_of
from hotbay.api.answers import json_answer
from hotbay.api.services import Services, services_of
from hotbay.config.model import Capabilities, Config, ModelConfig, SelectorConfig
from hotbay.core.effects import State

OWNER = "llama-swap"
"""Wire constant: clients of llama-swap look for it (design 6)."""

Record = dict[str, Any]

_HIDDEN_BY_CAPABILITIES = frozenset(
    {"architecture", "capabilities", "supported_parameters", "context_length"}
)


async def list_models(request: Request) -> Response:
    """Answer with a record for each name that a request may use, sorted by ID."""
    origin = request.headers.get("origin")
    headers = {"Access-Control-Allow-Origin": origin} if origin else None
    data = sorted(records(services_of(request)), key=lambda record: record["id"])
    return json_answer({"object": "list", "data": data}, headers)


def records(services: Services) -> Iterator[Record]:
    """Yield the records of the listing, in no order."""
    config, created = services.config, int(time.time())
    for model in config.models.values():
        if not model.unlisted:
            yield from _model_records(model, services, created)
    for peer_id, peer in config.peers.items():
        for name in dict.fromkeys(peer.models):
            meta = {"type": "peer", "peerID": peer_id}
            yield _record(
                f"{peer_id}/{name}", created, f"{peer_id}: {name}", "", meta, loaded=False
            )
    for selector_id, selector in config.selectors.items():
        if not selector.unlisted:
            yield _selector_record(selector_id, selector, services, created)
    for pin, target in services.profiles.pins.items():
        if target and config.names.base(pin) is None and pin not in config.selectors:
            yield _record(pin, created, "", "", {"type": "profile"}, loaded=False)


def _model_records(model: ModelConfig, services: Services, created: int) -> Iterator[Record]:
    loaded = services.engine.state(model.id) is not State.STOPPED
    configured = model.capabilities != Capabilities()
    metadata = {
        key: value
        for key, value in model.metadata.items()
        if not (configured and key in _HIDDEN_BY_CAPABILITIES)
    }
    own: Record = {"type": "model"}
    if model.aliases:
        own["aliases"] = list(model.aliases)
    names = [(model.id, own)]
    if services.config.include_aliases_in_list:
        aliases = dict.fromkeys(alias.strip() for alias in model.aliases)
        names += [(a, {"type": "alias", "modelID": model.id}) for a in aliases if a]
    for name, meta in names:
        record = _record(
            name, created, model.name, model.description, {**metadata, **meta}, loaded=loaded
        )
        _add_capabilities(record, model.capabilities)
        yield record


def _selector_record(
    selector_id: str, selector: SelectorConfig, services: Services, created: int
) -> Record:
    meta = {
        **selector.metadata,
        "type": "selector",
        "strategy": selector.strategy,
        "targets": list(selector.targets),
    }
    if selector.strategy == "spillover":
        meta["spillover"] = selector.settings.spillover
    considered = selector.targets[:1] if selector.strategy == "pin" else selector.targets
    loaded = any(_up(services.config, services, target) for target in considered)
    return _record(selector_id, created, selector.name, selector.description, meta, loaded=loaded)


def _up(config: Config, services: Services, name: str) -> bool:
    model = config.names.local(name)
    return model is not None and services.engine.state(model) in {State.STARTING, State.READY}


def _record(
    record_id: str,
    created: int,
    name: str,
    description: str,
    meta: Mapping[str, Any],
    *,
    loaded: bool,
) -> Record:
    record: Record = {
        "id": record_id,
        "object": "model",
        "created": created,
        "owned_by": OWNER,
        "meta": {"llamaswap": dict(meta)},
        "status": {"value": "loaded" if loaded else "unloaded"},
    }
    if name.strip():
        record["name"] = name.strip()
    if description.strip():
        record["description"] = description.strip()
    return record


def _add_capabilities(record: Record, capabilities: Capabilities) -> None:
    goes_in, comes_out = capabilities.in_, capabilities.out
    architecture: Record = {}
    if goes_in:
        architecture["input_modalities"] = list(goes_in)
    if comes_out:
        architecture["output_modalities"] = list(comes_out)
    if goes_in and comes_out:
        architecture["modality"] = f"{'+'.join(goes_in)}->{'+'.join(comes_out)}"
    if capabilities.tools:
        record["supported_parameters"] = ["tools", "tool_choice"]
    if architecture:
        record["architecture"] = architecture
    if abilities := abilities_of(capabilities):
        record["capabilities"] = abilities
    if capabilities.context:
        record["context_length"] = record["meta"]["n_ctx"] = capabilities.context
