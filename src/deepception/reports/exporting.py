"""Which runs an export is about: those that are named, and all runs of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from ..errors import RunFolderError
from ..studies import load_settings
from ..studies.fooling.results import is_fooling
from ..studies.study.folders import expand
from .stored import StoredRun, read_run


def read_runs(folders: Sequence[str | Path]) -> list[StoredRun]:
    """Read runs, finished or not; a study, or one of its experiments, stands for all its runs.

    Those are called ``EXPERIMENT/CLASSIFIER``; the ones that are about a fooling image are left out: they have no
    photographs.

    Raises:
        RunFolderError: One is no run folder, is damaged, is named twice, or is about a fooling image.
    """
    named = {Path(folder).resolve() for folder in folders}
    found: list[StoredRun] = []
    for run in expand(folders):
        alone = run.resolve() in named
        if not is_fooling(load_settings(run)):
            read = _read(run)
            found.append(read if alone else replace(read, name=f"{run.resolve().parent.name}/{run.name}"))
        elif alone:
            raise RunFolderError(
                f"'{run}' is about a fooling image, which has no photographs: its folder holds all there is."
            )
    return found


def _read(folder: Path) -> StoredRun:
    try:
        return read_run(folder)
    except (KeyError, TypeError, ValidationError) as error:
        raise RunFolderError(
            f"'{folder}' was made by another version of deepception and cannot be read by this one: measure into "
            "another folder."
        ) from error
