"""Names of OpenTelemetry's semantic conventions that traces use.

Owns them in one place, as those of GenAI still change. Sources: OpenTelemetry Semantic Conventions
for Generative AI (repository `semantic-conventions-genai`, `docs/gen-ai/gen-ai-spans.md`, status
Development), and for HTTP (`docs/http/http-spans.md`, stable).
"""

from __future__ import annotations

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"

METHOD = "http.request.method"
PATH = "url.path"
STATUS = "http.response.status_code"
CLIENT_ADDRESS = "client.address"
ERROR_TYPE = "error.type"

MODEL = "hotbay.model"
OUTCOME = "hotbay.outcome"
REQUEST_ID = "hotbay.request_id"
SELECTOR = "hotbay.selector"
ATTEMPT = "hotbay.attempt"

_OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/completions": "text_completion",
    "/completion": "text_completion",
    "/infill": "text_completion",
    "/v1/embeddings": "embeddings",
}
"""The well-known operations. For others the last part of the path stands."""


def operation_of(path: str) -> str:
    """Return the operation that a request for this path asks for, `/v` in front or not."""
    known = _OPERATIONS.get(path) or _OPERATIONS.get(path.replace("/v/", "/v1/", 1))
    return known or path.rstrip("/").rpartition("/")[2] or "request"
