"""Tiny models that a real llama.cpp server loads, built in a fraction of a second.

Nothing is downloaded and nothing is trained: the weights are constructed, or
random with a fixed seed, so the same arguments give the same model. A chat
model speaks a few readable sentences, names itself, thinks and calls tools; an
embedder puts texts that share words close together; a reranker prefers the
documents that share words with the query.

Needs numpy and gguf, which the extra `llamacpp` brings.
"""
