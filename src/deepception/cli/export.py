"""``deepception export``: what runs have found, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

_FORMATS = ("parquet", "csv", "zarr")  # studies.export.FORMATS, which --help does not import


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="Folder for the files [default: RUN/export, of a single RUN or STUDY].",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(_FORMATS),
    multiple=True,
    help="What to write; several may be given [default: parquet and zarr].",
)
def export(runs: tuple[Path, ...], to: Path | None, formats: tuple[str, ...]) -> int:
    """Write the figures of runs or studies as tables, and their maps as Zarr.

    Tables, as Parquet or CSV: figures (a row for each), photographs, and one for each property. maps.zarr has a
    group for each property, with the dimensions observer, photograph, y, x and others. Photographs of several runs
    are matched by their bytes. Runs may be unfinished; nothing is asked of any classifier.
    """
    if to is None and len(runs) > 1:
        raise click.UsageError("several runs need a folder: name it with --to.")

    from ..reports.exporting import read_runs
    from ..studies.export import export_runs

    read = read_runs(runs)
    for path in export_runs(read, to or runs[0] / "export", formats or ("parquet", "zarr")):
        click.echo(path)
    return 0
