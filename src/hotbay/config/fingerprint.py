"""Tells whether a model server would have to be restarted for another configuration.

A fingerprint covers what the server and the way to it are made of: command, stop
command, environment, address, check, timeouts. What requests are treated with (filters,
aliases, limits, texts) may change while the server runs on.
"""

from __future__ import annotations

import hashlib
import json

from hotbay.config.commands import split_command
from hotbay.config.macros import expand_node
from hotbay.config.nodes import Table
from hotbay.config.problems import Report
from hotbay.config.reader import read_settings
from hotbay.config.settings.model import ModelSettings

_KEYS = ("cmd", "cmdStop", "env", "proxy", "checkEndpoint", "timeouts")

_NO_PORT = 10**15
"""Stands for `${PORT}`, of whatever type a value must be; no configuration means it."""


def fingerprint(model: Table, *, windows: bool) -> str:
    """Return the fingerprint of a model with macros expanded, `${PORT}` excepted (design 7.5)."""
    part = model.with_items({key: model.items[key] for key in _KEYS if key in model.items})
    # What is wrong with these keys is reported when the whole model is read.
    unheard = Report()
    node = expand_node(part, {"PORT": _NO_PORT}, (), unheard)
    assert isinstance(node, Table)  # noqa: S101 - expansion keeps the shape
    settings = read_settings(ModelSettings, node, ("models",), unheard)
    content = [
        split_command(settings.cmd, windows=windows),
        split_command(settings.cmd_stop, windows=windows),
        settings.env,
        settings.proxy,
        settings.check_endpoint,
        [getattr(settings.timeouts, name) for name in type(settings.timeouts).model_fields],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
