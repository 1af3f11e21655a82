"""hotbay without anybody who takes notes of requests, to measure what the notes cost.

Not a way to run hotbay: there is no activity, and nothing is counted.
"""

from __future__ import annotations

from typing import Any

from hotbay import app
from hotbay.cli.main import main
from hotbay.lane.context import LaneContext


def unrecorded(**parts: Any) -> LaneContext:
    return LaneContext(**{**parts, "recorder": None})


if __name__ == "__main__":
    vars(app)["LaneContext"] = unrecorded
    main()
