"""From an adapter's raw scores to answers: once, in float64, and without ever taking log(1 - p)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ObserverError
from ..observers import AnswerLevel, RawAnswers
from .answers import Answers

TOP = 5
"""How many of the best classes are kept, where as many are known."""

_SORT_FROM = 16  # from this many classes on, ranks come from a sort and not from comparisons
_FAR = 600.0  # exp(-600) is still a normal float64: up to this gap one pass serves all classes

_Float = NDArray[np.float64]
_Bool = NDArray[np.bool_]


def convert(raw: RawAnswers, classes: NDArray[np.int64] | None, n_classes: int) -> Answers:
    """Read the answers for some classes off raw scores (DESIGN, "Answers").

    * Logits: log odds z_c - logsumexp of the others; the sum of the others is formed by exclusion, which is
      exact to float64 rounding for every class: subtracting the class's own term is safe for all but the best
      class, and the best class's others are summed without it.
    * Probabilities: the same sums on p. Below the least number that their type keeps they are censored there.
    * Rounded probabilities (of a ``resolution`` r coarser than their type's at one): below r/2 they are
      censored at r/2, and 1 - p, itself a multiple of r, is known better than the sum of K rounded values;
      below r/2 it is saturated at r/2. Where the greatest probability that can be told (``ceiling``) is below
      one, it stands for all above it, and is saturated half a step below itself.
    * Top-k: an unlisted class is censored at min(lowest listed, 1 - sum of the listed), each widened by its
      rounding.
    * Labels: which class won, nothing else; odds and probabilities are NaN.

    Args:
        raw: Checked raw answers of N images.
        classes: int64 ``[C]`` classes to read, or None for all K.
        n_classes: K, at least 2.

    Returns:
        Answers of N rows and C columns. Row n depends on row n of ``raw`` alone.

    Raises:
        ObserverError: The observer has a single class, so that odds mean nothing.
    """
    if n_classes < 2:
        raise ObserverError("The observer has a single class; a classifier of two or more is needed.")
    asked = np.arange(n_classes, dtype=np.int64) if classes is None else np.asarray(classes, dtype=np.int64)
    if raw.level is AnswerLevel.LABEL:
        return _from_labels(raw, asked, n_classes)
    if raw.level is AnswerLevel.TOP_K:
        return _from_listed(raw, asked, n_classes)
    top = _best(raw.scores, min(TOP, n_classes))
    if raw.level is AnswerLevel.LOGITS:
        values = _from_logits(raw.scores, asked, top)
    elif raw.resolution > np.finfo(_float_type(raw.scores)).eps:
        half = raw.resolution / 2.0
        high = half + 1.0 - raw.ceiling
        values = _between(np.asarray(raw.scores[:, asked], dtype=np.float64), half, high)
    else:
        values = _from_probabilities(raw.scores, asked, top, max(_least(raw.scores), raw.resolution / 2.0))
    return Answers(asked, *values, _ranks(raw.scores, asked), top, raw.level, n_classes)


def _best(scores: NDArray[Any], count: int) -> NDArray[np.int64]:
    """The best classes in order; argmax takes the first of tied classes, which a partition does not."""
    left = np.array(scores, dtype=_float_type(scores))
    rows = np.arange(len(left))
    top = np.empty((len(left), count), dtype=np.int64)
    for place in range(count):
        top[:, place] = left.argmax(axis=1)
        left[rows, top[:, place]] = -np.inf
    return top


def _ranks(scores: NDArray[Any], asked: NDArray[np.int64]) -> NDArray[np.int32]:
    """How many classes score higher, int32 ``[N, C]``."""
    own = scores[:, asked]
    ranks = np.empty(own.shape, dtype=np.int32)
    if asked.size < _SORT_FROM:
        for column in range(asked.size):
            ranks[:, column] = np.count_nonzero(scores > own[:, column : column + 1], axis=1)
        return ranks
    order = np.argsort(scores, axis=1)[:, ::-1]
    ordered = np.take_along_axis(scores, order, axis=1)
    place = np.tile(np.arange(order.shape[1], dtype=np.int32), (len(order), 1))
    place[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = 0  # tied with the one before: takes its place
    everywhere = np.empty(order.shape, dtype=np.int32)
    np.put_along_axis(everywhere, order, np.maximum.accumulate(place, axis=1), axis=1)
    return everywhere[:, asked]


def _odds(
    relative: _Float, weight: _Float, rest: _Float, log_rest: _Float, best: _Bool
) -> tuple[_Float, _Float]:
    """Log odds and log probability from weights relative to the best class, whose weight is 1.

    Args:
        relative: ``[N, C]`` log of the asked classes' weights.
        weight: ``[N, C]`` the weights themselves.
        rest: ``[N]`` sum of all weights but the best class's.
        log_rest: ``[N]`` its logarithm, kept apart because ``rest`` may underflow.
        best: bool ``[N, C]``, where the asked class is the best one.
    """
    others = np.where(best, 1.0, (1.0 + rest)[:, None] - weight)  # at least 1: contains the best class
    log_odds = relative - np.where(best, log_rest[:, None], np.log(others))
    return log_odds, relative - np.log1p(rest)[:, None]


def _from_logits(
    scores: NDArray[Any], asked: NDArray[np.int64], top: NDArray[np.int64]
) -> tuple[_Float, _Float, _Bool, _Bool]:
    z = np.array(scores, dtype=np.float64)
    rows = np.arange(len(z))
    first = top[:, 0]
    peak = z[rows, first]
    gap = peak - z[rows, top[:, 1]]
    z -= peak[:, None]
    relative = z[:, asked]
    far = np.flatnonzero(gap > _FAR)
    beyond = z[far] + gap[far, None]  # relative to the runner-up: the others' own scale
    weights = np.exp(z, out=z)
    weight = weights[:, asked]
    weights[rows, first] = 0.0
    rest = weights.sum(axis=1)
    with np.errstate(divide="ignore"):
        log_rest = np.log(rest)
    if far.size:
        beyond[np.arange(far.size), first[far]] = -np.inf
        log_rest[far] = np.log(np.exp(beyond).sum(axis=1)) - gap[far]
    log_odds, log_probability = _odds(relative, weight, rest, log_rest, asked == first[:, None])
    nowhere = np.zeros(log_odds.shape, dtype=np.bool_)
    return log_odds, log_probability, nowhere, nowhere.copy()


def _from_probabilities(
    scores: NDArray[Any], asked: NDArray[np.int64], top: NDArray[np.int64], floor: float
) -> tuple[_Float, _Float, _Bool, _Bool]:
    p = np.array(scores, dtype=np.float64)
    rows = np.arange(len(p))
    first = top[:, 0]
    peak = p[rows, first]
    own = p[:, asked]
    censored = own < floor
    relative = np.log(np.maximum(own, floor)) - np.log(peak)[:, None]
    p[rows, first] = 0.0
    others = p.sum(axis=1)
    least = (p.shape[1] - 1) * floor
    rest = np.maximum(others, least) / peak
    best = asked == first[:, None]
    log_odds, log_probability = _odds(relative, own / peak[:, None], rest, np.log(rest), best)
    return log_odds, log_probability, censored, best & (others < least)[:, None]


def _between(p: _Float, low: float, high: float) -> tuple[_Float, _Float, _Bool, _Bool]:
    """Odds of single probabilities: censored below ``low``, saturated where 1 - p is below ``high``."""
    inside = np.maximum(p, low)
    others = 1.0 - inside
    censored, saturated = p < low, others < high
    log_probability = np.log(np.minimum(inside, 1.0 - high))
    return log_probability - np.log(np.maximum(others, high)), log_probability, censored, saturated


def _from_listed(raw: RawAnswers, asked: NDArray[np.int64], n_classes: int) -> Answers:
    labels = _labels(raw)
    scores = np.asarray(raw.scores, dtype=np.float64)
    step = float(np.finfo(_float_type(raw.scores)).eps)
    half = raw.resolution / 2.0
    # 1 - p is known to one step at best.
    low, high = half or _least(raw.scores), max(half, step) + 1.0 - raw.ceiling
    listed = labels[:, None, :] == asked[None, :, None]  # [N, C, k]
    known = listed.any(axis=2)
    own = (listed * scores[:, None, :]).sum(axis=2)
    count = scores.shape[1]
    lowest = np.maximum(scores.min(axis=1) + half, low)
    left = np.maximum(1.0 - scores.sum(axis=1) + count * half, high)
    own = np.where(known, own, np.minimum(lowest, left)[:, None])
    log_odds, log_probability, censored, saturated = _between(own, low, high)
    rank = np.where(known, (scores[:, None, :] > own[:, :, None]).sum(axis=2), count).astype(np.int32)
    top = labels[:, :TOP].copy()
    return Answers(
        asked,
        log_odds,
        log_probability,
        censored | ~known,
        saturated & known,
        rank,
        top,
        raw.level,
        n_classes,
    )


def _from_labels(raw: RawAnswers, asked: NDArray[np.int64], n_classes: int) -> Answers:
    labels = _labels(raw)[:, :1]
    shape = (len(labels), asked.size)
    rank = (labels != asked[None, :]).astype(np.int32)
    unknown = np.full(shape, math.nan)
    everywhere, nowhere = np.ones(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    return Answers(
        asked, unknown, unknown.copy(), everywhere, nowhere, rank, labels.copy(), raw.level, n_classes
    )


def _float_type(scores: NDArray[Any]) -> np.dtype[Any]:
    return scores.dtype if scores.dtype.kind == "f" else np.dtype(np.float64)


def _least(scores: NDArray[Any]) -> float:
    """The least probability that the number type can tell from zero."""
    limits = np.finfo(_float_type(scores))
    # Engines flush float32 numbers below the normal ones to zero; half precision keeps its subnormal ones.
    return float(limits.smallest_subnormal if limits.bits == 16 else limits.tiny)


def _labels(raw: RawAnswers) -> NDArray[np.int64]:
    if raw.labels is None:
        raise ValueError(f"answers of level {raw.level.value} carry labels")
    return np.asarray(raw.labels, dtype=np.int64)
