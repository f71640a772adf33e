"""The overhead benchmark: that it compares the same map, and says what was measured."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.overhead.measuring import summarise, summarise_noise
from benchmarks.overhead.memory import measure_memory
from benchmarks.overhead.processes import Run, alone
from benchmarks.overhead.table import BEGIN, END, NETWORK, Check, checks, render, write_between_marks
from benchmarks.overhead.task import Task, make_task
from benchmarks.overhead.tools import TOOLS, Bench, disagreement

from deepception.stimuli import render as render_stimuli


@pytest.fixture(scope="module")
def task() -> Task:
    with as_file(files("deepception") / "data" / "default" / "efficientnet_lite0.onnx") as path:
        return make_task(NETWORK, path, grid=7, batch=7, threads=1)


def test_ours_and_the_others_are_shown_the_same_images(task: Task) -> None:
    stimuli = task.stimuli()
    assert np.array_equal(render_stimuli(stimuli, 0, len(stimuli)), task.images())


def test_ours_makes_the_bare_engines_map_with_as_many_forwards(task: Task) -> None:
    bench = Bench(task, "onnx")
    made = TOOLS["ours"](bench)()
    assert made.forwards == TOOLS["bare"](bench)().forwards == task.places
    assert disagreement(bench, "ours", made) == pytest.approx(0.0, abs=1e-9)
    shifted = type(made)(made.forwards, made.values + np.eye(1, task.places)[0])  # type: ignore[operator]
    assert disagreement(bench, "ours", shifted) == pytest.approx(1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from /proc")
def test_ours_adds_little_memory(task: Task) -> None:
    memory = alone(measure_memory, task, "onnx", "ours")
    assert 0 < memory.above_resting <= 60


@pytest.mark.parametrize(
    ("grid", "batch", "reason"), [(6, 12, "evenly"), (5, 25, "gaps"), (25, 16, "divide")]
)
def test_an_uneven_comparison_is_refused(task: Task, grid: int, batch: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make_task(NETWORK, task.model, grid=grid, batch=batch, threads=1)


def test_ratios_are_taken_within_a_round_and_per_image() -> None:
    runs = {
        "bare": [Run(1.0, 1.0, 100), Run(4.0, 2.0, 100), Run(2.0, 1.0, 100)],
        "again": [Run(3.0, 1.0, 100), Run(4.0, 2.0, 100), Run(2.0, 2.0, 100)],
        "shap": [Run(6.0, 2.0, 200), Run(16.0, 6.0, 200), Run(4.0, 3.0, 200)],
    }
    row = summarise(runs, "shap")
    assert row["cpu_ratio"] == [1.5, 1.0, 2.0]
    assert row["wall_ratio"] == [1.0, 1.0, 1.5]
    assert (row["cpu"], row["wall_per_map"]) == (6.0, 1.5)
    noise = summarise_noise(runs)
    assert noise["cpu"]["pairs"] == [1.0, 1.0, 3.0]
    assert noise["wall"]["runs"] == [pytest.approx(1 / 1.5), pytest.approx(2 / 1.5)]


def _row(lane: str, tool: str, wall: float, *, ratio: float = 1.0, memory: float = 10.0) -> dict[str, Any]:
    return {
        "lane": lane,
        "tool": tool,
        "forwards": 625,
        "cpu": wall,
        "wall": wall,
        "cpu_ratio": [ratio, ratio, ratio],
        "wall_ratio": [ratio, ratio, ratio],
        "memory_mb": {"added": memory, "above_resting": memory, "imports": 1.0},
        "difference": 0.0,
    }


def _results(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "machine": {"processor": "P", "processors": 2, "python": "3.11"},
        "versions": {"numpy": "2"},
        "settings": {"places": 625, "batch": 25, "threads": 2, "repeats": 5},
        "networks": {NETWORK: {"frame": [224, 224], "rows": list(rows), "noise": {}}},
    }


def test_each_check_can_fail() -> None:
    good = [
        _row("onnx", "ours", 1.0),
        _row("torch", "captum", 4.0),
        _row("torch, our allocator", "ours", 2.0),
        _row("torch, our allocator", "captum", 3.0),
    ]
    assert all(check.holds for check in checks(_results(*good)))
    bad = [
        _row("onnx", "ours", 3.0, ratio=1.051, memory=61.0),
        _row("torch", "captum", 4.0),
        _row("torch, our allocator", "ours", 5.0),
        _row("torch, our allocator", "captum", 3.0),
    ]
    found = checks(_results(*bad))
    assert [check.holds for check in found] == [False, False, False, True, False, False]
    assert "(at most 1.05: **no**)" in render(_results(*bad))
    assert str(Check("x", 12.3, " MB", most=60)) == "x: 12 MB (at most 60 MB: yes)"


def test_the_table_goes_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    text = render(_results(_row("onnx", "ours", 1.0)))
    write_between_marks(page, text)
    write_between_marks(page, text)
    assert page.read_text() == f"before\n{BEGIN}\n\n{text.strip()}\n\n{END}\nafter\n"
    page.write_text(f"{END}{BEGIN}")
    with pytest.raises(SystemExit, match="needs one line"):
        write_between_marks(page, text)
