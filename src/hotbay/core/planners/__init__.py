"""Planners: pure policies that name whom to stop before a model may start."""
