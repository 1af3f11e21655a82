"""Measure how long a request waits while two other clients keep another model busy.

Usage: python bench/fairness.py [--url URL --busy MODEL --asked MODEL [--key KEY]]

Two clients send requests for the busy model without pause and overlap, so that it is
never idle; after a second a third client asks for the other model, again and again. A
server that swaps only when a model is idle lets the third client wait for ever. URL is
any OpenAI-compatible endpoint that holds one of the two models at a time, for example
http://127.0.0.1:8080/v1; without it, hotbay is started with a patience of two seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.build import compiled
from harness.contenders import run_hotbay


@dataclass
class Endpoint:
    """An OpenAI-compatible server and how to ask it."""

    url: str
    key: str
    query: str = ""

    def ask(self, model: str, within: float) -> float:
        """Ask a model for a short answer; return how many seconds that took.

        Raises:
            OSError: no answer within the time, or an error status.
        """
        messages = [{"role": "user", "content": "Say one word."}]
        body = json.dumps({"model": model, "messages": messages, "max_tokens": 32}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/chat/completions{self.query}", body, headers
        )
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=within) as answer:
            answer.read()
        return time.monotonic() - began


@dataclass
class Attack:
    """The two clients that keep a model busy; they keep how long each answer took."""

    endpoint: Endpoint
    model: str
    within: float
    answers: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def client(self) -> None:
        """Send requests without pause."""
        while not self.over.is_set():
            try:
                self.answers.append(self.endpoint.ask(self.model, self.within))
            except OSError as error:
                self.failures.append(str(error))
                self.over.wait(0.1)  # a refusal comes at once; do not flood


def measure(endpoint: Endpoint, busy: str, asked: str, *, times: int, within: float) -> None:
    """Run the attack, ask for the other model `times` times, and print what happened."""
    attack = Attack(endpoint, busy, within)
    once = endpoint.ask(busy, within)
    clients = [threading.Thread(target=attack.client) for _ in range(2)]
    for client in clients:
        client.start()
        time.sleep(once / 2)  # the second starts in the middle of the first's request
    time.sleep(1)
    for number in range(1, times + 1):
        before = len(attack.answers)
        try:
            waited = f"answered after {endpoint.ask(asked, within):.2f} s"
        except urllib.error.HTTPError as error:
            waited = f"refused with status {error.code}"
        except OSError:
            waited = f"not answered in {within:.0f} s"
        meanwhile = len(attack.answers) - before
        print(f"{asked}, request {number}: {waited}; {busy} answered {meanwhile} meanwhile")
    attack.over.set()
    for client in clients:
        client.join()
    if attack.failures:
        print(
            f"{busy}: {len(attack.failures)} requests failed, the first with: {attack.failures[0]}"
        )


def own_hotbay(stack: ExitStack) -> Endpoint:
    """Start hotbay with models `a` and `b`, which load in 0.3 s and answer in 0.5 s."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotbay-bench-")))
    command = f"{compiled('upstream')} --port ${{PORT}} --healthy-after 300"
    config = {
        "models": {"a": {"cmd": command}, "b": {"cmd": command}},
        "routing": {"scheduler": {"use": "fifo", "settings": {"fifo": {"maxWait": 2}}}},
    }
    hotbay = run_hotbay(stack, folder, config)
    return Endpoint(f"http://127.0.0.1:{hotbay.port}/v1", "none", "?delay=500")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", help="base URL of an OpenAI-compatible API")
    parser.add_argument("--busy", default="a", help="the model that two clients keep busy")
    parser.add_argument("--asked", default="b", help="the model that the third client asks for")
    parser.add_argument("--key", default="none", help="API key")
    parser.add_argument("--times", type=int, default=5, help="how often the third client asks (5)")
    parser.add_argument("--within", type=float, default=120, help="seconds it waits at most (120)")
    given = parser.parse_args()
    with ExitStack() as stack:
        endpoint = Endpoint(given.url, given.key) if given.url else own_hotbay(stack)
        measure(endpoint, given.busy, given.asked, times=given.times, within=given.within)


if __name__ == "__main__":
    main()
