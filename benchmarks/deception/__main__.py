"""Deceive nine networks with our method, baselines and controls.

    python -m benchmarks.deception --data ../shared/data             run what is missing, then write the page
    python -m benchmarks.deception --data ../shared/data --price     say what is missing, and what it costs
    python -m benchmarks.deception --data ../shared/data --small     a few photographs, for development
    python -m benchmarks.deception --page                            write the page from the committed figures

Needs a folder with ``models/`` (ONNX files) and ``photos/`` (with ``labels.csv``), and for two of the
baselines what ``benchmarks/deception/requirements.txt`` names. It may be interrupted at any time: the same
command goes on.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from .fooling import NAME as FOOLING
from .fooling import Fooling
from .fooling_rows import METHODS as FOOLING_METHODS
from .keeping import FOLDER
from .methods import METHODS
from .page import write_page
from .running import Plan, run, show_price
from .settings import NINE, SETTINGS
from .transfer import NAME as TRANSFER
from .transfer import Transfer

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "runs" / "deception-small"
SMALL_PHOTOGRAPHS, SMALL_QUERIES, SMALL_LEARNING = 16, 100, 3_000
CHOICES = [*SETTINGS, TRANSFER, FOOLING]


def main() -> None:
    """Parse, say the price, run, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deception",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder with models/ and photos/")
    parser.add_argument("--networks", nargs="+", default=list(NINE), choices=NINE, metavar="NAME")
    parser.add_argument("--settings", nargs="+", choices=CHOICES, metavar="NAME", help="all by default")
    parser.add_argument(
        "--only", nargs="+", choices=[*METHODS, *FOOLING_METHODS], metavar="METHOD", help="methods to run"
    )
    parser.add_argument(
        "--seeds", type=int, help="seeds of each search (controls have one); those of the setting by default"
    )
    parser.add_argument("--limit", type=int, help="at most so many photographs, evenly spread")
    parser.add_argument("--minutes", type=float, help="stop after so long; the same command goes on")
    parser.add_argument("--threads", type=int, help="threads of one call")
    parser.add_argument("--price", action="store_true", help="only say what is missing and what it costs")
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument(
        "--small",
        action="store_true",
        help=f"{SMALL_PHOTOGRAPHS} photographs of the develop split, {SMALL_QUERIES} queries each, one seed; "
        "kept, and the page written, below runs/",
    )
    options = parser.parse_args()
    # Transfer has no methods to choose from.
    settings = options.settings or [name for name in CHOICES if options.only is None or name != TRANSFER]
    folder, page = (
        (SMALL, SMALL / "deception.md") if options.small else (FOLDER, ROOT / "docs" / "deception.md")
    )
    if not options.page:
        if options.data is None:
            parser.error("--data is needed to run; --page writes the page from what is there")
        plan = Plan(
            options.data,
            folder,
            ROOT / "runs" / "deception-learned",
            tuple(options.networks),
            tuple(SETTINGS[name] for name in settings if name in SETTINGS),
            None if options.only is None else tuple(options.only),
            options.seeds or (1 if options.small else None),
            options.limit or (SMALL_PHOTOGRAPHS if options.small else None),
            options.threads,
            options.minutes,
            "develop" if options.small else "test",
            SMALL_QUERIES if options.small else None,
        )
        show_price(plan)
        began = time.monotonic()
        transfer = Transfer(plan, queries=SMALL_LEARNING) if options.small else Transfer(plan)
        if TRANSFER in settings:
            transfer.show_price()
        if FOOLING in settings:
            Fooling(plan).show_price()
        if options.price:
            return
        run(plan)
        if TRANSFER in settings:
            passed = (time.monotonic() - began) / 60
            left = None if plan.minutes is None else max(0.0, plan.minutes - passed)
            replace(transfer, plan=replace(plan, minutes=left)).run()
        if FOOLING in settings:
            passed = (time.monotonic() - began) / 60
            left = None if plan.minutes is None else max(0.0, plan.minutes - passed)
            Fooling(replace(plan, minutes=left)).run()
    write_page(folder, page, small=options.small)


if __name__ == "__main__":
    main()
