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
from hotbay.config.oddities import warn_of_oddities
from hotbay.config.ports import AssignPorts, count_up
from hotbay.config.problems import Problem, Report
from hotbay.config.reader import read_settings
from hotbay.config.settings.top import TopSettings
from hotbay.config.sources import Sources, SourceText, read_text
from hotbay.config.store import check_store
from hotbay.config.validation import check_names


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, what is odd about it, and the texts that say so."""

    config: Config
    warnings: tuple[Problem, ...]
    texts: tuple[SourceText, ...]


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
    read = {str(file): read_text(file, report) for file in sources.files()}
    texts = [SourceText(name, text) for name, text in read.items() if text is not None]
    loading = _Loading(report, environ, windows, assign_ports or count_up, bare=False)
    return loading.load(texts, complete=len(texts) == len(read))


def load_text(
    text: SourceText,
    *,
    environ: Mapping[str, str] = os.environ,
    windows: bool = os.name == "nt",
) -> Loaded:
    """Load a configuration from a text that nobody vouches for.

    It is checked as any other, but the machine is left alone: no planner is imported, and
    nobody looks where the activity log would be kept.

    Raises:
        ConfigError: as for `load`.
    """
    return _Loading(Report(), environ, windows, count_up, bare=True).load([text])


@dataclass(frozen=True, slots=True)
class _Loading:
    """One load; `bare` leaves out what concerns the machine instead of the text."""

    report: Report
    environ: Mapping[str, str]
    windows: bool
    assign_ports: AssignPorts
    bare: bool

    def load(self, texts: list[SourceText], *, complete: bool = True) -> Loaded:
        report, windows = self.report, self.windows
        root = self._parse(texts, complete=complete)
        expansion = expand(root, report, self.assign_ports, windows=windows)
        findings = Findings(expansion.root, report)
        written = read_settings(TopSettings, expansion.root, (), report)
        config = normalise(written, expansion, findings, windows=windows)
        check_names(config, written.peers, findings)
        if config.store and config.store.path and not self.bare:
            check_store(config.store, findings, windows=windows)
        if config.routing.router.use not in ("group", "matrix"):
            # A configuration with groups never looks for installed planners.
            from hotbay.config.planners import check_planner  # noqa: PLC0415 - see above

            check_planner(config, findings, run=not self.bare)
        report.raise_errors()
        warn_of_oddities(config, findings)
        return Loaded(config, report.warnings, tuple(texts))

    def _parse(self, texts: list[SourceText], *, complete: bool) -> Table:
        """Return all texts as one document; one that cannot be read ends the load."""
        documents = []
        for text in texts:
            document = parse(text.name, text.text, self.environ, self.report)
            if document is None:
                complete = False
            else:
                _hide_secrets(document)
                documents.append(document)
        if not complete:
            self.report.raise_errors()
        return merge(documents, self.report)


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
