"""The photographs that runs share: matched by SHA-256, measured in all of them; the others counted with why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .alike import ACCURACY, DECEPTION
from .measures import COLUMNS, reader_of
from .runs import Compared


@dataclass(frozen=True, eq=False)
class Shared:
    """The photographs of a group of runs that enter paired figures.

    Attributes:
        sha256s: The photographs, in the order of the first run.
        values: float64 ``[runs, n]`` their figures.
        left_out: How many were left out, by why.
        other_class: Photographs that stay in, though runs measured different classes on them: no label said which.
    """

    sha256s: tuple[str, ...]
    values: NDArray[np.float64]
    left_out: dict[str, int]
    other_class: int

    @property
    def n(self) -> int:
        """Photographs that enter paired figures."""
        return len(self.sha256s)


def share_photographs(runs: Sequence[Compared], measure: str) -> Shared:
    """The photographs with a figure of a measure in every one of these runs."""
    left: Counter[str] = Counter()
    kept: list[str] = []
    columns: list[list[float]] = []
    readers = [reader_of(run, measure) for run in runs]
    # Only within one list of names do different labels mean different classes.
    one_list = len({tuple(run.settings.get("labels", ())) for run in runs}) == 1
    for sha256 in dict.fromkeys(sha for run in runs for sha in run.photographs):
        found = [read(sha256) for read in readers]
        without = [(run, why) for run, (_, why) in zip(runs, found, strict=True) if why]
        reason = (
            f"{without[0][1]} ({without[0][0].key})" if without else _apart(runs, measure, sha256, one_list)
        )
        if reason:
            left[reason] += 1
            continue
        kept.append(sha256)
        columns.append([value for value, _ in found])
    values = np.array(columns, dtype=np.float64).reshape(len(kept), len(runs)).T
    other = 0
    if measure not in (ACCURACY, DECEPTION):
        other = sum(len({_class(run, sha) for run in runs}) > 1 for sha in kept)
    return Shared(tuple(kept), values, dict(left), other)


def same_photographs(runs: Sequence[Compared]) -> str:
    """Why runs are not about identical photographs, the rest of a sentence; empty where they are."""
    first = runs[0]
    for run in runs[1:]:
        if run.photographs.keys() != first.photographs.keys():
            return "their photographs are not the same"
        if any(_label(run, sha) != _label(first, sha) for sha in first.photographs):
            return "their photographs do not have the same labels"
    return ""


def overview(runs: Sequence[Compared]) -> dict[str, Any]:
    """How many photographs the runs have, and how many all of them have, JSON values."""
    every = {sha for run in runs for sha in run.photographs}
    common = set.intersection(*(set(run.photographs) for run in runs))
    return {
        "all": len(every),
        "shared": len(common),
        "missing": {run.key: len(every) - len(run.photographs) for run in runs},
    }


def _apart(runs: Sequence[Compared], measure: str, sha256: str, one_list: bool) -> str:
    """Why the figures of a photograph are not of the same thing; empty where they are."""
    labels = {_label(run, sha256) for run in runs} - {None}
    if len(labels) > 1 and one_list:
        return "labelled differently"
    places = COLUMNS[measure].places if measure in COLUMNS else ""
    if places and len({run.rows(measure)[sha256].get(places) for run in runs}) > 1:
        return f"measured at different numbers of {places}, whose ranges are not comparable"
    return ""


def _label(run: Compared, sha256: str) -> str | None:
    """The name of the class that was given; ``None`` where none was."""
    return run.class_of(sha256) if run.photographs[sha256]["labelled"] else None


def _class(run: Compared, sha256: str) -> str:
    return (run.class_of(sha256) or "").casefold().replace("_", " ")
