"""What `/upstream/…` and `/comfyui/…` ask for (spec/http-api.md 8, 9, request-pipeline.md 4.2)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lane.heads import head_of

from hotbay.config import Config, Sources, load
from hotbay.core.events import Mode
from hotbay.lane.gate import Denied, Redirect
from hotbay.lane.passthrough import Passthrough, Passthroughs, PinPath
from hotbay.lane.routes import find_passthrough

MODEL = {"cmd": "serve", "proxy": "http://127.0.0.1:9"}
MODELS = {
    "mist-12b": {**MODEL, "aliases": ["mist", "lab/alias"]},
    "lab": MODEL,
    "lab/deep": MODEL,
    "two words: 50%": MODEL,
    "quiet": {**MODEL, "compat": {"ignoreWebsockets": True}},
}
PEERS = {
    "far": {"proxy": "http://far.example", "models": ["kite", "lab/kite", "both"]},
    "near": {"proxy": "http://near.example", "models": ["both", "mist-12b"]},
}
PIN = {"strategy": "pin", "targets": ["lab"]}
SELECTORS = {"any": PIN, "lab/any": PIN}
UNKNOWN = Denied(404, "model not found")


def config_of(folder: Path, **top: Any) -> Config:
    file = folder / "config.yaml"
    content = {"models": MODELS, "peers": PEERS, **top}
    file.write_text(json.dumps(content))
    return load(Sources(file, None), environ={}).config


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> Passthroughs:
    return Passthroughs(config_of(tmp_path_factory.mktemp("config"), selectors=SELECTORS))


@pytest.fixture
def comfy(tmp_path: Path) -> Passthroughs:
    return Passthroughs(config_of(tmp_path, models={"comfyui_auto": MODEL}))


def find(
    passes: Passthroughs, request: str, *, upgrade: bool = False, pin_path: PinPath | None = None
) -> Passthrough | Redirect | Denied:
    """Return what becomes of `METHOD TARGET`."""
    head = head_of(request)
    route = find_passthrough(head.path)
    assert route is not None
    return passes.find(route, head, upgrade=upgrade, pin_path=pin_path)


def passed(
    passes: Passthroughs, request: str, *, upgrade: bool = False, pin_path: PinPath | None = None
) -> Passthrough:
    found = find(passes, request, upgrade=upgrade, pin_path=pin_path)
    assert isinstance(found, Passthrough), found
    return found


def pins(**targets: str) -> PinPath:
    """Return the longest pin of a path; `_` in a name stands for a slash."""
    named = {name.replace("_", "/"): target for name, target in targets.items()}

    def pin_path(decoded: str) -> tuple[str, int] | None:
        matching = [pin for pin in named if decoded == pin or decoded.startswith(f"{pin}/")]
        if not matching:
            return None
        pin = max(matching, key=len)
        return named[pin], len(pin)

    return pin_path


# -- which model, and what it is asked for ---------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model", "requested", "forwarded"),
    [
        ("/mist-12b/", "mist-12b", "mist-12b", "/"),
        ("/mist-12b/x/y", "mist-12b", "mist-12b", "/x/y"),
        ("/mist-12b/files/a%2Fb?x=%20", "mist-12b", "mist-12b", "/files/a%2Fb"),
        ("/mist-12b/%zz/%2e%2e/%C3%BC%ff", "mist-12b", "mist-12b", "/%zz/%2e%2e/%C3%BC%ff"),
        ("/mist/x/", "mist-12b", "mist", "/x/"),
        ("/%6Dist/x", "mist-12b", "mist", "/x"),
        ("/lab/x", "lab", "lab", "/x"),
        ("/lab/deep/x", "lab/deep", "lab/deep", "/x"),
        ("/lab%2Fdeep/x", "lab/deep", "lab/deep", "/x"),
        ("/lab%2fdeep%2Fx%2Fy", "lab/deep", "lab/deep", "/x%2Fy"),
        ("/lab/deeper/x", "lab", "lab", "/deeper/x"),
        ("/lab/alias/deep", "mist-12b", "lab/alias", "/deep"),
        ("/%2Flab/%2Fdeep/x", "lab/deep", "lab/deep", "/x"),
        ("/lab/%2F", "lab", "lab", "/%2F"),
        ("/two%20words:%2050%25/x", "two words: 50%", "two words: 50%", "/x"),
    ],
)
def test_the_longest_name_wins_and_the_rest_keeps_its_escapes(
    passes: Passthroughs, path: str, model: str, requested: str, forwarded: str
) -> None:
    found = passed(passes, f"GET /upstream{path}")
    assert (found.model, found.peer, found.requested) == (model, "", requested)
    assert found.path.decode() == forwarded
    assert found.renamed == frozenset()


@pytest.mark.parametrize(
    ("path", "peer", "model", "renamed"),
    [
        ("/kite/x", "far", "kite", set()),
        ("/far/kite/x", "far", "kite", {"far/kite"}),
        ("/lab/kite/x", "far", "lab/kite", set()),
        ("/far/lab/kite/x", "far", "lab/kite", {"far/lab/kite"}),
        ("/near/both/x", "near", "both", {"near/both"}),
        ("/near/mist-12b/x", "near", "mist-12b", {"near/mist-12b"}),
    ],
)
def test_a_peers_model_is_known_by_both_names(
    passes: Passthroughs, path: str, peer: str, model: str, renamed: set[str]
) -> None:
    found = passed(passes, f"POST /upstream{path}")
    assert (found.peer, found.model, found.path) == (peer, model, b"/x")
    assert found.renamed == renamed
    assert found.mode is Mode.NORMAL


@pytest.mark.parametrize(
    "path", ["/", "/%2F", "/nobody", "/nobody/x", "/both/x", "/any/x", "/far/x", "/Lab/x", "/%ff/x"]
)
def test_an_unknown_name_is_not_found(passes: Passthroughs, path: str) -> None:
    assert find(passes, f"GET /upstream{path}") == UNKNOWN


def test_a_path_of_any_length_is_looked_at_no_further_than_names_go(passes: Passthroughs) -> None:
    long = "lab" + "/x" * 30_000
    assert len(passed(passes, f"GET /upstream/{long}").path) == 60_000


# -- bare model paths --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/upstream/mist-12b", "/upstream/mist-12b/"),
        ("/upstream/mist", "/upstream/mist/"),
        ("/upstream/lab%2Fdeep", "/upstream/lab/deep/"),
        ("/upstream/far/kite", "/upstream/far/kite/"),
        ("/upstream/mist?a=%20b&", "/upstream/mist/?a=%20b&"),
        ("/upstream/two%20words:%2050%25", "/upstream/two%20words:%2050%25/"),
    ],
)
def test_a_bare_model_path_is_redirected_so_that_relative_links_work(
    passes: Passthroughs, target: str, location: str
) -> None:
    assert find(passes, f"GET {target}") == Redirect(location.encode(), 301)
    assert find(passes, f"HEAD {target}") == Redirect(location.encode(), 301)
    assert find(passes, f"POST {target}") == Redirect(location.encode(), 308)


# -- profiles ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model", "forwarded"),
    [
        ("/front/a%2Fb", "lab/deep", "/a%2Fb"),
        ("/fr%6Fnt/x", "lab/deep", "/x"),
        ("/front%2Fx", "lab/deep", "/x"),
        ("/mist-12b/x", "lab", "/x"),
        ("/lab/deep/x", "mist-12b", "/deep/x"),
        ("/a/b/x", "quiet", "/x"),
        ("/a/x", "lab", "/x"),
    ],
)
def test_the_longest_pin_replaces_its_part_of_the_path(
    passes: Passthroughs, path: str, model: str, forwarded: str
) -> None:
    pin_path = pins(front="lab/deep", lab="mist-12b", a_b="quiet", a="lab", **{"mist-12b": "lab"})
    found = passed(passes, f"GET /upstream{path}", pin_path=pin_path)
    assert (found.model, found.path.decode()) == (model, forwarded)


def test_a_path_without_a_pin_stays(passes: Passthroughs) -> None:
    assert passed(passes, "GET /upstream/lab/x", pin_path=pins(la="mist")).model == "lab"
    assert find(passes, "GET /upstream/frontier/x", pin_path=pins(front="lab")) == UNKNOWN


def test_a_pin_without_a_target_hides_the_name(passes: Passthroughs) -> None:
    assert find(passes, "GET /upstream/lab/deep/x", pin_path=pins(lab="")) == UNKNOWN


@pytest.mark.parametrize("selector", ["any", "lab/any"])
def test_a_pin_to_a_selector_leads_nowhere(passes: Passthroughs, selector: str) -> None:
    assert find(passes, "GET /upstream/front/x", pin_path=pins(front=selector)) == UNKNOWN


def test_the_redirect_shows_where_a_pin_leads(passes: Passthroughs) -> None:
    location = b"/upstream/two%20words:%2050%25/"
    pin_path = pins(front="two words: 50%")
    assert find(passes, "GET /upstream/front", pin_path=pin_path) == Redirect(location, 301)


def test_a_peer_is_told_its_own_name_for_what_a_pin_was_called(passes: Passthroughs) -> None:
    found = passed(passes, "POST /upstream/front/x", pin_path=pins(front="far/kite"))
    assert (found.requested, found.renamed) == ("far/kite", {"far/kite", "front"})


# -- what may start a model --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/app.js", "/a/b/site.css", "/a%2Ejson", "/robots.txt?x=1", "/x%2Fy.ico", "/%ff.png"]
)
def test_a_static_file_does_not_start_a_model(passes: Passthroughs, path: str) -> None:
    found = passed(passes, f"GET /upstream/mist{path}")
    assert found.mode is Mode.ONLY_IF_READY
    message = "model mist-12b is not loaded; path matches upstream.ignorePaths"
    assert found.not_ready == message


@pytest.mark.parametrize("path", ["/", "/app.js/", "/appjs", "/x?file=app.js", "/app.mjsx"])
def test_everything_else_does(passes: Passthroughs, path: str) -> None:
    found = passed(passes, f"GET /upstream/mist{path}")
    assert (found.mode, found.not_ready) == (Mode.NORMAL, "")


def test_a_file_of_a_peer_is_nothing_special(passes: Passthroughs) -> None:
    assert passed(passes, "GET /upstream/kite/app.js").mode is Mode.NORMAL


def test_own_patterns_replace_the_default_and_are_searched_anywhere(tmp_path: Path) -> None:
    upstream = {"ignorePaths": ["/static/", "^/v\\d+$"]}
    passes = Passthroughs(config_of(tmp_path, upstream=upstream))
    modes = {
        path: passed(passes, f"GET /upstream/lab{path}").mode
        for path in ("/a/static/b", "/v12", "/v12/x", "/app.js")
    }
    assert [path for path, mode in modes.items() if mode is not Mode.NORMAL] == [
        "/a/static/b",
        "/v12",
    ]


def test_an_ignored_websocket_starts_nothing_and_is_not_tracked(passes: Passthroughs) -> None:
    found = passed(passes, "GET /upstream/quiet/props", upgrade=True)
    assert found.mode is Mode.UNTRACKED
    message = "model quiet is not loaded; ignored websocket requests cannot start it"
    assert found.not_ready == message
    assert not found.tracked
    assert passed(passes, "GET /upstream/quiet/props").mode is Mode.NORMAL
    assert passed(passes, "GET /upstream/lab/props", upgrade=True).mode is Mode.NORMAL


# -- what is recorded --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "tracked", "recorded"),
    [
        ("POST /upstream/lab/v1/chat/completions", True, True),
        ("POST /upstream/kite/v1/audio/transcriptions?x", True, True),
        ("POST /upstream/lab/v1/cha%74/completions", True, True),
        ("GET /upstream/lab/props", True, False),
        ("GET /upstream/lab/v1/chat/completions", False, False),
        ("PUT /upstream/lab/v1/chat/completions", False, False),
        ("POST /upstream/lab/v1/chat%2Fcompletions", False, False),
        ("POST /upstream/lab/tokenize", False, False),
        ("GET /upstream/lab/", False, False),
    ],
)
def test_only_model_routes_leave_a_trace(
    passes: Passthroughs, request_line: str, *, tracked: bool, recorded: bool
) -> None:
    found = passed(passes, request_line)
    assert (found.tracked, found.recorded) == (tracked, recorded)


# -- foreign pages ------------------------------------------------------------------------------


def test_a_foreign_page_may_infer_through_a_pass_through_and_nothing_else(
    passes: Passthroughs, comfy: Passthroughs
) -> None:
    def objected(passes: Passthroughs, request: str) -> object:
        head = head_of(request)
        route = find_passthrough(head.path)
        assert route is not None
        return passes.find(replace(route, objection="not from there"), head, upgrade=False)

    refused = Denied(403, "not from there")
    assert isinstance(objected(passes, "POST /upstream/lab/v1/messages"), Passthrough)
    assert objected(passes, "POST /upstream/lab/slots/0/v1/messages") == refused
    assert objected(passes, "DELETE /upstream/kite/v1/messages") == refused
    assert objected(comfy, "POST /comfyui/v1/messages") == refused


# -- ComfyUI -----------------------------------------------------------------------------------


def test_only_the_root_of_comfyui_starts_it(comfy: Passthroughs) -> None:
    root = passed(comfy, "GET /comfyui/?x=1")
    assert (root.model, root.path, root.mode, root.not_ready) == (
        "comfyui_auto",
        b"/",
        Mode.NORMAL,
        "",
    )
    for path in ("/prompt", "/a%2Fb", "/%2F"):
        found = passed(comfy, f"POST /comfyui{path}")
        assert (found.path.decode(), found.mode) == (path, Mode.ONLY_IF_READY)
        message = "model comfyui_auto is not loaded; only /comfyui/ can start it"
        assert found.not_ready == message


@pytest.mark.parametrize("path", ["/", "/ws"])
def test_a_websocket_starts_comfyui_nowhere(comfy: Passthroughs, path: str) -> None:
    found = passed(comfy, f"GET /comfyui{path}", upgrade=True)
    assert found.mode is Mode.UNTRACKED
    assert "ignored websocket requests cannot start it" in found.not_ready


def test_comfyui_leaves_no_trace_and_knows_no_profile(comfy: Passthroughs) -> None:
    request = "POST /comfyui/v1/chat/completions"
    found = passed(comfy, request, pin_path=pins(comfyui_auto="", v1_chat="x"))
    assert not found.tracked
    assert not found.recorded


def test_the_bare_comfyui_is_redirected(comfy: Passthroughs, passes: Passthroughs) -> None:
    assert find(comfy, "GET /comfyui?a=%2F") == Redirect(b"/comfyui/?a=%2F", 301)
    assert find(comfy, "PUT /comfyui") == Redirect(b"/comfyui/", 308)
    assert find(passes, "GET /comfyui") == Redirect(b"/comfyui/", 301)


def test_comfyui_must_be_a_local_model(tmp_path: Path) -> None:
    peers = {"far": {"proxy": "http://far.example", "models": ["comfyui_auto"]}}
    alias = {"other": {**MODEL, "aliases": ["comfyui_auto"]}}
    for top in ({"peers": peers}, {"models": alias}):
        found = find(Passthroughs(config_of(tmp_path, **top)), "GET /comfyui/")
        assert found == Denied(404, "local model comfyui_auto not found")


# -- anything ----------------------------------------------------------------------------------

pieces = st.sampled_from(["/", "%2F", "%2f", "lab", "deep", "mist", "%6Cab", "%", "%ff", "ü", "x"])


@given(path=st.lists(pieces, max_size=8).map("".join), pin=st.sampled_from(["lab", "x", "lab/x"]))
def test_any_path_is_decided_and_what_is_forwarded_is_its_end(
    passes: Passthroughs, path: str, pin: str
) -> None:
    for pin_path in (None, pins(**{pin: "mist"}), pins(**{pin: ""})):
        found = find(passes, f"GET /upstream/{path}", pin_path=pin_path)
        if isinstance(found, Passthrough):
            assert found.path.startswith(b"/")
            assert path.encode().endswith(found.path[1:])
        else:
            assert found == UNKNOWN or isinstance(found, Redirect)
