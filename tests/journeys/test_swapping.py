"""Who is served when: collation, patience, unloads and limits, with real processes."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.journeys.conftest import (
    Configure,
    Stream,
    answer_of,
    command,
    get,
    post,
    start,
    until_waiting,
    up,
)
from tests.journeys.program import serving


def test_interleaved_requests_cost_one_load_for_each_model(
    configure: Configure, tmp_path: Path
) -> None:
    gate, note = tmp_path / "gate", tmp_path / "note"
    os.mkfifo(gate)
    first, other = {"cmd": command(note=note, gate=gate)}, {"cmd": command(note=note)}
    with serving(configure(a=first, b=other, c=other), tmp_path) as (program, url):
        waiting = []
        for count, model in enumerate("abcabc", start=1):
            waiting.append(start(url, model))
            until_waiting(url, count)
        gate.open("w").close()
        assert [answer_of(each).json["model"] for each in waiting] == list("abcabc")
        assert [program.wait_for("(.): starting")[1] for _ in "abc"] == list("abc")
        assert program.output.count(": starting") == 3
    notes = [line.split() for line in note.read_text().splitlines()]
    assert [what for what, _ in notes] == ["start", "stop"] * 3  # never two at a time
    assert [pid for _, pid in notes[::2]] == [pid for _, pid in notes[1::2]]


def test_two_clients_that_overlap_do_not_keep_a_third_out(
    configure: Configure, tmp_path: Path
) -> None:
    patience, longest, load = 2.0, 0.4, 0.3
    top = {"routing": {"scheduler": {"settings": {"fifo": {"maxWait": patience}}}}}
    models = {name: {"cmd": command(load=load)} for name in "ab"}
    with serving(configure(top, **models), tmp_path) as (_, url):
        post(url, "a")
        b_is_served = threading.Event()

        def attack(offset: float) -> int:
            """Return how many requests were served while b waited."""
            post(url, "a", f"pause={offset}")
            served, ends = 0, time.monotonic() + 30
            while not b_is_served.is_set() and time.monotonic() < ends:
                served += post(url, "a", f"pause={longest}").status == 200
            return served

        with ThreadPoolExecutor(2) as pool:
            attackers = [pool.submit(attack, offset) for offset in (0.01, longest / 2)]
            began = time.monotonic()
            assert post(url, "b").json["model"] == "b"
            waited = time.monotonic() - began
            b_is_served.set()
            assert all(attacker.result() >= 2 for attacker in attackers)
        # Guarantee 5 with nobody older waiting, and time for a busy machine to start processes.
        stop = 2.0
        assert patience <= waited <= patience + longest + stop + load + 3.0


def test_the_limit_of_a_model_is_told_at_once(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"concurrencyLimit": 2}), tmp_path) as (_, url):
        streams = [Stream(url, "a") for _ in range(2)]
        answer = post(url, "a")
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json["error"] == {
            "message": "Too many requests",
            "type": "rate_limit_error",
            "param": None,
            "code": "concurrency_limit",
        }
        for stream in streams:
            stream.close()


def test_an_unload_during_a_load_is_told_to_the_waiting_and_lasts(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={"cmd": command(load=60)}), tmp_path) as (program, url):
        waiting = start(url, "a")
        program.wait_for("a: starting")
        assert get(url, "/unload").status == 200
        answer = answer_of(waiting)
        assert answer.status == 500
        assert answer.error == "unspecific error: group: model unloaded"
        assert up(url) == {}
        assert program.output.count("a: starting") == 1


def test_an_unload_while_the_swap_still_evicts_ends_the_swap(
    configure: Configure, tmp_path: Path
) -> None:
    slow = {"cmd": command(deaf=1), "unloadTimeout": 3}
    with serving(configure(a=slow, b={}), tmp_path) as (program, url):
        post(url, "a")
        waiting = start(url, "b")
        program.wait_for("b: stops a")
        assert get(url, "/unload").status == 200
        assert answer_of(waiting).status == 500
        assert up(url) == {}
        assert "b: starting" not in program.output


def test_an_unload_cuts_a_stream_visibly_and_lasts(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"cmd": command(deaf=1), "unloadTimeout": 1}), tmp_path) as (_, url):
        stream = Stream(url, "a")
        assert post(url, path="/api/models/unload/a").status == 200
        assert up(url) == {}
        assert not stream.rest().whole
        assert get(url, "/api/x/queue").json == {"swaps": [], "waiting": []}


def test_who_asks_for_a_model_that_stops_gets_a_fresh_one(
    configure: Configure, tmp_path: Path
) -> None:
    deaf = {"cmd": command(deaf=1), "unloadTimeout": 1}
    with serving(configure(a=deaf), tmp_path) as (program, url):
        first = post(url, "a").json["pid"]
        unloading = start(url, path="/api/models/unload")
        program.wait_for(r"a: stopping \(unloaded\)")
        waiting = start(url, "a")
        until_waiting(url, 1)
        assert answer_of(unloading).json == {"msg": "ok"}
        assert answer_of(waiting).json["pid"] != first


def test_a_higher_priority_is_served_first(configure: Configure, tmp_path: Path) -> None:
    fifo = {"priority": {"c": 10}}
    top = {"routing": {"scheduler": {"settings": {"fifo": fifo}}}}
    with serving(configure(top, a={}, b={}, c={}), tmp_path) as (program, url):
        busy = Stream(url, "a")
        first = start(url, "b")
        until_waiting(url, 1)
        second = start(url, "c")
        until_waiting(url, 2)
        busy.close()
        assert answer_of(second).status == 200
        assert answer_of(first).status == 200
        assert [program.wait_for("(.): starting")[1] for _ in "acb"] == list("acb")


def test_a_ttl_cuts_nothing_and_counts_from_the_last_answer(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={"ttl": 1}), tmp_path) as (program, url):
        long = post(url, "a", "events=75")
        assert long.whole
        assert long.body.count(b"data: ") == 75
        first = post(url, "a").json["pid"]
        answered = time.monotonic()
        program.wait_for(r"a: stopping \(idle for its ttl of 1s\)")
        assert time.monotonic() - answered >= 1.0
        assert program.output.count("a: starting") == 1
        assert post(url, "a").json["pid"] != first


def test_models_are_preloaded_in_order(configure: Configure, tmp_path: Path) -> None:
    top = {"hooks": {"on_startup": {"preload": ["b", " ", "broken", "unknown", "alias-of-a"]}}}
    broken = {"cmd": command(exit=1)}
    models = {"a": {"aliases": ["alias-of-a"]}, "b": {}, "broken": broken}
    with serving(configure(top, **models), tmp_path) as (program, url):
        program.wait_for("preloading model: b")
        program.wait_for("b: ready")
        program.wait_for(r"\[ERROR\] failed to preload model broken: ")
        program.wait_for("preloading model: a")
        program.wait_for("a: ready")
        assert up(url) == {"a": "ready"}
