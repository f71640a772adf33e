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
from pathlib import Path

from .keeping import FOLDER
from .methods import METHODS
from .page import write_page
from .running import Plan, run, show_price
from .settings import NINE, SETTINGS

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "runs" / "deception-small"
SMALL_PHOTOGRAPHS, SMALL_QUERIES = 16, 100


def main() -> None:
    """Parse, say the price, run, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deception",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder with models/ and photos/")
    parser.add_argument("--networks", nargs="+", default=list(NINE), choices=NINE, metavar="NAME")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS, metavar="NAME")
    parser.add_argument("--only", nargs="+", choices=METHODS, metavar="METHOD", help="methods to run")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each search (controls have one)")
    parser.add_argument("--limit", type=int, help="photographs, evenly spread; all by default")
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
            tuple(SETTINGS[name] for name in options.settings),
            None if options.only is None else tuple(options.only),
            1 if options.small else options.seeds,
            options.limit or (SMALL_PHOTOGRAPHS if options.small else None),
            options.threads,
            options.minutes,
            "develop" if options.small else "test",
            SMALL_QUERIES if options.small else None,
        )
        show_price(plan)
        if options.price:
            return
        run(plan)
    write_page(folder, page)


if __name__ == "__main__":
    main()
