"""The certificate that clients are shown; it can be replaced while they are connected.

OpenSSL asks at the beginning of each handshake which context to take the certificate from
(RFC 6066 3 is what that is for; it asks also if the client names no host). So a new one is read
into a context of its own, and counts only if it is whole.
"""

from __future__ import annotations

import ssl
from pathlib import Path


class Certificate:
    """What is in two PEM files."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        """Read them; `key` is None if the private key is in the file of the certificate.

        Raises:
            OSError: they cannot be read, or do not fit together.
        """
        self._files = certificate, key
        self._newest = self._read()
        self._listening = self._read()
        self._listening.sni_callback = self._show

    @property
    def context(self) -> ssl.SSLContext:
        """What a listener needs; it stays the same."""
        return self._listening

    def reload(self) -> None:
        """Read the files again; connections that exist are not touched.

        Raises:
            OSError: as at the beginning; what was read before goes on.
        """
        self._newest = self._read()

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(*self._files, password="")
        return context

    def _show(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._newest
