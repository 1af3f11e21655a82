"""Syntax check for base URLs (spec/config.md 5.3).

The grammar is RFC 3986's as llama-swap's URL parser applies it: scheme and host need
not make sense, so a configuration that loads there loads here.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER_INFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST = re.compile(r"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"%]|[^\x00-\x7f])*")
_PORT = re.compile(r"(?::[0-9]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_url(url: str) -> str:
    """Return the URL if its syntax is right.

    Raises:
        ValueError: it is not; the message quotes the URL.
    """
    fault = _fault(url)
    if fault:
        raise ValueError(f"{url!r} is not a URL: {fault}")
    return url


def _fault(url: str) -> str | None:
    if _CONTROL.search(url):
        return "it contains a control character"
    url, _, fragment = url.partition("#")
    if _BAD_ESCAPE.search(fragment):
        return "a bad percent escape"
    if url.startswith(":"):
        return "the scheme is missing"
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            return "the scheme is missing, write http:// in front"
        return None if scheme else _path_fault(rest)
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        return _authority_fault(authority) or _path_fault(slash + path)
    return _path_fault(rest)


def _path_fault(path: str) -> str | None:
    return "a bad percent escape in the path" if _BAD_ESCAPE.search(path) else None


def _authority_fault(authority: str) -> str | None:
    user, _, host = authority.rpartition("@")
    if not _USER_INFO.fullmatch(user) or _BAD_ESCAPE.search(user):
        return "bad user information"
    if host.startswith("["):
        name, bracket, port = host.rpartition("]")
        if not bracket:
            return "a '[' without its ']'"
    else:
        name, colon, digits = host.rpartition(":")
        name, port = (name, colon + digits) if colon else (digits, "")
    if not _PORT.fullmatch(port):
        return f"bad port {port!r}"
    if not _HOST.fullmatch(name):
        return "a forbidden character in the host"
    return _host_escape_fault(name)


def _host_escape_fault(host: str) -> str | None:
    """Check escapes in a host: only bytes beyond ASCII, and `%25` before an IPv6 zone."""
    if _BAD_ESCAPE.search(host):
        return "a bad percent escape in the host"
    bad = re.search(r"%(?!25)[0-7]", host)
    return "an escape of an ASCII character in the host" if bad else None
