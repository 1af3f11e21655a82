"""The configuration as the rest of the program sees it: normalised, names resolved, immutable."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field

from hotbay.config.names import Names, build_names
from hotbay.config.settings.base import Frozen, Strings, no_entries
from hotbay.config.settings.model import Capabilities, Filters, ModelSettings, Timeouts
from hotbay.config.settings.peer import PeerConfig
from hotbay.config.settings.routing import ProfileConfig, SelectorConfig
from hotbay.config.settings.top import TopSettings

__all__ = [
    "Capabilities",
    "Config",
    "Filters",
    "ModelConfig",
    "PeerConfig",
    "ProfileConfig",
    "SelectorConfig",
    "Timeouts",
]


class ModelConfig(ModelSettings):
    """One model with every value effective: inherited, filled in, and checked.

    Attributes:
        id: the model's ID.
        fingerprint: equal for two configurations exactly if the model server need not be
            restarted when one replaces the other (design 7.5).
        port: the port assigned for `${PORT}`, None if the command does not ask for one.
        argv: `cmd` as arguments; empty if there is no command.
        stop_argv: `cmdStop` as arguments, with `${PID}` in it; empty if there is none.
    """

    id: str = ""
    fingerprint: str = ""
    port: int | None = None
    argv: Strings = ()
    stop_argv: Strings = ()
    send_loading_state: bool = False


class Config(TopSettings):
    """A whole configuration, ready for use (spec/config.md 12).

    `routing.router.use` is `group` or `matrix`; the groups include `(default)`, and the
    settings of the other router are gone. All names in groups, priorities and preload
    are model IDs. The old places of groups and matrix are empty.
    """

    models: Frozen[ModelConfig] = Field(default_factory=no_entries)

    @cached_property
    def names(self) -> Names:
        """Which model a name means."""
        return build_names(
            {model.id: model.aliases for model in self.models.values()},
            {peer_id: peer.models for peer_id, peer in self.peers.items()},
        )
