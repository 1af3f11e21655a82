"""Options for speculative decoding: a small model drafts what the large one checks."""

from __future__ import annotations

from hotbay.llamacpp.options.context import cache_type
from hotbay.llamacpp.options.model import gpu_layers, threads
from hotbay.llamacpp.options.option import Option, Target, converted, gguf_file, integer, number

_NO_TYPE = "COMMON_SPECULATIVE_TYPE_NONE"


def _types(target: Target, value: str) -> None:
    prefix = "COMMON_SPECULATIVE_TYPE_"
    known = {
        name.removeprefix(prefix).lower().replace("_", "-"): member
        for name, member in target.engine.common_speculative_type.__members__.items()
        if not name.endswith("_COUNT")
    }
    names = value.split(",")
    for name in names:
        if name not in known:
            raise ValueError(f"'{name}' is none of {', '.join(known)}")
    target.put("speculative.types", [known[name] for name in names])


SPECULATIVE = (
    Option(
        ("-md", "--model-draft", "--spec-draft-model"),
        "FILE",
        "The draft model: a GGUF file.",
        converted("speculative.draft.mparams.path", gguf_file),
    ),
    Option(
        ("--spec-type",),
        "NAMES",
        "Kinds of speculation, with commas: draft-simple, draft-mtp, ngram-simple, ...",
        _types,
    ),
    Option(
        ("--spec-draft-n-max",),
        "N",
        "Tokens to draft at most (default: 3).",
        integer("speculative.draft.n_max", at_least=0),
    ),
    Option(
        ("--spec-draft-n-min",),
        "N",
        "Tokens to draft at least (default: 0).",
        integer("speculative.draft.n_min", at_least=0),
    ),
    Option(
        ("--draft-p-min", "--spec-draft-p-min"),
        "P",
        "How sure the draft model must be (default: 0).",
        number("speculative.draft.p_min"),
    ),
    Option(
        ("--draft-p-split", "--spec-draft-p-split"),
        "P",
        "From which probability a draft splits (default: 0.1).",
        number("speculative.draft.p_split"),
    ),
    Option(
        ("-ngld", "--gpu-layers-draft", "--n-gpu-layers-draft", "--spec-draft-ngl"),
        "N|auto|all",
        "Layers of the draft model to put on the GPU (default: auto).",
        gpu_layers("speculative.draft.n_gpu_layers"),
    ),
    Option(
        ("-td", "--threads-draft", "--spec-draft-threads"),
        "N",
        "Threads for the draft model (default: as --threads).",
        threads("speculative.draft.cpuparams.n_threads"),
    ),
    Option(
        ("-tbd", "--threads-batch-draft", "--spec-draft-threads-batch"),
        "N",
        "Threads with which the draft model reads the prompt (default: as --threads-draft).",
        threads("speculative.draft.cpuparams_batch.n_threads"),
    ),
    Option(
        ("-ctkd", "--cache-type-k-draft", "--spec-draft-type-k"),
        "TYPE",
        "As --cache-type-k, for the draft model.",
        cache_type("speculative.draft.cache_type_k"),
    ),
    Option(
        ("-ctvd", "--cache-type-v-draft", "--spec-draft-type-v"),
        "TYPE",
        "As --cache-type-v, for the draft model.",
        cache_type("speculative.draft.cache_type_v"),
    ),
)
