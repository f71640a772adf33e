"""Which photographs are pictured: a stated rule, so that nobody picks the handsome ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .wording import as_float

_PERCENTILES = (10, 50, 90)


@dataclass(frozen=True)
class Chosen:
    """A photograph to be pictured, and why.

    Attributes:
        sha256: The photograph.
        name: Its name.
        label: Index of its class.
        value: Its effect.
        why: ``"near the 10th percentile"``.
    """

    sha256: str
    name: str
    label: int
    value: float
    why: str


def choose(rows: Sequence[Mapping[str, Any]], column: str) -> list[Chosen]:
    """The photographs whose effect lies nearest to the 10th, 50th and 90th percentile, each once, low to high.

    Ties go to the photograph that comes first in the run.
    """
    known = [(row, value) for row in rows if (value := as_float(row.get(column))) is not None]
    if not known:
        return []
    values = np.array([value for _, value in known])
    taken: dict[int, str] = {}
    for percentile in _PERCENTILES:
        distance = np.abs(values - np.percentile(values, percentile))
        distance[list(taken)] = np.inf
        if np.isfinite(distance).any():
            taken[int(distance.argmin())] = f"near the {percentile}th percentile"
    return [
        Chosen(row["sha256"], str(row["name"]), int(row["label"]), value, why)
        for i, why in sorted(taken.items(), key=lambda item: (values[item[0]], item[0]))
        for row, value in [known[i]]
    ]


RULE = (
    "Pictured are the photographs whose effect lies nearest to the 10th, 50th and 90th percentile "
    "of all photographs, in this order."
)
