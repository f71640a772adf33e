"""A comparison of runs: read them, compare them, and write page, Markdown, table and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import InputError, RunFolderError
from ..studies import load_settings
from ..studies.comparison import Figure
from ..studies.comparison import compare as compare_results
from ..studies.files import make_folder, write_atomically
from ..studies.fooling.results import is_fooling
from ..studies.study.folders import RUNS, expand, experiments_of, is_study
from .comparison_page import render_comparison
from .comparison_text import markdown
from .stored import StoredRun, read_run

NAME = "comparison"
"""The files are called this, with ``.html``, ``.md``, ``.csv`` and ``.json`` behind it."""


def compare(*runs: str | Path, out: str | Path | None = None, seed: int = 0) -> dict[str, Any]:
    """Set runs of ``audit``, ``measure`` or ``deceive`` side by side, finished or not, as the command does.

    No observer is opened or asked: everything comes from the run folders.

    Args:
        runs: Two run folders or more; the folder of a study's experiment, or of a study with one experiment,
            stands for all its runs.
        out: Folder for the page, Markdown, CSV and JSON; none is written where ``None``.
        seed: Seed of bootstrap intervals and of the other photographs that maps are held against.

    Returns:
        What ``comparison.json`` holds, plain values: see docs/compare.md. ``document["figures"]`` lists every
        figure with name, value, interval, n and p before and after the correction.

    Raises:
        InputError: There are fewer than two runs, or one is no path.
        RunFolderError: One is no run folder, is damaged, is named twice, is about a fooling image, or is a study
            of several experiments; or the files cannot be written.
    """
    for run in runs:
        if not isinstance(run, (str, Path)):
            raise InputError(f"run folders are compared, each named by its path, not {type(run).__name__}.")
    document = compare_runs(runs, seed=seed)
    if out is not None:
        write_comparison(document, out)
    return document


def compare_runs(folders: Sequence[str | Path], *, seed: int = 0) -> dict[str, Any]:
    """Compare run folders, finished or not, without asking any observer; see ``studies.comparison.compare``.

    Raises:
        InputError: There are fewer than two.
        RunFolderError: One is no run folder, is damaged, is named twice, is about a fooling image, or is a study
            of several experiments.
    """
    named = [run for folder in map(Path, folders) for run in _meant(folder)]
    return compare_results([_read(run) for run in expand(named)], seed=seed)


def _meant(folder: Path) -> Sequence[Path]:
    """A run, or the runs of an experiment; those of different experiments measure different things."""
    experiments = experiments_of(folder) if is_study(folder) else []
    if len(experiments) > 1:
        ways = " or ".join(f"'{folder / RUNS / name}'" for name in experiments)
        raise RunFolderError(
            f"'{folder}' is a study of {len(experiments)} experiments, and only the runs of one can be compared: "
            f"name {ways}."
        )
    return expand([folder])


def write_comparison(document: Mapping[str, Any], folder: str | Path) -> Path:
    """Write the four files of a comparison into a folder, and return the path of the page.

    Raises RunFolderError where they cannot be written.
    """
    folder = Path(folder)
    make_folder(folder)
    page = folder / f"{NAME}.html"
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    for path, content in (
        (folder / f"{NAME}.json", text),
        (folder / f"{NAME}.csv", table(document)),
        (folder / f"{NAME}.md", markdown(document)),
        (page, render_comparison(document)),
    ):
        write_atomically(path, content.encode("utf-8", "replace"))
    return page


def table(document: Mapping[str, Any]) -> str:
    """Every figure in a row of its own, as CSV; an empty cell is a figure that there is none of."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Figure)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(document["figures"])
    return text.getvalue()


def _read(folder: Path) -> StoredRun:
    if is_fooling(load_settings(folder)):
        raise RunFolderError(
            f"'{folder}' is about a fooling image, which has no photographs to compare: name runs of "
            "audit, measure or deceive."
        )
    try:
        return read_run(folder)
    except (KeyError, TypeError, ValidationError) as error:
        raise RunFolderError(
            f"'{folder}' was made by another version of deepception and cannot be read by this one: measure into "
            "another folder."
        ) from error
