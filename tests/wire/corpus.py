"""The corpus: raw requests, and beside each what must become of it.

A `.http` file holds the bytes with backslash escapes; its own line ends do not count.
`{{TEXT*N}}` stands for N times TEXT. The `.toml` file beside it says:

    why        what the case is about
    statuses   of the responses, in order
    closes     whether the server closes the connection after them
    forwarded  what the model server got: method, target, body
    reached    paths the application was asked for
    without    headers that neither of them may see
    says       a part of the last response's body
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_REPEATED = re.compile(rb"\{\{(.+?)\*(\d+)\}\}", re.DOTALL)


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    why: str
    statuses: tuple[int, ...]
    closes: bool
    forwarded: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    says: str = ""


def cases(kind: str) -> list[Case]:
    """Return the cases of `valid` or `invalid`."""
    return [_read(file) for file in sorted((HERE / kind).glob("*.http"))]


def _read(file: Path) -> Case:
    expected = tomllib.loads(file.with_suffix(".toml").read_text())
    return Case(
        name=file.stem,
        data=_unescaped(file.read_text()),
        **{key: tuple(v) if isinstance(v, list) else v for key, v in expected.items()},
    )


def _unescaped(text: str) -> bytes:
    joined = text.replace("\n", "").encode("latin-1")
    data = joined.decode("unicode_escape").encode("latin-1")
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), data)


SEGMENTATIONS = ("whole", "bytes", "random-1", "random-2", "random-3")


def segments(data: bytes, how: str) -> list[bytes]:
    """Cut the bytes of a case; long ones into pieces rather than bytes."""
    if how == "whole":
        return [data]
    if how == "bytes":
        size = 1 if len(data) <= 2000 else len(data) // 100
        return [data[at : at + size] for at in range(0, len(data), size)]
    chance = random.Random(how + str(len(data)))
    cuts = sorted(chance.sample(range(1, len(data)), min(8, len(data) - 1)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
