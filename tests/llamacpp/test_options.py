"""Every row of the table of options really reaches llama.cpp's parameters."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import xllamacpp

from hotbay.llamacpp.command_line import OptionError, apply, parse
from hotbay.llamacpp.options import OPTIONS, REFUSED, Option, Target

EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"

# The command line, the attribute, and what it must hold afterwards. {gguf},
# {text}, {keys} and {folder} are made for the test.
CASES = [
    ("-m {gguf}", "model.path", "{gguf}"),
    ("-a one,two -a three", "model_alias", {"one", "two", "three"}),
    ("-mm {gguf}", "mmproj.path", "{gguf}"),
    ("--no-mmproj-offload", "mmproj_use_gpu", False),
    ("--image-min-tokens 7", "image_min_tokens", 7),
    ("--image-max-tokens 9", "image_max_tokens", 9),
    ("--lora {gguf},{gguf} --lora {gguf}", "lora_adapters", [("{gguf}", 1.0)] * 3),
    ("--lora {gguf} --lora-scaled {gguf}:0.5", "lora_adapters", [("{gguf}", 1), ("{gguf}", 0.5)]),
    ("--lora-init-without-apply", "lora_init_without_apply", True),
    ("-lm mmap+mlock", "load_mode", "LLAMA_LOAD_MODE_MMAP_MLOCK"),
    ("--load-mode dio", "load_mode", "LLAMA_LOAD_MODE_DIRECT_IO"),
    ("--check-tensors", "check_tensors", True),
    ("--no-warmup", "warmup", False),
    ("-t 3", "cpuparams.n_threads", 3),
    ("-t 0", "cpuparams.n_threads", os.cpu_count()),
    ("-tb 5", "cpuparams_batch.n_threads", 5),
    ("-ngl 99", "n_gpu_layers", 99),
    ("-ngl 0", "n_gpu_layers", 0),
    ("-ngl all", "n_gpu_layers", -2),
    ("-ngl 5 -ngl auto", "n_gpu_layers", -1),
    ("-sm row", "split_mode", "LLAMA_SPLIT_MODE_ROW"),
    ("-ts 3,1", "tensor_split", [3.0, 1.0] + [0.0] * 126),
    ("-ts 3/1", "tensor_split", [3.0, 1.0] + [0.0] * 126),
    ("-mg 1", "main_gpu", 1),
    ("-ot a=CPU -ot b=CPU,c=CPU", "tensor_buft_overrides", "a=CPU,b=CPU,c=CPU"),
    ("-cmoe", "tensor_buft_overrides", EXPERTS),
    ("-ncmoe 2", "tensor_buft_overrides", rf"blk\.0{EXPERTS},blk\.1{EXPERTS}"),
    ("-nkvo", "no_kv_offload", True),
    ("--no-op-offload", "no_op_offload", True),
    ("-nr", "no_extra_bufts", True),
    ("-fit off", "fit_params", False),
    ("--numa isolate", "numa", "GGML_NUMA_STRATEGY_ISOLATE"),
    ("-c 4096", "n_ctx", 4096),
    ("-c 0", "fit_params_min_ctx", -1),
    ("-np 3", "n_parallel", 3),
    ("-b 64", "n_batch", 64),
    ("-ub 32", "n_ubatch", 32),
    ("--keep -1", "n_keep", -1),
    ("-fa", "flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_ENABLED"),
    ("-fa on", "flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_ENABLED"),
    ("-fa 0", "flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_DISABLED"),
    ("-fa --flash-attn=auto", "flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_AUTO"),
    ("-ctk q8_0", "cache_type_k", "GGML_TYPE_Q8_0"),
    ("-ctv q4_1", "cache_type_v", "GGML_TYPE_Q4_1"),
    ("-kvu", "kv_unified", True),
    ("-kvu -no-kvu", "kv_unified", False),
    ("--swa-full", "swa_full", True),
    ("--context-shift", "ctx_shift", True),
    ("-nocb", "cont_batching", False),
    ("--no-cache-prompt", "cache_prompt", False),
    ("--cache-reuse 256", "n_cache_reuse", 256),
    ("-cram 0", "cache_ram_mib", 0),
    ("-ctxcp 3", "n_ctx_checkpoints", 3),
    ("-sps 0.5", "slot_prompt_similarity", 0.5),
    ("--rope-scaling yarn", "rope_scaling_type", "LLAMA_ROPE_SCALING_TYPE_YARN"),
    ("--rope-scale 4", "rope_freq_scale", 0.25),
    ("--rope-freq-base 1e6", "rope_freq_base", 1e6),
    ("--rope-freq-scale 0.5", "rope_freq_scale", 0.5),
    ("--yarn-orig-ctx 512", "yarn_orig_ctx", 512),
    ("--yarn-ext-factor 1", "yarn_ext_factor", 1),
    ("--yarn-attn-factor 2", "yarn_attn_factor", 2),
    ("--yarn-beta-slow 3", "yarn_beta_slow", 3),
    ("--yarn-beta-fast 4", "yarn_beta_fast", 4),
    ("-n 12", "n_predict", 12),
    ("--temp 0.25", "sampling.temp", 0.25),
    ("--temp -1", "sampling.temp", 0),
    ("--top-k 5", "sampling.top_k", 5),
    ("--top-p 0.5", "sampling.top_p", 0.5),
    ("--min-p 0.25", "sampling.min_p", 0.25),
    ("--typical 0.5", "sampling.typ_p", 0.5),
    ("--xtc-probability 0.5", "sampling.xtc_probability", 0.5),
    ("--xtc-threshold 0.25", "sampling.xtc_threshold", 0.25),
    ("--repeat-last-n 99", "sampling.penalty_last_n", 99),
    ("--repeat-last-n 99", "sampling.n_prev", 99),
    ("--repeat-penalty 1.5", "sampling.penalty_repeat", 1.5),
    ("--presence-penalty 0.5", "sampling.penalty_present", 0.5),
    ("--frequency-penalty 0.5", "sampling.penalty_freq", 0.5),
    ("--dry-multiplier 0.5", "sampling.dry_multiplier", 0.5),
    ("--dry-base 2", "sampling.dry_base", 2),
    ("--dry-allowed-length 3", "sampling.dry_allowed_length", 3),
    ("--dry-penalty-last-n 5", "sampling.dry_penalty_last_n", 5),
    ("--samplers top_k;temperature", "sampling.samplers", "top_k;temperature"),
    ("--samplers top_k;temperature", "sampling.user_sampling_config", 1),
    ("--top-k 5 --temp 1", "sampling.user_sampling_config", 2 + 64),
    ("-s 42", "sampling.seed", 42),
    ("-s 42 -s -1", "sampling.seed", 0xFFFFFFFF),
    ("--ignore-eos", "sampling.ignore_eos", True),
    ("--no-jinja", "use_jinja", False),
    ("--chat-template chatml", "chat_template", "chatml"),
    ("--chat-template-file {text}", "chat_template", "a template\n"),
    (
        '--chat-template-kwargs {"deep":true,"name":"x"}',
        "default_template_kwargs",
        {"deep": "true", "name": '"x"'},
    ),
    ("--no-prefill-assistant", "prefill_assistant", False),
    ("--reasoning-format none", "reasoning_format", "COMMON_REASONING_FORMAT_NONE"),
    ("-rea on", "enable_reasoning", 1),
    ("-rea off", "enable_reasoning", 0),
    ("-rea off", "default_template_kwargs", {"enable_thinking": "false"}),
    ("--reasoning-effort low", "default_template_kwargs", {"reasoning_effort": '"low"'}),
    ("--reasoning-budget 0", "sampling.reasoning_budget_tokens", 0),
    ("--reasoning-budget-message enough", "sampling.reasoning_budget_message", "enough"),
    ("--embedding", "embedding", True),
    ("--rerank", "embedding", True),
    ("--rerank", "pooling_type", "LLAMA_POOLING_TYPE_RANK"),
    ("--pooling last", "pooling_type", "LLAMA_POOLING_TYPE_LAST"),
    ("-md {gguf}", "speculative.draft.mparams.path", "{gguf}"),
    (
        "--spec-type draft-simple,ngram-map-k",
        "speculative.types",
        [
            xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE,
            xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_MAP_K,
        ],
    ),
    ("--spec-draft-n-max 8", "speculative.draft.n_max", 8),
    ("--spec-draft-n-min 2", "speculative.draft.n_min", 2),
    ("--draft-p-min 0.5", "speculative.draft.p_min", 0.5),
    ("--draft-p-split 0.5", "speculative.draft.p_split", 0.5),
    ("-ngld all", "speculative.draft.n_gpu_layers", -2),
    ("-td 2", "speculative.draft.cpuparams.n_threads", 2),
    ("-tbd 3", "speculative.draft.cpuparams_batch.n_threads", 3),
    ("-ctkd q8_0", "speculative.draft.cache_type_k", "GGML_TYPE_Q8_0"),
    ("-ctvd q5_1", "speculative.draft.cache_type_v", "GGML_TYPE_Q5_1"),
    ("--host ::1,127.0.0.2", "hostnames", ["::1", "127.0.0.2"]),
    ("--port 1234", "port", 1234),
    ("--reuse-port", "reuse_port", True),
    ("-to 5", "timeout_read", 5),
    ("-to 5", "timeout_write", 5),
    ("--threads-http 6", "n_threads_http", 6),
    ("--api-key a,b --api-key c", "api_keys", ["a", "b", "c"]),
    ("--api-key a --api-key-file {keys}", "api_keys", ["a", "first", "second"]),
    ("--path {folder}", "public_path", "{folder}"),
    ("--api-prefix /llm", "api_prefix", "/llm"),
    ("--no-webui", "ui", False),
    ("--metrics", "endpoint_metrics", True),
    ("--props", "endpoint_props", True),
    ("--no-slots", "endpoint_slots", False),
    ("--slot-save-path {folder}", "slot_save_path", "{folder}/"),
    ("--media-path {folder}", "media_path", "{folder}"),
    ("--sleep-idle-seconds 60", "sleep_idle_seconds", 60),
    ("-lv 5", "verbosity", 5),
    ("-v", "verbosity", 2**31 - 1),
]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    names = {"gguf": "model.gguf", "text": "text", "keys": "keys"}
    places = {name: str(tmp_path / file) for name, file in names.items()}
    Path(places["gguf"]).write_bytes(b"GGUF and more")
    Path(places["text"]).write_text("a template\n")
    Path(places["keys"]).write_text("# ours\nfirst\n\nsecond\n")
    return places | {"folder": str(tmp_path)}


def filled(value: Any, places: dict[str, str]) -> Any:
    """The same with {gguf} and its like replaced."""
    match value:
        case str():
            for name, place in places.items():
                value = value.replace(f"{{{name}}}", place)
            return value
        case list() | tuple():
            return type(value)(filled(each, places) for each in value)
    return value


def read(target: Target, path: str) -> Any:
    """An attribute in a form that can be compared."""
    value = target.get(path)
    if path == "lora_adapters":
        return [(adapter.path, adapter.scale) for adapter in value]
    return value.name if isinstance(value, Enum) else value


def target() -> Target:
    return Target(xllamacpp, xllamacpp.CommonParams())


@pytest.mark.parametrize(
    ("line", "path", "expected"), CASES, ids=[f"{line} {path}" for line, path, _ in CASES]
)
def test_an_option_is_applied(places: dict[str, str], line: str, path: str, expected: Any) -> None:
    changed = target()
    apply(parse(filled(line.split(), places)).settings, changed)
    assert read(changed, path) == filled(expected, places)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.flags[0])
def test_an_option_changes_what_it_is_about(places: dict[str, str], option: Option) -> None:
    """Or the test above could pass because the default is what it expects."""
    changes = False
    for line, path, _ in CASES:
        settings = parse(filled(line.split(), places)).settings
        if option in [setting.option for setting in settings]:
            changed = target()
            apply(settings, changed)
            changes |= read(changed, path) != read(target(), path)
    assert changes


@pytest.mark.parametrize(
    "option", [option for option in OPTIONS if option.off], ids=lambda option: option.flags[0]
)
def test_a_switch_can_be_switched_back(option: Option) -> None:
    states = []
    for line in ([*option.flags[:1]], [*option.off[:1]], [option.off[0], option.flags[0]]):
        changed = target()
        apply(parse(line).settings, changed)
        paths = {
            path for words, path, _ in CASES if set(words.split()) & {*option.off, *option.flags}
        }
        assert paths
        states.append({path: read(changed, path) for path in paths})
    on, off, back = states
    assert on == back != off


def test_every_spelling_belongs_to_one_option() -> None:
    spellings = [flag for option in OPTIONS for flag in option.flags + option.off]
    assert len(spellings) == len(set(spellings))
    assert not set(spellings) & REFUSED.keys()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-m nowhere.gguf", "-m: no such file or directory: 'nowhere.gguf'"),
        ("-m {folder}", "-m: '{folder}' is a directory"),
        ("-m {text}", "-m: '{text}' is not a GGUF file"),
        ("--lora {gguf},{text}", "--lora: '{text}' is not a GGUF file"),
        ("--lora-scaled {gguf}", "--lora-scaled: '{gguf}' is not FILE:SCALE"),
        ("--lora-scaled {gguf}:x", "--lora-scaled: 'x' is not a number"),
        ("--chat-template-file nowhere", "no such file or directory: 'nowhere'"),
        ("--chat-template-kwargs {", "--chat-template-kwargs: not JSON"),
        ("--chat-template-kwargs [1]", "--chat-template-kwargs: not a JSON object"),
        ("--slot-save-path {text}", "--slot-save-path: no such directory: '{text}'"),
        ("-c many", "-c: 'many' is not a whole number"),
        ("-c 99999999999", "-c: 99999999999 is too large"),
        ("--port 65536", "--port: 65536 is more than 65535"),
        ("-np -2", "-np: -2 is less than -1"),
        ("--temp hot", "--temp: 'hot' is not a number"),
        ("--rope-scale 0", "--rope-scale: 0 is not more than 0"),
        ("-ctk q3", "-ctk: 'q3' is none of f32, f16, bf16, q8_0"),
        ("-fit maybe", "-fit: 'maybe' is neither on nor off"),
        ("-rea much", "-rea: 'much' is none of on, off, auto"),
        ("--samplers top_k;magic", "names a sampler that llama.cpp does not have"),
        ("--spec-type magic", "--spec-type: 'magic' is none of none, draft-simple"),
        ("-ot blk=GPU", "-ot: unknown buffer type"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_reason(
    places: dict[str, str], line: str, reason: str
) -> None:
    settings = parse(filled(line.split(), places)).settings
    with pytest.raises(OptionError) as refused:
        apply(settings, target())
    assert filled(reason, places) in str(refused.value)
