"""What a study costs beside its measurements: overhead of a unit, scaling over workers, memory of the driver.

    python -m benchmarks.studies                # about ten minutes, on an idle machine
    python -m benchmarks.studies --stored       # the table again
    python -m benchmarks.studies --page         # and into docs/studies.md

The observer waits 50 ms for each batch of 12 images of 32 px instead of computing, so eight workers fit on two
cores. Everything else is real: driver, engine, plans, stores, ledger. Start-up (until each worker has ended a
unit) and the end (when workers run out of units) are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.overhead.table import write_between_marks
from deepception.studies.engines import BenchMaker, Ending, Engine, open_engine
from deepception.studies.study import Study, conduct

from .waiting import CLASSES, SIDE

RESULTS = Path(__file__).resolve().parents[1] / "results" / "studies.json"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies.md"
BEGIN, END = "<!-- studies:begin -->", "<!-- studies:end -->"
ENGINES = ("local", "ray")
SECONDS = 40.0  # of measuring, at each number of workers
SMALL_UNITS = 10_000


@dataclass
class Timed:
    """An engine, and when what ended."""

    engine: Engine
    endings: list[tuple[float, Ending]] = field(default_factory=list)
    workers: int = 0
    sees_disk: bool = True

    def __post_init__(self) -> None:
        self.workers, self.sees_disk = self.engine.workers, self.engine.sees_disk

    def wait(self, timeout: float) -> list[Ending]:
        """As the engine, noted."""
        ended = self.engine.wait(timeout)
        now = time.perf_counter()
        self.endings += [(now, one) for one in ended]
        return ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def __enter__(self) -> Timed:
        self.engine.__enter__()
        return self

    def __exit__(self, *given: Any) -> None:
        self.engine.__exit__(*given)


def main() -> None:
    """Measure, or take what was measured; write the JSON; print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--stored", action="store_true", help="measure nothing: print what was measured")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--engines", nargs="+", default=ENGINES, help="engines to measure")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="of measuring at each number of workers"
    )
    parser.add_argument("--units", type=int, default=SMALL_UNITS, help="small units for the memory")
    arguments = parser.parse_args()
    if arguments.stored:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        results = {"processors": len(os.sched_getaffinity(0)), "engines": []}
        for engine in arguments.engines:
            results["engines"].append(
                {
                    "name": engine,
                    "long": [measure(engine, workers, arguments.seconds) for workers in (1, 8)],
                    "small": small(engine, arguments.units),
                }
            )
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = table(results)
    print(text, end="")
    if arguments.page:
        write_between_marks(PAGE, text, BEGIN, END)


def measure(engine: str, workers: int, seconds: float) -> dict[str, Any]:
    """Units of a second, until about so many seconds have passed."""
    photographs = max(2 * workers, round(workers * seconds)) + 2 * workers
    print(f"{engine}, {workers} workers, {photographs} photographs …", file=sys.stderr)
    timed, _ = run(engine, workers, photographs, "waiting", {"local": {}}, 12)
    return {"workers": workers, **steady(timed.endings, workers)}


def small(engine: str, units: int) -> dict[str, Any]:
    """Many small units: the memory of the driver, and what each costs beside its measurement."""
    print(f"{engine}, {units} small units …", file=sys.stderr)
    workers = len(os.sched_getaffinity(0))
    parameters = {
        "local": {"count": 2, "repeats": 2, "crops": 0, "scrambles": 1, "canvases": ["grey"], "others": 1}
    }
    before, work = resident(), time.process_time()
    timed, seen = run(engine, workers, units // 2, "quick", parameters, 16)
    return {
        "units": units,
        "before": before,
        "driver_ms": round(1000 * (time.process_time() - work) / units, 2),
        "peak": max(seen),
        "seen": seen[:: max(1, len(seen) // 20)],
        **steady(timed.endings, workers),
    }


def run(
    engine: str,
    workers: int,
    photographs: int,
    function: str,
    parameters: Mapping[str, Any],
    batch_size: int,
) -> tuple[Timed, list[float]]:
    """A study of one observer and one property; the endings, and the driver's memory once a second, MB."""
    seen: list[float] = []
    engines: list[Timed] = []

    def start(make: BenchMaker) -> Engine:
        engines.append(Timed(open_engine(engine, make, workers=workers)))
        return engines[0]

    with tempfile.TemporaryDirectory() as folder:
        save_photographs(Path(folder) / "photos", photographs)
        study = Study(
            observers=[
                {
                    "model": f"python:benchmarks.studies.waiting:{function}",
                    "name": function,
                    "options": {
                        "version": "1",
                        "size": SIDE,
                        "labels": [f"class {i}" for i in range(CLASSES)],
                        "output": "logits",
                    },
                }
            ],
            photographs=str(Path(folder) / "photos"),
            experiments=[
                {"name": "local", "measure": "local", "setting": "quick", "parameters": dict(parameters)}
            ],
            study={"batch_size": batch_size},
        )
        out = Path(folder) / "study"
        prepared = study.prepare(out)
        end = conduct(prepared.runs, out, start, on_status=lambda status: seen.append(resident()))
        if end.exit_code:
            failed = end.runs[0].execution.failed
            raise SystemExit(f"the study ended with {end.exit_code}: {end.stopped or failed[0].error}")
    return engines[0], seen


def steady(endings: Sequence[tuple[float, Ending]], workers: int) -> dict[str, float]:
    """Rates between the time at which each worker has ended a unit and that at which some may have none left."""
    first: dict[int, float] = {}
    for now, one in endings:
        first.setdefault(one.worker, now)
    began = max(first.values())
    inside = [(now, one) for now, one in endings[: -2 * workers] if now > began]
    span = inside[-1][0] - began
    measured = [one.value.finished for _, one in inside]
    busy = sum(one.seconds for one in measured)
    return {
        "counted": len(inside),
        "unit_seconds": round(busy / len(inside), 4),
        "longest_seconds": round(max(one.seconds for one in measured), 3),
        "queries_a_second": round(sum(one.queries for one in measured) / span, 2),
        "overhead_ms": round(1000 * (workers * span - busy) / len(inside), 2),
        "overhead": round(1 - busy / (workers * span), 5),
    }


def save_photographs(folder: Path, count: int) -> None:
    """Small photographs of clouds, each of its own."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for i in range(count):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{i:05d}.png")


def resident() -> float:
    """Memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def table(results: Mapping[str, Any]) -> str:
    """Tables in Markdown."""
    lines = [
        "| engine | workers | a unit takes | beside it | overhead | images a second | against one worker |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for engine in results["engines"]:
        one = engine["long"][0]["queries_a_second"]
        for row in engine["long"]:
            times, share = row["queries_a_second"] / one, 100 * row["overhead"]
            lines.append(
                f"| {engine['name']} | {row['workers']} | {row['unit_seconds']:.2f} s "
                f"| {row['overhead_ms']:.1f} ms "
                f"| {share:.1f} % | {row['queries_a_second']:.0f} | {times:.2f} × |"
            )
    lines += [
        "",
        "| engine | small units | a unit takes | beside it | the driver computes | driver before | at most |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for engine in results["engines"]:
        row = engine["small"]
        lines.append(
            f"| {engine['name']} | {row['units']:,} | {1000 * row['unit_seconds']:.1f} ms "
            f"| {row['overhead_ms']:.1f} ms | {row['driver_ms']:.1f} ms "
            f"| {row['before']:.0f} MB | {row['peak']:.0f} MB |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
