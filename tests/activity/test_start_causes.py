"""The kinds of causes of failed starts."""

from __future__ import annotations

import pytest

from hotbay.activity.start_causes import KINDS, OTHER, kind_of_cause
from hotbay.runtime import causes


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("health check timed out after 2m", "timeout"),
        (
            "upstream command exited prematurely: exit status 1 (out of GPU memory)",
            "gpu memory",
        ),
        ("exit status 137 (killed from outside, perhaps because memory ran out)", "memory"),
        ("port 5800 is taken by another program; end that one or choose another startPort", "port"),
        ("upstream command exited prematurely: exit status 1 (bad argument: --ctx)", "argument"),
        ("failed to start command 'llama': No such file or directory", "file"),
        ("the model is not in the configuration any more", "configuration"),
        ("upstream command exited prematurely: exit status 3", OTHER),
        ("", OTHER),
    ],
)
def test_a_reason_is_of_a_kind(reason: str, kind: str) -> None:
    assert kind_of_cause(reason) == kind
    assert kind in KINDS


def test_every_cause_that_is_recognised_in_a_log_is_of_a_kind() -> None:
    texts = [text for _, text in causes._PATTERNS] + list(causes._BY_STATUS.values())
    assert [text for text in texts if kind_of_cause(text) == OTHER] == []
