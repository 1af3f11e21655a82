"""Whether there are traces: the environment variables of OpenTelemetry say so.

Owns what they mean here. Without them the SDK is not even imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hotbay.activity.traces import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either of them switches traces on (OpenTelemetry specification, OTLP exporter configuration)."""


def tracer_from(environ: Mapping[str, str], warn: Callable[[str], None]) -> Tracer | None:
    """Return what the environment variables of OpenTelemetry ask for; None: no traces."""
    endpoint = next((name for name in ENDPOINTS if environ.get(name)), None)
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if endpoint is None or disabled or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra

        from hotbay.activity.traces import Tracer  # noqa: PLC0415 - imports the extra
    except ImportError:
        warn(f"{endpoint} is set, but traces need an extra: pip install hotbay[otel]")
        return None
    named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    provider = TracerProvider(
        resource=Resource.create({} if named else {"service.name": "hotbay"}),
        shutdown_on_exit=False,
    )
    return Tracer(provider, BatchSpanProcessor(OTLPSpanExporter()))
