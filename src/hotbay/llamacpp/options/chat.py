"""Options for chat templates, reasoning, embeddings and reranking."""

from __future__ import annotations

import json

from hotbay.llamacpp.options.option import (
    Option,
    Target,
    choice,
    contents,
    converted,
    integer,
    switch,
    text,
)

_REASONING_FORMATS = {
    "none": "COMMON_REASONING_FORMAT_NONE",
    "auto": "COMMON_REASONING_FORMAT_AUTO",
    "deepseek": "COMMON_REASONING_FORMAT_DEEPSEEK",
    "deepseek-legacy": "COMMON_REASONING_FORMAT_DEEPSEEK_LEGACY",
}
_REASONING = {"on": 1, "off": 0, "auto": -1}
_POOLINGS = {
    name: f"LLAMA_POOLING_TYPE_{name.upper()}" for name in ("none", "mean", "cls", "last", "rank")
}


def _add_template_arguments(target: Target, arguments: dict[str, str]) -> None:
    """Set variables of the chat template, each as JSON."""
    target.put("default_template_kwargs", target.get("default_template_kwargs") | arguments)


def _template_arguments(target: Target, value: str) -> None:
    try:
        arguments = json.loads(value)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 -- what a setter raises
    _add_template_arguments(target, {name: json.dumps(each) for name, each in arguments.items()})


def _reasoning(target: Target, value: str) -> None:
    if value not in _REASONING:
        raise ValueError(f"'{value}' is none of {', '.join(_REASONING)}")
    target.put("enable_reasoning", _REASONING[value])
    if value != "auto":
        _add_template_arguments(target, {"enable_thinking": json.dumps(value == "on")})


def _reasoning_effort(target: Target, value: str) -> None:
    if value != "default":
        _add_template_arguments(target, {"reasoning_effort": json.dumps(value)})


def _rerank(target: Target, _value: str) -> None:
    target.put("embedding", True)  # noqa: FBT003 -- setattr by another name
    choice("pooling_type", "llama_pooling_type", _POOLINGS)(target, "rank")


CHAT = (
    Option(
        ("--jinja",),
        "",
        "Use the model's own chat template (default).",
        switch("use_jinja"),
        off=("--no-jinja",),
    ),
    Option(
        ("--chat-template",),
        "TEMPLATE",
        "A Jinja chat template, or the name of one that llama.cpp has.",
        text("chat_template"),
    ),
    Option(
        ("--chat-template-file",),
        "FILE",
        "A file with a Jinja chat template.",
        converted("chat_template", contents),
    ),
    Option(
        ("--chat-template-kwargs",),
        "JSON",
        "Variables of the chat template, as a JSON object.",
        _template_arguments,
    ),
    Option(
        ("--prefill-assistant",),
        "",
        "Continue a last message of the assistant (default).",
        switch("prefill_assistant"),
        off=("--no-prefill-assistant",),
    ),
    Option(
        ("--reasoning-format",),
        "|".join(_REASONING_FORMATS),
        "How thoughts are told from the answer (default: deepseek).",
        choice("reasoning_format", "common_reasoning_format", _REASONING_FORMATS),
    ),
    Option(
        ("-rea", "--reasoning"),
        "|".join(_REASONING),
        "Whether the model thinks before it answers (default: auto).",
        _reasoning,
    ),
    Option(
        ("--reasoning-effort",),
        "LEVEL",
        "How hard the chat template asks the model to think.",
        _reasoning_effort,
    ),
    Option(
        ("--reasoning-budget",),
        "N",
        "Tokens for thoughts (default: -1, no limit; 0: none).",
        integer("sampling.reasoning_budget_tokens", at_least=-1),
    ),
    Option(
        ("--reasoning-budget-message",),
        "TEXT",
        "What ends the thoughts when the budget is spent.",
        text("sampling.reasoning_budget_message"),
    ),
)

EMBEDDINGS = (
    Option(
        ("--embedding", "--embeddings"),
        "",
        "Serve embeddings only.",
        switch("embedding"),
    ),
    Option(("--reranking", "--rerank"), "", "Serve reranking only.", _rerank),
    Option(
        ("--pooling",),
        "|".join(_POOLINGS),
        "How the vectors of a text become one (default: as the model says).",
        choice("pooling_type", "llama_pooling_type", _POOLINGS),
    ),
)
