"""What the model servers did in the last hour: `/api/x/timeline`."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.moments import moment, now, parse_moment
from hotbay.api.answers import error_answer, json_answer
from hotbay.api.services import services_of


async def timeline(request: Request) -> Response:
    """Answer with what the model servers did in the last hour, or since `after`."""
    after = 0.0
    if text := request.query_params.get("after", "").strip():
        parsed = parse_moment(text)
        if parsed is None:
            return error_answer(request, 400, "invalid 'after' timestamp, use RFC3339 format")
        after = parsed
    past = services_of(request).news.timeline
    return json_answer(
        {
            "at": now(),
            "begun": moment(past.begun),
            "models": {
                model: [
                    {
                        "state": span.state.value,
                        "from": moment(span.begin),
                        "to": None if span.end is None else moment(span.end),
                        "reason": span.reason,
                    }
                    for span in spans
                ]
                for model, spans in past.spans(after).items()
            },
            "swaps": [{**asdict(swap), "at": moment(swap.at)} for swap in past.swaps(after)],
            "failures": [
                {**asdict(failure), "at": moment(failure.at)} for failure in past.failures(after)
            ],
        }
    )
