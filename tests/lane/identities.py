"""Certificates for servers in tests."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Identity = Callable[[str], ssl.SSLContext]
"""Makes the TLS settings of a server with a trusted certificate for names of openssl's form."""


def certify(folder: Path, monkeypatch: pytest.MonkeyPatch, names: str) -> ssl.SSLContext:
    """Make an `Identity`'s settings, with the first two arguments bound by a fixture."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={names}",
         "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
