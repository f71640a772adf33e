"""A showing: parts of described stimuli, shown in one go, answers given back in each part's own axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..stimuli import Patch, Stimuli, concatenate, moments

if TYPE_CHECKING:
    from ..sessions import Session

LN10 = math.log(10.0)


@dataclass(frozen=True, eq=False)
class View:
    """Answers to one part, in its axes; the last axis of the first three runs over the classes read.

    Attributes:
        decades: float64 ``[*shape, C]``, ℓ in decades of odds.
        log10_p: float64 ``[*shape, C]``, log10 of the probability.
        censored: bool ``[*shape, C]``, the value is a bound only: the observer says no more.
        rank: int32 ``[*shape, C]``, 0 is the best class.
        top: int64 ``[*shape]``, the top-1.
    """

    decades: NDArray[np.float64]
    log10_p: NDArray[np.float64]
    censored: NDArray[np.bool_]
    rank: NDArray[np.int32]
    top: NDArray[np.int64]


def moments_of(patches: Sequence[Patch]) -> NDArray[np.float32]:
    """Mean and deviation of each patch's channels, grey levels, float32 ``[P, 2, 3]`` (METHODS §0: recorded)."""
    return np.array([moments(p) for p in patches], dtype=np.float32).reshape(len(patches), 2, 3)


class Showing:
    """Collects parts, then asks the session once, so that only the last batch is not full."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._shapes: list[tuple[int, ...]] = []
        self._parts: list[Stimuli] = []

    def add(self, name: str, stimuli: Stimuli, shape: tuple[int, ...]) -> None:
        """Add a part whose stimuli, in order, fill ``shape`` (last axis fastest)."""
        if math.prod(shape) != len(stimuli):
            raise ValueError(f"part {name!r} has {len(stimuli)} stimuli for axes {shape}")
        self._names.append(name)
        self._shapes.append(shape)
        self._parts.append(stimuli)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def ask(self, session: Session, classes: ArrayLike | None, purpose: str) -> dict[str, View]:
        """Show everything; one query a stimulus. ``classes`` int ``[C]``, or all where ``None``."""
        read = None if classes is None else np.asarray(classes, dtype=np.int64)
        answers = session.ask(concatenate(self._parts), read, purpose=purpose)
        views: dict[str, View] = {}
        start = 0
        for name, shape, part in zip(self._names, self._shapes, self._parts, strict=True):
            rows = slice(start, start + len(part))
            start += len(part)
            axes = (*shape, answers.log_odds.shape[1])
            views[name] = View(
                decades=answers.log_odds[rows].reshape(axes) / LN10,
                log10_p=answers.log_probability[rows].reshape(axes) / LN10,
                censored=(answers.censored | answers.saturated)[rows].reshape(axes),
                rank=answers.rank[rows].reshape(axes),
                top=answers.top[rows, 0].reshape(shape),
            )
        return views
