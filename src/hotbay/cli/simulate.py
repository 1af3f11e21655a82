"""`hotbay simulate`: a workload against a configuration in virtual time, without starting anything.

Owns the order of the steps and what is printed; `hotbay.testing` does the work.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hotbay.cli.load import load_or_report
from hotbay.cli.report import Level
from hotbay.cli.report import report as say
from hotbay.config import ConfigError, Sources
from hotbay.config.model import Config
from hotbay.config.rules import compile_rules
from hotbay.testing.history import HistoryError, read_history
from hotbay.testing.report import ModelReport, Report, report
from hotbay.testing.simulation import TooManyRequests, play
from hotbay.testing.workload import ClosedLoop, ModelTimes, Recorded, Workload
from hotbay.testing.workload_file import load_workload, workload_text

DEFAULT_CLIENTS = 2
"""Closed loops for each listed model, if no workload is given."""

BUSIEST = 5
"""Conflicts that are printed; JSON has them all."""


class EmptyWorkload(Exception):  # noqa: N818 - says what is wrong, as its message does
    """There is nothing to be played."""


@dataclass(frozen=True, slots=True)
class Played:
    """What is to be played, and what of a history is not.

    Attributes:
        chosen: the workload is hotbay's own choice, so it is printed.
        unknown: names in a history that the configuration does not know, with their counts.
        left_out: older rows of the history.
    """

    workload: Workload
    chosen: bool = False
    unknown: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0


def simulate(
    config: Path | None,
    config_dir: Path | None,
    workload: Path | None,
    activity: Path | None,
    seed: int,
    *,
    as_json: bool,
) -> int:
    """Print what a configuration makes of a workload; return the exit code."""
    loaded = load_or_report(Sources(config, config_dir))
    if loaded is None:
        return 1
    try:
        played = _choose(loaded.config, workload, activity)
        found = report(play(compile_rules(loaded.config), played.workload, seed))
    except ConfigError as error:
        for problem in error.problems:
            say(Level.ERROR, problem.render())
        return 1
    except (EmptyWorkload, HistoryError, TooManyRequests, TimeoutError) as error:
        say(Level.ERROR, str(error))
        return 1
    if as_json:
        print(json.dumps(_as_plain(found, played, seed)))
    else:
        print("\n".join(_text(found, played, seed)))
    return 0


# -- what is played -------------------------------------------------------------------


def _choose(config: Config, file: Path | None, activity: Path | None) -> Played:
    """Return the workload of a file, with the history of a store if there is one."""
    if file is None and activity is None:
        return Played(default_workload(config), chosen=True)
    workload = Workload(())
    if file is not None:
        workload, warnings = load_workload(file, config)
        for warning in warnings:
            say(Level.WARN, warning.render())
    if activity is None:
        if not workload.clients:
            raise EmptyWorkload(f"{file}: the workload has no clients")
        return Played(workload)
    history = read_history(activity)
    names = {a.model: config.names.local(a.model) for a in history.arrivals}
    known = tuple(
        replace(arrival, model=model)
        for arrival in history.arrivals
        if (model := names[arrival.model]) is not None
    )
    unknown = Counter(a.model for a in history.arrivals if names[a.model] is None)
    everything = Workload((*workload.clients, Recorded(known)), workload.models)
    return Played(everything, unknown=dict(sorted(unknown.items())), left_out=history.left_out)


def default_workload(config: Config) -> Workload:
    """Return what is played if nothing is given: every listed model is always asked for."""
    models = [model.id for model in config.models.values() if not model.unlisted]
    return Workload(
        tuple(ClosedLoop(model, DEFAULT_CLIENTS) for model in models),
        {model: ModelTimes() for model in models},
    )


# -- what is printed --------------------------------------------------------------------


def _as_plain(found: Report, played: Played, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "seconds": round(found.seconds, 6),
        "swaps": found.swaps,
        "total": _model_as_plain(found.total),
        "models": {name: _model_as_plain(model) for name, model in found.models.items()},
        "conflicts": [
            {"models": list(one.models), "stops": list(one.stops), "total": one.total}
            for one in found.conflicts
        ],
        "unknownModels": dict(played.unknown),
        "leftOut": played.left_out,
        "workload": workload_text(played.workload) if played.chosen else None,
    }


def _model_as_plain(model: ModelReport) -> dict[str, Any]:
    waiting = model.waiting
    return {
        "requests": model.requests,
        "served": model.served,
        "refused": dict(model.refused),
        "coldStarts": model.cold_starts,
        "failedStarts": model.failed_starts,
        "waiting": waiting
        and {
            "p50": round(waiting.p50, 6),
            "p90": round(waiting.p90, 6),
            "p99": round(waiting.p99, 6),
            "max": round(waiting.max, 6),
        },
    }


def _text(found: Report, played: Played, seed: int) -> Iterator[str]:
    if played.chosen:
        yield "# Without --workload this is played; save it to a file to change it."
        yield workload_text(played.workload)
    total = found.total
    yield (
        f"virtual seconds {found.seconds:.1f}, seed {seed}, requests {total.requests}, "
        f"swaps {found.swaps}, cold starts {total.cold_starts}"
    )
    yield ""
    rows = [_row(name, model) for name, model in found.models.items()]
    yield from _table([HEADINGS, *rows, _row("(all)", total)])
    yield from _notes(found, played)
    if found.conflicts:
        yield ""
        yield "Busiest conflicts:"
    for one in found.conflicts[:BUSIEST]:
        (a, b), (a_stops, b_stops) = one.models, one.stops
        yield f"  {a} and {b}: {a} stopped {b} {_times(a_stops)}, {b} stopped {a} {_times(b_stops)}"
    if len(found.conflicts) > BUSIEST:
        yield f"  and {len(found.conflicts) - BUSIEST} more pairs; --json has them all"


HEADINGS = (
    "model",
    "requests",
    "served",
    "refused",
    "cold starts",
    "wait p50",
    "p90",
    "p99",
    "max",
)


def _row(name: str, model: ModelReport) -> tuple[str, ...]:
    counts = (model.requests, model.served, model.requests - model.served, model.cold_starts)
    w = model.waiting
    waits = ("-",) * 4 if w is None else [f"{x:.2f} s" for x in (w.p50, w.p90, w.p99, w.max)]
    return (name, *map(str, counts), *waits)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])


def _notes(found: Report, played: Played) -> Iterator[str]:
    """Say what is not in the table."""
    notes = [f"{count} refused: {reason}" for reason, count in found.total.refused.items()]
    notes += [
        f"{name}: {model.failed_starts} of {model.cold_starts} starts failed"
        for name, model in found.models.items()
        if model.failed_starts
    ]
    notes += [
        f"{count} left out of the history: no model or alias {name!r}"
        for name, count in played.unknown.items()
    ]
    if played.left_out:
        notes.append(f"{played.left_out} left out of the history: older than the rest")
    if notes:
        yield ""
    yield from notes


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")
