"""``deepception study``: many observers, many photographs, on the workers of an engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import say, show_json
from .interrupting import first_interrupt_noted

if TYPE_CHECKING:
    from ..studies.study import Prepared, Study, StudyEnd


@click.command()
@click.argument("file", metavar="STUDY.toml", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the study; an interrupted one goes on.",
)
@click.option(
    "--engine", metavar="NAME", help="Who does the work: local or ray [default: what the file says]."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="How many workers [default: what the file says, or as many as fit].",
)
@click.option("--address", help="Address of a Ray cluster [default: one is started on this machine].")
@click.option("--dry-run", is_flag=True, help="Print units, queries, time and cost, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print how it ended as JSON.")
def study(
    file: Path,
    out: Path,
    engine: str | None,
    workers: int | None,
    address: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Measure every observer of STUDY.toml in every experiment, and compare them.

    Each experiment and observer is a run of its own below --out, with its report; a page shows them all. The same
    command goes on after an interruption, measures what was added to the file, and refuses what was changed in it.
    """
    from ..studies.study import Study

    asked = Study.read(file)
    options = None if address is None else {**asked.file.engine.options, "address": address}
    asked = asked.with_engine(name=engine, workers=workers, options=options)
    prepared = asked.prepare(out, ("deepception", *sys.argv[1:]), timed=dry_run)
    if dry_run:
        return _show_price(prepared, as_json)
    for line in _price_lines(prepared):
        say(line)
    for sentence in prepared.assumed:
        say(sentence)
    end = _run(asked, prepared, out)
    return _show(end, prepared, out, as_json)


def _run(asked: Study, prepared: Prepared, out: Path) -> StudyEnd:
    from ..studies import Listeners
    from .watch import StatusBar

    with first_interrupt_noted() as interrupted, StatusBar() as bar:
        return asked.run(out, prepared=prepared, listeners=Listeners(cancel=interrupted), on_status=bar.show)


def _show(end: StudyEnd, prepared: Prepared, out: Path, as_json: bool) -> int:
    from ..reports.study import write_study
    from .audit import told_cost

    page = write_study(out)
    for name, error in prepared.lost.items():
        say(f"{name}: {error}")
    for run in end.runs:
        for failed in run.execution.failed[:3]:
            about = f"{failed.unit.experiment} of {failed.unit.photograph_name or 'the run'}"
            say(f"{run.name}: {about}: {failed.error}")
        if len(run.execution.failed) > 3:
            say(f"{run.name}: {len(run.execution.failed) - 3:,} more units failed; its report names them.")
        if run.execution.stopped is not None and end.stopped is None:
            say(f"{run.name}: {run.execution.stopped}")
    code = end.exit_code
    if prepared.lost and code == 0:
        code = 3
    if as_json:
        show_json(_as_json(end, prepared, code))
    else:
        for run in end.runs:
            click.echo(f"{run.name}: {_state(run.results)}; {told_cost(run.results['cost'])}")
        click.echo(f"page: {page}")
    if end.stopped is not None:
        raise end.stopped
    return code


def _state(results: Mapping[str, Any]) -> str:
    units = results["units"]
    if units["finished"] == units["planned"] and not results["failures"]:
        return f"finished, {units['planned']:,} units"
    return f"{units['finished']:,} of {units['planned']:,} units, {len(results['failures']):,} failures"


def _as_json(end: StudyEnd, prepared: Prepared, code: int) -> dict[str, Any]:
    return {
        "exit_code": code,
        "stopped": None if end.stopped is None else str(end.stopped),
        "lost": {name: str(error) for name, error in prepared.lost.items()},
        "runs": [
            {
                "name": run.name,
                "folder": str(run.folder),
                "exit_code": run.exit_code,
                "units": run.results["units"],
                "cost": run.results["cost"],
                "failures": run.results["failures"],
            }
            for run in end.runs
        ],
    }


def _show_price(prepared: Prepared, as_json: bool) -> int:
    """``--dry-run``: nothing is sent to an endpoint; observers on this machine are shown some grey images."""
    if as_json:
        show_json({"runs": _prices(prepared), "lost": {n: str(e) for n, e in prepared.lost.items()}})
    else:
        for line in _price_lines(prepared):
            click.echo(line)
        for sentence in prepared.assumed:
            say(sentence)
    for name, error in prepared.lost.items():
        say(f"{name}: {error}")
    return 3 if prepared.lost else 0


def _prices(prepared: Prepared) -> list[dict[str, Any]]:
    made = []
    for run in prepared.runs:
        price, took = prepared.prices[run.name], prepared.seconds.get(run.name)
        made.append(
            {
                "name": run.name,
                "photographs": price.photographs,
                "units": price.units,
                "queries": price.total,
                "exact": price.exact,
                "left": price.left,
                "seconds": None if took is None else price.left * took,
                "cost": None if run.price is None else price.left * run.price,
            }
        )
    return made


def _price_lines(prepared: Prepared) -> list[str]:
    from ..reports.wording import counted
    from ..sessions import amount
    from ..sessions.progress import duration

    rows = _prices(prepared)
    lines = [
        f"{row['name']}: {counted(row['photographs'], 'photograph')}, {counted(row['units'], 'unit')}, "
        f"{'' if row['exact'] else 'at most '}{row['queries']:,} queries{_left(row)}"
        for row in rows
    ]
    for run in prepared.runs:
        most = prepared.prices[run.name].left
        if run.budget is not None and run.budget < most:
            lines.append(f"{run.name}: its budget of {run.budget:,} images may end before it does")
    total, units = sum(row["left"] for row in rows), sum(row["units"] for row in rows)
    left = f"at most {total:,} queries are left" if total else "nothing is left to measure"
    times = [row["seconds"] for row in rows if row["seconds"] is not None]
    if total and times:
        left += f", about {duration(sum(times))} on this machine"
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    if total and costs:
        left += f", at most {amount(sum(costs))}"
    return [*lines, f"in all: {counted(len(rows), 'run')}, {counted(units, 'unit')}, {left}"]


def _left(row: Mapping[str, Any]) -> str:
    """What is left of a run, and what that takes, as the end of its line."""
    from ..sessions import amount
    from ..sessions.progress import duration

    if not row["left"]:
        return ", all measured"
    bound = "" if row["exact"] else "at most "
    left = "" if row["left"] == row["queries"] else f", of which {bound}{row['left']:,} are left"
    took = "" if row["seconds"] is None else f", about {duration(row['seconds'])}"
    cost = "" if row["cost"] is None else f", {bound}{amount(row['cost'])}"
    return f"{left}{took}{cost}"
