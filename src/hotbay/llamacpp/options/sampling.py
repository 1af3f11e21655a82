"""Options for choosing the next token: defaults for requests that do not say."""

from __future__ import annotations

from hotbay.llamacpp.options.option import (
    Option,
    Setter,
    Target,
    integer,
    number,
    real,
    switch,
    whole,
)

_UINT32 = 0xFFFF_FFFF


def _chosen(setting: str, put: Setter) -> Setter:
    """Also note that the user chose, or what the model file recommends would win."""

    def put_and_note(target: Target, value: str) -> None:
        put(target, value)
        bit = target.member(
            "common_params_sampling_config", f"COMMON_PARAMS_SAMPLING_CONFIG_{setting}"
        )
        chosen = target.get("sampling.user_sampling_config")
        target.put("sampling.user_sampling_config", chosen | bit.value)

    return put_and_note


def _temperature(target: Target, value: str) -> None:
    target.put("sampling.temp", max(real(value), 0.0))


def _samplers(target: Target, value: str) -> None:
    names = [name.strip() for name in value.split(";")]
    target.put("sampling.samplers", ";".join(names))
    if len(target.get("sampling.samplers").split(";")) != len(names):
        raise ValueError(f"'{value}' names a sampler that llama.cpp does not have")


def _repeat_last_n(target: Target, value: str) -> None:
    tokens = whole(value, at_least=-1)
    target.put("sampling.penalty_last_n", tokens)
    target.put("sampling.n_prev", max(target.get("sampling.n_prev"), tokens))


def _seed(target: Target, value: str) -> None:
    target.put("sampling.seed", whole(value, at_least=-1, at_most=_UINT32) & _UINT32)


SAMPLING = (
    Option(
        ("-n", "--predict", "--n-predict"),
        "N",
        "Tokens to generate at most (default: -1, no limit).",
        integer("n_predict", at_least=-1),
    ),
    Option(
        ("--temp", "--temperature"),
        "N",
        "Temperature (default: 0.8).",
        _chosen("TEMP", _temperature),
    ),
    Option(
        ("--top-k",),
        "N",
        "Only the K likeliest tokens (default: 40; 0: off).",
        _chosen("TOP_K", integer("sampling.top_k")),
    ),
    Option(
        ("--top-p",),
        "P",
        "Only the likeliest tokens that make up P (default: 0.95; 1: off).",
        _chosen("TOP_P", number("sampling.top_p")),
    ),
    Option(
        ("--min-p",),
        "P",
        "Only tokens at least P times as likely as the likeliest (default: 0.05; 0: off).",
        _chosen("MIN_P", number("sampling.min_p")),
    ),
    Option(
        ("--typical", "--typical-p"),
        "P",
        "Locally typical sampling (default: 1, off).",
        number("sampling.typ_p"),
    ),
    Option(
        ("--xtc-probability",),
        "P",
        "How often XTC leaves out the likeliest tokens (default: 0, never).",
        _chosen("XTC_PROBABILITY", number("sampling.xtc_probability")),
    ),
    Option(
        ("--xtc-threshold",),
        "P",
        "How likely a token must be for XTC (default: 0.1; above 0.5: off).",
        _chosen("XTC_THRESHOLD", number("sampling.xtc_threshold")),
    ),
    Option(
        ("--repeat-last-n",),
        "N",
        "Tokens in which repetition counts (default: 64; 0: none; -1: all).",
        _chosen("PENALTY_LAST_N", _repeat_last_n),
    ),
    Option(
        ("--repeat-penalty",),
        "N",
        "Penalty for repetition (default: 1, off).",
        _chosen("PENALTY_REPEAT", number("sampling.penalty_repeat")),
    ),
    Option(
        ("--presence-penalty",),
        "N",
        "Penalty for tokens that occurred (default: 0, off).",
        number("sampling.penalty_present"),
    ),
    Option(
        ("--frequency-penalty",),
        "N",
        "Penalty for tokens by how often they occurred (default: 0, off).",
        number("sampling.penalty_freq"),
    ),
    Option(
        ("--dry-multiplier",),
        "N",
        "Strength of the DRY penalty (default: 0, off).",
        number("sampling.dry_multiplier"),
    ),
    Option(
        ("--dry-base",),
        "N",
        "Base of the DRY penalty (default: 1.75).",
        number("sampling.dry_base"),
    ),
    Option(
        ("--dry-allowed-length",),
        "N",
        "Length of a repetition that DRY lets pass (default: 2).",
        integer("sampling.dry_allowed_length"),
    ),
    Option(
        ("--dry-penalty-last-n",),
        "N",
        "Tokens that DRY looks at (0: none; -1: all).",
        integer("sampling.dry_penalty_last_n", at_least=-1),
    ),
    Option(
        ("--samplers",),
        "NAMES",
        "Which samplers run, in order, with semicolons.",
        _chosen("SAMPLERS", _samplers),
    ),
    Option(("-s", "--seed"), "N", "Seed of the random choice (default: -1, random).", _seed),
    Option(
        ("--ignore-eos",),
        "",
        "Go on where the model wants to end.",
        switch("sampling.ignore_eos"),
    ),
)
