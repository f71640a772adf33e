"""The simulation of a large run: that it measures what it says, on a small one."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.scale.__main__ import measure, too_dear
from benchmarks.scale.steps import ADDED, STEPS


def test_every_step_sees_all_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = 2_500
    found = measure(tmp_path, units)
    steps = found["steps"]
    assert list(steps) == [step.name for step in STEPS]
    assert steps["make"]["packs"] == 3
    assert steps["start"]["finished"] == steps["compare"]["read"] == units
    assert steps["resume"]["left"] == steps["add"]["packed"] == ADDED
    assert steps["compare"]["median"] == pytest.approx((units - 1) / 2 / 7)
    assert all(step["seconds"] > 0 and step["peak_bytes"] > 1e6 for step in steps.values())
    assert "start: open the store" in capsys.readouterr().err


def test_only_steps_with_limits_are_held_against_them() -> None:
    step = {"seconds": 61.0, "peak_bytes": 10, "limited": True}
    steps = {"slow": step, "large": {**step, "seconds": 1.0, "peak_bytes": 2 * 10**9}}
    steps |= {"fine": {**step, "seconds": 1.0}, "making": {**step, "limited": False}}
    assert too_dear({"steps": steps}) == ["slow", "large"]
