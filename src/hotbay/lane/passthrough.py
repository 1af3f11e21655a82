"""What requests to `/upstream/<model>/…` and `/comfyui/…` ask for (spec/http-api.md 8 and 9).

Decides from the head alone which model is meant, what of the path its server sees, and
whether the request may start it. Owns the compiled `upstream.ignorePaths`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from urllib.parse import quote, unquote_to_bytes

from hotbay.config.local_models import COMFYUI
from hotbay.config.model import Config
from hotbay.core.events import Mode
from hotbay.lane.gate import Denied, Redirect
from hotbay.lane.head import Head
from hotbay.lane.routes import ModelRoute, PassRoute, find_route

PinPath = Callable[[str], tuple[str, int] | None]
"""Finds in a decoded path the longest pin of the active profile, which ends where a segment does.

Returns its target and how many characters of the path it replaces (spec/request-pipeline.md 4.2).
"""

_SEPARATOR = re.compile(rb"/|%2[Ff]")
_UNKNOWN = Denied(404, "model not found")


@dataclass(frozen=True, slots=True)
class Passthrough:
    """A request that is forwarded as it came.

    Attributes:
        model: ID of the local model; of a peer's model, the peer's own name for it.
        peer: ID of the peer, empty for a local model.
        requested: the name found in the path, after a pin.
        path: what to ask the server for, escapes as sent, without the query.
        mode: how a local model takes part in scheduling.
        not_ready: what to tell with a 409 if the engine refuses with `Refusal.NOT_READY`;
            empty if the mode does not let it.
        route: the model route that method and path make up, None if they are none.
        renamed: names which a peer does not know; as the model of a body or query they are
            replaced by `model`. Empty for local models.
    """

    model: str
    peer: str
    requested: str
    path: bytes
    mode: Mode
    not_ready: str
    route: ModelRoute | None
    renamed: frozenset[str]

    @property
    def tracked(self) -> bool:
        """Whether it is listed while in flight (spec/http-api.md 8.5)."""
        return self.route is not None and self.mode is not Mode.UNTRACKED

    @property
    def recorded(self) -> bool:
        """Whether it makes an activity row."""
        return self.route is not None and self.route.recorded


class _Pattern(Protocol):
    def search(self, text: str) -> object | None: ...


class Passthroughs:
    """Finds out what pass-through requests ask for; made once per configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        names = config.names
        self._longest_name = max(map(len, [*names.locals, *names.peers]), default=0)

    def find(
        self, route: PassRoute, head: Head, *, upgrade: bool, pin_path: PinPath | None = None
    ) -> Passthrough | Redirect | Denied:
        """Say what a request becomes.

        Args:
            route: as the gate found it.
            head: of the request.
            upgrade: the client wants a websocket, and nothing stands against a tunnel.
            pin_path: the pins of the active profile; None if no profile is active.
        """
        if route.prefix == "comfyui":
            found = self._comfyui(route.rest, head, upgrade=upgrade)
        else:
            found = self._upstream(route.rest[1:], head, upgrade=upgrade, pin_path=pin_path)
        if isinstance(found, Passthrough) and found.route is None and route.objection:
            return Denied(403, route.objection)
        return found

    # -- /comfyui -----------------------------------------------------------------------------

    def _comfyui(
        self, rest: bytes, head: Head, *, upgrade: bool
    ) -> Passthrough | Redirect | Denied:
        if not rest:
            return _moved(b"/comfyui/", head)
        if COMFYUI not in self._config.models:
            return Denied(404, f"local model {COMFYUI} not found")
        if upgrade:
            mode, not_ready = Mode.UNTRACKED, no_websocket(COMFYUI)
        elif rest == b"/":
            mode, not_ready = Mode.NORMAL, ""
        else:
            mode = Mode.ONLY_IF_READY
            not_ready = f"model {COMFYUI} is not loaded; only /comfyui/ can start it"
        return Passthrough(COMFYUI, "", COMFYUI, rest, mode, not_ready, None, frozenset())

    # -- /upstream ----------------------------------------------------------------------------

    def _upstream(
        self, path: bytes, head: Head, *, upgrade: bool, pin_path: PinPath | None
    ) -> Passthrough | Redirect | Denied:
        pin, target = "", b""
        decoded = _text(path)
        if pin_path is not None and (pinned := pin_path(decoded)) is not None:
            name, length = pinned
            pin = decoded[:length]
            target = quote(name, safe="/").encode()
            path = target + path[_end_of(path, length) :]
            if not name:
                return _UNKNOWN
        found = self._longest_name_in(path)
        if found is None or found[1] < len(target):  # a selector may begin like a model
            return _UNKNOWN
        requested, end = found
        rest = path[end:]
        if not rest:
            return _moved(quote(f"/upstream/{requested}/", safe="/:@!$&'()*+,;=~").encode(), head)
        forwarded = b"/" + _SEPARATOR.sub(b"", rest, count=1)
        route = find_route(head.method, forwarded)
        local = self._config.names.local(requested)
        if local is not None:
            mode, not_ready = self._mode(local, forwarded, upgrade=upgrade)
            return Passthrough(local, "", requested, forwarded, mode, not_ready, route, frozenset())
        peer, model = self._config.names.peers[requested]
        renamed = frozenset({requested, pin} - {model, ""})
        return Passthrough(model, peer, requested, forwarded, Mode.NORMAL, "", route, renamed)

    def _longest_name_in(self, path: bytes) -> tuple[str, int] | None:
        """Return the longest known name that a path begins with, and where in it that ends."""
        names = self._config.names
        best, name = None, ""
        for segment, end in _segments(path):
            if not segment:
                continue
            name = f"{name}/{segment}" if name else segment
            if len(name) > self._longest_name:  # so that no path is looked at for long
                break
            if names.local(name) is not None or names.peer(name) is not None:
                best = name, end
        return best

    def _mode(self, model: str, path: bytes, *, upgrade: bool) -> tuple[Mode, str]:
        if upgrade and self._config.models[model].compat.ignore_websockets:
            return Mode.UNTRACKED, no_websocket(model)
        decoded = _text(path)
        if any(pattern.search(decoded) for pattern in self._ignored):
            problem = f"model {model} is not loaded; path matches upstream.ignorePaths"
            return Mode.ONLY_IF_READY, problem
        return Mode.NORMAL, ""

    @cached_property
    def _ignored(self) -> tuple[_Pattern, ...]:
        import re2  # noqa: PLC0415 - programs whose users never pass through do without

        return tuple(re2.compile(pattern) for pattern in self._config.upstream.ignore_paths)


def no_websocket(model: str) -> str:
    """Return what a websocket is told that may not start its model."""
    return f"model {model} is not loaded; ignored websocket requests cannot start it"


def _moved(location: bytes, head: Head) -> Redirect:
    """Return a redirect that browsers remember; the second status keeps method and body."""
    status = 301 if head.method in {b"GET", b"HEAD"} else 308
    return Redirect(location if head.query is None else b"%b?%b" % (location, head.query), status)


def _segments(path: bytes) -> Iterator[tuple[str, int]]:
    """Yield each decoded segment and where it ends; an encoded slash is one like any other."""
    start = 0
    for separator in _SEPARATOR.finditer(path):
        yield _text(path[start : separator.start()]), separator.start()
        start = separator.end()
    yield _text(path[start:]), len(path)


def _end_of(path: bytes, length: int) -> int:
    """Return where in a path its first `length` decoded characters end."""
    reached = -1
    for segment, end in _segments(path):
        reached += 1 + len(segment)
        if reached >= length:
            return end
    raise ValueError(f"{path!r} has no {length} characters")


def _text(path: bytes) -> str:
    return unquote_to_bytes(path).decode("utf-8", "replace")
