"""The aliases of all models, explicit and automatic (spec/config.md 6)."""

from __future__ import annotations

from collections.abc import Mapping

from hotbay.config.findings import Findings
from hotbay.config.settings.model import ModelSettings


def all_aliases(
    models: Mapping[str, ModelSettings], findings: Findings
) -> Mapping[str, tuple[str, ...]]:
    """Return every model's aliases; an alias of two models is reported, and the first has it."""
    owners: dict[str, str] = {}
    aliases: dict[str, list[str]] = {model_id: [] for model_id in models}
    for model_id, model in models.items():
        for index, alias in enumerate(model.aliases):
            path = ("models", model_id, "aliases", index)
            if alias in owners:
                owner = owners[alias]
                whose = "this model" if owner == model_id else f"the model {owner!r}"
                findings.error(path, f"{alias!r} is already an alias of {whose}")
                continue
            if alias in models:
                findings.warn(path, f"{alias!r} is the ID of a model, so the alias has no effect")
            owners[alias] = model_id
            aliases[model_id].append(alias)
    for model_id in sorted(models):
        for name in models[model_id].filters.set_params_by_id:
            key_path = ("models", model_id, "filters", "setParamsByID", name)
            if name == model_id or owners.get(name) == model_id:
                continue
            if name in models:
                findings.error(key_path, f"{name!r} is the ID of another model")
            elif name in owners:
                findings.error(key_path, f"{name!r} is an alias of the model {owners[name]!r}")
            else:
                owners[name] = model_id
                aliases[model_id].append(name)
    return {model_id: tuple(names) for model_id, names in aliases.items()}
