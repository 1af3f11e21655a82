"""Planners that come through the same door as anybody's own (`docs/planners.md`)."""
