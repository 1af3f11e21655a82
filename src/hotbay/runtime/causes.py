"""Why a model server ended, as far as its exit status and its last words tell (guarantee 15).

Pure. The patterns are what llama.cpp, vLLM, Python, shells, loaders and container engines print;
`tests/runtime/test_causes.py` has a specimen of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 300
"""Characters of a cause."""

_OUR_SIGNALS = {"killed by SIGTERM", "killed by SIGINT", "exit status 143", "exit status 130"}
_BY_STATUS = {
    "killed by SIGKILL": "killed from outside, perhaps because memory ran out",
    "exit status 137": "killed from outside, perhaps because memory ran out",
    "killed by SIGILL": "it uses instructions that this processor lacks",
    "killed by SIGSEGV": "it crashed by an invalid memory access",
    "exit status 139": "it crashed by an invalid memory access",
    "killed by SIGABRT": "it aborted itself",
    "exit status 134": "it aborted itself",
    "exit status 126": "a command is not executable",
    "exit status 127": "a command was not found",
}

_DEVICE = r"(?:CUDA|ROCm|HIP|Vulkan|SYCL|Metal|XPU|MPS|CANN|MUSA)"
_ADDRESS_TAKEN = r"(?:[Aa]ddress already in use|EADDRINUSE|Only one usage of each socket address)"

# Searched on the event loop, so none may take more than one pass: a word that is looked for by what
# follows it is entered at its beginning only. The first that is found counts, so what
# explains most comes first: a failed allocation also makes a model fail to load.
_PATTERNS: tuple[tuple[str, str], ...] = (
    # GPU memory
    (r"To serve at least one request with the model", "too little GPU memory for the context size"),
    (r"No available memory for the cache blocks", "too little GPU memory for the KV cache"),
    (r"Free memory on device .* is less than desired GPU memory", "too little free GPU memory"),
    (r"cudaMalloc failed: out of memory", "out of GPU memory"),
    (rf"{_DEVICE}(?: error:)? out of memory", "out of GPU memory"),
    (
        r"CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|hipErrorOutOfMemory",
        "out of GPU memory",
    ),
    (r"torch\.(?:cuda\.)?OutOfMemoryError", "out of GPU memory"),
    (r"ErrorOutOfDeviceMemory|CallbackErrorOutOfMemory", "out of GPU memory"),
    (r"CUBLAS_STATUS_ALLOC_FAILED", "out of GPU memory"),
    (rf"(?:failed|unable) to allocate {_DEVICE}\d* buffer", "out of GPU memory"),
    # memory
    (r"insufficient memory \(attempted to allocate ([\d.]+ MB)\)", "out of memory: {} wanted"),
    (r"^MemoryError\b|std::bad_alloc|DefaultCPUAllocator: can't allocate", "out of memory"),
    (r"failed to allocate (?:CPU )?buffer", "out of memory"),
    (r"^(?!.*mlock).*Cannot allocate memory", "out of memory"),
    # ports
    (
        r"couldn't bind HTTP server socket, hostname: (\S+), port: (\d+)",
        "it cannot listen on {}:{}; another program may use the port",
    ),
    (rf"{_ADDRESS_TAKEN}.*?[:,] ?(\d+)\)?$", "port {} is used by another program"),
    (r":(\d+) failed: port is already allocated", "port {} is used by another program"),
    (_ADDRESS_TAKEN, "its port is used by another program"),
    # arguments
    (r"error: (?:invalid|unknown) argument: ([^\s=]+)", "bad argument: {}"),
    (r'error while handling argument "([^"=]+)[^"]*": (?:error: )?(.+)', "bad argument: {}: {}"),
    (r"error: unrecognized arguments: ([^\s=]+)", "bad argument: {}"),
    (r"error: unexpected argument '([^'=]+)", "bad argument: {}"),
    (r"error: argument (\S+): (.+)", "bad argument: {}: {}"),
    (r"error: the following arguments are required: (.+)", "missing argument: {}"),
    (r"unknown (?:shorthand )?(?:option|flag):? ['\"-]*([\w-]+)", "bad argument: {}"),
    # files
    (r"failed to open GGUF file '([^']*)' \(Permission denied\)", "no permission to read {}"),
    (r"failed to open GGUF file '([^']*)'", "file not found: {}"),
    (r"loading shared libraries: ([^\s:]+): cannot open", "a shared library is missing: {}"),
    (r"can't open file '([^']+)': \[Errno 2\]", "file not found: {}"),
    (r"FileNotFoundError: .*No such file or directory: '([^']*)'", "file not found: {}"),
    (r"ModuleNotFoundError: No module named '([^']*)'", "a Python module is missing: {}"),
    (r"(?<!\S)(\S+): command not found", "command not found: {}"),
    (r"^\S*sh: (?:\d+: )?(\S+): not found", "command not found: {}"),
    (
        r"(?<!\S)(\S+) is not a local folder and is not a valid model identifier",
        "no such folder and no such model: {}",
    ),
    (r"Repository Not Found for url: (\S+)", "no such model repository: {}"),
    (r"trying to access a gated repo", "the model repository asks for a token with access to it"),
    (r"pull access denied for ([^\s,]+)", "no such container image: {}"),
    (r"PermissionError: .*Permission denied: '([^']*)'", "no permission: {}"),
    (
        r"(?<![^\s:])([^\s:]+): (?:cannot execute binary file|Exec format error)",
        "not a program: {}",
    ),
    (r"(?<![^\s:])([^\s:]+): Permission denied", "no permission: {}"),
    (r"(?<![^\s:'])([^\s:']+): No such file or directory", "file not found: {}"),
    (r"No space left on device", "the disk is full"),
    # models
    (r"invalid magic characters", "the model file is not a GGUF file"),
    (r"unknown model architecture: '([^']*)'", "it does not know the model architecture {}"),
    (
        r"Model architectures \['?([^'\]]*)'?\] (?:are not supported|failed)",
        "it does not know the model architecture {}",
    ),
    (
        r"not within the file bounds|corrupted or incomplete|failed to read (?:key-value|tensor)",
        "the model file is damaged or incomplete",
    ),
    # devices
    (r"no CUDA-capable device|Found no NVIDIA driver|Failed to infer device type", "no usable GPU"),
    (r"driver version is insufficient", "the GPU driver is too old"),
    (r"could not select device driver", "the container engine has no GPU support"),
)
_COMPILED = tuple((re.compile(pattern, re.MULTILINE), text) for pattern, text in _PATTERNS)

# vLLM puts the name and number of the process before each line.
_PREFIX = re.compile(r"^(?:\(\w+(?: [\w=]+)* pid=\d+\) )+(?:ERROR [\d: -]+\[\S+\] )?", re.MULTILINE)
_ESCAPES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
_LAST_WORDS = re.compile(r"^(?:(?:\w+\.)*\w*(?:Error|Exception)|error|fatal): .+", re.MULTILINE)
_REFERS_ELSEWHERE = re.compile(r"See root cause above|please check the input params")


def find_cause(status: str, tail: bytes) -> str | None:
    """Return the cause in one line, or None if nothing tells.

    Args:
        status: how the program ended, such as `exit status 1` or `killed by SIGKILL`.
        tail: the end of what it wrote.
    """
    if status in _OUR_SIGNALS:
        return None
    if status == "killed by SIGKILL":
        return _BY_STATUS[status]
    text = _PREFIX.sub("", _ESCAPES.sub("", tail.decode(errors="replace")))
    cause = next(_known(text), None) or _BY_STATUS.get(status) or _last_words(text)
    return None if cause is None else " ".join(cause.split())[:LONGEST]


def _known(text: str) -> Iterator[str]:
    for pattern, cause in _COMPILED:
        if found := pattern.search(text):
            yield cause.format(*found.groups())


def _last_words(text: str) -> str | None:
    words = [found[0] for found in _LAST_WORDS.finditer(text)]
    telling = [word for word in words if not _REFERS_ELSEWHERE.search(word)]
    return telling[-1] if telling else None
