"""The keys of the configuration as typed, frozen settings (spec/config.md).

Annotation, default, constraint and description of every key stand here and nowhere
else: the reader and the JSON schema are driven by them.
"""
