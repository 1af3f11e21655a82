"""The list of models as llama-swap's messages have it (spec/events-and-logs.md 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotbay.api.abilities import abilities_of
from hotbay.config.model import Config, ModelConfig
from hotbay.core.states import State


def model_status(config: Config, states: Mapping[str, State]) -> list[dict[str, Any]]:
    """Return all local models, then those of the peers, each sorted by ID."""
    peers = sorted(
        (f"{peer_id}/{name}", peer_id)
        for peer_id, peer in config.peers.items()
        for name in dict.fromkeys(peer.models)
    )
    return [
        *(
            _local(model, states.get(model_id, State.STOPPED))
            for model_id, model in sorted(config.models.items())
        ),
        *(
            {
                "id": name,
                "name": "",
                "description": "",
                "state": "",
                "unlisted": False,
                "peerID": peer_id,
            }
            for name, peer_id in peers
        ),
    ]


def _local(model: ModelConfig, state: State) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "state": state.value,
        "unlisted": model.unlisted,
        "peerID": "",
    }
    if model.aliases:
        entry["aliases"] = list(model.aliases)
    if abilities := abilities_of(model.capabilities):
        entry["capabilities"] = abilities
    if model.capabilities.context:
        entry["context_length"] = model.capabilities.context
    return entry
