"""A reload touches only what changed (guarantee 12, design 7.5)."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.conftest import (
    Configure,
    Stream,
    answer_of,
    command,
    connect,
    get,
    post,
    start,
    together,
    until,
    until_waiting,
    up,
)
from tests.journeys.program import Program, serving


def rewrite(folder: Path, models: dict[str, Any], **top: object) -> None:
    """Merge changes of models into the configuration; None takes a model away."""
    file = folder / "config.yaml"
    content = json.loads(file.read_text()) | top
    for model, settings in models.items():
        if settings is None:
            del content["models"][model]
            for group in content.get("groups", {}).values():
                group["members"] = [m for m in group["members"] if m != model]
        else:
            content["models"].setdefault(model, {}).update(settings)
    replace(file, json.dumps(content))


def replace(file: Path, text: str) -> None:
    """Write as editors do: no reader sees half of it."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


def reload(program: Program) -> None:
    program.process.send_signal(signal.SIGHUP)
    program.wait_for("configuration reloaded")


def ports(url: str) -> dict[str, str]:
    return {server["model"]: server["proxy"] for server in get(url, "/running").json["running"]}


def test_what_is_unchanged_goes_on_and_what_is_new_gets_a_port_that_is_free(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(together("a", "b"), a={}, b={}), tmp_path) as (program, url):
        kept, changed = (post(url, model).json["pid"] for model in "ab")
        port = ports(url)["a"]
        stream = Stream(url, "a", "events=100")
        # By the order of their names the first of these would take the port of `a`.
        new = {"0": {"cmd": command()}, "b": {"cmd": command(load=0.1)}, "c": {"cmd": command()}}
        rewrite(tmp_path, new, **together("0", "a", "b", "c"))
        reload(program)
        assert [post(url, model).json["model"] for model in "0abc"] == list("0abc")
        assert post(url, "a").json["pid"] == kept
        assert post(url, "b").json["pid"] != changed
        assert ports(url)["a"] == port
        assert len(set(ports(url).values())) == 4
        rest = stream.rest()
        assert rest.whole
        assert rest.body.count(b"data: ") == 100


def test_a_changed_model_drains_before_its_new_command_is_run(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure({"unloadTimeout": 30}, a={}), tmp_path) as (program, url):
        stream = Stream(url, "a", "events=60")
        rewrite(tmp_path, {"a": {"cmd": command(load=0.1)}})
        reload(program)
        waiting = start(url, "a")
        until_waiting(url, 1)
        assert stream.rest().whole
        assert answer_of(waiting).json["options"] == {"load": "0.1"}
        assert program.output.count("a: starting") == 2


def test_a_changed_model_is_cut_when_its_time_to_drain_is_over(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure({"unloadTimeout": 1}, a={}), tmp_path) as (program, url):
        stream = Stream(url, "a")
        rewrite(tmp_path, {"a": {"cmd": command(load=0.1)}})
        reload(program)
        assert post(url, "a").json["options"] == {"load": "0.1"}
        assert not stream.rest().whole


def test_a_removed_model_is_unknown_and_ends_with_its_last_answer(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure({"unloadTimeout": 30}, a={}, b={}, c={}), tmp_path) as (program, url):
        stream = Stream(url, "b", "events=60")
        waiting = start(url, "c")
        until_waiting(url, 1)
        rewrite(tmp_path, {"b": None, "c": None})
        reload(program)
        for answer in (answer_of(waiting), post(url, "b"), post(url, "c")):
            assert answer.status == 404
            assert answer.error == "no router for requested model"
        assert stream.rest().whole
        assert post(url, "a").status == 200
        assert len(program.family()) == 2  # the warden, and a


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: [", r"1:\d+: "),
        ("models:\n  a:\n    ttl: -5\n", r"3:10: models\.a\.ttl: "),
        (
            "startPort: 65535\nmodels:\n  b: {cmd: 'x ${PORT}'}\n  c: {cmd: 'x ${PORT}'}\n",
            r"\d+:\d+: .*6553[56]",
        ),
        ("models: {}\nrouting: {router: {use: no.such:Planner}}\n", r"2:\d+: .*no\.such"),
    ],
)
def test_an_invalid_file_changes_nothing_and_says_where(
    configure: Configure, tmp_path: Path, text: str, told: str
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        replace(tmp_path / "config.yaml", text)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for(r"\[WARN\] failed to reload config: .*config\.yaml:" + told)
        assert post(url, "a").json["pid"] == pid
        assert post(url, "b").status == 404
        assert "configuration reloaded" not in program.output


def test_of_two_quick_changes_the_newest_wins(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        for name in "bc":
            rewrite(tmp_path, {name: {"cmd": command()}})
            program.process.send_signal(signal.SIGHUP)
        until(lambda: post(url, "c").status == 200)
        assert post(url, "b").status == 200
        rewrite(tmp_path, {"c": None})
        reload(program)
        until(lambda: post(url, "c").status == 404)


def test_a_watched_file_is_loaded_when_it_changes(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path, "--watch-config") as (program, url):
        file = tmp_path / "config.yaml"
        valid = file.read_text()
        replace(file, "models: [")
        program.wait_for(r"\[WARN\] failed to reload config: .*config\.yaml:1:")
        assert post(url, "a").status == 200
        replace(file, valid)
        hooks = {"on_startup": {"preload": ["b"]}}
        rewrite(tmp_path, {"b": {"cmd": command()}}, hooks=hooks)
        program.wait_for("configuration reloaded")
        program.wait_for("b: ready")
        assert up(url) == {"b": "ready"}


def test_streams_of_an_unchanged_model_survive_every_reload(
    configure: Configure, tmp_path: Path
) -> None:
    count, events = 50, 20
    top = together("a", "b", "c")
    models = {"a": {"concurrencyLimit": count + 1}, "b": {}, "c": {}}
    with serving(configure(top, **models), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        post(url, "b")
        streams = [Stream(url, "a", f"events={events}&hold=1") for _ in range(count)]
        fresh = {"b": {"cmd": command(load=0.1)}, "c": None, "d": {"cmd": command()}}
        rewrite(tmp_path, fresh, selectors={"s": {"strategy": "pin", "targets": ["a"]}})
        reload(program)
        assert post(url, "s", "release=1").json["pid"] == pid
        rewrite(tmp_path, {"a": {"ttl": 600, "aliases": ["other"]}, "b": None})
        reload(program)  # while they flow
        for stream in streams:
            rest = stream.rest()
            assert rest.whole
            assert rest.body.count(b"data: ") == events
        assert post(url, "other").json["pid"] == pid


def echoed(url: str, model: str) -> Any:
    """Return which model was asked for, and the body that its server received."""
    answer = post(url, model, "echo=1")
    assert answer.status == 200, answer.body
    return answer.json["options"]["load"], json.loads(answer.json["body"])


def test_names_and_filters_bind_from_the_next_request_on(
    configure: Configure, tmp_path: Path
) -> None:
    """Models are told apart by how long they pretend to load."""
    models = {name: {"cmd": command(load=load)} for name, load in (("a", 0), ("b", 0.01))}
    before = {
        **together("a", "b"),
        "selectors": {"s": {"strategy": "pin", "targets": ["a"]}},
        "profiles": {"p": {"pins": {"x": "a"}}, "q": {"pins": {"y": "b"}}},
        "peers": {"far": {"proxy": "http://127.0.0.1:9", "models": ["m"]}},
    }
    with serving(configure(before, **models), tmp_path) as (program, url):
        choose(url, "p")
        held = Stream(url, "x", "events=3&hold=1")
        assert echoed(url, "s") == ("0", {"model": "a"})
        assert echoed(url, "x") == ("0", {"model": "a"})
        assert post(url, "far/m").status == 502
        pids = [post(url, model).json["pid"] for model in "ab"]
        after = {
            "selectors": {"s": {"strategy": "pin", "targets": ["b"]}},
            "profiles": {"p": {"pins": {"x": "b", "z": "s"}}},
            "peers": {"far": {"proxy": url, "models": ["b"], "filters": {"setParams": {"far": 1}}}},
        }
        changes = {"a": {"filters": {"setParams": {"n": 2}}}, "b": {"useModelName": "real"}}
        rewrite(tmp_path, changes, **after)
        reload(program)
        assert get(url, "/api/profiles").json["active"] == "p"
        for name in ("s", "x", "z", "b"):
            assert echoed(url, name) == ("0.01", {"model": "real"})
        assert echoed(url, "a") == ("0", {"model": "a", "n": 2})
        assert echoed(url, "far/b") == ("0.01", {"model": "real", "far": 1})
        assert post(url, "far/m").status == 404
        assert [post(url, model, "release=1").json["pid"] for model in "ab"] == pids
        assert held.rest().body.count(b"data: ") == 3
        rewrite(tmp_path, {}, selectors={}, profiles={"q": {"pins": {"y": "b"}}}, peers={})
        reload(program)
        assert get(url, "/api/profiles").json["active"] is None
        assert [post(url, name).status for name in ("s", "x", "y", "far/b")] == [404] * 4
        assert program.output.count(": starting") == 2


def choose(url: str, profile: str) -> None:
    connection = connect(url)
    connection.request("PUT", "/api/profiles/active", json.dumps({"name": profile}))
    assert answer_of(connection).status == 200
