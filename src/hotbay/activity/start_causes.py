"""Sorts the reasons of failed starts into few kinds, as a metric's label must have few values."""

from __future__ import annotations

import re

OTHER = "other"

# Searched in what `core` and `runtime/causes.py` write; the first that is found counts.
_KINDS = (
    ("timeout", r"timed out"),
    ("gpu memory", r"GPU memory"),
    ("memory", r"out of memory|memory ran out"),
    ("port", r"\bport\b"),
    ("argument", r"(?:bad|missing) argument"),
    ("model", r"\bmodel (?:file|architecture|repository)"),
    ("gpu", r"\bGPU\b"),
    (
        "file",
        (
            r"not found|is missing|no permission|not a program|not executable|disk is full|no such"
            r"|failed to start command"
        ),
    ),
    ("crash", r"crashed|aborted itself|processor lacks"),
    ("configuration", r"not in the configuration"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)

KINDS = (*(kind for kind, _ in _KINDS), OTHER)
"""All of them."""


def kind_of_cause(reason: str) -> str:
    """Return what kind of reason a `StartFailed` gives."""
    for kind, pattern in _COMPILED:
        if pattern.search(reason):
            return kind
    return OTHER
