"""Which model a name means (spec/config.md 6, spec/request-pipeline.md 3).

Owns the lookup tables. A name is compared as a whole and with its case; a model's ID
wins over an alias, a local name over a peer's, `<peer>/<model>` over a bare name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Names:
    """Lookup tables of one configuration.

    Attributes:
        locals: model ID by ID and by alias.
        peers: peer and the peer's own name for the model, by `<peer>/<model>`, and by
            bare name where only one peer has it.
        qualified: the names of the form `<peer>/<model>`.
    """

    locals: Mapping[str, str]
    peers: Mapping[str, tuple[str, str]]
    qualified: frozenset[str]

    def local(self, name: str) -> str | None:
        """Return the ID of the local model that a name means."""
        return self.locals.get(name)

    def peer(self, name: str) -> tuple[str, str] | None:
        """Return the peer and its model that a name means; a local model of that name wins."""
        return self.peers.get(name)

    def base(self, name: str) -> str | None:
        """Return the model ID or the `<peer>/<model>` that a name means, None if nothing.

        Profiles and selectors are not looked at.
        """
        model = self.local(name)
        if model is not None:
            return model
        peer = self.peer(name)
        return qualified_name(*peer) if peer else None

    def longest_local_prefix(self, path: str) -> tuple[str, str] | None:
        """Return the model ID that the longest leading part of a path means, and the rest.

        The path is decoded and may begin with a slash; parts end at slashes. The rest is
        empty or begins with a slash.
        """
        return _longest_prefix(path, self.local)

    def longest_base_prefix(self, path: str) -> tuple[str, str] | None:
        """Return what the longest leading part of a path means as `base` says, and the rest."""
        return _longest_prefix(path, self.base)


def qualified_name(peer: str, model: str) -> str:
    """Return the name of a peer's model that is never ambiguous."""
    return f"{peer}/{model}"


def build_names(
    aliases: Mapping[str, tuple[str, ...]], peers: Mapping[str, tuple[str, ...]]
) -> Names:
    """Return the tables for models with their aliases and peers with their models.

    Where a configuration gives one name to several things, the first counts.
    """
    local = {model_id: model_id for model_id in aliases}
    for model_id, names in aliases.items():
        for alias in names:
            local.setdefault(alias, model_id)
    offers: dict[str, list[tuple[str, str]]] = {}
    full: dict[str, tuple[str, str]] = {}
    for peer, models in peers.items():
        for model in models:
            full.setdefault(qualified_name(peer, model), (peer, model))
            offers.setdefault(model, []).append((peer, model))
    bare = {model: who[0] for model, who in offers.items() if len(who) == 1}
    return Names(local, {**bare, **full}, frozenset(full))


def _longest_prefix(path: str, resolve: Callable[[str], str | None]) -> tuple[str, str] | None:
    """Try every leading part, shortest first; empty segments are skipped."""
    best = None
    name = ""
    end = 0
    for segment in path.split("/"):
        end += len(segment)
        if segment:
            name = f"{name}/{segment}" if name else segment
            found = resolve(name)
            if found is not None:
                best = found, path[end:]
        end += 1
    return best
