"""Answers: what was read off the scores of N stimuli, in one unit, with what is only known as a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ..observers import AnswerLevel

_BY_CLASS = ("log_odds", "log_probability", "censored", "saturated", "rank")
_BY_STIMULUS = (*_BY_CLASS, "top")


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to N stimuli, read for C of the K classes; row n belongs to stimulus n.

    Attributes:
        classes: int64 ``[C]``, the classes that were read, in the order asked for.
        log_odds: float64 ``[N, C]``, natural-log odds z_c - logsumexp of the other logits. NaN for labels.
        log_probability: float64 ``[N, C]``, natural-log probability, at most 0. NaN for labels.
        censored: bool ``[N, C]``, where the two values are upper bounds: the observer only said "at most".
        saturated: bool ``[N, C]``, where they are lower bounds: a rounded probability that reads as one.
        rank: int32 ``[N, C]``, number of classes with a higher score, 0 for the best; ties share a rank.
            Where a class is not listed it is the best rank that the list leaves possible.
        top: int64 ``[N, T]``, best classes in order, T = 5 at most; of tied classes the lowest index first.
        level: The answer level of the observer.
        n_classes: K, the number of the observer's classes.
    """

    classes: NDArray[np.int64]
    log_odds: NDArray[np.float64]
    log_probability: NDArray[np.float64]
    censored: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    rank: NDArray[np.int32]
    top: NDArray[np.int64]
    level: AnswerLevel
    n_classes: int

    def __len__(self) -> int:
        return len(self.top)

    def column(self, c: int) -> int:
        """Index of class c in ``classes``; ValueError where it was not asked for."""
        found = np.flatnonzero(self.classes == c)
        if not found.size:
            raise ValueError(f"class {c} was not asked for")
        return int(found[0])

    def decades(self, c: int) -> NDArray[np.float64]:
        """Decades of odds of class c, log_odds / ln 10, float64 ``[N]``."""
        return np.asarray(self.log_odds[:, self.column(c)] / math.log(10.0), dtype=np.float64)

    def is_top1(self, c: int) -> NDArray[np.bool_]:
        """Where class c is the answer, bool ``[N]``; c need not have been asked for."""
        return np.asarray(self.top[:, 0] == c)

    def in_top5(self, c: int) -> NDArray[np.bool_]:
        """Where class c is among the five best, bool ``[N]``; c need not have been asked for.

        Raises ValueError where the observer lists fewer than five of its classes.
        """
        if self.top.shape[1] < min(5, self.n_classes):
            raise ValueError(f"the observer lists its best {self.top.shape[1]} classes only, not five")
        return np.asarray((self.top == c).any(axis=1))

    def select(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Answers:
        """The answers to some of the stimuli."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _BY_STIMULUS})

    def read(self, classes: Sequence[int]) -> Answers:
        """The same answers, read for some of their classes; ValueError where one was not asked for."""
        columns = [self.column(c) for c in classes]
        by_class = {name: getattr(self, name)[:, columns] for name in _BY_CLASS}
        return replace(self, classes=self.classes[columns], **by_class)

    def room(self, count: int) -> Answers:
        """Uninitialised answers of this shape for ``count`` stimuli, to be filled with ``put``."""
        empty = {
            name: np.empty((count, *getattr(self, name).shape[1:]), dtype=getattr(self, name).dtype)
            for name in _BY_STIMULUS
        }
        return replace(self, **empty)  # type: ignore[arg-type]

    def put(self, rows: slice, part: Answers) -> None:
        """Copy ``part`` into ``rows``."""
        for name in _BY_STIMULUS:
            getattr(self, name)[rows] = getattr(part, name)

    def same_as(self, other: Answers) -> bool:
        """Whether every value is the same bit for bit (NaN equal to NaN)."""
        return all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a == b
            for a, b in ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        )
