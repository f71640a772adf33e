"""``deepception audit``: all four properties on every photograph, and a report."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import say, show_json
from .interrupting import first_interrupt_noted
from .options import model_options, open_model, run_options, setting_options

if TYPE_CHECKING:
    from ..sessions import RichProgress
    from ..studies import AuditOutcome, AuditRequest, Price


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Run folder; an interrupted one goes on."
)
@setting_options
@run_options
@click.option("--dry-run", is_flag=True, help="Print the price and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@model_options
def audit(model: str, images: tuple[str, ...], out: Path, dry_run: bool, as_json: bool, **given: Any) -> int:
    """Measure all four properties of MODEL on IMAGES and write a report.

    The run folder keeps everything that was measured: the same command goes on after an interruption, and more
    photographs can be added to it. What is left to ask is printed beside the whole price.
    """
    request = make_request(model, images, given)
    if dry_run:
        return show_price(request, out, as_json)
    outcome = run(request, out)
    if as_json:
        show_json(outcome.results)
    else:
        show_outcome(outcome, out)
    return outcome.exit_code


def make_request(
    model: str, images: tuple[str, ...], given: dict[str, Any], properties: tuple[str, ...] | None = None
) -> AuditRequest:
    """The request that the options describe."""
    from ..properties import experiments
    from ..studies import AuditRequest
    from ..studies.inputs import find_photographs

    observer = open_model(model, given)
    photographs = find_photographs(images, label=given.pop("label"))
    return AuditRequest(
        observer,
        model,
        photographs,
        properties=properties or tuple(experiments()),
        command=("deepception", *sys.argv[1:]),
        **given,
    )


def run(request: AuditRequest, out: Path, *, report: bool = True) -> AuditOutcome:
    """Run the audit with progress on stderr; raise what stopped it, after its report was written.

    A budget that ended it is only told where some of the result is there.
    """
    from ..studies import run_audit

    return measured(
        lambda progress, asked: run_audit(request, out, progress=progress, on_price=say_price, cancel=asked),
        out if report else None,
    )


def measured(
    measure: Callable[[RichProgress, threading.Event], AuditOutcome], out: Path | None
) -> AuditOutcome:
    """Measure, write the report into ``out`` where one is named, and say or raise what went wrong, as ``run``."""
    from ..errors import PhotographError
    from ..sessions import RichProgress

    with first_interrupt_noted() as asked:
        with RichProgress() as progress:
            outcome = measure(progress, asked)
        if out is not None:
            from ..reports import write_report

            write_report(out)
    failed = outcome.execution.failed
    if outcome.execution.stopped is None and outcome.exit_code == 2 and failed:
        raise failed[0].error
    for unit in failed:
        # A photograph's own error names it already.
        about = f"{unit.unit.experiment} of {unit.unit.photograph_name or 'the run'}: "
        say(f"{'' if isinstance(unit.error, PhotographError) else about}{unit.error}")
    for warning in outcome.results["warnings"]:
        say(warning)
    for failure in outcome.results["failures"]:
        if failure["experiment"] == "photograph":
            say(failure["error"])
    stopped = outcome.execution.stopped
    if stopped is not None and outcome.exit_code != 3:
        raise stopped
    if stopped is not None:
        say(str(stopped))
    return outcome


def count(photographs: int) -> str:
    """``"1 photograph"``, ``"2 photographs"``."""
    return f"{photographs:,} photograph{'' if photographs == 1 else 's'}"


def queries(number: float) -> str:
    """``"1 query"``, ``"2 queries"``, ``"2.5 queries"``."""
    return "1 query" if number == 1 else f"{number:,.1f} queries".replace(".0 ", " ")


def say_price(price: Price) -> None:
    """Print the price before it is spent."""
    bound = "" if price.exact else "at most "
    shared = f", and {bound}{price.shared:,} shared by all" if price.shared else ""
    say(
        f"{count(price.photographs)} cost {bound}{price.total:,} queries "
        f"({bound}{price.each:,} each{shared}){_left(price, bound)}."
    )
    if price.learned_on:
        say(
            f"{count(price.learned_on)} are learned on ({price.split}) with {bound}{price.learning:,} queries; "
            f"{count(price.photographs)} are reported."
        )


def _left(price: Price, bound: str) -> str:
    """What a run that is gone on with still costs; nothing for a new one."""
    if price.left == price.total:
        return ""
    return f"; {bound}{price.left:,} are left to ask" if price.left else "; all of them are measured"


def show_price(request: AuditRequest, out: Path | None, as_json: bool) -> int:
    """``--dry-run``: the price, and nothing is asked."""
    from dataclasses import asdict

    from ..studies import RunStore, joined_with, price_of, resolve

    settings, broken = resolve(request, out)
    price = price_of(settings) if out is None else price_of(joined_with(out, settings), RunStore(out))
    for why in broken.values():
        say(why)
    if as_json:
        show_json(asdict(price))
    else:
        bound = "exactly" if price.exact else "at most"
        click.echo(
            f"{bound} {price.total:,} queries: {count(price.photographs)}, {bound} {price.each:,} each, "
            f"{price.shared:,} shared{_left(price, f'{bound} ')}"
        )
    return 0


def show_verdict(name: str, summary: dict[str, Any]) -> None:
    """Whether the claim holds on this observer, what that means, and the figures."""
    from ..reports import judge

    found = judge(name, summary)
    if found is None and "fooling_ratio" in summary["figures"]:
        show_deception(name, summary)
        return
    if found is None:
        click.echo(f"{name}: nothing to judge yet")
        return
    figures = [f"{found.effect.text} {found.unit}"]
    figures += [f"{d.name} {d.text}" for d in (found.difference, found.unselected) if d is not None]
    click.echo(f"{name}: {found.word}. {found.sentence}")
    click.echo(f"  {'; '.join(figures)}; n = {found.n}; {found.queries} queries")


def show_deception(name: str, summary: dict[str, Any]) -> None:
    """How many photographs were deceived, within what, and beside what."""
    from ..reports.wording import estimate, percent, whole

    figures = summary["figures"]
    ratio, margin, asked = figures["fooling_ratio"], figures["margin"], figures["queries"]
    within = f"{figures['bound']}, {queries(asked['budget'])} each"
    click.echo(f"{name}: {estimate(ratio, share=True)} of the photographs deceived ({within}).")
    told = []
    if asked["n"]:
        median = f"> {asked['budget']:,} queries" if asked["median"] is None else queries(asked["median"])
        told.append(f"median {median}")
    if margin is not None:
        control = figures["controls"][margin["control"]]["fooling_ratio"]
        told.append(f"best control ({margin['control']}) {percent(control['value'])}, p = {margin['p']:.2g}")
    told += [f"n = {ratio['n']}", f"{whole(summary['queries'])} queries"]
    click.echo(f"  {'; '.join(told)}")


def show_outcome(outcome: AuditOutcome, out: Path) -> None:
    """The verdict in a few lines, and where the report is."""
    for name, summary in outcome.results["properties"].items():
        show_verdict(name, summary)
    cost = outcome.results["cost"]
    click.echo(f"cost: {cost['queries']:,} queries in {cost['seconds']:,.0f} s")
    click.echo(f"report: {out / 'report.html'}")
    if outcome.exit_code == 3 and outcome.execution.stopped is None:
        say(f"Some units failed; to try them again: {shlex.join(['deepception', *sys.argv[1:]])}")
