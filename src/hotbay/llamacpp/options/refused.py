"""Options of llama-server that the embedded engine refuses, each with what to do instead."""

from __future__ import annotations

_NO_DOWNLOAD = "the embedded engine downloads nothing: pass a file with --model"
_NO_DEVICES = "the embedded engine cannot choose devices: set CUDA_VISIBLE_DEVICES or --main-gpu"
_NO_LOG_SETTINGS = "the embedded engine logs to standard error only: leave it out"
_NO_ROUTER = "the embedded engine serves one model: let hotbay choose between several"
_NO_TLS = "xllamacpp is built without TLS: hotbay serves HTTPS in front of it"
_NOT_IN_WHEEL = "xllamacpp does not offer it: use llama.cpp's own llama-server"

REFUSED = {
    "--mmap": "gone from llama.cpp: use --load-mode mmap",
    "--no-mmap": "gone from llama.cpp: use --load-mode none",
    "--mlock": "gone from llama.cpp: use --load-mode mmap+mlock",
    **dict.fromkeys(("--direct-io", "-dio"), "gone from llama.cpp: use --load-mode dio"),
    **dict.fromkeys(("--no-direct-io", "-ndio"), "gone from llama.cpp: use --load-mode none"),
    **dict.fromkeys(
        ("--draft", "--draft-n", "--draft-max"), "gone from llama.cpp: use --spec-draft-n-max"
    ),
    **dict.fromkeys(
        ("--draft-min", "--draft-n-min"), "gone from llama.cpp: use --spec-draft-n-min"
    ),
    **dict.fromkeys(("-cd", "--ctx-size-draft"), "gone from llama.cpp: leave it out"),
    **dict.fromkeys(("-dt", "--defrag-thold"), "without effect in llama.cpp: leave it out"),
    **dict.fromkeys(
        ("-hf", "-hfr", "--hf-repo", "-hff", "--hf-file", "-mu", "--model-url"), _NO_DOWNLOAD
    ),
    **dict.fromkeys(("-hfd", "-hfrd", "--hf-repo-draft", "--spec-draft-hf"), _NO_DOWNLOAD),
    **dict.fromkeys(("-dr", "--docker-repo", "-mmu", "--mmproj-url"), _NO_DOWNLOAD),
    **dict.fromkeys(("-dev", "--device", "-devd", "--device-draft", "--list-devices"), _NO_DEVICES),
    **dict.fromkeys(
        ("--log-file", "--log-disable", "--log-colors", "--log-prefix", "--log-timestamps"),
        _NO_LOG_SETTINGS,
    ),
    **dict.fromkeys(
        ("--models-dir", "--models-preset", "--models-max", "--no-models-autoload"), _NO_ROUTER
    ),
    **dict.fromkeys(("--ssl-key-file", "--ssl-cert-file"), _NO_TLS),
    **dict.fromkeys(
        ("--override-kv", "--control-vector", "--control-vector-scaled", "--rpc", "--spm-infill"),
        _NOT_IN_WHEEL,
    ),
}
