"""What keeps hotbay from serving (spec/cli.md 1); what it does once it serves is for journeys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.journeys.program import Program

CONFIG = "models:\n  a: {cmd: 'serve ${PORT}'}\n"


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_certificate_that_cannot_be_used_is_named_with_its_key_and_nothing_stays(
    tmp_path: Path, content: str | None
) -> None:
    config, cert, key = (tmp_path / name for name in ("config.yaml", "cert.pem", "key.pem"))
    config.write_text(CONFIG)
    for file in (cert, key):
        if content is not None:
            file.write_text(content)
    files = ["-tls-cert-file", str(cert), "-tls-key-file", str(key)]
    program = Program(["-config", str(config), "-listen", "127.0.0.1:0", *files])
    assert program.wait() == 1
    assert re.fullmatch(
        rf"\S+ \S+ ERROR cannot serve 127\.0\.0\.1:0 with {cert} and {key}: .+", program.output
    )
    assert program.family() == set()
