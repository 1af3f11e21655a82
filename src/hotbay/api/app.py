"""The application of the control plane: its table of routes, and what answers where none matches.

Authentication, Host and Origin are judged before a request comes here, in the gate
(design 7.8), which asks `serves` whether there is a route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from hotbay.api import about, explain, listing, logs, servers
from hotbay.api.answers import text_answer
from hotbay.api.cors import preflight
from hotbay.api.services import Services
from hotbay.lane.routes import methods_of

Endpoint = Callable[[Request], Response | Awaitable[Response]]

ROUTES = (
    Route("/", about.to_ui),
    Route("/health", about.health),
    Route("/wol-health", about.health),
    Route("/v1/models", listing.list_models),
    Route("/models", listing.list_models),
    Route("/running", servers.running),
    Route("/unload", servers.unload),
    Route("/api/models/unload", servers.unload_all, methods=["POST"]),
    Route("/api/models/unload/{rest:path}", servers.unload_one, methods=["POST"]),
    Route("/api/version", about.version),
    Route("/api/x/plan", explain.plan, methods=["POST"]),
    Route("/api/x/queue", explain.queue),
    Route("/logs", logs.history),
    Route("/logs/stream", logs.stream),
    Route("/logs/stream/{rest:path}", logs.stream),
)


def create_app(services: Services) -> Starlette:
    """Return the application that serves these services."""
    app = Starlette()
    app.state.services = services
    app.router.routes.extend(ROUTES)
    app.router.default = _no_route
    app.router.redirect_slashes = False
    return app


@lru_cache(maxsize=1024)
def serves(method: str, path: str) -> bool:
    """Whether a route takes this method and this decoded path."""
    return method in methods_for(path)


def methods_for(path: str) -> tuple[str, ...]:
    """Return the methods that some route takes for this decoded path, sorted."""
    found = set(methods_of(path))
    for route in ROUTES:
        match, _ = route.matches({"type": "http", "method": "", "path": path, "root_path": ""})
        if match is not Match.NONE:
            found |= route.methods or set()
    return tuple(sorted(found))


async def _no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer preflights, wrong methods and unknown paths (spec/http-api.md 2.1 and 2.2)."""
    request = Request(scope)
    methods = methods_for(scope["path"])
    if request.method == "OPTIONS":
        answer = preflight(request)
    elif methods:
        answer = text_answer("Method Not Allowed", 405, {"Allow": ", ".join(methods)})
    else:
        answer = text_answer("404 page not found", 404)
    await answer(scope, receive, send)
