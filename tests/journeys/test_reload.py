"""A reload touches only what changed (guarantee 12, design 7.5)."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.conftest import Configure, answer_of, command, post, start, together, up
from tests.journeys.program import Program, serving


def rewrite(folder: Path, change: dict[str, Any]) -> None:
    """Merge changes of models into the configuration; None takes a model away."""
    file = folder / "config.yaml"
    content = json.loads(file.read_text())
    for model, settings in change.items():
        if settings is None:
            del content["models"][model]
            for group in content.get("groups", {}).values():
                group["members"] = [m for m in group["members"] if m != model]
        else:
            content["models"].setdefault(model, {}).update(settings)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(file)  # as editors do


def reload(program: Program) -> None:
    program.process.send_signal(signal.SIGHUP)
    program.wait_for("configuration reloaded")


def test_an_unchanged_model_keeps_its_process_and_its_stream(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(together("a", "b"), a={}, b={}), tmp_path) as (program, url):
        kept, changed = (post(url, model).json["pid"] for model in "ab")
        stream = start(url, "a", "events=150&every=0.02")
        rewrite(tmp_path, {"b": {"cmd": command(load=0.1)}, "c": {"cmd": command()}})
        reload(program)
        answer = answer_of(stream)
        assert answer.whole
        assert answer.body.count(b"data: ") == 150
        assert post(url, "a").json["pid"] == kept
        assert post(url, "b").json["pid"] != changed
        assert post(url, "c").json["model"] == "c"


def test_a_changed_model_drains_before_it_starts_anew(configure: Configure, tmp_path: Path) -> None:
    with serving(configure({"unloadTimeout": 30}, a={}), tmp_path) as (program, url):
        first = post(url, "a").json["pid"]
        stream = start(url, "a", "events=60&every=0.02")
        rewrite(tmp_path, {"a": {"cmd": command(load=0.1)}})
        reload(program)
        waiting = start(url, "a")
        assert answer_of(stream).whole
        assert answer_of(waiting).json["pid"] != first


def test_a_removed_model_is_unknown_and_gone(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(together("a", "b"), a={}, b={}), tmp_path) as (program, url):
        post(url, "b")
        rewrite(tmp_path, {"b": None})
        reload(program)
        answer = post(url, "b")
        assert answer.status == 404
        assert answer.error == "no router for requested model"
        assert up(url) == {}


@pytest.mark.parametrize("text", ["models: [", "models: {a: {ttl: -5}}"])
def test_an_invalid_file_changes_nothing_and_says_where(
    configure: Configure, tmp_path: Path, text: str
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        (tmp_path / "config.yaml").write_text(text)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for(r"\[WARN\] failed to reload config: .*config\.yaml:\d+:\d+: ")
        assert post(url, "a").json["pid"] == pid


def test_a_watched_file_is_loaded_when_it_changes_and_the_newest_wins(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}), tmp_path, "--watch-config") as (program, url):
        rewrite(tmp_path, {"b": {"cmd": command()}})
        rewrite(tmp_path, {"c": {"cmd": command()}})
        program.wait_for("configuration reloaded")
        assert post(url, "c").json["model"] == "c"
