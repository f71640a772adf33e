"""What a study of internet scale would cost: from measured figures to docs/scale.md.

    python -m benchmarks.scale.planning --data ../shared/data   # measures what it needs, then writes the page
    python -m benchmarks.scale.planning --page                  # the page from what was measured

Measured are: images a second on this machine and the bytes of finished units, the driver's own work for a unit
(`benchmarks.studies`), and a million units in packs (`benchmarks.scale`). Queries follow from the settings. What a
GPU answers in a second is an assumption, said so on the page: none was at hand.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.deception.settings import EIGHT, TITLES
from benchmarks.overhead.table import write_between_marks
from deepception.observers import open_observer
from deepception.properties import experiments
from deepception.sessions import Session
from deepception.studies import AuditRequest, RunStore, run_audit
from deepception.studies.inputs import find_photographs

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "scale.md"
PHOTOGRAPHS = 50_000
FRAME = (224, 224)
GPU = 3_000.0
"""Images a second of one GPU, assumed, mean over the eight networks."""
GPUS = (1, 8, 64)


def main() -> None:
    """Measure where asked, then write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.planning", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with models/: measure images a second")
    parser.add_argument("--page", action="store_true", help="only write the page")
    given = parser.parse_args()
    if given.data is not None:
        found = {name: images_a_second(given.data / "models" / f"{name}.onnx") for name in EIGHT}
        made = {
            "processors": len(os.sched_getaffinity(0)),
            "images_a_second": found,
            "chunk_bytes": chunk_bytes(given.data / "photos"),
        }
        (RESULTS / "throughput.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    throughput, studies, scale = (
        json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("throughput", "studies", "scale")
    )
    write_between_marks(PAGE, cost(throughput), "<!-- cost:begin -->", "<!-- cost:end -->")
    write_between_marks(
        PAGE, driver(studies, throughput["chunk_bytes"]), "<!-- driver:begin -->", "<!-- driver:end -->"
    )
    write_between_marks(PAGE, units(scale), "<!-- units:begin -->", "<!-- units:end -->")


def images_a_second(model: Path) -> float:
    """Images of a batch of 16 that an observer answers in a second, all processors; the median of five."""
    observer = open_observer(str(model))
    noise = np.random.default_rng(0).integers(0, 256, (64, *observer.frame.shape, 3), dtype=np.uint8)
    rates = []
    with Session(observer, batch_size=16) as session:
        session.ask_images(noise)
        for _ in range(5):
            began = time.perf_counter()
            session.ask_images(noise)
            rates.append(len(noise) / (time.perf_counter() - began))
    observer.close()
    return round(float(np.median(rates)), 1)


def chunk_bytes(photos: Path) -> dict[str, int]:
    """Bytes of the finished units of one photograph, by experiment: the embedded network, quick."""
    photograph = sorted(photos.glob("*.jpg"))[0]
    with tempfile.TemporaryDirectory() as folder:
        observer = open_observer("default")
        request = AuditRequest(
            observer,
            "default",
            find_photographs(str(photograph)),
            "quick",
            tuple(experiments()),
            batch_size=16,
        )
        run_audit(request, Path(folder) / "run")
        observer.close()
        store, sizes = RunStore(Path(folder) / "run"), {}
        for unit_hash in store.finished():
            unit = store.describe(unit_hash).unit
            if unit.photograph_name is not None and unit.photograph_name.endswith(photograph.name):
                sizes[unit.experiment] = sum(len(part) for part in store.export(unit_hash))
    return dict(sorted(sizes.items()))


def queries(setting: str) -> int:
    """Queries of all experiments on one photograph, at most; what photographs share does not count here."""
    known = experiments().values()
    return 1 + sum(
        e.cost(e.for_setting(setting, labels_only=False), FRAME, True, labels_only=False) for e in known
    )


def hours(seconds: float) -> str:
    """A duration for people."""
    if seconds < 3 * 3600:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.0f} h" if seconds < 4 * 86400 else f"{seconds / 86400:,.0f} days"


def cost(throughput: dict[str, Any]) -> str:
    """Queries and time, by setting and machine."""
    rates = throughput["images_a_second"]
    each = sum(1 / rate for rate in rates.values())
    lines = [
        f"| network | images a second on {throughput['processors']} processors |",
        "| --- | --- |",
        *(f"| {TITLES[name]} | {rate:,.0f} |" for name, rate in rates.items()),
        "",
        f"| {PHOTOGRAPHS:,} photographs, 8 networks | queries, at most "
        f"| {throughput['processors']} processors, measured | "
        + " | ".join(f"{n} GPU{'' if n == 1 else 's'} of {GPU:,.0f} images a second, assumed" for n in GPUS)
        + " |",
        "| --- | --- | --- | " + " | ".join("---" for _ in GPUS) + " |",
    ]
    for setting in ("quick", "standard"):
        count = PHOTOGRAPHS * queries(setting)
        lines.append(
            f"| {setting} | {8 * count:,} | {hours(count * each)} | "
            + " | ".join(hours(8 * count / GPU / n) for n in GPUS)
            + " |"
        )
    return "\n".join(lines) + "\n"


def driver(studies: dict[str, Any], sizes: dict[str, int]) -> str:
    """How many units a second the driver can hand out, and how many it has to."""
    lines = [
        "| engine | the driver computes for a unit | units a second, at most | 64 GPUs need, standard | quick |",
        "| --- | --- | --- | --- | --- |",
    ]
    kinds = len(sizes)
    needed = {s: 64 * GPU / (queries(s) / kinds) for s in ("standard", "quick")}
    for engine in studies["engines"]:
        work = engine["small"]["driver_ms"]
        lines.append(
            f"| {engine['name']} | {work:.1f} ms | {1000 / work:,.0f} "
            f"| {needed['standard']:,.0f} | {needed['quick']:,.0f} |"
        )
    size = PHOTOGRAPHS * 8 * sum(sizes.values())
    count = PHOTOGRAPHS * 8 * kinds
    lines += [
        "",
        f"{count:,} units: {size / 1e9:,.0f} GB of chunks, {count // 1000:,} packs, {count:,} rows in ledgers.",
    ]
    return "\n".join(lines) + "\n"


def units(scale: dict[str, Any]) -> str:
    """The simulation with a million units."""
    lines = ["| step | what it does | wall | memory |", "| --- | --- | --- | --- |"]
    for name, step in scale["steps"].items():
        lines.append(
            f"| {name} | {step['words']} | {step['seconds']:.1f} s | {step['peak_bytes'] / 1e6:,.0f} MB |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
