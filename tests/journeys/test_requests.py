"""Bad requests, keys, hosts and TLS at the whole program."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.journeys.conftest import Answer, Configure, connect, get, post
from tests.journeys.program import serving
from tests.lane.identities import certify


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"model": "a"', 400, ""),
        (b"not json", 400, ""),
        (b'{"messages": []}', 404, "no model id could be identified"),
        (b'{"model": ""}', 404, "no model id could be identified"),
        (b'{"model": "ghost"}', 404, "no router for requested model"),
        (b'{"model": "a", "pad": "' + b"x" * 3000 + b'"}', 413, "limits.body"),
    ],
)
def test_a_bad_request_is_refused_before_anything_starts(
    configure: Configure, tmp_path: Path, body: bytes, status: int, message: str
) -> None:
    with serving(configure({"limits": {"body": 2048}}, a={}), tmp_path) as (program, url):
        answer = post(url, body)
        assert answer.status == status
        assert message in answer.error
        assert "a: starting" not in program.output


def test_keys_are_asked_for_on_both_planes(configure: Configure, tmp_path: Path) -> None:
    with serving(configure({"apiKeys": ["secret-key"]}, a={}), tmp_path) as (program, url):
        assert get(url, "/health").status == 200
        assert get(url, "/running").status == 401
        refused = post(url, "a")
        assert refused.status == 401
        assert refused.error == "unauthorized: invalid or missing API key"
        connection = connect(url)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer secret-key"}
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": "a"}), headers)
        assert Answer(connection.getresponse()).status == 200
        connection.close()
        assert "secret-key" not in program.output


def test_a_foreign_name_for_this_machine_is_refused(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (_, url):
        connection = connect(url)
        connection.request("GET", "/running", headers={"Host": "evil.example"})
        answer = Answer(connection.getresponse())
        connection.close()
        assert answer.status == 403
        assert "access.allowedHosts" in answer.error


def test_tls_with_a_certificate_of_ones_own(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(tmp_path, monkeypatch, "IP:127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    flags = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    with serving(configure(a={}), tmp_path, *flags) as (_, url):
        assert url.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificate))
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(
            str(parts.hostname), parts.port, context=context, timeout=60
        )
        body = json.dumps({"model": "a"})
        connection.request("POST", "/v1/messages", body, {"Content-Type": "application/json"})
        assert Answer(connection.getresponse()).json["model"] == "a"
        connection.close()
