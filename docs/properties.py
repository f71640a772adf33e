"""Measure the four properties on many networks and write docs/properties.md.

    python docs/properties.py --data ../shared/data            measure what is missing, then write the page
    python docs/properties.py --page                           write the page from the committed figures

Needs a folder with ``models/`` (ONNX files beside their ``models.json``) and ``photos/`` (with ``labels.csv``).
Each network is one audit in ``runs/properties/NAME``, which goes on after an interruption; what a finished one
gave is a small JSON beside this file, and a network that has one is skipped.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

from kept import keep, small
from properties_page import write_page

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "properties"
RUNS = HERE.parent / "runs" / "properties"

# Cheapest first, so that an interruption loses little.
NETWORKS = (
    "mcunet_320kb_176",
    "shufflenet_v2_224",
    "efficientnet_lite0",
    "darknet_tiny_224",
    "mobilenet_v2_100_224",
    "squeezenet_v11_224",
    "mobilenet_v1_100_224",
    "resnet18_binary_fp1_224",
    "googlenet_bvlc_224",
)
PHOTOGRAPHS = 20


def choose_photographs(folder: Path, count: int) -> list[Path]:
    """Evenly spread photographs of the develop split (class index 4 modulo 8), in order of their class."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted((int(row["index"]), row["file"]) for row in csv.DictReader(file))
    split = [folder / name for index, name in rows if index % 8 == 4]
    return [split[i * len(split) // count] for i in range(count)]


def measure(data: Path, network: str, threads: int | None) -> None:
    """Audit one network with the standard setting, and keep what its run says."""
    from deepception.observers import open_observer
    from deepception.sessions import RichProgress
    from deepception.studies import AuditRequest, Listeners, run_audit
    from deepception.studies.inputs import find_photographs

    photographs = choose_photographs(data / "photos", PHOTOGRAPHS)
    observer = open_observer(str(data / "models" / f"{network}.onnx"), threads=threads)
    request = AuditRequest(
        observer,
        f"{network}.onnx",
        find_photographs([str(p) for p in photographs]),
        batch_size=16,
        command=("python", "docs/properties.py", "--data", "DATA"),
    )
    with RichProgress() as progress:
        outcome = run_audit(
            request,
            RUNS / network,
            on_price=lambda price: print(network, price, file=sys.stderr),
            listeners=Listeners(progress),
        )
    if outcome.execution.stopped is not None:
        raise outcome.execution.stopped
    if outcome.exit_code:
        raise SystemExit(f"{network}: {outcome.results['failures']}")
    FIGURES.mkdir(exist_ok=True)
    keep(FIGURES / f"{network}.json", small(outcome.results))


def main() -> None:
    """Measure what is missing, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with models/ and photos/")
    parser.add_argument("--threads", type=int, help="threads of one call")
    parser.add_argument("--only", nargs="*", default=NETWORKS, help="networks to measure")
    parser.add_argument("--page", action="store_true", help="only write the page")
    options = parser.parse_args()
    if not options.page:
        if options.data is None:
            parser.error("--data is needed to measure; --page writes the page from what is there")
        for network in options.only:
            if (FIGURES / f"{network}.json").exists():
                continue
            began = time.perf_counter()
            measure(options.data, network, options.threads)
            print(f"{network}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
            write_page(FIGURES, HERE / "properties.md", NETWORKS)
    write_page(FIGURES, HERE / "properties.md", NETWORKS)


if __name__ == "__main__":
    main()
