"""The options of `hotbay llama-server`: llama.cpp's names, each as one row of a table.

Names and meanings are those of llama.cpp's llama-server (`common/arg.cpp`) at
the version that xllamacpp 2026.10.11549 contains.
"""

from __future__ import annotations

from hotbay.llamacpp.options.chat import CHAT, EMBEDDINGS
from hotbay.llamacpp.options.context import CONTEXT
from hotbay.llamacpp.options.model import MODEL, PROCESSORS
from hotbay.llamacpp.options.option import Option, Target
from hotbay.llamacpp.options.refused import REFUSED
from hotbay.llamacpp.options.sampling import SAMPLING
from hotbay.llamacpp.options.serving import SERVING
from hotbay.llamacpp.options.speculative import SPECULATIVE

__all__ = ["GROUPS", "OPTIONS", "REFUSED", "Option", "Target"]

GROUPS = {
    "Model": MODEL,
    "Processors": PROCESSORS,
    "Context and slots": CONTEXT,
    "Sampling": SAMPLING,
    "Chat": CHAT,
    "Embeddings and reranking": EMBEDDINGS,
    "Speculative decoding": SPECULATIVE,
    "HTTP server and log": SERVING,
}

OPTIONS = tuple(option for group in GROUPS.values() for option in group)
