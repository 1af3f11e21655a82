"""The embedded engine as a process: signals, exit statuses, and what it says when it cannot run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.llamacpp.running import ENGINE, PATIENCE, Running

Start = Callable[..., Running]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SIGNALS = [signal.SIGTERM, signal.SIGINT]
ENDLESS = ("--context-shift", "--ignore-eos", "-c", "512", "-np", "1")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ENGINE, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@contextlib.contextmanager
def stream(server: Running) -> Iterator[Iterator[bytes]]:
    """An endless answer, of which the first piece has come."""
    body = {"prompt": "I", "stream": True, "n_predict": -1}
    with server.ask("/completion", body) as response:
        assert response.readline().startswith(b"data: ")
        yield response


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A model file that llama.cpp waits for, as nobody writes to it."""
    path = tmp_path / "pipe.gguf"
    os.mkfifo(path)
    return path


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_it_in_good_order(
    start: Start, models: dict[str, Path], number: signal.Signals
) -> None:
    server = start("-m", str(models["alpha"]), "--port", "0").ready()
    assert server.json("/health") == {"status": "ok"}
    server.send(number)
    assert server.ended() == 0


def test_an_idle_connection_does_not_hold_it(start: Start, models: dict[str, Path]) -> None:
    server = start("-m", str(models["alpha"]), "--port", "0").ready()
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/health")
        connection.getresponse().read()
        server.send(signal.SIGTERM)
        assert server.ended() == 0


def test_a_client_that_reads_a_stream_does_not_hold_it(
    start: Start, models: dict[str, Path]
) -> None:
    server = start("-m", str(models["alpha"]), "--port", "0", *ENDLESS).ready()
    with stream(server):
        server.send(signal.SIGTERM)
        assert server.ended() == 0


def test_it_answers_503_while_the_model_loads(start: Start, pipe: Path, free_port: int) -> None:
    server = start("-m", str(pipe), "--port", str(free_port))
    server.wait_for("loading model")
    for path in ("/health", "/v1/models"):
        with server.ask(path, port=free_port) as response:
            assert response.status == 503
            assert json.loads(response.read())["error"]["message"] == "Loading model"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_load_ends_it_at_once(
    start: Start, pipe: Path, number: signal.Signals
) -> None:
    server = start("-m", str(pipe), "--port", "0")
    server.wait_for("loading model")
    server.send(number)
    assert server.ended() == -number


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--model is missing: which GGUF file? (-h lists the options)"),
        (("-m", "nowhere.gguf"), "-m: no such file or directory: 'nowhere.gguf'"),
        (("-m", __file__), f"-m: '{__file__}' is not a GGUF file"),
        (("--prot", "1"), "invalid argument: --prot (did you mean --port?)"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: tuple[str, ...], reason: str) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stderr) == (1, f"error: {reason}\n")


def check_told(server: Running, reason: str) -> None:
    """Check that the server ended with this reason, somewhere among llama.cpp's own lines."""
    assert server.ended() == 1
    assert any(line.endswith(f"error: {reason}\n") for line in server.log), server.log
    assert not any("Traceback" in line for line in server.log)


def test_a_port_in_use_is_told(start: Start, models: dict[str, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = start("-m", str(models["alpha"]), "--port", str(port))
        check_told(server, f"cannot listen on 127.0.0.1:{port}: Address already in use")


def test_an_address_of_another_machine_is_told(start: Start, models: dict[str, Path]) -> None:
    server = start("-m", str(models["alpha"]), "--host", "192.0.2.1", "--port", "0")
    check_told(server, "cannot listen on 192.0.2.1:0: Cannot assign requested address")


def test_a_broken_model_is_told_after_what_llama_cpp_says(start: Start, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    server = start("-m", str(broken), "--port", "0")
    check_told(server, f"llama.cpp could not serve '{broken}': see its messages above")
    assert any("bad GGUF version" in line for line in server.log)


def without_packages(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The engine in an interpreter that has hotbay and the standard library only."""
    source = Path(__file__).parents[2] / "src"
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r});"
        f"from hotbay.llamacpp.server import main; sys.exit(main({list(arguments)!r}))"
    )
    return subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_without_the_wheel_it_says_how_to_install_it() -> None:
    result = without_packages("-m", "model.gguf")
    assert result.returncode == 1
    assert result.stderr == 'error: xllamacpp is missing: pip install "hotbay[llamacpp]"\n'


def test_the_help_needs_no_wheel() -> None:
    result = without_packages("-h")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: hotbay llama-server --model FILE [options]")


def test_the_version_is_that_of_the_wheel() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout.split()[0]) == (0, "xllamacpp")


def test_it_serves_on_the_default_port_if_none_is_given(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    result = run("-m", str(broken), "--host", "192.0.2.1")
    assert "cannot listen on 192.0.2.1:8080" in result.stderr


def test_it_imports_nothing_else_of_hotbay() -> None:
    code = (
        "import sys, hotbay.llamacpp.server;"
        "print(*[name for name in sys.modules if name.startswith('hotbay.')"
        " and not name.startswith('hotbay.llamacpp')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert result.stdout == "\n"


def test_a_key_is_asked_for(start: Start, models: dict[str, Path]) -> None:
    server = start("-m", str(models["alpha"]), "--port", "0", "--api-key", "secret").ready()
    with server.ask("/v1/models") as refused:
        assert refused.status == 401
    assert server.json("/v1/models", key="secret")["data"]


def test_a_draft_model_drafts(start: Start, models: dict[str, Path]) -> None:
    alpha = str(models["alpha"])
    server = start("-m", alpha, "-md", alpha, "--spec-type", "draft-simple", "--port", "0").ready()
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 30, "temperature": 0}
    answer = server.json("/v1/chat/completions", body)
    assert answer["timings"]["draft_n"] > 0
    assert answer["choices"][0]["message"]["content"].startswith("I am alpha")
