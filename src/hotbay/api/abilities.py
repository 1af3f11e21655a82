"""What a model can do, in the words of llama-swap (spec/http-api.md 6)."""

from __future__ import annotations

from hotbay.config.model import Capabilities

_ABILITIES = (
    ("vision", "image", None),
    ("audio_transcriptions", "audio", "text"),
    ("audio_speech", "text", "audio"),
    ("image_generation", "text", "image"),
    ("image_to_image", "image", "image"),
)
"""Name of an ability, and what goes in and comes out of a model that has it."""


def abilities_of(capabilities: Capabilities) -> dict[str, bool]:
    """Return what a model can do, by the names of llama-swap's user interface."""
    goes_in, comes_out = capabilities.in_, capabilities.out
    abilities = {
        name: True
        for name, needs, gives in _ABILITIES
        if needs in goes_in and (gives is None or gives in comes_out)
    }
    if capabilities.tools:
        abilities["function_calling"] = True
    if capabilities.reranker:
        abilities["reranker"] = True
    return abilities
