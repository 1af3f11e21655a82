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

from hotbay.activity.headers import shown_headers
from hotbay.activity.recording import Headers

LEVEL = 1
"""Of zstandard: above this the texts of models get little smaller, and the work much more."""

SMALL = 4 << 10
"""Bytes below which a capture stays as it is: compressing it would be half of what it costs."""


class Capture(msgspec.Struct, frozen=True, array_like=True):
    """A request and its answer, secrets in the headers left out.

    Attributes:
        path: as in the row.
        request_headers: as forwarded, by canonical name.
        request_body: as forwarded, after filters; None if it is not kept.
        response_headers: by canonical name, without `Content-Encoding`.
        response_body: uncompressed; None if it is not kept.
    """

    path: str
    request_headers: dict[str, str]
    request_body: bytes | None
    response_headers: dict[str, str]
    response_body: bytes | None


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
    shown = shown_headers(response_headers)
    shown.pop("Content-Encoding", None)
    return Capture(
        path,
        shown_headers(request_headers),
        request_body if parts.request_body else None,
        shown,
        response_body if parts.response_body and good else None,
    )


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
        self._encode = msgspec.msgpack.Encoder().encode
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

    def keep(self, number: int, capture: Capture) -> None:
        """Keep a capture under the number of its row; one that is too large is not kept."""
        data = self._encode(capture)
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
        return self._compress(data)

    def _make_room(self, size: int) -> None:
        while self._kept and self.size + size > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self.size -= len(oldest)
