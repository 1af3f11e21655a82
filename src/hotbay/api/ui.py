"""The web UI: its built files below `/ui/`, and the ways that lead there (spec/http-api.md 15).

Owns which file a path means, in which encoding it goes out, how long a browser may
keep it, and what the page may do (its Content-Security-Policy). The files are made by
`make ui`; a copy of hotbay without them answers 404.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from hotbay.api.answers import rest_of, text_answer

STATIC = Path(__file__).parent / "static"

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'none'",
    "frame-ancestors": "'self'",
}
"""Nothing inline and nothing from elsewhere: no text of a model can run, or send anything away."""

_PROTECTION = {
    "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # The names of hosts that a text links to are asked for when somebody follows the link.
    "X-DNS-Prefetch-Control": "off",
}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""In order of preference: the token in Accept-Encoding, and what follows the name of the file."""

_FOREVER = "max-age=31536000, immutable"
_PAGES_WITH_DOTS = "models/"
"""A page below this is named by the ID of a model, which may contain dots."""


async def to_ui(_request: Request) -> Response:
    """Send a browser that opens the bare address to the UI."""
    return RedirectResponse("/ui", 302)


async def to_root(_request: Request) -> Response:
    """Add the slash against which the page's relative addresses are resolved."""
    return RedirectResponse("/ui/", 307)


async def upstream(request: Request) -> Response:
    """Show a browser the models whose own pages lie below `/upstream/`."""
    if request.method in {"GET", "HEAD"}:
        return RedirectResponse("/ui/models", 302)
    return RedirectResponse("/upstream/", 307)


async def favicon(request: Request) -> Response:
    """Answer with the icon that browsers ask for unasked; needs no key."""
    return _serve(request, "favicon.ico")


async def file(request: Request) -> Response:
    """Answer with a file of the UI, or with its page where a path means something inside it."""
    return _serve(request, rest_of(request, segments=1))


def _serve(request: Request, rest: str) -> Response:
    if not (STATIC / "index.html").is_file():
        return text_answer("this copy of hotbay has no web UI; `make ui` builds it\n", 404)
    path = _find(rest)
    if path is not None and path.name != "index.html":
        return _file_answer(request, path)
    if rest and path is None:
        name = rest.rpartition("/")[2]
        if "." in name and not rest.startswith(_PAGES_WITH_DOTS):
            return text_answer("404 page not found", 404)
    return _page(request, rest.count("/"))


def _find(rest: str) -> Path | None:
    """Return the file that a decoded path names; nothing outside the tree can be named."""
    segments = rest.split("/")
    if any(not s or s.startswith(".") or set(s) & {"\\", ":", "\0"} for s in segments):
        return None
    path = STATIC.joinpath(*segments)
    try:
        return path if path.is_file() else None
    except OSError:  # a name longer than names can be
        return None


def _page(request: Request, depth: int) -> Response:
    """Answer with index.html, so that its relative addresses hold at this depth of the path."""
    path = STATIC / "index.html"
    if depth == 0:
        return _conditional(request, FileResponse(path, headers=_headers("no-cache")))
    html = path.read_text(encoding="utf-8")
    base = f'<head><base href="{"../" * depth}">'
    page = Response(html.replace("<head>", base, 1), headers=_headers("no-cache"))
    page.headers["Content-Type"] = _TYPES[".html"]
    return page


def _file_answer(request: Request, path: Path) -> Response:
    headers = _headers(_FOREVER if path.parent.name == "assets" else "no-cache")
    chosen = path
    accepted = _accepted(request)
    variants = [(token, path.with_name(path.name + suffix)) for token, suffix in _ENCODINGS]
    variants = [(token, variant) for token, variant in variants if variant.is_file()]
    if variants:
        headers["Vary"] = "Accept-Encoding"
    for token, variant in variants:
        if token in accepted:
            headers["Content-Encoding"] = token
            chosen = variant
            break
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    return _conditional(request, FileResponse(chosen, headers=headers, media_type=media_type))


def _accepted(request: Request) -> set[str]:
    """Return the tokens of Accept-Encoding; their parameters are not looked at."""
    value = ",".join(request.headers.getlist("accept-encoding"))
    return {entry.partition(";")[0].strip() for entry in value.split(",")}


def _conditional(request: Request, answer: FileResponse) -> Response:
    """Answer 304 where the browser has this very file already (RFC 9110, 13.1)."""
    stat = Path(answer.path).stat()
    encoding = answer.headers.get("Content-Encoding", "")
    tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}{encoding and "-"}{encoding}"'
    answer.headers["ETag"] = tag
    asked = request.headers.get("if-none-match")
    if asked is None:
        return answer
    known = {entry.strip().removeprefix("W/") for entry in asked.split(",")}
    if tag not in known and "*" not in known:
        return answer
    kept = {"cache-control", "content-security-policy", "etag", "vary"}
    headers = {name: value for name, value in answer.headers.items() if name in kept}
    return Response(status_code=304, headers=headers)


def _headers(cache: str) -> dict[str, str]:
    return {**_PROTECTION, "Cache-Control": cache}
