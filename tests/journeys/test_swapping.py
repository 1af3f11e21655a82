"""Who is served when: collation, patience, unloads and limits, with real processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.journeys.conftest import (
    Configure,
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
    models = {name: {"cmd": command(load=0.5)} for name in "abc"}
    with serving(configure(**models), tmp_path) as (program, url):
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda model: post(url, model), "abcabc"))
        assert [answer.json["model"] for answer in answers] == list("abcabc")
        assert sum(program.output.count(f"{name}: starting") for name in "abc") == 3


def test_two_clients_that_overlap_do_not_keep_a_third_out(
    configure: Configure, tmp_path: Path
) -> None:
    patience, longest, load = 2.0, 0.4, 0.3
    top = {"routing": {"scheduler": {"settings": {"fifo": {"maxWait": patience}}}}}
    models = {name: {"cmd": command(load=load)} for name in "ab"}
    with serving(configure(top, **models), tmp_path) as (_, url):
        post(url, "a")
        attack_ends = time.monotonic() + 12

        def attack(offset: float) -> int:
            served = 0
            post(url, "a", f"pause={offset}")
            while time.monotonic() < attack_ends:
                served += post(url, "a", f"pause={longest}").status == 200
            return served

        with ThreadPoolExecutor(3) as pool:
            attackers = [pool.submit(attack, offset) for offset in (0.01, longest / 2)]
            began = time.monotonic()
            assert post(url, "b").json["model"] == "b"
            waited = time.monotonic() - began
            assert all(attacker.result() > 0 for attacker in attackers)
        # Guarantee 5 with nobody older waiting, and time for a busy machine to start processes.
        assert patience <= waited <= patience + longest + 2.0 + load + 3.0


def test_the_limit_of_a_model_is_told_at_once(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"concurrencyLimit": 2}), tmp_path) as (_, url):
        streams = [start(url, "a", "events=2000&every=0.02") for _ in range(2)]
        assert [stream.getresponse().status for stream in streams] == [200, 200]
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


def test_a_higher_priority_is_served_first(configure: Configure, tmp_path: Path) -> None:
    fifo = {"priority": {"c": 10}}
    top = {"routing": {"scheduler": {"settings": {"fifo": fifo}}}}
    with serving(configure(top, a={}, b={}, c={}), tmp_path) as (program, url):
        busy = start(url, "a", "events=100000&every=0.02")
        assert busy.getresponse().status == 200
        first = start(url, "b")
        until_waiting(url, 1)
        second = start(url, "c")
        until_waiting(url, 2)
        busy.close()
        assert answer_of(second).status == 200
        assert answer_of(first).status == 200
        order = program.output
        assert order.index("c: starting") < order.index("b: starting")


def test_an_idle_model_is_unloaded_and_comes_back(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"ttl": 1}), tmp_path) as (program, url):
        first = post(url, "a").json["pid"]
        program.wait_for(r"a: stopping \(idle for its ttl of 1s\)")
        assert post(url, "a").json["pid"] != first


def test_models_are_preloaded_in_order(configure: Configure, tmp_path: Path) -> None:
    top = {"hooks": {"on_startup": {"preload": ["b", "broken", "a"]}}}
    broken = {"cmd": command(exit=1)}
    with serving(configure(top, a={}, b={}, broken=broken), tmp_path) as (program, url):
        program.wait_for("b: ready")
        program.wait_for(r"\[ERROR\] failed to preload model broken: ")
        program.wait_for("a: ready")
        assert up(url) == {"a": "ready"}
