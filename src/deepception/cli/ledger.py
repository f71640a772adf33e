"""``deepception ledger``: what a run has asked and what that cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import say, show_json

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", metavar="FILE", type=_FILE, help="Write every row as CSV.")
@click.option(
    "--parquet", "parquet_file", metavar="FILE", type=_FILE, help="Write every row as a Parquet file."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def ledger(run: Path, csv_file: Path | None, parquet_file: Path | None, as_json: bool) -> int:
    """Sum up what RUN has asked, and export it row by row.

    Every query to an endpoint is a row: which stimulus (SHA-256 of its pixels), when, how long it took, how often
    it was sent, what became of it, what it cost. A local engine has one row a unit. RUN may be under way; nothing
    of it is changed.
    """
    from ..studies.accounts import summary, write_csv, write_parquet
    from ..studies.ledger import Ledger

    with Ledger.read(run) as read:
        found = summary(run, read)
        for path, write in ((csv_file, write_csv), (parquet_file, write_parquet)):
            if path is not None:
                say(f"{write(read, path):,} rows written to {path}")
    if as_json:
        show_json(found)
    else:
        _show(found)
    return 0


def _show(found: dict[str, Any]) -> None:
    click.echo(f"{found['observer']}: {_line(found)}")
    units = found["units"]
    click.echo(
        f"units: {units['finished']:,} finished, {units['failed']:,} failed, "
        f"by {len(found['processes']):,} process{'' if len(found['processes']) == 1 else 'es'}"
    )
    if found["outcomes"]:
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in found["outcomes"].items())
        click.echo(f"queries by outcome: {told}")
    for name, part in found["experiments"].items():
        click.echo(f"  {name}: {_line(part)}")


def _line(part: dict[str, Any]) -> str:
    words = [f"{part['queries']:,} queries", f"{part['transmissions']:,} transmissions"]
    for name in ("retries", "failures"):
        if part[name]:
            words.append(f"{part[name]:,} {name}")
    if part["cost"]:
        words.append(f"cost {part['cost']:,.2f}")
    return ", ".join([*words, f"{part['seconds']:,.1f} s"])
