"""The pages of a study: one of all its runs, a report of each, and a comparison of the runs of each experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import DeepceptionError, RunFolderError
from ..studies.files import write_atomically
from ..studies.settings import RUN_NAME
from .comparison import NAME as COMPARISON
from .comparison import compare_runs, write_comparison
from .deceptions import is_deception
from .page import REPORT_NAME, write_report
from .templating import environment
from .verdicts import judge, title_of
from .wording import estimate, printable, whole

STUDY_PAGE = "study.html"
RUNS = "runs"


@dataclass(frozen=True)
class Cell:
    """What one run says of one experiment: a mark, the figure with its interval, and n."""

    mark: str
    text: str
    n: str


@dataclass(frozen=True)
class Line:
    """One run in the table of its experiment."""

    observer: str
    report: str
    state: str
    cells: tuple[Cell, ...]
    queries: str
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """The runs of one experiment of a study."""

    name: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    comparison: str


def is_study(folder: str | Path) -> bool:
    """Whether a folder is that of a study rather than of a run."""
    folder = Path(folder)
    return not (folder / RUN_NAME).exists() and bool(runs_of(folder))


def runs_of(folder: Path) -> list[Path]:
    """The run folders of a study, experiment by experiment."""
    return [path.parent for path in sorted((folder / RUNS).glob(f"*/*/{RUN_NAME}"))]


def write_study(folder: str | Path, *, seed: int = 0, each: bool = True) -> Path:
    """Write the pages of a study from what its runs hold, finished or not, and return the path of its own page.

    Args:
        folder: The folder of the study.
        seed: Seed of the intervals of the comparisons.
        each: Write the report of each run as well.

    Raises:
        RunFolderError: The folder is no study's, a run in it is damaged, or something cannot be written.
    """
    folder = Path(folder)
    runs = runs_of(folder)
    if not runs:
        raise RunFolderError(f"'{folder}' holds no runs of a study: name the folder of a study or of a run.")
    parts = []
    for name in dict.fromkeys(run.parent.name for run in runs):
        mine = [run for run in runs if run.parent.name == name]
        for run in mine:
            if each or not (run / "results.json").exists():
                write_report(run)
        parts.append(_part(folder, name, mine, _compared(folder, name, mine, seed)))
    page = folder / STUDY_PAGE
    text = (
        environment()
        .get_template("study.html")
        .render(
            title=folder.resolve().name,
            version=__version__,
            parts=parts,
            observers=len({run.name for run in runs}),
            runs=len(runs),
            lead=_lead(parts),
        )
    )
    write_atomically(page, printable(text).encode("utf-8", "replace"))
    return page


def _compared(folder: Path, name: str, runs: Sequence[Path], seed: int) -> str:
    """The page that compares the runs of one experiment, relative to the study's; empty where there is none."""
    ready = [run for run in runs if (run / "results.json").exists()]
    if len(ready) < 2:
        return ""
    try:
        document = compare_runs(ready, seed=seed)
    except DeepceptionError:  # such as runs in which nothing is measured yet: their lines say so
        return ""
    out = folder / COMPARISON / name
    return str(write_comparison(document, out).relative_to(folder).as_posix())


def _part(folder: Path, name: str, runs: Sequence[Path], comparison: str) -> Part:
    found = [(run, _results(run)) for run in runs]
    measured = [results for _, results in found if results is not None]
    columns = tuple(dict.fromkeys(c for results in measured for c in results["properties"]))
    lines = tuple(_line(folder, run, results, columns) for run, results in found)
    return Part(name, tuple(title_of(c) for c in columns), lines, comparison)


def _results(run: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "properties" in found else None


def _line(folder: Path, run: Path, results: Mapping[str, Any] | None, columns: Sequence[str]) -> Line:
    report = (run / REPORT_NAME).relative_to(folder).as_posix()
    if results is None:
        return Line(
            run.name, report, "nothing measured yet", tuple(Cell("", "–", "") for _ in columns), "0", ()
        )
    planned, finished = results["units"]["planned"], results["units"]["finished"]
    failures = results["failures"]
    state = "finished" if finished == planned and not failures else f"{finished:,} of {planned:,} units"
    told = dict.fromkeys(
        f"{f['experiment']}{' of ' + f['photograph'] if f['photograph'] else ''}: {f['error']}"
        for f in failures
    )
    more = [f"and {len(told) - 3:,} more"] if len(told) > 3 else []
    return Line(
        observer=run.name,
        report=report,
        state=state,
        cells=tuple(_cell(column, results["properties"].get(column)) for column in columns),
        queries=f"{results.get('cost', {}).get('queries', 0):,}",
        failures=(*list(told)[:3], *more),
    )


def _cell(name: str, summary: Mapping[str, Any] | None) -> Cell:
    if summary is None or not summary["rows"]:
        return Cell("", "–", "")
    if is_deception(summary):
        ratio = summary["figures"]["fooling_ratio"]
        return Cell("", f"{estimate(ratio, share=True)} deceived", f"n {whole(ratio['n'])}")
    verdict = judge(name, summary)
    if verdict is None:
        return Cell("?", "–", "")
    told = verdict.difference or verdict.effect
    return Cell(verdict.mark, told.text, f"n {told.n}")


def _lead(parts: Sequence[Part]) -> str:
    lines = [line for part in parts for line in part.lines]
    done = sum(line.state == "finished" for line in lines)
    failed = sum(bool(line.failures) for line in lines)
    words = f"{done} of {len(lines)} runs are finished"
    if failed:
        words += f"; in {failed} something failed, which the tables name"
    return f"{words}."
