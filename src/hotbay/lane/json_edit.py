"""Changes single members of a JSON object and leaves everything else as it is written.

An `ObjectEdit` decodes only the objects and lists that a path leads through, level by
level; whatever no path names keeps its bytes (numbers all their digits, strings their
escapes) and its place. Paths are those of spec/request-pipeline.md 7.1.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec

from hotbay.lane.json_object import Members, decode_object

Path = tuple[str, ...]
Object = dict[str, Any]
List = list[Any]
"""Their items are `msgspec.Raw`, or objects and lists that have been opened."""

_APPEND = "-1"
_PART = re.compile(r"(?:\A|\.)((?:[^.\\]|\\.?)*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_INDEX = re.compile(r"[0-9]{1,9}")
_elements = msgspec.json.Decoder(list[msgspec.Raw])


class PathError(ValueError):
    """A path leads nowhere in this object; the message says where it ends."""


def parse_path(text: str) -> Path:
    """Split a path at its dots; a backslash takes the next character literally."""
    return tuple(_ESCAPED.sub(r"\1", part) for part in _PART.findall(text))


class ObjectEdit:
    """One object being changed.

    Attributes:
        changed: what `encode` returns differs from what was decoded in more than blanks.
    """

    __slots__ = ("_root", "changed")

    def __init__(self, members: Members) -> None:
        """Work on a copy of `members`."""
        self.changed = False
        self._root: Object = dict(members)

    def set(self, path: Path, value: msgspec.Raw) -> None:
        """Set a member, making what leads to it.

        In objects a member of that name is replaced or appended. In lists a part is an
        index; the one behind the last element, or `-1`, appends. What is missing, or
        neither object nor list, becomes an object, or a list if `-1` follows.

        Raises:
            PathError: a part is no index of the list it meets.
        """
        self.changed = True
        container: Object | List = self._root
        for part, following in pairwise(path):
            inner = None if _appends(container, part) else self._open(container, part)
            if inner is None:
                inner = [] if following == _APPEND else {}
                _put(container, part, inner)
            container = inner
        _put(container, path[-1], value)

    def delete(self, path: Path) -> None:
        """Delete a member; `-1` is the last element of a list. None need be there."""
        container: Object | List = self._root
        for part in path[:-1]:
            inner = self._open(container, part)
            if inner is None:
                return
            container = inner
        key: Any = _key(container, path[-1])
        if key is not None:
            del container[key]
            self.changed = True

    def encode(self) -> bytes:
        """Return the object as JSON text."""
        return msgspec.json.encode(self._root)

    def _open(self, container: Object | List, part: str) -> Object | List | None:
        """Return what is at a place, decoded there one level deep if it was not yet.

        None: nothing is there, or neither an object nor a list.
        """
        key: Any = _key(container, part)
        if key is None:
            return None
        item: msgspec.Raw | Object | List = container[key]
        if not isinstance(item, msgspec.Raw):
            return item
        opened: Object | List
        match memoryview(item)[:1].tobytes():
            case b"{":
                opened, repeated = decode_object(bytes(item))
                self.changed |= bool(repeated)
            case b"[":
                opened = _elements.decode(item)
            case _:
                return None
        container[key] = opened
        return opened


def _key(container: Object | List, part: str) -> str | int | None:
    """Return under which key of a container a part is, None if it is not there."""
    if isinstance(container, dict):
        return part if part in container else None
    index = len(container) - 1 if part == _APPEND else _index(part)
    return index if 0 <= index < len(container) else None


def _put(container: Object | List, part: str, item: msgspec.Raw | Object | List) -> None:
    if isinstance(container, dict):
        container[part] = item
        return
    index = len(container) if part == _APPEND else _index(part)
    if index < 0:
        raise PathError(f"a list is in the way, and {part!r} is no index")
    if index > len(container):
        raise PathError(f"a list has only {len(container)} elements, none at {part}")
    container[index : index + 1] = [item]


def _appends(container: Object | List, part: str) -> bool:
    return part == _APPEND and isinstance(container, list)


def _index(part: str) -> int:
    """Return the index that a part writes, -1 if it is another word."""
    return int(part) if _INDEX.fullmatch(part) else -1
