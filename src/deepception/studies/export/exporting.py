"""Runs into a folder of tables and arrays."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import InputError
from ..comparison.runs import Run, name_runs
from ..files import folder_error, make_folder
from .maps import write_maps
from .tables import tables, write_csv, write_parquet

FORMATS = ("parquet", "csv", "zarr")
"""``parquet`` and ``csv``: tables of figures; ``zarr``: the maps and all other arrays."""

MAPS = "maps.zarr"
_NEEDS = {"parquet": ("pyarrow",), "csv": (), "zarr": ("xarray", "zarr")}


def export_runs(
    runs: Sequence[Run], folder: str | Path, formats: Sequence[str] = ("parquet", "zarr")
) -> list[Path]:
    """Write what runs have found, finished or not, into a folder; what it replaces stays until it is written.

    Tables (``.parquet``, ``.csv``): ``figures``, a row for each figure of each photograph and run;
    ``photographs``; and one a property, a row for each photograph and run. ``maps.zarr``: a group for each
    property with its arrays, of which the first two dimensions are observer and photograph. Photographs of several
    runs are matched by the SHA-256 of their bytes. Arrays are read and written few photographs at a time.

    Args:
        runs: The runs, as ``reports.read_run`` reads them.
        folder: Where to; it is made.
        formats: Some of FORMATS.

    Returns:
        What was written.

    Raises:
        InputError: A format is none, or a package that it needs is not installed.
        RunFolderError: The folder cannot be written, or a run is damaged.
    """
    folder = Path(folder)
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"{name!r} is no format of exports: choose among {', '.join(FORMATS)}.")
        missing = [package for package in _NEEDS[name] if importlib.util.find_spec(package) is None]
        if missing:
            raise InputError(
                f"The format {name} needs {' and '.join(missing)}: pip install 'deepception[export]', "
                "or choose csv."
            )
    named = name_runs(runs)
    make_folder(folder)
    written: list[Path] = []
    for name, write in (("parquet", write_parquet), ("csv", write_csv)):
        if name in formats:
            for table in tables(named):
                with _replacing(folder / f"{table.name}.{name}") as path:
                    write(table, path)
                written.append(folder / f"{table.name}.{name}")
    if "zarr" in formats:
        with _replacing(folder / MAPS) as path:
            write_maps(named, path)
        written.append(folder / MAPS)
    return written


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A path to write a file or a folder to, which then takes the place of what was there."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(temporary, target)
    except OSError as error:
        raise folder_error(target.parent, error) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
