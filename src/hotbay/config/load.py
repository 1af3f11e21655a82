"""Loads a configuration: the steps of spec/config-loading.md 2, in their order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hotbay.config.document import parse
from hotbay.config.expansion import expand
from hotbay.config.findings import Findings
from hotbay.config.merge import merge
from hotbay.config.model import Config
from hotbay.config.nodes import Node, Sequence, Table, table_at
from hotbay.config.normalise import normalise
from hotbay.config.ports import AssignPorts, count_up
from hotbay.config.problems import Problem, Report
from hotbay.config.reader import read_settings
from hotbay.config.settings.top import TopSettings
from hotbay.config.sources import Sources, read_text
from hotbay.config.store import check_store
from hotbay.config.validation import check_names


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and what is odd about it."""

    config: Config
    warnings: tuple[Problem, ...]


def load(
    sources: Sources,
    *,
    environ: Mapping[str, str] = os.environ,
    windows: bool = os.name == "nt",
    assign_ports: AssignPorts | None = None,
) -> Loaded:
    """Load and check a configuration.

    Args:
        sources: the files.
        environ: what `${env.NAME}` stands for.
        windows: commands are split and stopped as on Windows.
        assign_ports: gives ports to models that ask for one; by default they are
            numbered in the order of their IDs.

    Raises:
        ConfigError: something is wrong; it holds every problem that was found.
    """
    report = Report()
    root = _read(sources, environ, report)
    expansion = expand(root, report, assign_ports or count_up, windows=windows)
    findings = Findings(expansion.root, report)
    written = read_settings(TopSettings, expansion.root, (), report)
    config = normalise(written, expansion, findings, windows=windows)
    check_names(config, written.peers, findings)
    if config.store and config.store.path:
        check_store(config.store, findings, windows=windows)
    report.raise_errors()
    return Loaded(config, report.warnings)


def _read(sources: Sources, environ: Mapping[str, str], report: Report) -> Table:
    """Return all files as one document; a file that cannot be read ends the load."""
    documents = []
    complete = True
    for file in sources.files():
        text = read_text(file, report)
        document = None if text is None else parse(str(file), text, environ, report)
        if document is None:
            complete = False
        else:
            _hide_secrets(document)
            documents.append(document)
    if not complete:
        report.raise_errors()
    return merge(documents, report)


def _hide_secrets(document: Table) -> None:
    """Keep API keys out of the source lines that problems show."""
    keys = document.items.get("apiKeys")
    secrets: list[Node | None] = [*keys.items] if isinstance(keys, Sequence) else [keys]
    peers = table_at(document, "peers")
    secrets += [
        peer.items.get("apiKey")
        for peer in (peers.items.values() if peers else ())
        if isinstance(peer, Table)
    ]
    for secret in secrets:
        if secret is not None:
            secret.mark.source.hide(secret.mark)
