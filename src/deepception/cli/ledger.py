"""``deepception ledger``: what a run has asked and what that cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import say, show_json
from .audit import queries, transmissions

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
    of it is changed. Of a study, or of one of its experiments, every run is summed up.
    """
    from ..studies import load_settings
    from ..studies.study.folders import expand

    runs = expand([run])
    if runs == [run]:
        load_settings(run)  # which says so where this is no run at all
        found = _summary(run, csv_file, parquet_file)
        if as_json:
            show_json(found)
        else:
            _show(found, found["observer"])
        return 0
    if csv_file is not None or parquet_file is not None:
        raise click.UsageError(f"rows are written of one run: name one of a study, such as '{runs[0]}'.")
    all_found = {f"{one.parent.name}/{one.name}": _summary(one) for one in runs}
    if as_json:
        show_json({"runs": all_found})
        return 0
    for name, found in all_found.items():
        _show(found, name)
    return 0


def _summary(run: Path, csv_file: Path | None = None, parquet_file: Path | None = None) -> dict[str, Any]:
    """What a run has asked; its rows go to the files that are named."""
    from ..studies.accounting.accounts import summary, write_csv, write_parquet
    from ..studies.accounting.ledger import Ledger

    with Ledger.read(run) as read:
        found = summary(run, read)
        for sentence in read.missing():
            say(sentence)
        for path, write in ((csv_file, write_csv), (parquet_file, write_parquet)):
            if path is not None:
                say(f"{write(read, path):,} rows written to {path}")
    return found


def _show(found: dict[str, Any], name: str) -> None:
    click.echo(f"{name}: {_line(found)}")
    for name, part in found["experiments"].items():
        click.echo(f"  {name}: {_line(part)}")
    if found["outcomes"]:
        click.echo(f"images by what became of them: {_outcomes(found['outcomes'])}")
    units = found["units"]
    click.echo(
        f"units: {units['finished']:,} finished, {units['failed']:,} failed, "
        f"by {len(found['processes']):,} process{'' if len(found['processes']) == 1 else 'es'}"
    )


_SENT = {"retries": "repeated", "failures": "failed", "unknown": "end unknown"}


def _line(part: dict[str, Any]) -> str:
    from ..sessions import amount

    words = [queries(part["queries"])]
    if part["cached"]:
        words.append(f"{part['cached']:,} from the cache")
    told = ", ".join(f"{part[name]:,} {word}" for name, word in _SENT.items() if part[name])
    words.append(f"{transmissions(part['transmissions'])}{f' ({told})' if told else ''}")
    if part["not_sent"]:
        words.append(f"{part['not_sent']:,} not sent")
    if part["cost"]:
        words.append(f"charged {amount(part['cost'])}")
    return ", ".join([*words, f"{part['seconds']:,.1f} s"])


def _outcomes(counts: dict[str, int]) -> str:
    """How many ended how: the answered ones first, then from many to few, what was not sent at the end."""
    rank = {"answered": 0, "opening": 1, "unknown": 3, "not sent": 4}
    order = sorted(counts, key=lambda outcome: (rank.get(outcome, 2), -counts[outcome]))
    return ", ".join(f"{counts[outcome]:,} {_WORDS.get(outcome, outcome)}" for outcome in order)


_WORDS = {"unknown": "sent with unknown end", "opening": "in opening it"}
