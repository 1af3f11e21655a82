"""Options that say what is loaded, how, and onto which processors."""

from __future__ import annotations

import os

from hotbay.llamacpp.options.option import (
    Option,
    Setter,
    Target,
    choice,
    converted,
    gguf_file,
    integer,
    real,
    switch,
    whole,
)

# Which weights of a mixture-of-experts model stay in main memory (common.h of llama.cpp).
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"

_LOAD_MODES = {
    "auto": "LLAMA_LOAD_MODE_AUTO",
    "none": "LLAMA_LOAD_MODE_NONE",
    "mmap": "LLAMA_LOAD_MODE_MMAP",
    "mlock": "LLAMA_LOAD_MODE_MLOCK",
    "mmap+mlock": "LLAMA_LOAD_MODE_MMAP_MLOCK",
    "dio": "LLAMA_LOAD_MODE_DIRECT_IO",
}
_NUMA = {
    "distribute": "GGML_NUMA_STRATEGY_DISTRIBUTE",
    "isolate": "GGML_NUMA_STRATEGY_ISOLATE",
    "numactl": "GGML_NUMA_STRATEGY_NUMACTL",
}
_SPLIT_MODES = {
    "none": "LLAMA_SPLIT_MODE_NONE",
    "layer": "LLAMA_SPLIT_MODE_LAYER",
    "row": "LLAMA_SPLIT_MODE_ROW",
    "tensor": "LLAMA_SPLIT_MODE_TENSOR",
}


def threads(path: str) -> Setter:
    """Set a number of threads; zero or less means one for each processor."""

    def count(value: str) -> int:
        wanted = whole(value)
        return wanted if wanted > 0 else os.cpu_count() or 1

    return converted(path, count)


def gpu_layers(path: str) -> Setter:
    """Set a number of layers; `auto` and `all` are -1 and -2 to llama.cpp."""

    def count(value: str) -> int:
        return {"auto": -1, "all": -2}.get(value) or whole(value)

    return converted(path, count)


def _aliases(target: Target, value: str) -> None:
    names = {name.strip() for name in value.split(",")} - {""}
    target.put("model_alias", target.get("model_alias") | names)


def _add_lora(target: Target, path: str, scale: float) -> None:
    adapter = target.engine.CommonAdapterLoraInfo(gguf_file(path), scale)
    target.put("lora_adapters", [*target.get("lora_adapters"), adapter])


def _lora(target: Target, value: str) -> None:
    for path in value.split(","):
        _add_lora(target, path, 1.0)


def _lora_scaled(target: Target, value: str) -> None:
    for entry in value.split(","):
        path, colon, scale = entry.rpartition(":")
        if not colon:
            raise ValueError(f"'{entry}' is not FILE:SCALE")
        _add_lora(target, path, real(scale))


def _tensor_split(target: Target, value: str) -> None:
    shares = [real(share) for share in value.replace("/", ",").split(",")]
    devices = len(target.get("tensor_split"))
    if len(shares) > devices:
        raise ValueError(f"{len(shares)} shares, but llama.cpp knows at most {devices} devices")
    target.put("tensor_split", shares + [0.0] * (devices - len(shares)))


def _override_tensor(target: Target, value: str) -> None:
    before = target.get("tensor_buft_overrides")
    target.put("tensor_buft_overrides", f"{before},{value}" if before else value)


def _cpu_moe(target: Target, _value: str) -> None:
    _override_tensor(target, f"{_EXPERTS}=CPU")


def _n_cpu_moe(target: Target, value: str) -> None:
    for layer in range(whole(value, at_least=0)):
        _override_tensor(target, rf"blk\.{layer}{_EXPERTS}=CPU")


MODEL = (
    Option(
        ("-m", "--model"), "FILE", "The model: a GGUF file.", converted("model.path", gguf_file)
    ),
    Option(("-a", "--alias"), "NAMES", "Names that the API shows, with commas.", _aliases),
    Option(
        ("-mm", "--mmproj"),
        "FILE",
        "The multimodal projector that belongs to the model.",
        converted("mmproj.path", gguf_file),
    ),
    Option(
        ("--mmproj-offload",),
        "",
        "Put the projector on the GPU (default).",
        switch("mmproj_use_gpu"),
        off=("--no-mmproj-offload",),
    ),
    Option(
        ("--image-min-tokens",),
        "N",
        "Tokens that an image takes at least.",
        integer("image_min_tokens"),
    ),
    Option(
        ("--image-max-tokens",),
        "N",
        "Tokens that an image takes at most.",
        integer("image_max_tokens"),
    ),
    Option(("--lora",), "FILES", "LoRA adapters, with commas; may be repeated.", _lora),
    Option(
        ("--lora-scaled",), "FILE:SCALE,...", "LoRA adapters, each with its scale.", _lora_scaled
    ),
    Option(
        ("--lora-init-without-apply",),
        "",
        "Load the adapters, but apply none before POST /lora-adapters.",
        switch("lora_init_without_apply"),
    ),
    Option(
        ("-lm", "--load-mode"),
        "|".join(_LOAD_MODES),
        "How the file gets into memory (default: auto, which maps it where it can).",
        choice("load_mode", "llama_load_mode", _LOAD_MODES),
    ),
    Option(
        ("--check-tensors",),
        "",
        "Look for invalid values while loading.",
        switch("check_tensors"),
    ),
    Option(
        ("--warmup",),
        "",
        "Run once through the model before it serves (default).",
        switch("warmup"),
        off=("--no-warmup",),
    ),
)

PROCESSORS = (
    Option(
        ("-t", "--threads"), "N", "Threads that generate tokens.", threads("cpuparams.n_threads")
    ),
    Option(
        ("-tb", "--threads-batch"),
        "N",
        "Threads that read the prompt (default: as --threads).",
        threads("cpuparams_batch.n_threads"),
    ),
    Option(
        ("-ngl", "--gpu-layers", "--n-gpu-layers"),
        "N|auto|all",
        "Layers to put on the GPU (default: auto).",
        gpu_layers("n_gpu_layers"),
    ),
    Option(
        ("-sm", "--split-mode"),
        "|".join(_SPLIT_MODES),
        "How several GPUs share the model (default: layer).",
        choice("split_mode", "llama_split_mode", _SPLIT_MODES),
    ),
    Option(
        ("-ts", "--tensor-split"), "N0,N1,...", "Shares of the model for each GPU.", _tensor_split
    ),
    Option(
        ("-mg", "--main-gpu"),
        "INDEX",
        "The GPU for the model, or for intermediate results.",
        integer("main_gpu", at_least=0),
    ),
    Option(
        ("-ot", "--override-tensor"),
        "PATTERN=BUFFER,...",
        "Where tensors whose name matches a pattern go; may be repeated.",
        _override_tensor,
    ),
    Option(("-cmoe", "--cpu-moe"), "", "Keep all expert weights in main memory.", _cpu_moe),
    Option(
        ("-ncmoe", "--n-cpu-moe"),
        "N",
        "Keep the expert weights of the first N layers in main memory.",
        _n_cpu_moe,
    ),
    Option(
        ("-kvo", "--kv-offload"),
        "",
        "Keep the KV cache on the GPU (default).",
        switch("no_kv_offload", inverted=True),
        off=("-nkvo", "--no-kv-offload"),
    ),
    Option(
        ("--op-offload",),
        "",
        "Let the GPU compute with tensors of main memory (default).",
        switch("no_op_offload", inverted=True),
        off=("--no-op-offload",),
    ),
    Option(
        ("--repack",),
        "",
        "Rearrange weights for the processor (default).",
        switch("no_extra_bufts", inverted=True),
        off=("-nr", "--no-repack"),
    ),
    Option(
        ("-fit", "--fit"),
        "on|off",
        "Adjust what is not set to the memory that is free (default: on).",
        switch("fit_params"),
    ),
    Option(
        ("--numa",),
        "|".join(_NUMA),
        "Optimise for machines with several memory nodes.",
        choice("numa", "ggml_numa_strategy", _NUMA),
    ),
)
