"""Every kind of name, for the clients that people use, before real llama.cpp servers.

The peer is a second hotbay with a key of its own.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.journeys.conftest import Answer, answer_of, command, connect, free_port, together
from tests.journeys.llama import MESSAGES, anthropic_client, llama, openai_client, write_models
from tests.journeys.program import Program, serving
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

OWN_KEY, PEER_KEY = "key-of-the-first", "key-of-the-second"

SOCKETS = f"{sys.executable} {Path(__file__).with_name('sockets.py')} ${{PORT}}"

LOCAL = ("alpha", "first", "alpha:brief", "chat")
"""The model, an alias, a name from setParamsByID, and a pin."""
REMOTE = ("far/gamma", "gamma", "distant")
"""Qualified, bare, and a pin."""
SELECTORS = ("pinned", "choose")
"""One by itself, and a pin for one."""


@dataclass(frozen=True)
class Pair:
    """The first hotbay with its address, and the second one."""

    program: Program
    url: str
    far: Program
    gates: list[Path]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send any request to the first."""
        connection = connect(self.url)
        text = None if body is None else json.dumps(body)
        kept = {"Authorization": f"Bearer {OWN_KEY}", "Content-Type": "application/json"}
        connection.request(method, path, text, kept | headers)
        return answer_of(connection)

    def up(self) -> set[str]:
        return {server["model"] for server in self.ask("GET", "/running").json["running"]}

    def profile(self, name: str | None) -> None:
        assert self.ask("PUT", "/api/profiles/active", {"name": name}).json == {"active": name}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folders = [tmp_path_factory.mktemp(name) for name in ("near", "far")]
    files = write_models(folders[0], "alpha", "beta", "gamma")
    gates = [folders[0] / name for name in ("gate", "other-gate")]
    for gate in gates:
        os.mkfifo(gate)
    with ExitStack() as stack:
        far_models = {
            "gamma": {"cmd": llama(files["gamma"])},
            "echo": {"cmd": command()},
            "socket": {"cmd": SOCKETS},
        }
        far_configuration = {
            "startPort": free_port(),
            "apiKeys": [PEER_KEY],
            "models": far_models,
            **together(*far_models),
        }
        far, far_url = stack.enter_context(serving(json.dumps(far_configuration), folders[1]))
        near_models = {
            "alpha": {
                "cmd": llama(files["alpha"]),
                "aliases": ["first"],
                "filters": {"setParamsByID": {"alpha:brief": {"max_tokens": 4}}},
            },
            "beta": {"cmd": llama(files["beta"])},
            "gated": {"cmd": llama(files["alpha"], gate=gates[0])},
            "gated-too": {"cmd": llama(files["beta"], gate=gates[1])},
            "wire": {"cmd": SOCKETS, "aliases": ["line"]},
        }
        near_configuration = {
            "startPort": free_port(),
            "apiKeys": [OWN_KEY],
            "models": near_models,
            "peers": {
                "far": {"proxy": far_url, "apiKey": PEER_KEY, "models": list(far_models)},
                "stranger": {"proxy": far_url, "models": ["echo"]},
            },
            "selectors": {
                "pinned": {"strategy": "pin", "targets": ["first", "beta"]},
                "warmest": {"strategy": "warm", "targets": ["beta", "alpha"]},
                "least": {"strategy": "spillover", "targets": ["gated", "gated-too", "gamma"]},
                "sockets": {"strategy": "warm", "targets": ["line"]},
            },
            "profiles": {
                "desk": {
                    "pins": {
                        "chat": "alpha",
                        "distant": "far/gamma",
                        "choose": "pinned",
                        "cable": "wire",
                        "radio": "far/socket",
                        "beta": "",
                    }
                }
            },
            **together(*near_models),
        }
        near, url = stack.enter_context(serving(json.dumps(near_configuration), folders[0]))
        yield Pair(near, url, far, gates)


@pytest.fixture
def pair(programs: Pair) -> Iterator[Pair]:
    """Give both, without an active profile before and after."""
    programs.profile(None)
    yield programs
    programs.profile(None)


def told_by_openai(url: str, model: str, **more: Any) -> list[str]:
    """Return what the client gets at once and as a stream."""
    with openai_client(url, OWN_KEY) as client:
        create = client.chat.completions.create
        whole = create(model=model, max_tokens=40, messages=MESSAGES, **more)
        pieces = create(model=model, max_tokens=40, messages=MESSAGES, stream=True, **more)
        streamed = (piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        return [whole.choices[0].message.content or "", "".join(streamed)]


def one_answer(url: str, model: str) -> str:
    with openai_client(url, OWN_KEY) as client:
        answer = client.chat.completions.create(model=model, max_tokens=40, messages=MESSAGES)
        return answer.choices[0].message.content or ""


def told_by_anthropic(url: str, model: str) -> list[str]:
    """Return what the client gets at once and as a stream."""
    with anthropic_client(url, OWN_KEY) as client:
        whole = client.messages.create(model=model, max_tokens=40, messages=MESSAGES)
        with client.messages.stream(model=model, max_tokens=40, messages=MESSAGES) as stream:
            streamed = stream.get_final_text()
        return ["".join(part.text for part in whole.content if part.type == "text"), streamed]


# -- names in the body ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LOCAL, *REMOTE, *SELECTORS])
def test_the_clients_are_answered_under_every_name(pair: Pair, name: str) -> None:
    pair.profile("desk")
    speaker = "gamma" if name in REMOTE else "alpha"
    told = told_by_openai(pair.url, name) + told_by_anthropic(pair.url, name)
    assert all(f"I am {speaker}" in text for text in told), told


@pytest.mark.parametrize("name", [*LOCAL, *REMOTE, *SELECTORS])
def test_a_name_in_the_query_means_the_same(pair: Pair, name: str) -> None:
    pair.profile("desk")
    answer = pair.ask("GET", f"/props?model={name}")
    speaker = "gamma" if name in REMOTE else "alpha"
    assert Path(answer.json["model_path"]).stem == speaker


def test_settings_of_a_name_hold_for_that_name_alone(pair: Pair) -> None:
    with openai_client(pair.url, OWN_KEY) as client:
        ends = {}
        for name in ("alpha", "alpha:brief"):
            answer = client.chat.completions.create(model=name, max_tokens=40, messages=MESSAGES)
            assert answer.usage is not None
            ends[name] = answer.usage.completion_tokens
    assert ends["alpha:brief"] == 4 < ends["alpha"]


def test_a_pin_counts_from_the_moment_in_which_its_profile_is_chosen(pair: Pair) -> None:
    def status(name: str) -> int:
        return pair.ask("POST", "/v1/messages/count_tokens", _counting(name)).status

    assert [status(name) for name in ("chat", "choose", "beta")] == [404, 404, 200]
    pair.profile("desk")
    assert [status(name) for name in ("chat", "choose", "beta")] == [200, 200, 404]
    pair.profile(None)
    assert [status(name) for name in ("chat", "choose", "beta")] == [404, 404, 200]


def _counting(name: str) -> object:
    return {"model": name, "messages": MESSAGES}


def test_a_warm_selector_takes_what_is_loaded_and_else_its_first(pair: Pair) -> None:
    for loaded, speaker in (("", "beta"), ("alpha", "alpha")):
        assert pair.ask("GET", "/unload").status == 200
        if loaded:
            told_by_openai(pair.url, loaded)
        told = told_by_openai(pair.url, "warmest") + told_by_anthropic(pair.url, "warmest")
        assert all(f"I am {speaker}" in text for text in told), told
        assert pair.up() == {speaker}


def test_a_spillover_selector_fills_one_target_after_the_other(pair: Pair) -> None:
    assert pair.ask("GET", "/unload").status == 200
    with ThreadPoolExecutor() as pool:
        first = pool.submit(one_answer, pair.url, "least")
        pair.program.wait_for("gated: starting")
        second = pool.submit(one_answer, pair.url, "least")
        pair.program.wait_for("gated-too: starting")
        # As long as they wait for their models, their places are taken.
        assert all("I am gamma" in text for text in told_by_openai(pair.url, "least"))
        assert {"gated", "gated-too"} <= pair.up()
        for gate in pair.gates:
            gate.open("w").close()
        assert "I am alpha" in first.result()
        assert "I am beta" in second.result()


# -- names in the path ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LOCAL, *REMOTE])
def test_the_clients_are_answered_under_every_name_in_the_path(pair: Pair, name: str) -> None:
    pair.profile("desk")
    below = f"{pair.url}/upstream/{name}"
    speaker = "gamma" if name in REMOTE else "alpha"
    told = told_by_openai(below, name) + told_by_anthropic(below, name)
    assert all(f"I am {speaker}" in text for text in told), told


def test_only_the_name_of_the_path_is_translated_for_a_peer(pair: Pair) -> None:
    path = "/upstream/far/echo/v1/completions?echo=1"
    assert pair.ask("POST", path, {"model": "far/echo"}).status == 200
    refused = pair.ask("POST", path, {"model": "far/gamma"})  # the peer knows no such name
    assert refused.status == 404
    assert refused.error == "no router for requested model"


@pytest.mark.parametrize("name", [*SELECTORS, "beta", "nobody"])
def test_selectors_and_blocked_names_are_unknown_in_the_path(pair: Pair, name: str) -> None:
    pair.profile("desk")
    with pytest.raises(openai.NotFoundError, match="model not found"):
        one_answer(f"{pair.url}/upstream/{name}", name)


# -- websockets ----------------------------------------------------------------------------------


def talk(pair: Pair, path: str) -> dict[str, str]:
    """Send texts and bytes, small and large; return what the model server saw of the beginning."""
    with socket_to(pair, path) as connection:
        seen: dict[str, str] = json.loads(connection.recv(60))
        for message in ("hello", b"\0\xff", "ü" * 70_000, b"x" * 300_000):
            connection.send(message)
            assert connection.recv(60) == message
    assert connection.close_code == 1000
    return seen


def socket_to(pair: Pair, path: str) -> ClientConnection:
    address = pair.url.replace("http://", "ws://")
    headers = {"Authorization": f"Bearer {OWN_KEY}"}
    return open_socket(f"{address}{path}", additional_headers=headers, proxy=None)


@pytest.mark.parametrize("name", ["wire", "line", "cable", "sockets"])
def test_a_websocket_reaches_a_model_server_under_every_name(pair: Pair, name: str) -> None:
    pair.profile("desk")
    seen = talk(pair, f"/v1/audio/voices?voice=7&model={name}")
    assert seen["key"] == f"Bearer {OWN_KEY}"
    assert seen["path"].startswith("/v1/audio/voices?voice=7&model=")
    if name != "sockets":
        assert talk(pair, f"/upstream/{name}/live/a%2Fb?x=1")["path"] == "/live/a%2Fb?x=1"


@pytest.mark.parametrize("name", ["far/socket", "socket", "radio"])
def test_a_websocket_reaches_a_peer_with_the_key_of_the_peer(pair: Pair, name: str) -> None:
    pair.profile("desk")
    seen = talk(pair, f"/v1/audio/voices?model={name}&voice=7")
    assert seen == {
        "path": "/v1/audio/voices?model=socket&voice=7",
        "key": f"Bearer {PEER_KEY}",
    }
    assert talk(pair, f"/upstream/{name}/v1/audio/voices?model={name}&voice=7") == seen


def test_a_websocket_that_is_refused_is_told_why(pair: Pair) -> None:
    with pytest.raises(InvalidStatus) as refused:
        socket_to(pair, "/v1/audio/voices?model=nobody")
    assert refused.value.response.status_code == 404
    assert b"no router for requested model" in refused.value.response.body


# -- keys ----------------------------------------------------------------------------------------

_LOGIN = base64.b64encode(f"me:{OWN_KEY}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {OWN_KEY}"},
        {"Authorization": f"Basic {_LOGIN}"},
        {"Authorization": "", "X-Api-Key": OWN_KEY, "Cookie": f"k={OWN_KEY}", "X-Token": OWN_KEY},
    ],
)
@pytest.mark.parametrize("path", ["/v1/completions", "/upstream/far/echo/v1/completions"])
def test_the_own_key_never_reaches_a_peer(pair: Pair, path: str, headers: dict[str, str]) -> None:
    answer = pair.ask("POST", f"{path}?echo=1", {"model": "far/echo"}, **headers)
    assert answer.status == 200
    head = answer.json["head"].lower()
    assert f"authorization: bearer {PEER_KEY}" in head
    assert f"x-api-key: {PEER_KEY}" in head
    assert OWN_KEY not in head
    assert _LOGIN.lower() not in head
    assert json.loads(answer.json["body"]) == {"model": "echo"}
    for program in (pair.program, pair.far):
        assert OWN_KEY not in program.output
        assert PEER_KEY not in program.output


def test_without_a_key_for_the_peer_the_clients_goes_on_unless_it_is_our_own(pair: Pair) -> None:
    with pytest.raises(openai.AuthenticationError):
        one_answer(pair.url, "stranger/echo")
    both = {"Authorization": f"Bearer {PEER_KEY}", "X-Api-Key": OWN_KEY}
    refused = pair.ask("POST", "/v1/completions", {"model": "stranger/echo"}, **both)
    assert refused.status == 401  # the first key that is presented counts, and is not ours


@pytest.mark.parametrize("key", ["", PEER_KEY, OWN_KEY + "x"])
def test_both_clients_raise_their_error_for_a_wrong_key(pair: Pair, key: str) -> None:
    with (
        openai_client(pair.url, key or "none") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
    with (
        anthropic_client(pair.url, key or "none") as claude,
        pytest.raises(anthropic.AuthenticationError),
    ):
        claude.messages.create(model="alpha", max_tokens=1, messages=MESSAGES)
