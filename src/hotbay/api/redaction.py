"""Keeps secrets out of what is told of a configuration.

Whoever may use the models need not know what their programs and the peers are entrusted with.
Owns what counts as a secret: by the name of what holds it, and wherever its value occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hotbay.config.effective import REDACTED
from hotbay.config.environment import PLACEHOLDER
from hotbay.config.model import Config
from hotbay.config.sources import SourceText

_NAME = r"(?:api_?keys?|key|token|secret|passw(?:or)?d|credentials?)"
_SECRET = re.compile(_NAME + "$", re.IGNORECASE)
"""How the names of variables, macros, options and members end that hold secrets."""
_USER_INFO = re.compile(r"(?<=//)[^/?#\s]*(?=@)")
_WRITTEN = re.compile(
    rf"""(?:{_NAME}["']?\s*[:=]|--?[\w-]*{_NAME}\s)\s*(?!\$\{{)(\S.*)""", re.IGNORECASE
)
_FREE = frozenset({"setParams", "setParamsByID", "planner"})
"""Members below which names are those of other programs' settings, not of models."""
_SHORTEST = 8
"""Characters; a shorter text may occur by chance."""


def without_secrets(
    active: dict[str, Any], config: Config, texts: Iterable[SourceText], env: Mapping[str, str]
) -> dict[str, Any]:
    """Return an effective configuration as those may see it who may use its models.

    Args:
        active: what `effective` made of `config`.
        config: in force.
        texts: the files that say it.
        env: the variables of the environment that they may mention.
    """
    secrets = {text for text in _secrets(config, texts, env) if len(text) >= _SHORTEST}
    # The longest first, as one may be the beginning of another.
    ordered = sorted(secrets, key=len, reverse=True)
    values = "|".join(map(re.escape, ordered))
    redaction = _Redaction(re.compile(f"{values}|{_USER_INFO.pattern}" if values else _USER_INFO))
    return {name: redaction.of(value, name) for name, value in active.items()}


def line_without_secrets(line: str) -> str:
    """Return a line of a file, as long as it is, without what a name of a secret introduces."""
    return _WRITTEN.sub(lambda found: _starred(found, 1), line)


class _Redaction:
    """Goes through values; `pattern` finds secrets in texts."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def of(self, value: Any, name: str, *, free: bool = False) -> Any:
        """Return a value of the member `name` without secrets."""
        if isinstance(value, dict):
            free = free or name in _FREE
            return {key: self.of(item, key, free=free) for key, item in value.items()}
        if isinstance(value, list):
            items = [self.of(item, "") for item in value]
            if name == "env":
                return [_assigned(item) for item in items]
            return _command(items) if name in ("cmd", "cmdStop") else items
        if not isinstance(value, str):
            return value
        if free and _SECRET.search(name):
            return REDACTED
        return self._pattern.sub(REDACTED, value)


def _secrets(config: Config, texts: Iterable[SourceText], env: Mapping[str, str]) -> Iterator[str]:
    yield from config.api_keys
    for peer in config.peers.values():
        yield peer.api_key
    for model in config.models.values():
        for entry in model.env:
            name, _, value = entry.partition("=")
            if _SECRET.search(name):
                yield value
    for macros in (config.macros, *(model.macros for model in config.models.values())):
        for name, macro in macros.items():
            if _SECRET.search(name):
                yield str(macro)
    for text in texts:
        for name in PLACEHOLDER.findall(text.text):
            if _SECRET.search(name):
                yield env.get(name, "")


def _command(words: list[str]) -> list[str]:
    """Hide what options are given that take secrets, as `--api-key X` or `--api-key=X`."""
    result: list[str] = []
    for word in words:
        asked = result and result[-1].startswith("-") and _SECRET.search(result[-1])
        if asked and not word.startswith("-"):
            result.append(REDACTED)
        else:
            result.append(_assigned(word))
    return result


def _assigned(text: str) -> str:
    """Hide the value of `NAME=value`."""
    name, mark, _ = text.partition("=")
    return f"{name}={REDACTED}" if mark and _SECRET.search(name) else text


def _starred(found: re.Match[str], group: int) -> str:
    start = found.start(group) - found.start()
    return found[0][:start] + "*" * (len(found[0]) - start)
