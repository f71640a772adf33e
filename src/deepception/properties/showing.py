"""A showing: parts of described stimuli, shown in one go, answers given back in each part's own axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..observers import AnswerLevel
from ..stimuli import Patch, Stimuli, concatenate, moments
from .fading import find_thresholds

if TYPE_CHECKING:
    from ..sessions import Session
    from .subject import Subject

LN10 = math.log(10.0)

POINTS = 100.0
"""Points of opacity: percent of the photograph that a threshold asks for."""


@dataclass(frozen=True, eq=False)
class View:
    """Answers to one part, in its axes; the last axis of the first four runs over the classes read.

    Attributes:
        values: float64 ``[*shape, C]``, ℓ in decades of odds. From labels alone minus the threshold, in points of
            opacity, of the one class that a threshold is about: like ℓ it is larger where less is needed.
        log10_p: float64 ``[*shape, C]``, log10 of the probability; NaN from labels alone.
        censored: bool ``[*shape, C]``, the value is a bound only: the observer says no more.
        rank: int32 ``[*shape, C]``, 0 is the best class.
        top: int64 ``[*shape]``, the top-1.
        never: bool ``[*shape]``, from labels alone: no opacity of the photograph gave the class.
        turning: bool ``[*shape]``, from labels alone: the scan of opacities is not monotone.
        depth: How many of the best classes are told, 5 where at least as many are.
    """

    values: NDArray[np.float64]
    log10_p: NDArray[np.float64]
    censored: NDArray[np.bool_]
    rank: NDArray[np.int32]
    top: NDArray[np.int64]
    never: NDArray[np.bool_]
    turning: NDArray[np.bool_]
    depth: int = 5


def moments_of(patches: Sequence[Patch]) -> NDArray[np.float32]:
    """Mean and deviation of each patch's channels, grey levels, float32 ``[P, 2, 3]`` (METHODS §0: recorded)."""
    return np.array([moments(p) for p in patches], dtype=np.float32).reshape(len(patches), 2, 3)


class Showing:
    """Collects parts, then asks the session once, so that only the last batch is not full."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._shapes: list[tuple[int, ...]] = []
        self._parts: list[Stimuli] = []
        self._below: list[bool] = []

    def add(self, name: str, stimuli: Stimuli, shape: tuple[int, ...], *, below: bool = False) -> None:
        """Add a part whose stimuli, in order, fill ``shape`` (last axis fastest).

        ``below``: from labels alone, the photograph fades in below the patches and not over everything.
        """
        if math.prod(shape) != len(stimuli):
            raise ValueError(f"part {name!r} has {len(stimuli)} stimuli for axes {shape}")
        self._names.append(name)
        self._shapes.append(shape)
        self._parts.append(stimuli)
        self._below.append(below)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def ask(
        self, session: Session, classes: ArrayLike | None, purpose: str, subject: Subject | None = None
    ) -> dict[str, View]:
        """Show everything; one query a stimulus. ``classes`` int ``[C]``, or all where ``None``.

        An observer that answers with labels only is asked for the thresholds of ``subject`` instead, for its class
        alone and at ``MOST_QUERIES`` a stimulus at most.
        """
        stimuli = concatenate(self._parts)
        if subject is not None and labels_only(session):
            below = np.repeat(self._below, [len(part) for part in self._parts])
            found = find_thresholds(
                session, stimuli, subject.pixels, subject.label, below=below, purpose=purpose
            )
            return self._views(
                values=-POINTS * found.opacity[:, None],
                log10_p=np.full((len(stimuli), 1), np.nan),
                censored=(found.never | found.alone)[:, None],
                rank=(found.top != subject.label).astype(np.int32)[:, None],
                top=found.top,
                never=found.never,
                turning=found.turning,
                depth=1,
            )
        read = None if classes is None else np.asarray(classes, dtype=np.int64)
        answers = session.ask(stimuli, read, purpose=purpose)
        nowhere = np.zeros(len(stimuli), dtype=bool)
        log_odds, at_bound = tied(answers.log_odds, answers.censored)
        log_probability, _ = tied(answers.log_probability, answers.censored)
        return self._views(
            values=log_odds / LN10,
            log10_p=log_probability / LN10,
            censored=at_bound | answers.saturated,
            # A class whose score is only a bound is not shown to be among the best, however many tie with it.
            rank=np.where(answers.censored, np.maximum(answers.rank, 5), answers.rank),
            top=answers.top[:, 0],
            never=nowhere,
            turning=nowhere,
            depth=answers.top.shape[1] if answers.level is AnswerLevel.TOP_K else 5,
        )

    def _views(self, depth: int, **columns: NDArray[Any]) -> dict[str, View]:
        """One row a stimulus, cut into the parts and their axes."""
        views: dict[str, View] = {}
        start = 0
        for name, shape, part in zip(self._names, self._shapes, self._parts, strict=True):
            rows = slice(start, start + len(part))
            start += len(part)
            cut = {k: v[rows].reshape((*shape, *v.shape[1:])) for k, v in columns.items()}
            views[name] = View(**cut, depth=depth)
        return views


def tied(
    values: NDArray[np.float64], censored: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Upper bounds made ties: values ``[N, C]`` with all that lies at or below the highest bound put there.

    The bound of a class that is not listed moves with the scores of those that are, so that bounds of several
    showings, left as they are, would rank places that nothing was told of (METHODS §0: ranks as ties).

    Returns:
        The values, and where they stand at the bound, bool ``[N, C]``.
    """
    if not censored.any():
        return values, censored
    highest = np.where(censored, values, -np.inf).max(axis=0)
    return np.maximum(values, highest), values <= highest


def labels_only(session: Session) -> bool:
    """Whether the observer tells nothing but a label, so that thresholds stand in for scores."""
    return session.observer.level is AnswerLevel.LABEL
