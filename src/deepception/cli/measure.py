"""``deepception measure``: one property, with what it needs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from ..errors import Cancelled
from . import show_json
from .audit import make_request, run, show_price, show_verdict, told_cost
from .caching import cache_options
from .options import knowledge_option, model_options, run_options, setting_options


@click.command()
@click.argument("name", metavar="PROPERTY")
@click.argument("model")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder that keeps and resumes [default: none]."
)
@setting_options
@knowledge_option
@run_options
@cache_options
@click.option("--dry-run", is_flag=True, help="Print the price and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print summary and results, arrays included, as JSON.")
@model_options
def measure(
    name: str,
    model: str,
    images: tuple[str, ...],
    out: Path | None,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Measure PROPERTY (local, spatial, activation or cumulative) of MODEL on IMAGES.

    What it needs is measured first: the patch of the other three is the most responsive local region.
    """
    from ..properties import with_needs

    with_needs([name])
    request = make_request(model, images, given, (name,))
    if dry_run:
        return show_price(request, out, as_json)
    if out is not None:
        return _measure(name, request, out, as_json)
    with tempfile.TemporaryDirectory(prefix="deepception-") as folder:
        try:
            return _measure(name, request, Path(folder), as_json)
        except Cancelled as error:
            raise Cancelled("Interrupted; without --out nothing is kept.") from error


def _measure(name: str, request: Any, folder: Path, as_json: bool) -> int:
    from ..reports.claims import CLAIMS
    from ..reports.gallery import photograph_line
    from ..studies.assembling import stored_results

    outcome = run(request, folder, report=False)
    summary = outcome.results["properties"][name]
    if as_json:
        results = [result.to_json() for result in stored_results(folder, name)]
        show_json({"property": name, "summary": summary, "results": results, "cost": outcome.results["cost"]})
        return outcome.exit_code
    cost = outcome.results["cost"]
    show_verdict(name, summary, cached=bool(cost.get("cached")))
    if name in CLAIMS:  # of a deception the verdict tells it all
        unit = (summary["headline"] or {}).get("unit", "")
        for row in summary["rows"]:
            click.echo(photograph_line(name, row, unit))
    click.echo(told_cost(cost))
    return outcome.exit_code
