"""``deepception report``: the report again, from what a run folder holds."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> int:
    """Write the report of the run or study RUN again, from its stored results alone; unfinished ones too."""
    from ..reports import write_report
    from ..reports.study import write_study
    from ..studies.study.folders import is_study

    click.echo(write_study(run) if is_study(run) else write_report(run))
    return 0
