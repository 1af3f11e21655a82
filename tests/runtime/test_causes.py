"""What the end of a model server's output tells (design, guarantee 15)."""

from __future__ import annotations

import time

import pytest

from hotbay.runtime.causes import LONGEST, find_cause

LLAMA_MISSING = """\
0.00.013.494 E gguf_init_from_file: failed to open GGUF file 'models/lily.gguf' (No such file or directory)
0.00.013.638 E llama_model_load: error loading model: llama_model_loader: failed to load model from models/lily.gguf
0.00.013.667 E llama_model_load_from_file_impl: failed to load model
0.00.013.837 E cmn  common_init_: failed to load model 'models/lily.gguf'
0.00.014.142 E srv          init: exiting due to model loading error
"""  # noqa: E501  # as printed
LLAMA_GPU = """\
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 7825.94 MiB on device 0: cudaMalloc failed: out of memory
llama_model_load: error loading model: unable to allocate CUDA0 buffer
llama_model_load_from_file_impl: failed to load model
main: exiting due to model loading error
"""  # noqa: E501  # as printed
LLAMA_MEMORY = """\
warning: failed to mlock 827228160-byte buffer (after previously locking 0 bytes): Cannot allocate memory
0.10.211.763 E ggml_aligned_malloc: insufficient memory (attempted to allocate 39062.50 MB)
0.10.211.770 E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 40960000000
0.10.627.273 E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache
"""  # noqa: E501  # as printed
VLLM_GPU = """\
(EngineCore pid=112) ERROR 05-01 14:39:06 [core.py:1131] Traceback (most recent call last):
(EngineCore pid=112) ERROR 05-01 14:39:06 [core.py:1131] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 50.00 MiB. GPU 0 has a total capacity of 23.56 GiB
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""  # noqa: E501  # as printed
VLLM_OTHER = """\
(EngineCore_0 pid=112) ERROR 05-01 14:39:06 [core.py:1131] ValueError: Unsupported quantization \x1b[1mfoo\x1b[0m
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""  # noqa: E501  # as printed


SPECIMENS = [
    # llama.cpp
    (LLAMA_MISSING, "file not found: models/lily.gguf"),
    (LLAMA_GPU, "out of GPU memory"),
    (LLAMA_MEMORY, "out of memory: 39062.50 MB wanted"),
    ("vk::Device::allocateMemory: ErrorOutOfDeviceMemory", "out of GPU memory"),
    ("ggml_gallocr_reserve_n: failed to allocate ROCm1 buffer of size 1", "out of GPU memory"),
    ("CUDA error: out of memory\n  current device: 0", "out of GPU memory"),
    (
        "main: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080",
        "it cannot listen on 127.0.0.1:8080; another program may use the port",
    ),
    ("error: invalid argument: --no-mmap\n", "bad argument: --no-mmap"),
    ("error: unknown argument: -hf", "bad argument: -hf"),
    (
        "error while handling argument \"--flash-attn\": error: unkown value: '--ctx-size'\n\n",
        "bad argument: --flash-attn: unkown value: '--ctx-size'",
    ),
    (
        "gguf_init_from_reader: invalid magic characters: 'hell', expected 'GGUF'",
        "the model file is not a GGUF file",
    ),
    (
        "error loading model: unknown model architecture: 'qwen9'",
        "it does not know the model architecture qwen9",
    ),
    (
        "tensor 'x' data is not within the file bounds, model is corrupted or incomplete",
        "the model file is damaged or incomplete",
    ),
    (
        "failed to open GGUF file '/m/a.gguf' (Permission denied)",
        "no permission to read /m/a.gguf",
    ),
    ("CUDA driver version is insufficient for CUDA runtime version", "the GPU driver is too old"),
    ("ggml_cuda_init: no CUDA-capable device is detected\nerror: no device", "no usable GPU"),
    # vLLM
    (VLLM_GPU, "out of GPU memory"),
    (VLLM_OTHER, "ValueError: Unsupported quantization foo"),
    (
        (
            "ValueError: No available memory for the cache blocks. Try increasing "
            "`gpu_memory_utilization` when initializing the engine."
        ),
        "too little GPU memory for the KV cache",
    ),
    (
        (
            "ValueError: Free memory on device (3.1/23.6 GiB) on startup is less than desired GPU "
            "memory utilization (0.9, 21.2 GiB)."
        ),
        "too little free GPU memory",
    ),
    (
        "ValueError: To serve at least one request with the models's max seq len (131072)",
        "too little GPU memory for the context size",
    ),
    ("vllm: error: unrecognized arguments: --fast", "bad argument: --fast"),
    (
        "ValueError: Model architectures ['Foo'] are not supported for now.",
        "it does not know the model architecture Foo",
    ),
    (
        "OSError: meta/llama-9 is not a local folder and is not a valid model identifier listed",
        "no such folder and no such model: meta/llama-9",
    ),
    # Python
    ("Traceback (most recent call last):\nMemoryError\n", "out of memory"),
    ("OSError: [Errno 98] Address already in use\n", "its port is used by another program"),
    (
        (
            "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): "
            "address already in use"
        ),
        "its port is used by another program",
    ),
    (
        "Error: listen EADDRINUSE: address already in use :::8000",
        "port 8000 is used by another program",
    ),
    ("ModuleNotFoundError: No module named 'vllm'", "a Python module is missing: vllm"),
    (
        "FileNotFoundError: [Errno 2] No such file or directory: '/x y/config.json'",
        "file not found: /x y/config.json",
    ),
    (
        "python: can't open file '/srv/serve.py': [Errno 2] No such file or directory",
        "file not found: /srv/serve.py",
    ),
    (
        "PermissionError: [Errno 13] Permission denied: '/root/x'",
        "no permission: /root/x",
    ),
    (
        "run.py: error: argument --port: invalid int value: 'x'",
        "bad argument: --port: invalid int value: 'x'",
    ),
    (
        "run.py: error: the following arguments are required: -m/--model",
        "missing argument: -m/--model",
    ),
    ("Traceback:\nKeyError: 'rope'\nzipfile.BadError: odd\n", "zipfile.BadError: odd"),
    # shells, loaders, containers
    ("bash: line 1: lama-server: command not found", "command not found: lama-server"),
    ("/bin/sh: 1: lama-server: not found", "command not found: lama-server"),
    (
        (
            "server: error while loading shared libraries: libcudart.so.12: cannot open shared "
            "object file: No such file or directory"
        ),
        "a shared library is missing: libcudart.so.12",
    ),
    ("bash: ./serve.sh: Permission denied", "no permission: ./serve.sh"),
    ("bash: /opt/srv: cannot execute binary file: Exec format error", "not a program: /opt/srv"),
    ("cat: /no/list: No such file or directory", "file not found: /no/list"),
    (
        (
            "docker: Error response from daemon: Bind for 0.0.0.0:8080 failed: port is already "
            "allocated."
        ),
        "port 8080 is used by another program",
    ),
    ("write error: No space left on device", "the disk is full"),
    ("error: something else\n", "error: something else"),
]


@pytest.mark.parametrize(("tail", "cause"), SPECIMENS)
def test_what_programs_print_is_understood(tail: str, cause: str) -> None:
    assert find_cause("exit status 1", tail.encode()) == cause


@pytest.mark.parametrize(
    ("status", "tail", "cause"),
    [
        ("killed by SIGKILL", b"", "killed from outside, perhaps because memory ran out"),
        ("killed by SIGILL", b"hello", "it uses instructions that this processor lacks"),
        ("killed by SIGABRT", b"std::bad_alloc", "out of memory"),
        ("killed by SIGSEGV", b"", "it crashed by an invalid memory access"),
        ("exit status 127", b"", "a command was not found"),
        ("exit status 1", b"", None),
        ("exit status 0", b"all is well\n", None),
        ("killed by SIGTERM", b"std::bad_alloc", None),
    ],
)
def test_the_status_tells_what_the_output_does_not(
    status: str, tail: bytes, cause: str | None
) -> None:
    assert find_cause(status, tail) == cause


def test_a_failed_lock_in_memory_is_only_a_warning() -> None:
    tail = LLAMA_MEMORY.splitlines()[0].encode()
    assert find_cause("exit status 1", tail) is None


def test_values_of_arguments_stay_out_of_the_cause() -> None:
    for text in (
        "error: invalid argument: --hf-token=s3cret",
        "error: unrecognized arguments: --key=s3cret",
    ):
        cause = find_cause("exit status 1", text.encode())
        assert cause is not None
        assert "s3cret" not in cause


@pytest.mark.parametrize(
    "tail", [b"\xff\xfe\n" * 10_000, b"a: " * 10_000, b"(" * 32_768, b"x" * 32_768]
)
def test_whatever_the_output_is_the_answer_is_one_short_line_soon(tail: bytes) -> None:
    began = time.process_time()
    cause = find_cause("exit status 1", tail + b"\nValueError: " + tail)

    assert time.process_time() - began < 1.0
    assert cause is None or (len(cause) <= LONGEST and "\n" not in cause)
