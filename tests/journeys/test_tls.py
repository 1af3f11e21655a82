"""TLS with a certificate of one's own, and its renewal while clients are connected."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.journeys.conftest import Answer, Configure, connect
from tests.journeys.program import Program, serving
from tests.lane.identities import certify


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Make a certificate and its key."""
    certify(tmp_path, monkeypatch, "IP:127.0.0.1")
    return tmp_path / "cert.pem", tmp_path / "key.pem"


@pytest.fixture
def served(
    configure: Configure, files: tuple[Path, Path], tmp_path: Path
) -> Iterator[tuple[Program, str]]:
    flags = ("--tls-cert-file", str(files[0]), "--tls-key-file", str(files[1]))
    with serving(configure(a={}), tmp_path, *flags) as started:
        yield started


def secure(url: str, certificate: Path) -> http.client.HTTPSConnection:
    """Return a connection of a client who trusts this certificate alone."""
    context = ssl.create_default_context(cafile=str(certificate))
    parts = urlsplit(url)
    return http.client.HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=60)


def ask(connection: http.client.HTTPConnection, query: str = "") -> http.client.HTTPResponse:
    body = json.dumps({"model": "a"})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/v1/messages?{query}", body, headers)
    return connection.getresponse()


def shown(url: str) -> str:
    """Return the certificate that a new connection gets to see."""
    parts = urlsplit(url)
    return ssl.get_server_certificate((str(parts.hostname), parts.port or 0))


def test_tls_with_a_certificate_of_ones_own(
    served: tuple[Program, str], files: tuple[Path, Path]
) -> None:
    _, url = served
    assert url.startswith("https://")
    connection = secure(url, files[0])
    assert Answer(ask(connection)).json["model"] == "a"
    connection.close()
    plain = connect(url)
    plain.request("GET", "/running")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        plain.getresponse()


def test_a_reload_renews_the_certificate_and_breaks_no_connection(
    served: tuple[Program, str],
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, url = served
    idle, busy = secure(url, files[0]), secure(url, files[0])
    Answer(ask(idle))
    stream = ask(busy, "events=5&hold=1")
    old = shown(url)
    certify(tmp_path, monkeypatch, "IP:127.0.0.1")
    assert shown(url) == old
    program.process.send_signal(signal.SIGHUP)
    program.wait_for("configuration reloaded")
    assert shown(url) == files[0].read_text() != old
    fresh = secure(url, files[0])
    assert Answer(ask(fresh)).json["model"] == "a"
    assert Answer(ask(idle, "release=1")).json["model"] == "a"
    rest = Answer(stream)
    assert rest.whole
    assert rest.body.count(b"data: ") == 5
    for connection in (idle, busy, fresh):
        connection.close()


def test_files_that_do_not_fit_change_nothing_and_the_log_names_them(
    served: tuple[Program, str],
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, url = served
    old, key = shown(url), files[1].read_text()
    certify(tmp_path, monkeypatch, "IP:127.0.0.1")
    new_key = files[1].read_text()
    for bad in (key, "no key", None):
        if bad is None:
            files[1].unlink()
        else:
            files[1].write_text(bad)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for(rf"\[WARN\] failed to reload certificate from {files[0]} and {files[1]}: ")
        program.wait_for("configuration reloaded")
        assert shown(url) == old
    files[1].write_text(new_key)
    # A mistake in the configuration does not hold the certificate up.
    (tmp_path / "config.yaml").write_text("models: [")
    program.process.send_signal(signal.SIGHUP)
    program.wait_for("failed to reload config")
    assert shown(url) == files[0].read_text() != old


def test_a_load_test_reaches_a_server_with_tls(
    served: tuple[Program, str], files: tuple[Path, Path]
) -> None:
    connection = secure(served[1], files[0])
    body = json.dumps({"model": "a", "prompt": "Hello", "requests": 3, "concurrency": 3})
    connection.request("POST", "/api/x/loadtest", body)
    answer = Answer(connection.getresponse())
    assert answer.body.count(b"event: request\n") == 3
    assert b'"requests":3,"failed":0' in answer.body.rpartition(b"event: result\n")[2]
    connection.close()
