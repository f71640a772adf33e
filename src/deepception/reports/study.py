"""The pages of a study: one of all its runs, a report of each, and a comparison of the runs of each experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import DeepceptionError, RunFolderError, without_kind
from ..studies.files import write_atomically
from ..studies.study.folders import experiments_of, runs_of
from ..studies.study.status import read_status
from .comparison import NAME as COMPARISON
from .comparison import compare_runs, write_comparison
from .deceptions import is_deception
from .page import REPORT_NAME, write_report
from .stored import read_run
from .study_facts import About, about, facts, identities, methods, settings_of
from .templating import environment
from .verdicts import judge, title_of
from .wording import counted, estimate, percent, printable, whole

STUDY_PAGE = "study.html"


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
    runs: tuple[About, ...]


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
    for name in experiments_of(folder):
        mine = [run for run in runs if run.parent.name == name]
        for run in mine:
            if each or not (run / "results.json").exists():
                write_report(run)
        parts.append(_part(folder, name, mine, _compared(folder, name, mine, seed)))
    page = folder / STUDY_PAGE
    status = read_status(folder) or {}
    text = (
        environment()
        .get_template("study.html")
        .render(
            title=status.get("name") or folder.resolve().name,
            lost=status.get("lost") or {},
            version=__version__,
            parts=parts,
            facts=facts([run for part in parts for run in part.runs]),
            settings_of=settings_of,
            methods=methods,
            identities=identities,
            observers=len({run.name for run in runs}),
            marks=any(cell.mark for part in parts for line in part.lines for cell in line.cells),
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
    # What an interruption left unwritten is made anew from the units, so that the page is never behind them.
    measured, told = [], []
    for run in runs:  # of a run that was read no more is kept than the page needs
        read = read_run(run)
        measured.append(read.results)
        told.append(about(read))
    columns = tuple(dict.fromkeys(c for results in measured for c in results["properties"]))
    lines = tuple(_line(folder, run, results, columns) for run, results in zip(runs, measured, strict=True))
    return Part(name, tuple(title_of(c) for c in columns), lines, comparison, tuple(told))


def _line(folder: Path, run: Path, results: Mapping[str, Any], columns: Sequence[str]) -> Line:
    report = (run / REPORT_NAME).relative_to(folder).as_posix()
    planned, finished = results["units"]["planned"], results["units"]["finished"]
    failures = results["failures"]
    state = "finished" if finished == planned and not failures else f"{finished:,} of {planned:,} units"
    told = dict.fromkeys(
        f"{f['experiment']}{' of ' + f['photograph'] if f['photograph'] else ''}: {without_kind(f['error'])}"
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
        figures = summary["figures"]
        ratio, margin = figures["fooling_ratio"], figures["margin"]
        best = None if margin is None else figures["controls"][margin["control"]]["fooling_ratio"]
        beside = "no control" if best is None else f"best control {percent(best['value'])}"
        return Cell("", f"{estimate(ratio, share=True)} deceived", f"n {whole(ratio['n'])}; {beside}")
    verdict = judge(name, summary)
    if verdict is None:
        return Cell("?", "–", "")
    told = verdict.difference or verdict.effect
    return Cell(verdict.mark, told.text, f"n {told.n}")


def _lead(parts: Sequence[Part]) -> str:
    lines = [line for part in parts for line in part.lines]
    done = sum(line.state == "finished" for line in lines)
    failed = sum(bool(line.failures) for line in lines)
    words = f"{done} of {counted(len(lines), 'run')} {'is' if len(lines) == 1 else 'are'} finished"
    if failed:
        words += f"; in {failed} something failed, which the tables name"
    return f"{words}."
