"""Compare what is measured from less of the answers with what is measured from all of them.

    python -m benchmarks.answer_levels --data ../shared/data             run what is missing, then write the table
    python -m benchmarks.answer_levels --data ../shared/data --price     say what is missing, and what it costs
    python -m benchmarks.answer_levels --table                           write the table from the committed figures

Needs a folder with ``models/`` (ONNX files) and ``photos/`` (with ``labels.csv``). It may be interrupted at any
time: the same command goes on at the photograph.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from deepception.observers import fingerprint
from deepception.properties import LocalResult, measure_local
from deepception.properties.result import jsonable
from deepception.sessions import Session

from .keeping import FOLDER, going_on
from .measuring import choose_photographs, full_first, measure_photograph, open_network
from .settings import FULL, LABEL_PHOTOGRAPHS, LEVELS, NETWORKS, PHOTOGRAPHS, Level, parameters, price
from .table import render, write_between_marks

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Parse, say the price, run, write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.answer_levels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder with models/ and photos/")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, metavar="NAME")
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=LEVELS, metavar="LEVEL")
    parser.add_argument("--photographs", type=int, default=PHOTOGRAPHS, help="of each network")
    parser.add_argument("--minutes", type=float, help="stop after so long; the same command goes on")
    parser.add_argument("--threads", type=int, help="threads of one call")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the figures")
    parser.add_argument("--price", action="store_true", help="only say what is missing and what it costs")
    parser.add_argument("--table", action="store_true", help="only write the table")
    options = parser.parse_args()
    if not options.table:
        if options.data is None:
            parser.error("--data is needed to run; --table writes the table from what is there")
        ended = _run(options)
        if options.price:
            return
        if not ended:
            print("Stopped; the same command goes on.", flush=True)
    text = render(options.results)
    if options.results == FOLDER:
        write_between_marks(ROOT / "docs" / "observers.md", text)
    print(text)


def _run(options: argparse.Namespace) -> bool:
    """Measure what is missing; whether all of it is there."""
    began = time.monotonic()
    levels = [Level(name) for name in full_first(options.levels)]
    for network in options.networks:
        observer = open_network(options.data, network, options.threads)
        chosen = choose_photographs(observer, options.data, options.photographs)
        kept, theirs = {}, {}
        for level in levels:
            count = LABEL_PHOTOGRAPHS[network] if level.labels_only else None
            theirs[level.name] = chosen.subjects[:count]
            facts = {
                "fingerprint": fingerprint(observer),
                "parameters": jsonable(parameters(level)),
                "seed": level.seed,
            }
            kept[level.name] = going_on(options.results, network, level.name, facts)
            missing = [s for s in theirs[level.name] if s.name not in kept[level.name].photographs]
            each = price(level, observer.frame.shape)
            print(
                f"{network}, {level.name}: {len(missing)} of {len(theirs[level.name])} photographs are missing, "
                f"at most {len(missing) * each:,} queries ({each:,} each)",
                flush=True,
            )
        if options.price:
            continue
        for subject in chosen.subjects:
            local: LocalResult | None = None
            for level in levels:
                figures = kept[level.name]
                if subject not in theirs[level.name] or subject.name in figures.photographs:
                    continue
                if options.minutes is not None and time.monotonic() - began > 60 * options.minutes:
                    return False
                if local is None and level.name != FULL:
                    # Measured before, or not asked for: the patch of all levels is that of full knowledge.
                    full = Level(FULL)
                    with Session(observer, batch_size=16) as session:
                        local = measure_local(
                            session, subject, parameters=parameters(full)["local"], seed=full.seed
                        )
                entry, local = measure_photograph(observer, level, subject, chosen.pool, local)
                figures.photographs[subject.name] = entry
                figures.write(options.results)
                passed = time.monotonic() - began
                print(
                    f"{network}, {level.name}, {subject.name}: {entry['queries']:,} queries; {passed:,.0f} s",
                    flush=True,
                )
    return True


if __name__ == "__main__":
    main()
