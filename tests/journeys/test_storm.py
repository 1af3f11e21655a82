"""Everything at once, for long: requests, clients that leave, unloads, reloads, and kills."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.journeys.conftest import Configure, answer_of, command, get, post, start, up
from tests.journeys.program import Program, serving

SECONDS = 60
CLIENTS = 12
QUERIES = ["", "", "pause=0.1", "pause=3", "events=5", "events=20", "die=known", "events=9&die=x"]
MODELS = {
    "a": {"cmd": command(), "ttl": 1},
    "b": {"cmd": command(deaf=1)},
    "c": {"cmd": command(child="daemon")},
    "d": {"cmd": command(load=0.3)},
    "e": {"cmd": command(), "concurrencyLimit": 2},
}
TOP = {
    "unloadTimeout": 1,
    "routing": {"scheduler": {"settings": {"fifo": {"maxWait": 2}}}},
    "groups": {
        "swapped": {"swap": True, "exclusive": False, "members": ["a", "b"]},
        "together": {"swap": False, "exclusive": False, "members": ["c", "d"]},
    },
}


def ask(url: str, chance: random.Random) -> object:
    """Send a request, leave perhaps, and return what came of it."""
    connection = start(url, chance.choice([*MODELS]), chance.choice(QUERIES))
    if chance.random() < 0.2:
        for _ in range(chance.randrange(20)):  # so that it leaves at any stage
            get(url, "/health")
        connection.close()
        return "left"
    answer = answer_of(connection)
    assert answer.status < 400 or answer.error
    return answer.status


def change(url: str, program: Program, file: Path, chance: random.Random) -> None:
    """Do something that hotbay has to cope with."""
    content = json.loads(file.read_text())
    content["models"]["d"]["ttl"] = chance.randrange(100)
    content["models"]["e"]["cmd"] = command(say=chance.randrange(3))

    def reload() -> None:
        file.write_text(json.dumps(content))
        program.process.send_signal(signal.SIGHUP)

    def kill() -> None:
        if family := sorted(program.family()):  # the warden as well
            with suppress(ProcessLookupError):
                os.kill(chance.choice(family), signal.SIGKILL)

    def unload_one() -> None:
        post(url, path=f"/api/models/unload/{chance.choice([*MODELS])}")

    def unload_all() -> None:
        get(url, "/unload")

    chance.choice([reload, kill, kill, unload_one, unload_all])()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_all_come_to_rest(configure: Configure, tmp_path: Path, seed: int) -> None:
    with serving(configure(TOP, **MODELS), tmp_path) as (program, url):
        ends = time.monotonic() + SECONDS

        def client(number: int) -> Counter[object]:
            chance, outcomes = random.Random(f"{seed} {number}"), Counter[object]()
            while time.monotonic() < ends:
                outcomes[ask(url, chance)] += 1
            return outcomes

        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(client, number) for number in range(CLIENTS)]
            chance = random.Random(seed)
            while time.monotonic() < ends:
                change(url, program, tmp_path / "config.yaml", chance)
                threading.Event().wait(chance.random() / 2)  # the storm's pace, not a test's wait
            outcomes = sum((each.result(60) for each in clients), Counter[object]())
        assert outcomes.keys() <= {200, 429, 500, 502, 503, "left"}
        assert outcomes[200] > 50
        assert get(url, "/api/x/queue").json == {"swaps": [], "waiting": []}
        assert get(url, "/unload").status == 200
        assert up(url) == {}
        assert len(program.family()) == 1
        assert "[ERROR]" not in program.output
        assert [post(url, model).status for model in MODELS] == [200] * len(MODELS)
