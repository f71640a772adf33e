"""Throughput against a server of 100 ms latency and 32 requests in flight, in another process on this machine.

    python -m benchmarks.endpoints                 # about two minutes
    python -m benchmarks.endpoints --stored        # the table again
    python -m benchmarks.endpoints --page          # and into docs/observers.md

The server answers without looking at the image, so what is measured is our side: rendering, encoding, sending,
reading, counting. Latency times concurrency permits 320 requests a second; where encoding alone, on one core,
makes fewer images than that, it is the measure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.overhead.table import write_between_marks
from deepception.observers import open_observer
from deepception.observers.inspecting import probe_images
from deepception.observers.remote import RemoteObserver, is_remote
from deepception.sessions import Session
from deepception.stimuli import Patch, Stimuli

HERE = Path(__file__).resolve().parent
SERVER = HERE.parents[1] / "tests" / "endpoint_server.py"
PAGE = HERE.parents[1] / "docs" / "observers.md"
BEGIN, END = "<!-- endpoints:begin -->", "<!-- endpoints:end -->"
LATENCY, CONCURRENCY, CLASSES = 0.1, 32, 1000
LIMIT = CONCURRENCY / LATENCY
_PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))

DESCRIBED = """
[request]
{request}
[answer]
level = "logits"
scores = "$.scores"
"""


@dataclass(frozen=True)
class Case:
    """One way of asking: its name, the frame's side, the wire, and the rate that the person states."""

    name: str
    side: int
    wire: str
    rate: float | None = None


CASES = (
    Case("v2, binary tensors", 32, "v2-binary"),
    Case("v2, binary tensors", 224, "v2-binary"),
    Case("v2, JSON", 32, "v2-json"),
    Case("v2, JSON", 224, "v2-json"),
    Case("PNG", 224, 'send = "raw"'),
    Case("PNG in base64", 224, 'json = { inputs = "$image" }'),
    Case("v2, binary tensors, `--rate 200`", 32, "v2-binary", 200.0),
)


def main() -> None:
    """Measure, or take what was measured; write the JSON; print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endpoints", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each case (default 10)")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="the JSON to write")
    parser.add_argument("--stored", action="store_true", help="measure nothing: print what --out holds")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE.name}")
    arguments = parser.parse_args()
    if arguments.stored:
        results = json.loads(arguments.out.read_text(encoding="utf-8"))
    else:
        results = {"processors": len(os.sched_getaffinity(0)), "cases": []}
        for case in CASES:
            print(f"{case.name}, {case.side} px …", file=sys.stderr)
            results["cases"].append(measure(case, arguments.seconds))
        arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = table(results)
    print(text, end="")
    if arguments.page:
        write_between_marks(PAGE, text, BEGIN, END)


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """The figures of one case: requests a second as the server saw them, and what encoding alone makes."""
    with serving(case.side) as base, tempfile.TemporaryDirectory() as folder:
        observer = opened(case, base, Path(folder))
        encoding = encode_alone(observer, case.side)
        permitted = min(LIMIT, case.rate or LIMIT)
        shown = stimuli(case.side, round(seconds * min(permitted, 2 * encoding)))
        with Session(observer) as session:
            session.ask(stimuli(case.side, 64))  # connections are made, and the threads are there
            before = len(report(base)["times"])
            work = time.process_time()
            session.ask(shown)
            work = time.process_time() - work
        seen = report(base)
        times = np.array(seen["times"][before:])
        reached = (len(times) - 1) / (times[-1] - times[0])
        busiest = int((np.searchsorted(times, times + 1.0) - np.arange(len(times))).max())
        measure_ = min(permitted, encoding)
        return {
            "name": case.name,
            "side": case.side,
            "permitted": permitted,
            "encoding": round(encoding, 1),
            "reached": round(float(reached), 1),
            "share": round(float(reached / measure_), 3),
            "busiest_second": busiest,
            "in_flight": seen["most"],
            "cpu_ms": round(1000 * work / len(times), 2),
        }


def opened(case: Case, base: str, folder: Path) -> RemoteObserver:
    """The observer of one case."""
    options: dict[str, Any] = {"concurrency": CONCURRENCY, "rate": case.rate}
    if case.wire.startswith("v2"):
        usual = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "pixel_range": "0..1"}
        observer = open_observer(f"{base}/v2/models/known", protocol=case.wire, **usual, **options)
    else:
        path = folder / "endpoint.toml"
        path.write_text(DESCRIBED.format(request=case.wire), encoding="utf-8")
        labels = [f"class {k}" for k in range(CLASSES)]
        observer = open_observer(f"{base}/any", protocol=str(path), labels=labels, frame=case.side, **options)
    assert is_remote(observer)
    return observer


def encode_alone(observer: RemoteObserver, side: int, seconds: float = 1.0) -> float:
    """Images a second that one thread encodes, with nothing else to do."""
    images = probe_images((side, side), 16)
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        observer.encode(images[count % len(images)])
        count += 1
    return count / spent


def stimuli(side: int, count: int) -> Stimuli:
    """A square that wanders over smooth noise."""
    square = side // 7
    rng = np.random.default_rng(1)
    patch = Patch(np.full((square, square, 3), 90, dtype=np.uint8))
    return Stimuli.single(
        probe_images((side, side), 16),
        [patch],
        background=rng.integers(16, size=count),
        patch=0,
        y=rng.integers(side - square, size=count),
        x=rng.integers(side - square, size=count),
        opacity=rng.uniform(0.2, 1, size=count),
    )


@contextmanager
def serving(side: int) -> Iterator[str]:
    """The server, in a process of its own; yields its address."""
    config = {"blind": True, "latency": LATENCY, "allowed": CONCURRENCY, "side": side, "classes": CLASSES}
    process = subprocess.Popen(
        [sys.executable, str(SERVER), json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()


def report(base: str) -> dict[str, Any]:
    """What the server saw."""
    with _PLAIN.open(f"{base}/seen") as answer:
        return dict(json.load(answer))


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| what is sent | frame | permitted, a second | encoding alone, one core | reached | of the lesser | "
        "processor time a query |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for case in results["cases"]:
        busiest = f" (busiest second {case['busiest_second']})" if "rate" in case["name"] else ""
        lines.append(
            f"| {case['name']} | {case['side']} px | {case['permitted']:.0f} | {case['encoding']:.0f} | "
            f"{case['reached']:.0f}{busiest} | {100 * case['share']:.0f} % | {case['cpu_ms']:.1f} ms |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
