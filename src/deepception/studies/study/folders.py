"""The folders of a study: its runs, experiment by experiment, and what a person may name of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import RunFolderError
from ..settings import RUN_NAME
from .status import read_status

RUNS = "runs"
"""Folder of a study with a folder for each experiment, and in it one for each observer: its run."""


def is_study(folder: str | Path) -> bool:
    """Whether a folder is that of a study rather than of a run."""
    folder = Path(folder)
    return not (folder / RUN_NAME).exists() and bool(runs_of(folder))


def runs_of(folder: Path) -> list[Path]:
    """The run folders of a study, experiment by experiment, in the order of its file where that is known."""
    return _in_order(folder, [path.parent for path in (folder / RUNS).glob(f"*/*/{RUN_NAME}")])


def expand(folders: Sequence[str | Path]) -> list[Path]:
    """The runs that are meant: a run is itself, the folder of a study or of one of its experiments all its runs.

    What is neither is left as it is: whoever reads it says what is wrong with it.

    Raises RunFolderError where a run is named twice.
    """
    seen: set[Path] = set()
    found = []
    for folder in map(Path, folders):
        for run in _runs(folder):
            if run.resolve() in seen:
                raise RunFolderError(f"'{run}' is named twice: name each run once.")
            seen.add(run.resolve())
            found.append(run)
    return found


def experiments_of(folder: Path) -> list[str]:
    """Names of the experiments of a study, in order."""
    return list(dict.fromkeys(run.parent.name for run in runs_of(folder)))


def _runs(folder: Path) -> list[Path]:
    if (folder / RUN_NAME).exists():
        return [folder]
    if runs_of(folder):
        return runs_of(folder)
    # STUDY/runs/EXPERIMENT holds the runs of one experiment.
    runs = [path.parent for path in folder.glob(f"*/{RUN_NAME}")]
    return _in_order(folder.resolve().parents[1], runs) if runs else [folder]


def _in_order(study: Path, runs: Sequence[Path]) -> list[Path]:
    status = read_status(study) or {"runs": []}
    order = {run["name"]: i for i, run in enumerate(status["runs"])}
    names = {run: f"{run.resolve().parent.name}/{run.name}" for run in runs}
    return sorted(sorted(runs), key=lambda run: order.get(names[run], len(order)))
