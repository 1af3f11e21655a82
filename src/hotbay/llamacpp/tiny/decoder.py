"""Llama layers with random weights that disturb the hidden state only a little.

What a model does is set by its embeddings and its head; the layers are there
so that llama.cpp has a transformer to run.
"""

from __future__ import annotations

import numpy as np

from hotbay.llamacpp.tiny.model_file import HEAD_WIDTH, Array, ModelFile, Shape

_GAIN = 0.15  # how much a layer may change


def add_decoder(model: ModelFile, shape: Shape, random: np.random.Generator) -> None:
    """Add the layers. They never write to dimension 0, so what stands there reaches the end."""
    width, feed_forward = shape.width, 2 * shape.width
    model.writer.add_layer_norm_rms_eps(1e-5)
    model.writer.add_rope_dimension_count(HEAD_WIDTH)

    def matrix(rows: int, columns: int, gain: float = 1.0) -> Array:
        values = random.standard_normal((rows, columns), dtype=np.float32)
        return values * np.float32(gain * columns**-0.5)

    def into_state(columns: int) -> Array:
        values = matrix(width, columns, _GAIN)
        values[0] = 0
        return values

    one = np.ones(width, np.float32)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        model.tensor(f"{block}attn_norm.weight", one)
        for part in ("q", "k", "v"):
            model.tensor(f"{block}attn_{part}.weight", matrix(width, width))
        model.tensor(f"{block}attn_output.weight", into_state(width))
        model.tensor(f"{block}ffn_norm.weight", one)
        model.tensor(f"{block}ffn_gate.weight", matrix(feed_forward, width))
        model.tensor(f"{block}ffn_up.weight", matrix(feed_forward, width))
        model.tensor(f"{block}ffn_down.weight", into_state(feed_forward))


def describe_decoder(model: ModelFile, shape: Shape, vocabulary: int) -> None:
    """Say how large the model with these layers is."""
    model.describe(
        shape,
        feed_forward=2 * shape.width,
        heads=shape.width // HEAD_WIDTH,
        vocabulary=vocabulary,
    )
