"""Scheduling overhead and scaling of the engines, with benches that wait instead of computing.

python -m benchmarks.engines                 # about four minutes
python -m benchmarks.engines --stored        # the table again
python -m benchmarks.engines --page          # and into docs/studies.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.engines.measuring import BATCH, BATCHES, overhead, scaling
from benchmarks.overhead.table import Check, write_between_marks

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "engines.json"
PAGE = HERE.parents[1] / "docs" / "studies.md"
BEGIN, END = "<!-- engines: begin -->", "<!-- engines: end -->"
ENGINES = ("local", "ray")
UNITS = ((1.0, 30), (0.1, 100), (0.01, 500), (0.0, 1000))
MANY = 8


def main() -> None:
    """Measure, or take what was measured; write the JSON; print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="the JSON to write")
    parser.add_argument("--only", choices=ENGINES, nargs="+", default=ENGINES, help="these engines alone")
    parser.add_argument("--orders", type=int, default=10, help="of each worker, for the scaling (default 10)")
    parser.add_argument("--stored", action="store_true", help="measure nothing: print what --out holds")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    if arguments.stored:
        results = json.loads(arguments.out.read_text(encoding="utf-8"))
    else:
        results = measure(arguments.only, arguments.orders)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = table(results)
    print(text, end="")
    if arguments.page:
        write_between_marks(PAGE, text, BEGIN, END)


def measure(engines: list[str], orders_each: int) -> dict[str, Any]:
    """All figures."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    versions = {"python": platform.python_version()}
    results: dict[str, Any] = {
        "processors": len(os.sched_getaffinity(0)),
        "versions": versions,
        "overhead": [],
        "scaling": [],
    }
    for name in engines:
        if name == "ray":
            versions["ray"] = version("ray")
        for seconds, orders in UNITS:
            print(f"{name}: orders of {seconds:g} s …", file=sys.stderr)
            results["overhead"].append(overhead(name, seconds, orders))
        for workers in (1, MANY):
            print(f"{name}: {workers} workers …", file=sys.stderr)
            results["scaling"].append(scaling(name, workers, orders_each))
    return results


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    said = ", ".join(f"{name.capitalize()} {number}" for name, number in results["versions"].items())
    parts = [
        f"Measured with benches that wait instead of computing, on {results['processors']} processors ({said})."
    ]
    lines = ["| engine | unit | overhead a unit | share |", "|---|--:|--:|--:|"]
    for row in results["overhead"]:
        unit = f"{row['seconds']:g} s" if row["seconds"] else "empty"
        share = f"{row['share']:.2%}" if row["seconds"] else "–"
        lines.append(f"| {row['engine']} | {unit} | {row['overhead_ms']:.2f} ms | {share} |")
    parts.append("\n".join(lines))
    lines = [
        f"| engine | units of {BATCHES} × {1000 * BATCH:.0f} ms a second, 1 worker | {MANY} workers | ratio |"
    ]
    lines.append("|---|--:|--:|--:|")
    for name, one, many in _pairs(results):
        lines.append(f"| {name} | {one:.3f} | {many:.3f} | {many / one:.2f} |")
    parts.append("\n".join(lines))
    parts.append("\n".join(f"- {check}" for check in checks(results)))
    return "\n\n".join(parts) + "\n"


def checks(results: dict[str, Any]) -> list[Check]:
    """What must hold, and whether it does."""
    found = [
        Check(f"Overhead of {row['engine']} on units of 1 s", 100 * row["share"], " %", most=2.0)
        for row in results["overhead"]
        if row["seconds"] == 1.0
    ]
    for name, one, many in _pairs(results):
        found.append(Check(f"{MANY} workers of {name} over one", many / one, "×", least=7.5))
    return found


def _pairs(results: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Of each engine: units a second with one worker, and with many."""
    rates = {(row["engine"], row["workers"]): row["a_second"] for row in results["scaling"]}
    return [(name, rates[name, 1], rates[name, MANY]) for name in ENGINES if (name, MANY) in rates]


if __name__ == "__main__":
    main()
