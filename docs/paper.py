"""Keep what the study of the paper's claims gave, and write docs/paper.md.

    deepception study studies/paper.toml --out runs/paper     measure what is missing
    python docs/paper.py --run runs/paper                     keep what there is, then write the page
    python docs/paper.py --page                               write the page from the committed figures

A run that is not finished is kept too, with what it has; the page says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kept import COLUMNS, keep, smaller
from paper_page import write_page
from paper_study import PATCHES, PROPERTIES, Plan, kept_name, read_plan

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "paper"
PAGE = HERE / "paper.md"
STUDY = HERE.parent / "studies" / "paper.toml"


def keep_runs(study: Path, folder: Path, plan: Plan) -> list[str]:
    """Keep every run of a study in which something is measured, and return the names of the files."""
    from deepception.reports.stored import read_run
    from deepception.studies import load_settings

    names = []
    for experiment in (PROPERTIES, PATCHES):
        for network in plan.networks:
            run = study / "runs" / experiment / network
            if not (run / "run.json").exists():
                continue
            results = read_run(run).results
            if not any(summary["rows"] for summary in results["properties"].values()):
                continue
            folder.mkdir(exist_ok=True)
            names.append(kept_name(experiment, network))
            keep(folder / names[-1], smaller(results, load_settings(run).digest), COLUMNS)
    return names


def main() -> None:
    """Keep what there is, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--run", type=Path, help="folder of the study, finished or not")
    given.add_argument("--page", action="store_true", help="only write the page")
    options = parser.parse_args()
    plan = read_plan(STUDY)
    if options.run is not None:
        names = keep_runs(options.run, FIGURES, plan)
        if not names:
            parser.error(f"nothing is measured in '{options.run}' yet: name the folder of the study")
        print(f"kept: {', '.join(names)}", file=sys.stderr)
    write_page(FIGURES, PAGE, plan)


if __name__ == "__main__":
    main()
