"""Start, resume and a pass over all records of a run with a million empty units in packs.

    python -m benchmarks.scale                     # about three minutes and 1 GB of disk
    python -m benchmarks.scale --units 20_000      # a trial
    python -m benchmarks.scale --units 20_000 --keep FOLDER

The units hold no arrays and one figure each, so what is measured is the store: packs, their indexes, hashes and
sets. They are written by what compacts real ones, a thousand to a pack. Each step has a process of its own, whose
time includes starting Python and whose peak of memory the kernel tells.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .steps import STEPS, Step

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
MINUTE, GIGABYTE = 60.0, 1000**3


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def alone(step: Step, folder: Path, units: int) -> dict[str, Any]:
    """Run a step in a process of its own; what it found, its seconds and its peak."""
    command = [sys.executable, "-m", "benchmarks.scale.steps", step.name, str(folder), str(units)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step.name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def measure(folder: Path, units: int) -> dict[str, Any]:
    """All steps, in order, JSON-able."""
    found: dict[str, Any] = {
        "units": units,
        "machine": {"processors": len(os.sched_getaffinity(0)), "python": platform.python_version()},
        "steps": {},
    }
    for step in STEPS:
        say(f"{step.name}: {step.words}")
        figures = alone(step, folder, units)
        found["steps"][step.name] = {"words": step.words, "limited": step.limited, **figures}
        busy = f"{figures['seconds']:.1f} s, of these {figures['cpu_seconds']:.1f} s of a processor"
        say(f"  {busy}, {figures['peak_bytes'] / 1e6:,.0f} MB")
    return found


def too_dear(found: dict[str, Any]) -> list[str]:
    """The steps that took more than a minute or a gigabyte."""
    return [
        name
        for name, step in found["steps"].items()
        if step["limited"] and (step["seconds"] > MINUTE or step["peak_bytes"] > GIGABYTE)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.split("\n")[0])
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder in which the run is made and left")
    parser.add_argument("--no-results", action="store_true", help="do not write the results file")
    given = parser.parse_args()
    if given.keep is not None:
        found = measure(given.keep, given.units)
    else:
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            found = measure(Path(folder), given.units)
    if not given.no_results:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        say(f"written: {RESULTS.relative_to(ROOT)}")
    dear = too_dear(found)
    for name in dear:
        say(f"{name} took more than a minute or a gigabyte.")
    return 1 if dear else 0


if __name__ == "__main__":
    sys.exit(main())
