"""``deepception compare``: runs side by side, from what they hold, and conditions on their figures."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import say, show_json
from .gates import Gate, read_gate

if TYPE_CHECKING:
    from ..reports.comparison_junit import Checked
    from ..studies.comparison import Figure

EXAMPLE = "resnet50.local.effect < 0.5"


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the page, Markdown, CSV and JSON [default: none].",
)
@click.option(
    "--fail-on",
    metavar="CONDITION",
    multiple=True,
    help=f"End with exit code 1 where this holds, as in '{EXAMPLE}'; several may be given.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    help="JUnit file: a test case for each condition [default: none].",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(
    runs: tuple[Path, ...],
    out: Path | None,
    fail_on: tuple[str, ...],
    junit: Path | None,
    seed: int,
    as_json: bool,
) -> int:
    """Set the runs of audit, measure or deceive side by side, photograph by photograph.

    The folder of an experiment of a study (STUDY/runs/EXPERIMENT) stands for its runs, and so does STUDY where it
    has but one experiment. Photographs are matched by their bytes, and only what was measured alike is compared:
    effects beyond their controls, right answers, deceptions, the maps, and what was learned on one classifier and
    shown to another. Paired tests are corrected for their number. Only runs of identical photographs and settings
    are ranked. Nothing is asked of any classifier.

    A CONDITION names a figure of comparison.csv, RUN.PROPERTY.FIGURE or pairs.told_apart; * stands for anything,
    and .low, .high, .n, .p or .p_holm may follow.
    """
    gates = [read_gate(text, known=None, example=EXAMPLE) for text in fail_on]

    from ..reports.comparison import compare_runs, write_comparison
    from ..reports.comparison_junit import FAILED, SKIPPED
    from ..reports.comparison_text import summary_lines

    document = compare_runs(runs, seed=seed)
    checked = _checked(document, gates)
    page = None if out is None else write_comparison(document, out)
    if junit is not None:
        _write_junit(junit, document, checked)
    if as_json:
        show_json(document)
    else:
        for line in summary_lines(document):
            click.echo(line)
        if page is not None:
            click.echo(f"page: {page}")
    for check in checked:
        if check.outcome != SKIPPED:
            continue
        say(f"{check.name}: {check.message}.")
    failed = [check for check in checked if check.outcome == FAILED]
    for check in failed:
        say(f"failed: {check.name} ({check.message}).")
    return 1 if failed else 0


def _checked(document: Mapping[str, Any], gates: Sequence[Gate]) -> list[Checked]:
    """Each condition held against the figures that it names; a usage error where it names none."""
    from ..studies.comparison import read_figures

    figures = read_figures(document)
    return [_check(gate, figures) for gate in gates]


def _check(gate: Gate, figures: Sequence[Figure]) -> Checked:
    from ..reports.comparison_junit import FAILED, PASSED, SKIPPED, Checked
    from ..studies.comparison import find_figures

    found = find_figures(figures, gate.figure)
    if not found:
        near = difflib.get_close_matches(gate.figure, [figure.name for figure in figures], 3, 0.4)
        hint = f"there are, for example, {', '.join(near)}" if near else "comparison.csv lists them all"
        raise click.BadParameter(
            f"{gate.figure!r} is no figure of this comparison: {hint}.", param_hint="--fail-on"
        )
    known = [(name, value) for name, value in found if value is not None]
    if not known:
        return Checked(str(gate), SKIPPED, f"there is no value for {found[0][0]}")
    hits = [(name, value) for name, value in known if gate.holds(value)]
    told = hits or known
    shown = ", ".join(f"{name} = {value:.4g}" for name, value in told[:5])
    more = f" and {len(told) - 5} more" if len(told) > 5 else ""
    return Checked(str(gate), FAILED if hits else PASSED, shown + more)


def _write_junit(path: Path, document: Mapping[str, Any], checked: Sequence[Checked]) -> None:
    from ..reports.comparison_junit import junit
    from ..studies.files import make_folder, write_atomically

    make_folder(path.parent)
    write_atomically(path, junit(document, checked))
