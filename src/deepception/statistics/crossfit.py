"""No winner's curse: what is chosen as the best on one half of the repeats is read on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .intervals import FloatArray, Seed

# Random half-splits whose cross-fitted values are averaged.
SPLITS = 64


@dataclass(frozen=True, slots=True)
class CrossFit:
    """The best and the worst of L candidates, with values that selection did not inflate.

    Attributes:
        index: candidate with the largest mean over all repeats.
        value: mean of the best, chosen on one half of the repeats and read on the other, both ways averaged
            over seeded half-splits.
        worst_index: candidate with the smallest mean over all repeats.
        worst_value: mean of the worst, likewise.
        range: value − worst_value.
        same_choice: share of bootstrap samples over repeats whose best is `index`.
        same_worst: share of bootstrap samples over repeats whose worst is `worst_index`.
        distinguishable: whether same_choice ≥ 0.5; else the report says "not distinguishable".
    """

    index: int
    value: float
    worst_index: int
    worst_value: float
    range: float
    same_choice: float
    same_worst: float
    distinguishable: bool


def cross_fitted_best(repeats: ArrayLike, *, seed: Seed = 0, resamples: int = 1_000) -> CrossFit:
    """Choose the best and the worst candidate and read their values on repeats that did not choose.

    Args:
        repeats: [R, L], R ≥ 2 repeats (the same jitters or phases for all candidates) of L ≥ 1 candidates.
        seed: an integer or a generator.
        resamples: bootstrap samples over repeats for `same_choice`.

    Raises:
        ValueError: if there are fewer than 2 repeats or a value is not finite.
    """
    data = _checked(repeats)
    count = data.shape[0]
    rng = np.random.default_rng(seed)
    best, worst = _cross_read(data, rng)
    mean = data.mean(axis=0)
    index, worst_index = int(mean.argmax()), int(mean.argmin())
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples) @ data
    same = float((drawn.argmax(axis=1) == index).mean())
    return CrossFit(
        index=index,
        value=best,
        worst_index=worst_index,
        worst_value=worst,
        range=best - worst,
        same_choice=same,
        same_worst=float((drawn.argmin(axis=1) == worst_index).mean()),
        distinguishable=same >= 0.5,
    )


def spread(values: ArrayLike) -> tuple[float, float]:
    """Return p95 − p5 and max − min over places [L]; comparable only between equal numbers of places."""
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0 or not np.isfinite(data).all():
        raise ValueError("spread needs at least one finite value, and no other")
    low, high = np.quantile(data, [0.05, 0.95])
    return float(high - low), float(data.max() - data.min())


def _cross_read(data: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    count = data.shape[0]
    chosen = rng.permuted(np.tile(np.arange(count), (SPLITS, 1)), axis=1) < count // 2
    weights = np.concatenate([chosen, ~chosen]).astype(np.float64)
    halves = (weights / weights.sum(axis=1, keepdims=True)) @ data
    # Row i chooses, and the row of the complementary half is read.
    other = np.roll(halves, SPLITS, axis=0)
    rows = np.arange(2 * SPLITS)
    best = other[rows, halves.argmax(axis=1)].mean()
    worst = other[rows, halves.argmin(axis=1)].mean()
    return float(best), float(worst)


def _checked(repeats: ArrayLike) -> FloatArray:
    data = np.asarray(repeats, dtype=np.float64)
    if data.ndim != 2 or data.shape[0] < 2 or data.shape[1] < 1:
        raise ValueError("repeats must have the shape [R, L] with at least 2 repeats of one candidate")
    if not np.isfinite(data).all():
        raise ValueError("repeats must be finite")
    return data
