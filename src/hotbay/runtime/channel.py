"""The line between hotbay and its warden: JSON messages and file descriptors over a Unix socket.

Owns one end of the socketpair and what is under way on it. A message is a four-byte length and a
JSON object; a descriptor travels beside it by SCM_RIGHTS (unix(7)), in order. Neither side ever
blocks on the other. Imports nothing but a little of the standard library, for the warden's sake.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:  # at run time it would cost the warden 0.7 MB
    from typing import Any

HEADER = struct.Struct("!I")


class Channel:
    """One end of the socketpair: messages and descriptors in order, never blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self.sock = sock
        self.ended = False
        self._received = bytearray()
        self._descriptors: deque[int] = deque()
        self._unsent: deque[tuple[bytes, int | None]] = deque()

    def send(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        """Send a message and give away the descriptor; what the socket does not take waits."""
        body = json.dumps(message | {"descriptor": descriptor is not None}).encode()
        self._unsent.append((HEADER.pack(len(body)) + body, descriptor))
        self.flush()

    @property
    def pending(self) -> bool:
        """Whether `flush` has to be called once the socket is writable."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Send what the socket takes; to a peer that has gone, everything is dropped."""
        while self._unsent:
            data, descriptor = self._unsent[0]
            rights = [] if descriptor is None else [struct.pack("i", descriptor)]
            try:
                sent = self.sock.sendmsg(
                    [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, right) for right in rights]
                )
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                sent = len(data)
            if descriptor is not None:
                os.close(descriptor)
            self._unsent.popleft()
            if sent < len(data):
                self._unsent.appendleft((data[sent:], None))

    def receive(self) -> Iterator[tuple[dict[str, Any], int | None]]:
        """Take what has arrived; afterwards `ended` says whether the peer has gone."""
        self._fill()
        while len(self._received) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            message = json.loads(self._received[HEADER.size : end])
            del self._received[:end]
            yield message, self._descriptors.popleft() if message["descriptor"] else None

    def _fill(self) -> None:
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        while not self.ended:
            try:
                data, rights, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(4 * 16), flags)
            except BlockingIOError:
                return
            except ConnectionResetError:  # the peer died with messages unread
                data, rights = b"", []
            for _, _, packed in rights:
                for (descriptor,) in struct.iter_unpack("i", packed):
                    os.set_inheritable(descriptor, False)  # noqa: FBT003  # positional only
                    self._descriptors.append(descriptor)
            self._received += data
            self.ended = not data

    def close(self) -> None:
        """Close the socket and every descriptor under way."""
        self.sock.close()
        for descriptor in [*self._descriptors, *(d for _, d in self._unsent if d is not None)]:
            os.close(descriptor)
        self._descriptors.clear()
        self._unsent.clear()
