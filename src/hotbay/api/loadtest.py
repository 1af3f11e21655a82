"""Load tests: `POST /api/x/loadtest` sends real requests to this very server and times them.

A browser opens six connections to a server at most, so a test that runs in one bends what it
measures. Owns which requests are sent when, and the figures of all of them together. Nothing of
a test is kept: it ends when whoever asked for it leaves, and at the latest when its time is up.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.inflight import phases_ms
from hotbay.activity.recording import Recording
from hotbay.api.answers import error_answer
from hotbay.api.body import BODY, body_of
from hotbay.api.loadtest_request import Outcome, Target, ask
from hotbay.api.services import Services, services_of
from hotbay.api.streams import EVENT_HEADERS, stream_answer

CONCURRENCY = 64
"""Requests at once, at most."""
REQUESTS = 1000
"""Requests of a test, at most."""
TOKENS = 32_768
"""Tokens of an answer, at most."""
LONGEST = 3600
"""Seconds that a test may last, at most."""
PROGRESS = 0.5
"""Seconds from one progress report to the next."""
SHORTEST = 0.005
"""Seconds for which tokens have to come for their speed to mean something."""

_PASSED_ON = ("Authorization", "X-Api-Key", "Host", "X-Session-ID")
"""Headers of the caller that the requests have too: its key, and by which name it knows us."""
_PERCENTILES = (50, 95, 99)
_WAITS = ("queued", "swapping", "loading")
"""The phases of a request before it is forwarded."""
_numbers = itertools.count(1)


class LoadTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of the request.

    With several models the requests go to them in turn. `ramp` is in seconds, from one request at
    once to `concurrency`.
    """

    model: (
        Annotated[str, msgspec.Meta(min_length=1)]
        | Annotated[list[str], msgspec.Meta(min_length=1, max_length=CONCURRENCY)]
    )
    prompt: str
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=CONCURRENCY)] = 1
    requests: Annotated[int, msgspec.Meta(ge=1, le=REQUESTS)] = 1
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=TOKENS)] = 128
    ramp: Annotated[float, msgspec.Meta(ge=0, le=LONGEST)] = 0
    seconds: Annotated[float, msgspec.Meta(ge=1, le=LONGEST)] = 600

    def body(self, index: int) -> dict[str, Any]:
        """Return the body of the request with this number."""
        models = [self.model] if isinstance(self.model, str) else self.model
        return {
            "model": models[index % len(models)],
            "messages": [{"role": "user", "content": self.prompt}],
            "max_tokens": self.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


async def load_test(request: Request) -> Response:
    """Run a load test and answer with its progress as events, and at the end with its result."""
    body = await body_of(request)
    if body is None:
        return error_answer(request, 413, f"the request body is larger than {BODY} bytes")
    try:
        test = msgspec.json.decode(body, type=LoadTest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return error_answer(request, 400, f"invalid load test: {error}")
    run = _Run(services_of(request), test, _target(request))
    return stream_answer(request, run.events, EVENT_HEADERS)


def _target(request: Request) -> Target:
    """Return where the caller has reached us; requests to there are judged as this one was."""
    host, port = request.scope["server"]
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    return Target(host, port, request.scope["scheme"] == "https", headers)


class _Run:
    """A test under way."""

    def __init__(self, services: Services, test: LoadTest, target: Target) -> None:
        self._services = services
        self._test = test
        self._target = target
        self._name = f"loadtest-{next(_numbers)}"
        self._clock = asyncio.get_running_loop().time
        self._begun = 0.0
        self._left = iter(range(test.requests))
        self._none_left = asyncio.Event()
        self._running: dict[int, Outcome] = {}
        self._ended: list[Outcome] = []
        self._news: list[bytes] = []

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield the events; the requests are made for as long as somebody takes them."""
        self._begun = self._clock()
        end = self._begun + self._test.seconds
        count = min(self._test.concurrency, self._test.requests)
        workers = [
            asyncio.create_task(self._work(number * self._test.ramp / count))
            for number in range(count)
        ]
        try:
            pending = set(workers)
            while pending and (left := end - self._clock()) > 0:
                done, pending = await asyncio.wait(pending, timeout=min(left, PROGRESS))
                for worker in done:
                    worker.result()  # a fault of ours is no outcome of the test
                news, self._news = self._news, []
                yield b"".join([*news, _event("progress", self._progress())])
            unfinished = len(self._running)
            await _end(workers)
            result = {**self._figures(), "unfinished": unfinished}
            yield b"".join([*self._news, _event("result", result)])
        finally:
            await _end(workers)

    async def _work(self, delay: float) -> None:
        """Make one request after another from then on, until there are none left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._none_left.wait()
        for index in self._left:
            body = self._test.body(index)
            outcome = Outcome(body["model"])
            begin = self._clock() - self._begun
            self._running[index] = outcome
            with _followed(self._services, f"{self._name}-{index}", outcome) as request_id:
                try:
                    await ask(self._target, body, request_id, outcome)
                finally:
                    del self._running[index]
            self._ended.append(outcome)
            self._news.append(_event("request", _row(index, begin, outcome)))
        self._none_left.set()

    def _progress(self) -> dict[str, Any]:
        return {
            "running": len(self._running),
            "answering": sum(1 for o in self._running.values() if o.first_token is not None),
            "wanted": self._test.requests,
            **self._figures(),
        }

    def _figures(self) -> dict[str, Any]:
        """Return the figures of the requests that have ended."""
        seconds = self._clock() - self._begun
        good = [outcome for outcome in self._ended if not outcome.error]
        tokens = sum(outcome.tokens for outcome in good)
        errors = Counter(outcome.error for outcome in self._ended if outcome.error)
        return {
            "seconds": round(seconds, 3),
            "requests": len(self._ended),
            "failed": len(self._ended) - len(good),
            "tokens": tokens,
            "requests_per_second": round(len(good) / seconds, 3),
            "tokens_per_second": round(tokens / seconds, 3),
            "latency": _spread([outcome.seconds for outcome in good]),
            "first_token": _spread([o.first_token for o in good if o.first_token is not None]),
            "queued": _spread([_waited(o, "queued", "swapping") for o in good if o.phases]),
            "loading": _spread([_waited(o, "loading") for o in good if o.phases]),
            "speed": _spread([speed for o in good if (speed := _speed(o)) is not None]),
            "errors": [{"message": text, "count": count} for text, count in errors.most_common()],
        }


async def _end(workers: Sequence[asyncio.Task[None]]) -> None:
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


@contextmanager
def _followed(services: Services, request_id: str, outcome: Outcome) -> Iterator[str]:
    """Fill in, at the end, the phases that the request with this ID has gone through."""
    recorder = services.activity.recorder
    followed: list[Recording] = []
    recorder.expected[request_id] = followed.append
    try:
        yield request_id
    finally:
        recorder.expected.pop(request_id, None)
        for recording in followed:
            spent = phases_ms(recording, recorder.clock())
            outcome.phases = {name: spent.get(name, 0) for name in _WAITS}


def _row(index: int, begin: float, outcome: Outcome) -> dict[str, Any]:
    speed = _speed(outcome)
    first = outcome.first_token
    return {
        "index": index,
        "model": outcome.model,
        "begin": round(begin, 3),
        "seconds": round(outcome.seconds, 3),
        "first_token": None if first is None else round(first, 3),
        "phases_ms": outcome.phases or None,
        "prompt_tokens": outcome.prompt_tokens,
        "tokens": outcome.tokens,
        "tokens_per_second": None if speed is None else round(speed, 3),
        "error": outcome.error,
    }


def _waited(outcome: Outcome, *phases: str) -> float:
    """Return the seconds that a request spent in some of the phases before its first token."""
    return sum(outcome.phases[phase] for phase in phases) / 1000


def _speed(outcome: Outcome) -> float | None:
    """Return the tokens per second behind the first one, None if there was no time for it."""
    if outcome.first_token is None or outcome.tokens < 2:
        return None
    lasted = outcome.seconds - outcome.first_token
    return (outcome.tokens - 1) / lasted if lasted >= SHORTEST else None


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return what is told of a distribution; percentiles are interpolated linearly."""
    if not values:
        return None
    ordered = sorted(values)
    figures = {
        "min": ordered[0],
        "mean": sum(ordered) / len(ordered),
        **{f"p{percent}": _percentile(ordered, percent) for percent in _PERCENTILES},
        "max": ordered[-1],
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _percentile(ordered: Sequence[float], percent: int) -> float:
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _event(kind: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))
