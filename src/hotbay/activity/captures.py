"""Requests and answers kept for a while to be looked at (spec/request-pipeline.md 10).

`Captures` owns them: in memory, large ones compressed, bounded; the oldest make room for the
newest. Any thread may use it. What one consists of depends on the route; `capture_of` decides.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from hotbay.activity.headers import shown_headers, without_secrets
from hotbay.activity.recording import Headers

LEVEL = 1
"""Of zstandard: above this the texts of models get little smaller, and the work much more."""

SMALL = 4 << 10
"""Bytes below which a capture stays as it is: compressing it would be half of what it costs."""


class Capture(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A request and its answer, secrets in the headers left out.

    Attributes:
        path: as in the row.
        request: headers as forwarded, names in lower case.
        request_body: as forwarded, after filters; None if it is not kept.
        response: headers as answered, names in lower case.
        response_body: uncompressed; None if it is not kept.
    """

    path: str
    request: list[tuple[bytes, bytes]]
    request_body: bytes | None
    response: list[tuple[bytes, bytes]]
    response_body: bytes | None

    @property
    def request_headers(self) -> dict[str, str]:
        """The request's headers, by canonical name."""
        return shown_headers(self.request)

    @property
    def response_headers(self) -> dict[str, str]:
        """The answer's headers, by canonical name; the encoding has been undone."""
        shown = shown_headers(self.response)
        shown.pop("Content-Encoding", None)
        return shown


class Parts(NamedTuple):
    """Which bodies a route's captures keep; both headers they all do."""

    request_body: bool
    response_body: bool


_COMPRESSED = b"\x28\xb5\x2f\xfd"  # as every frame of zstandard begins (RFC 8878), and no array
_PARTS = {
    "/v1/audio/speech": Parts(request_body=True, response_body=False),
    "/v1/audio/voices": Parts(request_body=False, response_body=True),
    "/v1/audio/transcriptions": Parts(request_body=False, response_body=True),
    "/v1/images/generations": Parts(request_body=True, response_body=False),
    "/v1/images/edits": Parts(request_body=False, response_body=False),
    "/sdapi/v1/txt2img": Parts(request_body=True, response_body=False),
    "/sdapi/v1/img2img": Parts(request_body=False, response_body=False),
}
_EVERYTHING = Parts(request_body=True, response_body=True)


def parts_of(asked_path: str) -> Parts:
    """Return which bodies to keep for a path as requested, of `/upstream/…` what is behind."""
    return _PARTS.get(asked_path, _EVERYTHING)


def capture_of(
    *,
    asked_path: str,
    path: str,
    status: int,
    request_headers: Headers,
    request_body: bytes | None,
    response_headers: Headers,
    response_body: bytes,
) -> Capture | None:
    """Return what to keep of a request; None: nothing.

    Args:
        asked_path: as requested; of `/upstream/…` the part after the model's name.
        path: as forwarded.
        status: of the answer; the body of a failure is not kept.
        request_headers: as forwarded.
        request_body: as forwarded; None if it was not held in memory.
        response_headers: as the client got them.
        response_body: uncompressed. What could not be uncompressed makes no capture.
    """
    good = 200 <= status < 300
    if good and not response_body:
        return None
    parts = parts_of(asked_path)
    return Capture(
        path,
        without_secrets(request_headers),
        request_body if parts.request_body else None,
        without_secrets(response_headers),
        response_body if parts.response_body and good else None,
    )


packed = msgspec.msgpack.Encoder().encode
"""Turns a capture into what is kept of it: one object instead of dozens."""


class Captures:
    """The captures there are, by the number of their row."""

    def __init__(self, limit: int) -> None:
        """Begin without any; they may take `limit` bytes, as they are kept."""
        self.size = 0
        """Bytes in use."""
        self._limit = limit
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._compress: Callable[[bytes], bytes] | None = None
        self._decode = msgspec.msgpack.Decoder(Capture).decode

    @property
    def limit(self) -> int:
        """Bytes that they may take; 0: there are none."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        with self._lock:
            self._limit = limit
            self._make_room(0)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, number: object) -> bool:
        return number in self._kept

    def keep(self, number: int, data: bytes) -> None:
        """Keep a `packed` capture under the number of its row, unless it is too large."""
        with self._lock:
            if len(data) >= SMALL:
                data = self._compressed(data)
            if len(data) <= self._limit:
                self._make_room(len(data))
                self._kept[number] = data
                self.size += len(data)

    def get(self, number: int) -> Capture | None:
        """Return a capture, None if there is none. Large ones take a while to unpack."""
        data = self._kept.get(number)
        if data is None:
            return None
        if data.startswith(_COMPRESSED):
            from zstandard import ZstdDecompressor  # noqa: PLC0415 - see `_compressed`

            data = ZstdDecompressor().decompress(data)
        return self._decode(data)

    def _compressed(self, data: bytes) -> bytes:
        if self._compress is None:
            # Takes its time to load, for nothing where captures are off.
            from zstandard import ZstdCompressor  # noqa: PLC0415 - see above

            self._compress = ZstdCompressor(LEVEL).compress
        # What it returns is short, but keeps all the room that the longest result would have had.
        return bytes(memoryview(self._compress(data)))

    def _make_room(self, size: int) -> None:
        while self._kept and self.size + size > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self.size -= len(oldest)
