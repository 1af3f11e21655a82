"""Options for the context: its size, its cache, its slots, and positions beyond its training."""

from __future__ import annotations

from hotbay.llamacpp.options.option import (
    Option,
    Setter,
    Target,
    choice,
    integer,
    number,
    real,
    switch,
    whole,
)

_CACHE_TYPES = {
    name: f"GGML_TYPE_{name.upper()}"
    for name in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
}
_FLASH_ATTENTION = {
    **dict.fromkeys(("on", "enabled", "true", "1"), "LLAMA_FLASH_ATTN_TYPE_ENABLED"),
    **dict.fromkeys(("off", "disabled", "false", "0"), "LLAMA_FLASH_ATTN_TYPE_DISABLED"),
    **dict.fromkeys(("auto", "-1"), "LLAMA_FLASH_ATTN_TYPE_AUTO"),
}
_ROPE_SCALINGS = {
    "none": "LLAMA_ROPE_SCALING_TYPE_NONE",
    "linear": "LLAMA_ROPE_SCALING_TYPE_LINEAR",
    "yarn": "LLAMA_ROPE_SCALING_TYPE_YARN",
}
_CACHE_TYPE_WORDS = "|".join(_CACHE_TYPES)


def cache_type(path: str) -> Setter:
    """Set the number format of a KV cache."""
    return choice(path, "ggml_type", _CACHE_TYPES)


def _context_size(target: Target, value: str) -> None:
    size = whole(value, at_least=0)
    target.put("n_ctx", size)
    if size == 0:  # all that the model was trained with, whatever memory is free
        target.put("fit_params_min_ctx", -1)


def _rope_scale(target: Target, value: str) -> None:
    scale = real(value)
    if scale <= 0:
        raise ValueError(f"{value} is not more than 0")
    target.put("rope_freq_scale", 1.0 / scale)


CONTEXT = (
    Option(
        ("-c", "--ctx-size"),
        "N",
        "Tokens of context over all slots (0: what the model was trained with).",
        _context_size,
    ),
    Option(
        ("-np", "--parallel"),
        "N",
        "Slots, which are requests served at once (default: -1, which chooses).",
        integer("n_parallel", at_least=-1),
    ),
    Option(
        ("-b", "--batch-size"),
        "N",
        "Tokens handed over at once (default: 2048).",
        integer("n_batch", at_least=1),
    ),
    Option(
        ("-ub", "--ubatch-size"),
        "N",
        "Tokens computed at once (default: 512).",
        integer("n_ubatch", at_least=1),
    ),
    Option(
        ("--keep",),
        "N",
        "Tokens of the prompt to keep when the context is full (-1: all).",
        integer("n_keep", at_least=-1),
    ),
    Option(
        ("-fa", "--flash-attn"),
        "on|off|auto",
        "Flash attention (default: auto; alone: on).",
        choice("flash_attn_type", "llama_flash_attn_type", _FLASH_ATTENTION),
        bare="on",
    ),
    Option(
        ("-ctk", "--cache-type-k"),
        _CACHE_TYPE_WORDS,
        "Number format of the keys in the KV cache (default: f16).",
        cache_type("cache_type_k"),
    ),
    Option(
        ("-ctv", "--cache-type-v"),
        _CACHE_TYPE_WORDS,
        "Number format of the values in the KV cache (default: f16).",
        cache_type("cache_type_v"),
    ),
    Option(
        ("-kvu", "--kv-unified"),
        "",
        "One KV cache that all slots share.",
        switch("kv_unified"),
        off=("-no-kvu", "--no-kv-unified"),
    ),
    Option(
        ("--swa-full",), "", "Keep the full cache of sliding-window layers.", switch("swa_full")
    ),
    Option(
        ("--context-shift",),
        "",
        "Forget the oldest tokens when the context is full (default: stop).",
        switch("ctx_shift"),
        off=("--no-context-shift",),
    ),
    Option(
        ("-cb", "--cont-batching"),
        "",
        "Serve requests of several slots in one batch (default).",
        switch("cont_batching"),
        off=("-nocb", "--no-cont-batching"),
    ),
    Option(
        ("--cache-prompt",),
        "",
        "Keep the last prompt of a slot for the next request (default).",
        switch("cache_prompt"),
        off=("--no-cache-prompt",),
    ),
    Option(
        ("--cache-reuse",),
        "N",
        "Length from which a moved piece of the prompt is reused (default: 0, never).",
        integer("n_cache_reuse", at_least=0),
    ),
    Option(
        ("-cram", "--cache-ram"),
        "MIB",
        "Memory for prompts of idle slots (default: 8192; -1: no limit; 0: none).",
        integer("cache_ram_mib", at_least=-1),
    ),
    Option(
        ("-ctxcp", "--ctx-checkpoints", "--swa-checkpoints"),
        "N",
        "Points in the context of a slot that can be returned to (default: 32).",
        integer("n_ctx_checkpoints", at_least=0),
    ),
    Option(
        ("-sps", "--slot-prompt-similarity"),
        "SHARE",
        "How much of a prompt a slot must hold to be chosen for it (default: 0.1).",
        number("slot_prompt_similarity"),
    ),
    Option(
        ("--rope-scaling",),
        "|".join(_ROPE_SCALINGS),
        "How positions beyond the trained context are scaled.",
        choice("rope_scaling_type", "llama_rope_scaling_type", _ROPE_SCALINGS),
    ),
    Option(("--rope-scale",), "N", "Stretch the context by this factor.", _rope_scale),
    Option(("--rope-freq-base",), "N", "Base frequency of RoPE.", number("rope_freq_base")),
    Option(("--rope-freq-scale",), "N", "Stretch the context by 1/N.", number("rope_freq_scale")),
    Option(
        ("--yarn-orig-ctx",),
        "N",
        "YaRN: context that the model was trained with.",
        integer("yarn_orig_ctx", at_least=0),
    ),
    Option(("--yarn-ext-factor",), "N", "YaRN: extrapolation mix.", number("yarn_ext_factor")),
    Option(("--yarn-attn-factor",), "N", "YaRN: attention magnitude.", number("yarn_attn_factor")),
    Option(("--yarn-beta-slow",), "N", "YaRN: high correction.", number("yarn_beta_slow")),
    Option(("--yarn-beta-fast",), "N", "YaRN: low correction.", number("yarn_beta_fast")),
)
