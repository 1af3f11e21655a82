"""The application of the control plane: its table of routes, and what answers where none matches.

Authentication, Host and Origin are judged before a request comes here, in the gate
(design 7.8), which asks `serves` whether there is a route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from hotbay.api import (
    about,
    activity,
    activity_export,
    captures,
    configuration,
    configuration_check,
    events,
    explain,
    inflight,
    listing,
    loadtest,
    log_level,
    logs,
    metrics,
    performance,
    profiles,
    servers,
    setup,
    timeline,
    ui,
)
from hotbay.api.answers import error_answer, text_answer
from hotbay.api.cors import preflight
from hotbay.api.services import Services
from hotbay.lane.access import CLIENT_LEFT
from hotbay.lane.routes import methods_of

Endpoint = Callable[[Request], Awaitable[Response]]
"""Starlette runs a plain function in another thread; what routes look at belongs to the loop's."""


class _Route(Route):
    """A route for its methods and no others; those are answered with the preflights, below.

    Starlette's own lets a line feed pass at the end of a path, and stops at one in `{rest}`.
    """

    def __init__(
        self, path: str, endpoint: Endpoint, *, methods: Collection[str] = ("GET",)
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.path_regex = re.compile(self.path_regex.pattern[:-1] + r"\Z", re.DOTALL)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


ROUTES = (
    _Route("/", ui.to_ui),
    _Route("/ui", ui.to_root),
    _Route("/ui/{rest:path}", ui.file),
    _Route("/favicon.ico", ui.favicon),
    _Route("/upstream", ui.upstream, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    _Route("/health", about.health),
    _Route("/wol-health", about.health),
    _Route("/v1/models", listing.list_models),
    _Route("/models", listing.list_models),
    _Route("/running", servers.running),
    _Route("/unload", servers.unload),
    _Route("/api/models/unload", servers.unload_all, methods=["POST"]),
    _Route("/api/models/unload/{rest:path}", servers.unload_one, methods=["POST"]),
    _Route("/api/x/servers", servers.usage),
    _Route("/api/x/load/{rest:path}", servers.load_one, methods=["POST"]),
    _Route("/api/performance", performance.performance),
    _Route("/api/hardware", performance.hardware),
    _Route("/metrics", metrics.metrics),
    _Route("/api/version", about.version),
    _Route("/api/profiles", profiles.profiles),
    _Route("/api/profiles/active", profiles.select, methods=["PUT"]),
    _Route("/api/events", events.messages),
    _Route("/api/inflight/{id}/cancel", inflight.cancel, methods=["POST"]),
    _Route("/api/x/events", events.events),
    _Route("/api/x/log-level", log_level.level),
    _Route("/api/x/log-level", log_level.set_level, methods=["PUT"]),
    _Route("/api/x/timeline", timeline.timeline),
    _Route("/api/x/config", configuration.configuration),
    _Route("/api/x/config/origins", configuration.origins),
    _Route("/api/x/config/check", configuration_check.check, methods=["POST"]),
    _Route("/api/x/setup", setup.setup),
    _Route("/api/x/reload", configuration.reload, methods=["POST"]),
    _Route("/api/x/plan", explain.plan, methods=["POST"]),
    _Route("/api/x/queue", explain.queue),
    _Route("/api/x/loadtest", loadtest.load_test, methods=["POST"]),
    _Route("/api/metrics/activity", activity.rows),
    _Route("/api/metrics/stats", activity.statistics),
    _Route("/api/captures/{id}", captures.capture),
    _Route("/api/x/captures/{id}", captures.full_capture),
    _Route("/api/x/activity", activity.full_rows),
    _Route("/api/x/activity/export", activity_export.export),
    _Route("/api/x/activity/totals", activity.totals),
    _Route("/api/x/activity/{id}", activity.one_row),
    _Route("/logs", logs.history),
    _Route("/logs/stream", logs.stream),
    _Route("/logs/stream/{rest:path}", logs.stream),
)


_REMEMBERED = 200
"""Characters of a path whose methods are remembered; clients can invent any number of long ones."""


def create_app(services: Services) -> Starlette:
    """Return the application that serves these services."""
    app = Starlette(exception_handlers={ClientDisconnect: _client_left, Exception: _failed})
    app.state.services = services
    app.router.routes.extend(ROUTES)
    app.router.default = _no_route
    app.router.redirect_slashes = False
    return app


def serves(method: str, path: str) -> bool:
    """Whether a route takes this method and this decoded path."""
    return method in (_methods_for(path) if len(path) <= _REMEMBERED else methods_for(path))


def methods_for(path: str) -> tuple[str, ...]:
    """Return the methods that some route takes for this decoded path, sorted."""
    found = set(methods_of(path))
    for route in ROUTES:
        if route.path_regex.match(path):
            found |= route.methods or set()
    return tuple(sorted(found))


_methods_for = lru_cache(maxsize=1024)(methods_for)
"""For paths of usual length, as every request asks."""


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


async def _client_left(_request: Request, _error: Exception) -> Response:
    """Answer whom nobody hears any more; only the log sees the status."""
    return Response(status_code=CLIENT_LEFT)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer as everywhere where we are at fault; Starlette raises the error again for the log."""
    return error_answer(request, 500, f"internal error: {error!r}")
