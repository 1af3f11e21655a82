"""The gate: decides on the head alone who goes where and who may not enter (design 7.8).

One pure function for every request of both planes. What it lets through to the
application without a key is only what the application answers without looking:
preflights, 404 and 405. Clean-up redirects are answered here, so that no route
can be reached by a spelling of its path that the gate did not judge.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hmac import compare_digest

from hotbay.lane.buffer import SizeLimit
from hotbay.lane.head import Head, decoded
from hotbay.lane.routes import ModelRoute, PassRoute, find_passthrough, find_route

_OPEN = frozenset({"/", "/health", "/wol-health", "/upstream", "/favicon.ico"})
_READING = frozenset({b"GET", b"HEAD"})
_UNSAFE_PATHS = frozenset({"/unload"})
"""Change state although they are read with GET."""
_BROWSER = b"Mozilla/"
"""What the User-Agent of every browser begins with."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the gate knows of configuration and listener.

    Attributes:
        keys: any of them opens every route; none means no key is needed.
        loopback: the server listens on loopback addresses only.
        allowed_hosts: names that a Host header may have on loopback, in lower case.
        allowed_origins: web origins (`https://host:port`) that may use control routes.
        body: the largest request body in bytes.
        json_body: the largest JSON body in bytes.
        serves: tells for a method and a decoded path whether the application has a
            route that takes both.
    """

    keys: tuple[bytes, ...]
    loopback: bool
    allowed_hosts: frozenset[str]
    allowed_origins: frozenset[str]
    body: int
    json_body: int
    serves: Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Control:
    """The request belongs to the application, which must route it by this path."""

    path: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The request is answered at once with this error."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """The request is answered with a redirect; by default one that keeps method and body."""

    location: bytes
    status: int = 307


Verdict = ModelRoute | PassRoute | Control | Denied | Redirect


def judge(head: Head, rules: GateRules) -> Verdict:
    """Say what becomes of a request."""
    if rules.loopback and (denied := _foreign_host(head, rules)):
        return denied
    route = find_route(head.method, head.path)
    if route is not None:
        if rules.keys and (denied := _without_key(head, rules)):
            return denied
        return _too_large(head, rules) or route
    if head.method == b"OPTIONS":
        return Control(decoded(head.path))
    if (clean := cleaned(head.path)) is not None:
        return Redirect(clean if head.query is None else clean + b"?" + head.query)
    return _passthrough(head, rules) or _control(head, rules)


def cleaned(path: bytes) -> bytes | None:
    """Return the path without doubled slashes and dot segments, None if it has none.

    Looks at the path as sent: an encoded slash or dot stays what it is
    (spec/http-api.md 2.1). A final slash is kept.
    """
    if b"//" not in path and b"/." not in path:
        return None
    parts: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del parts[-1:]
        elif segment not in {b"", b"."}:
            parts.append(segment)
    final = b"/" if parts and path.endswith((b"/", b"/.", b"/..")) else b""
    clean = b"/" + b"/".join(parts) + final
    return None if clean == path else clean


def _passthrough(head: Head, rules: GateRules) -> PassRoute | Denied | None:
    """Say what becomes of a request under `/upstream` or `/comfyui`, None for every other path.

    What reaches a model server this way may change anything there, so a foreign page may use it
    for reading, and for inference as it may without the pass-through.
    """
    route = find_passthrough(head.path)
    if route is None:
        return None
    if rules.keys and (denied := _without_key(head, rules)):
        return denied
    if int(head.fields.get(b"content-length", b"0")) > rules.body:
        return _refuse_length(_size_limit("limits.body", rules.body))
    changes = head.method not in _READING or b"upgrade" in head.fields
    denied = _cross_site(head, rules) if changes else None
    return route if denied is None else replace(route, objection=denied.message)


def _control(head: Head, rules: GateRules) -> Verdict:
    path = decoded(head.path)
    if rules.serves(head.method.decode("ascii"), path):
        locked = rules.keys and path not in _OPEN and not _is_page_for_browser(head, path)
        if locked and (denied := _without_key(head, rules)):
            return denied
        changes = head.method not in _READING or path in _UNSAFE_PATHS
        if changes and (denied := _cross_site(head, rules)):
            return denied
    return _too_large(head, rules) or Control(path)


def _is_page_for_browser(head: Head, path: str) -> bool:
    """Tell whether a browser asks for the web UI itself, which is the same for everybody.

    The page asks its user for a key by itself. Other programs are told that they need one.
    """
    is_ui = path == "/ui" or path.startswith("/ui/")
    return is_ui and head.fields.get(b"user-agent", b"").startswith(_BROWSER)


def _foreign_host(head: Head, rules: GateRules) -> Denied | None:
    """Keep out web pages whose name was made to point at this machine (DNS rebinding)."""
    host = head.fields.get(b"host")
    if host is None or _is_own_name(host, rules.allowed_hosts):
        return None
    name = host.decode("latin-1")
    return Denied(403, f"host {name!r} is not allowed here; add it to access.allowedHosts")


@lru_cache(maxsize=64)
def _is_own_name(host: bytes, allowed: frozenset[str]) -> bool:
    authority = host.decode("latin-1").lower()
    name = authority if authority.endswith("]") else authority.rpartition(":")[0] or authority
    name = name.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or {authority, name} & allowed:
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _without_key(head: Head, rules: GateRules) -> Denied | None:
    presented = _presented_key(head.fields)
    known = False
    for key in rules.keys:  # all of them, so that time does not tell which one came close
        known |= compare_digest(presented, key)
    return None if known else Denied(401, "unauthorized: invalid or missing API key")


def _presented_key(fields: dict[bytes, bytes]) -> bytes:
    """Return the key of the first usable carrier (spec/http-api.md 2.3)."""
    scheme, blank, credentials = fields.get(b"authorization", b"").partition(b" ")
    if blank:
        scheme = scheme.lower()
        if scheme == b"basic" and (password := _basic_password(credentials)):
            return password
        if scheme == b"bearer" and credentials:
            return credentials
    return fields.get(b"x-api-key", b"")


def _basic_password(credentials: bytes) -> bytes:
    try:
        _, _, password = base64.b64decode(credentials, validate=True).partition(b":")
    except binascii.Error:
        return b""
    return password


def _cross_site(head: Head, rules: GateRules) -> Denied | None:
    """Keep out what a foreign web page makes a browser send.

    Browsers say where a request comes from in Sec-Fetch-Site, old ones at least in
    Origin; other programs send neither. The rule is Go's http.CrossOriginProtection.
    """
    origin = head.fields.get(b"origin", b"").decode("latin-1").lower()
    if origin in rules.allowed_origins:
        return None
    site = head.fields.get(b"sec-fetch-site")
    if site is not None:
        own = site in {b"same-origin", b"none"}
    else:
        host = head.fields.get(b"host", b"").decode("latin-1").lower()
        own = not origin or origin.partition("://")[2] == host
    if own:
        return None
    return Denied(
        403,
        f"a page of {origin or 'another site'} may not use this route; "
        "add its origin to access.allowedOrigins",
    )


def body_limit(head: Head, rules: GateRules) -> SizeLimit:
    """Return how large the body of a request may be."""
    kind = head.fields.get(b"content-type", b"")
    if rules.json_body < rules.body and b"application/json" in kind.lower():
        return _size_limit("limits.jsonBody", rules.json_body)
    return _size_limit("limits.body", rules.body)


_size_limit = lru_cache(maxsize=8)(SizeLimit)
"""The same few limits, for every request."""


def _too_large(head: Head, rules: GateRules) -> Denied | None:
    length = int(head.fields.get(b"content-length", b"0"))
    if length <= min(rules.body, rules.json_body):
        return None
    limit = body_limit(head, rules)
    return _refuse_length(limit) if length > limit.size else None


def _refuse_length(limit: SizeLimit) -> Denied:
    return Denied(413, limit.complaint)
