"""Which profile is active: at most one renames models (spec/request-pipeline.md 4).

Owns the selection. What a profile pins is the configuration's business; a reload that
keeps the profile keeps it active (design 7.5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hotbay.config.model import ProfileConfig

_NO_PINS: Mapping[str, str] = MappingProxyType({})


class ActiveProfile:
    """The selection, and what it does to names.

    Attributes:
        id: the active profile, None if there is none.
        pins: requested name to what is used instead, empty text if the name is blocked.
        on_change: called, after each change, with the new `id`.
    """

    def __init__(self, profiles: Mapping[str, ProfileConfig], log: Callable[[str], None]) -> None:
        """Begin without one; `log` takes a line for each change."""
        self.id: str | None = None
        self.pins = _NO_PINS
        self.on_change: list[Callable[[str | None], None]] = []
        self._profiles = profiles
        self._log = log

    def select(self, profile: str | None) -> bool:
        """Make a profile the active one, or none; false if it does not exist.

        What is active already stays so, and nobody is told.
        """
        if profile is not None and profile not in self._profiles:
            return False
        self.pins = _NO_PINS if profile is None else self._profiles[profile].pins
        if profile != self.id:
            self.id = profile
            self._log(f'active profile changed to "{profile or ""}"')
            for tell in self.on_change:
                tell(profile)
        return True

    def configure(self, profiles: Mapping[str, ProfileConfig]) -> None:
        """Go on under another configuration, without a profile if it does not have this one."""
        self._profiles = profiles
        self.select(self.id if self.id in profiles else None)

    def pin(self, name: str) -> str | None:
        """Return what is used instead of a name, empty if it is blocked; None: it stays."""
        return self.pins.get(name)

    def pin_path(self, path: str) -> tuple[str, int] | None:
        """Return what is used instead of the first part of a path, and where its rest begins.

        The path is decoded and has no slash at its beginning. The longest pin counts that is
        the path or that a slash follows; None if there is none.
        """
        found = [pin for pin in self.pins if path == pin or path.startswith(f"{pin}/")]
        if not found:
            return None
        longest = max(found, key=len)
        return self.pins[longest], len(longest)
