"""Reads and writes workload files (docs/simulator.md), in the configuration's dialect of YAML.

Owns the keys of the file. Every mistake is reported with its line, as in a configuration.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from hotbay.config.document import parse
from hotbay.config.model import Config
from hotbay.config.nodes import Node, Sequence, Table, find_mark, table_at
from hotbay.config.nodes import Path as Keys
from hotbay.config.problems import Problem, Report
from hotbay.config.reader import read_settings
from hotbay.config.settings.base import Settings, no_entries
from hotbay.config.sources import read_text
from hotbay.testing.workload import (
    MINUTES_10,
    Burst,
    Clients,
    ClosedLoop,
    ModelTimes,
    OpenLoop,
    Span,
    Workload,
)

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?")


def _finite(value: float) -> float:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"must be a number of at least 0, found {value}")
    return float(value)


def _positive(value: float) -> float:
    if _finite(value) == 0:
        raise ValueError("must be more than 0")
    return float(value)


def _span_text(text: str) -> str:
    _span(text)
    return text


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected seconds such as 2 or a span such as 1..4, found {text!r}")
    low, high = float(found[1]), float(found[2] or found[1])
    if high < low:
        raise ValueError(f"the span ends before it begins: {text}")
    return Span(low, high)


Time = Annotated[float, AfterValidator(_finite)]
SpanText = Annotated[str, AfterValidator(_span_text)]


class _Times(Settings):
    """One model."""

    load: Time = 5
    stop: Time = 0.5
    run: SpanText = "2"


class _Clients(Settings):
    """Clients of one kind."""

    model: str = Field(description="the model or alias that they ask for")
    kind: Literal["closed", "open", "burst"] = Field(description="closed, open or burst")
    clients: Annotated[int, Field(ge=1)] = 1
    think: SpanText = "0"
    rate: Annotated[float, AfterValidator(_positive)] | None = None
    count: Annotated[int, Field(ge=1)] = 1
    at: Time = 0
    duration: Annotated[float, AfterValidator(_positive)] = MINUTES_10


class _File(Settings):
    """A whole file."""

    models: Mapping[str, _Times] = Field(default_factory=no_entries)
    clients: tuple[_Clients, ...] = ()


_OWN_KEYS = {
    "closed": {"clients", "think", "duration"},
    "open": {"rate", "duration"},
    "burst": {"count"},
}
"""Keys that belong to some kinds of clients only."""


class LoadedWorkload(NamedTuple):
    """A valid workload, and what is odd about its file."""

    workload: Workload
    warnings: tuple[Problem, ...]


def load_workload(file: Path, config: Config) -> LoadedWorkload:
    """Return the workload of a YAML or JSON file; its names are those of a configuration.

    Raises:
        ConfigError: something is wrong; it holds every problem that was found.
    """
    report = Report()
    text = read_text(file, report)
    root = None if text is None else parse(str(file), text, {}, report)
    written = None if root is None else read_settings(_File, root, (), report)
    report.raise_errors()
    assert root is not None and written is not None  # noqa: S101, PT018 - or that has raised
    return LoadedWorkload(_Reading(root, report, config).workload(written), report.warnings)


class _Reading:
    """What is to be checked across keys, with the places of mistakes."""

    def __init__(self, root: Table, report: Report, config: Config) -> None:
        self._root = root
        self._report = report
        self._config = config

    def workload(self, written: _File) -> Workload:
        models: dict[str, ModelTimes] = {}
        for name, times in written.models.items():
            model = self._model(name, ("models", name))
            if model in models:
                self._error(("models", name), f"the model {model!r} is there already")
            models[model] = ModelTimes(times.load, times.stop, _span(times.run))
        nodes = self._root.items.get("clients")
        items: tuple[Node, ...] = nodes.items if isinstance(nodes, Sequence) else ()
        clients = tuple(
            self._clients(index, one, item, models)
            for index, (one, item) in enumerate(zip(written.clients, items, strict=True))
        )
        self._report.raise_errors()
        return Workload(clients, models)

    def _clients(
        self, index: int, written: _Clients, node: Node, models: Mapping[str, ModelTimes]
    ) -> Clients:
        path: Keys = ("clients", index)
        self._check_keys(written.kind, path, node)
        model = self._model(written.model, (*path, "model"), node)
        match written.kind:
            case "burst":
                return Burst(model, written.count, written.at)
            case "open":
                if written.rate is None:
                    self._error((*path, "rate"), "missing; it is requests a second", node)
                return OpenLoop(model, written.rate or 1, written.at, written.duration)
        think = _span(written.think)
        if think.high + models.get(model, ModelTimes()).run.high == 0:
            problem = "neither runs nor thinks, so it would never end; give `run` or `think`"
            self._error((*path, "think"), problem, node)
        return ClosedLoop(model, written.clients, think, written.at, written.duration)

    def _check_keys(self, kind: str, path: Keys, node: Node) -> None:
        foreign = frozenset().union(*_OWN_KEYS.values()) - _OWN_KEYS[kind]
        for key in node.items if isinstance(node, Table) else ():
            if key in foreign:
                kinds = " and ".join(name for name, keys in _OWN_KEYS.items() if key in keys)
                message = f"belongs to clients of kind {kinds}, not {kind}"
                self._error((*path, key), message, node)

    def _model(self, name: str, path: Keys, node: Node | None = None) -> str:
        model = self._config.names.local(name)
        if model is None:
            known = ", ".join(sorted(self._config.models)) or "none"
            self._error(path, f"no model or alias {name!r}; the models are: {known}", node)
            return name
        return model

    def _error(self, path: Keys, message: str, node: Node | None = None) -> None:
        """Report an error at a path; `node` is the element of the list that it lies in."""
        inside = table_at(node)
        mark = find_mark(self._root, path)
        if inside is not None:
            key = str(path[-1])
            mark = inside.place(key) if key in inside.items else inside.mark
        self._report.error(mark, path, message)


def workload_text(workload: Workload) -> str:
    """Return a workload as the text of a file that reads back as the same; without histories."""
    lines = ["models:"]
    for model, times in workload.models.items():
        entry = f"load: {times.load:.12g}, stop: {times.stop:.12g}, run: {times.run}"
        lines.append(f"  {_quoted(model)}: {{{entry}}}")
    lines.append("clients:")
    lines += [f"  - {{{text}}}" for one in workload.clients if (text := _clients_text(one))]
    return "\n".join(lines) + "\n"


def _clients_text(one: Clients) -> str:
    match one:
        case ClosedLoop(model, clients, think, at, duration):
            rest = f"kind: closed, clients: {clients}, think: {think}, at: {at:.12g}"
            return f"model: {_quoted(model)}, {rest}, duration: {duration:.12g}"
        case OpenLoop(model, rate, at, duration):
            rest = f"kind: open, rate: {rate:.12g}, at: {at:.12g}, duration: {duration:.12g}"
            return f"model: {_quoted(model)}, {rest}"
        case Burst(model, count, at):
            return f"model: {_quoted(model)}, kind: burst, count: {count}, at: {at:.12g}"
        case _:
            return ""


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
