"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test is about time: a busy machine may take as long as it needs to make up an example.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
