"""Which runs an export is about: those that are named, and all runs of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from ..errors import RunFolderError
from ..studies import load_settings
from ..studies.fooling_results import is_fooling
from .stored import StoredRun, read_run
from .study import is_study, runs_of


def read_runs(folders: Sequence[str | Path]) -> list[StoredRun]:
    """Read runs, finished or not, and all runs of studies, which are called ``EXPERIMENT/CLASSIFIER``.

    Runs of a study that are about a fooling image are left out: they have no photographs.

    Raises:
        RunFolderError: One is no run folder, is damaged, is named twice, or is about a fooling image.
    """
    seen: dict[Path, Path] = {}
    found: list[StoredRun] = []
    for folder in map(Path, folders):
        if folder.resolve() in seen:
            raise RunFolderError(f"'{folder}' is named twice: name each run once.")
        seen[folder.resolve()] = folder
        if is_study(folder):
            runs = [run for run in runs_of(folder) if not is_fooling(load_settings(run))]
            found += [replace(_read(run), name=f"{run.parent.name}/{run.name}") for run in runs]
        elif is_fooling(load_settings(folder)):
            raise RunFolderError(
                f"'{folder}' is about a fooling image, which has no photographs: its folder holds all there is."
            )
        else:
            found.append(_read(folder))
    return found


def _read(folder: Path) -> StoredRun:
    try:
        return read_run(folder)
    except (KeyError, TypeError, ValidationError) as error:
        raise RunFolderError(
            f"'{folder}' was made by another version of deepception and cannot be read by this one: measure into "
            "another folder."
        ) from error
