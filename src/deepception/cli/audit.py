"""``deepception audit``: all four properties on every photograph, and a report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import say, show_json
from .caching import cache_options, read_cache
from .interrupting import first_interrupt_noted
from .options import knowledge_option, model_options, open_model, run_options, setting_options

if TYPE_CHECKING:
    from ..observers import Observer
    from ..studies import AuditRequest, FoolingPrice, Listeners, Price, RunOutcome


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Run folder; an interrupted one goes on."
)
@setting_options
@knowledge_option
@run_options
@cache_options
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
        cache=read_cache(given),
        **given,
    )


def run(request: AuditRequest, out: Path, *, report: bool = True) -> RunOutcome:
    """Run the audit with progress on stderr; raise what stopped it, after its report was written.

    A budget that ended it is only told where some of the result is there.
    """
    from ..studies import run_audit

    return measured(
        lambda listeners: run_audit(
            request, out, on_price=lambda price: say_price(price, request.observer), listeners=listeners
        ),
        out if report else None,
    )


def measured(measure: Callable[[Listeners], RunOutcome], out: Path | None) -> RunOutcome:
    """Measure, write the report into ``out`` where one is named, and say or raise what went wrong, as ``run``."""
    from ..errors import PhotographError
    from ..sessions import RichProgress
    from ..studies import Listeners

    with first_interrupt_noted() as asked:
        with RichProgress() as progress:
            outcome = measure(Listeners(progress, say, asked))
        if out is not None and outcome.written:
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
        if warning not in outcome.results["observer"]["assumed"]:  # which was said before
            say(warning)
    for failure in outcome.results["failures"]:
        if failure["experiment"] == "photograph":
            say(failure["error"])
    stopped = outcome.execution.stopped
    if stopped is not None and outcome.exit_code != 3:
        if "charged" in outcome.results["cost"]:
            say(f"{told_cost(outcome.results['cost'], above=False)}.")
        raise stopped
    if stopped is not None:
        say(str(stopped))
    return outcome


def count(photographs: int) -> str:
    """``"1 photograph"``, ``"2 photographs"``."""
    return f"{photographs:,} photograph{'' if photographs == 1 else 's'}"


def _are(photographs: int) -> str:
    return f"{count(photographs)} {'is' if photographs == 1 else 'are'}"


def queries(number: float) -> str:
    """``"1 query"``, ``"2 queries"``, ``"2.5 queries"``."""
    return "1 query" if number == 1 else f"{number:,.1f} queries".replace(".0 ", " ")


def transmissions(number: int) -> str:
    """``"1 transmission"``, ``"2 transmissions"``."""
    return f"{number:,} transmission{'' if number == 1 else 's'}"


def in_money(price: Price | FoolingPrice, cost: float | None) -> str:
    """What is left to ask costs at this cost of a request; nothing where none was stated."""
    if cost is None or not price.left:
        return ""
    from ..sessions import amount

    bound = "" if price.exact else "at most "
    return f"; at {cost:g} each that is {bound}{amount(price.left * cost)}, requests that fail not counted"


def known(price: Price | FoolingPrice) -> str:
    """That what the cache holds is free, where there is one."""
    return "; what is in the cache is not asked again" if price.cached and price.left else ""


def say_assumed(observer: Observer) -> None:
    """Say what nothing told about an observer, before anything is spent on it."""
    from ..observers.settings import assumed

    for sentence in assumed(observer):
        say(sentence)


def say_price(price: Price, observer: Observer) -> None:
    """Print the price before it is spent, and what was assumed about the observer."""
    from ..observers.remote import cost_of

    say_assumed(observer)
    bound = "" if price.exact else "at most "
    shared = f", and {bound}{price.shared:,} shared by all" if price.shared else ""
    say(
        f"{count(price.photographs)} cost{'s' if price.photographs == 1 else ''} {bound}{queries(price.total)} "
        f"({bound}{price.each:,} each{shared}){_left(price, bound)}{in_money(price, cost_of(observer))}"
        f"{known(price)}."
    )
    if price.learned_on:
        say(
            f"{_are(price.learned_on)} learned on ({price.split}) with {bound}{queries(price.learning)}; "
            f"{_are(price.photographs)} reported."
        )


def _left(price: Price, bound: str) -> str:
    """What a run that is gone on with still costs; nothing for a new one."""
    if price.left == price.total:
        return ""
    return f"; {bound}{price.left:,} are left to ask" if price.left else "; all of them are measured"


def show_price(request: AuditRequest, out: Path | None, as_json: bool) -> int:
    """``--dry-run``: the price, and nothing is asked. Raises BudgetError where the run would, at once."""
    from dataclasses import asdict

    from ..observers.remote import cost_of
    from ..sessions import keeps_answers
    from ..studies import RunStore, joined_with, price_of, resolve
    from ..studies.budget import afford, sent_before

    settings, broken = resolve(request, out)
    joined, store = (settings, None) if out is None else (joined_with(out, settings), RunStore(out))
    price = price_of(joined, store, cached=keeps_answers(request.observer, request.cache))
    for why in broken.values():
        say(why)
    say_assumed(request.observer)
    if as_json:
        show_json(asdict(price))
    else:
        bound = "exactly" if price.exact else "at most"
        click.echo(
            f"{bound} {queries(price.total)}: {count(price.photographs)}, {bound} {price.each:,} each, "
            f"{price.shared:,} shared{_left(price, f'{bound} ')}{in_money(price, cost_of(request.observer))}"
            f"{known(price)}"
        )
    afford(request, price, sent_before(out))
    return 0


def told_cost(cost: dict[str, Any], *, above: bool = True) -> str:
    """What a run has cost: asked, known from a cache, sent, and charged, as far as they differ or are known.

    ``above``: whether figures stand above it, which count every answer, known or not.
    """
    from ..sessions import amount

    words = [f"cost: {queries(cost['queries'])} in {cost['seconds']:,.0f} s"]
    if cost.get("cached"):
        known = f"{cost['cached']:,} answer{'' if cost['cached'] == 1 else 's'} from the cache"
        words.append(f"{known}, counted above as well" if above else known)
    vain = cost["transmissions"] - cost["queries"]
    if vain > 0:
        words.append(
            f"{transmissions(cost['transmissions'])}, {vain:,} of them repeated, in vain or as probes"
        )
    if "charged" in cost:
        words.append(f"charged {amount(cost['charged'])}")
    return "; ".join(words)


def show_verdict(name: str, summary: dict[str, Any], *, cached: bool = False) -> None:
    """Whether the claim holds on this observer, what that means, and the figures.

    Where answers were known from a cache (``cached``), what it took is told in answers: not all were queries.
    """
    from ..reports import judge

    found = judge(name, summary)
    if found is None and "fooling_ratio" in summary["figures"]:
        show_deception(name, summary)
        return
    if found is None:
        # Such as that from labels alone nothing can be measured on photographs that are answered wrong.
        why = [] if not summary["rows"] else summary["open_questions"]
        click.echo(" ".join([f"{name}: nothing to judge yet", *(f"({sentence})" for sentence in why)]))
        return
    figures = [f"{found.effect.text} {found.unit}"]
    figures += [f"{d.name} {d.text}" for d in (found.difference, found.unselected) if d is not None]
    click.echo(f"{name}: {found.word}. {found.sentence}")
    asked = "answers" if cached else "queries"
    click.echo(f"  {'; '.join(figures)}; n = {found.n}; {found.queries} {asked}")


def show_deception(name: str, summary: dict[str, Any]) -> None:
    """The verdict on a deception, then the rates, the queries, the best control and the shift by a pixel."""
    from ..reports.deceptions import lines

    for line in lines(name, summary):
        click.echo(line)


def show_outcome(outcome: RunOutcome, out: Path) -> None:
    """The verdict in a few lines, and where the report is."""
    cost = outcome.results["cost"]
    for name, summary in outcome.results["properties"].items():
        show_verdict(name, summary, cached=bool(cost.get("cached")))
    click.echo(told_cost(cost))
    click.echo(f"report: {out / 'report.html'}")
    if outcome.exit_code == 3 and outcome.execution.stopped is None:
        say(f"Some units failed; to try them again: {shlex.join(['deepception', *sys.argv[1:]])}")
