"""``deepception report``: the report again, from what a run folder holds."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> int:
    """Write the report of RUN again, from its stored results alone; unfinished runs too."""
    from ..reports import write_report

    click.echo(write_report(run))
    return 0
