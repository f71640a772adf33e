"""The network's period from answers alone (METHODS §2): what step of a patch leaves the answer as it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .hypothesis_tests import sign_patterns
from .intervals import FloatArray, Seed

MIN_PHOTOGRAPHS = 12
_ALPHA = 0.05
# A step repeats only if its D is at least a tenth below what surrounds it on either side.
_DEPTH = 0.9


@dataclass(frozen=True, slots=True)
class PeriodFit:
    """The period of one observer along one direction (or both together).

    Attributes:
        period: pixels, or None where none was found.
        lags: the steps T that were examined, int64 [T], in pixels.
        d: D(T), mean over photographs, float64 [T]: about 1 unrelated, 0 periodic.
        dip: D at T ± max(1, ⌊T/4⌋), averaged, minus D(T), mean over photographs, float64 [T].
        candidates: steps with a dip significant over photographs, D at its lowest there, and below 1.
        p: sign-flip max-T p-value of the period, else of the most significant dip (1.0 if not computed).
        nested: candidates below the period that divide it: finer repetition inside it.
        photographs: number of photographs that answered at all (their rows vary).
        reason: one sentence on why this period, or why none.
    """

    period: int | None
    lags: NDArray[np.int64]
    d: FloatArray
    dip: FloatArray
    candidates: tuple[int, ...]
    p: float
    nested: tuple[int, ...]
    photographs: int
    reason: str


def find_period(
    rows: ArrayLike,
    *,
    smallest: int = 2,
    largest: int | None = None,
    seed: Seed = 0,
    resamples: int = 4_000,
) -> PeriodFit:
    """Find the smallest step after which answers repeat, over one-pixel rows of at least 12 photographs.

    From every row v a quadratic is removed; D(T) = mean[(v(k−T) − 2 v(k) + v(k+T))²] / (6 var v), averaged
    over the rows of a photograph. A smooth row has a small D and a positive dip at small T without any
    repetition, so a step counts only where D turns: D is the lowest within T ± max(1, ⌊T/4⌋), it rises on
    both sides of T (the smaller of the two studentised rises, sign-flip max-T over photographs, p < 0.05;
    this implies a positive dip) by at least a tenth, and it lies below 1 by more than a standard error. The
    period is the smallest such step whose D is not significantly above the lowest of them (paired over
    photographs, one-sided 5 %; one paired standard error picks a multiple of the period in every sixth noisy
    case, because the lowest of several equal figures is lucky, and a correction over the steps would take a
    finer repetition inside the period for the period). The step is
    the middle of its valley at half depth, which a slow trend moves less than the lowest point.

    Args:
        rows: [photographs, rows of a photograph, positions], answers at consecutive pixels; finite.
        smallest: smallest step examined, ≥ 2 pixels.
        largest: largest step examined; by default, and at most, ⌊(positions − 1) / 3⌋.
        seed: an integer or a generator, for more than 14 photographs.
        resamples: random sign patterns for more than 14 photographs.

    Returns:
        The fit. Rows that do not vary are left out; with fewer than 12 photographs left there is no period.

    Raises:
        ValueError: if the shape is wrong, a value is not finite, or no step fits into the rows.
    """
    data = np.asarray(rows, dtype=np.float64)
    if data.ndim != 3 or not np.isfinite(data).all():
        raise ValueError("find_period needs finite rows of shape [photographs, rows, positions]")
    limit = (data.shape[2] - 1) // 3
    top = limit if largest is None else min(largest, limit)
    if smallest < 2 or top < smallest:
        raise ValueError("find_period needs steps of at least 2 pixels that fit three times into a row")
    lags = np.arange(smallest, top + 1)
    reach = top + _step(np.array([top]))[0]
    curves = _repetition(data, int(reach))
    count = len(curves)
    if count == 0:
        nothing = np.full(lags.size, np.nan)
        return PeriodFit(None, lags, nothing, nothing, (), 1.0, (), 0, "no row of answers varies")
    left, right = curves[:, lags - _step(lags) - 1], curves[:, lags + _step(lags) - 1]
    here = curves[:, lags - 1]
    d, dip = here.mean(axis=0), ((left + right) / 2 - here).mean(axis=0)

    def none(reason: str, p: float = 1.0) -> PeriodFit:
        return PeriodFit(None, lags, d, dip, (), p, (), count, reason)

    if count < MIN_PHOTOGRAPHS:
        return none(f"{count} photographs vary, and a period needs at least {MIN_PHOTOGRAPHS}")
    p = _two_sided_dips(left - here, right - here, seed, resamples)
    turns = _lowest_around(curves.mean(axis=0), lags)
    below = d + here.std(axis=0, ddof=1) / np.sqrt(count) < 1
    deep = d <= _DEPTH * np.minimum(left.mean(axis=0), right.mean(axis=0))
    eligible = np.flatnonzero((p < _ALPHA) & turns & below & deep)
    if eligible.size == 0:
        return none("no step repeats better than its neighbours on both sides", float(p.min()))
    best = eligible[d[eligible].argmin()]
    chosen = int(eligible[_as_low_as(here[:, best], here[:, eligible])][0])
    mean_curve = curves.mean(axis=0)
    middles = np.clip([_middle(mean_curve, int(lag)) for lag in lags], smallest, top)
    period = int(middles[chosen])
    candidates = tuple(int(step) for step in np.unique(middles[eligible]))
    nested = tuple(step for step in candidates if step < period and period % step == 0)
    reason = f"answers repeat after {period} pixels: D = {d[chosen]:.2f}, dip = {dip[chosen]:.2f}"
    return PeriodFit(period, lags, d, dip, candidates, float(p[chosen]), nested, count, reason)


def _step(lags: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum(1, lags // 4)


def _repetition(data: FloatArray, reach: int) -> FloatArray:
    """D(T) for T = 1 … reach, averaged over the rows that vary: [photographs that vary, reach]."""
    positions = data.shape[2]
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, positions), 3))
    residual = data - (data @ basis) @ basis.T
    power = (residual**2).mean(axis=2)
    # What a constant row leaves after the projection is rounding, not an answer.
    varies = power > (1e-9 * np.abs(data).max(axis=2)) ** 2
    scaled = residual / np.sqrt(np.where(varies, power, 1.0))[:, :, None]
    curves = np.empty((*data.shape[:2], reach))
    for lag in range(1, reach + 1):
        second = scaled[:, :, : -2 * lag] - 2 * scaled[:, :, lag:-lag] + scaled[:, :, 2 * lag :]
        curves[:, :, lag - 1] = np.einsum("prk,prk->pr", second, second) / (6 * second.shape[2])
    rows = varies.sum(axis=1)
    answered = rows > 0
    total = (curves * varies[:, :, None]).sum(axis=1)
    return np.asarray(total[answered] / rows[answered][:, None], dtype=np.float64)


def _lowest_around(curve: FloatArray, lags: NDArray[np.int64]) -> NDArray[np.bool_]:
    around = [curve[lag - step - 1 : lag + step].min() for lag, step in zip(lags, _step(lags), strict=True)]
    return curve[lags - 1] <= np.array(around)


def _as_low_as(lowest: FloatArray, others: FloatArray) -> NDArray[np.bool_]:
    """Whether each of others [photographs, m] is not significantly above lowest [photographs]."""
    from scipy.special import stdtrit

    count = len(lowest)
    excess = others - lowest[:, None]
    critical = stdtrit(count - 1, 1 - _ALPHA)
    error = excess.std(axis=0, ddof=1) / np.sqrt(count)
    # Noise-free answers leave rounding in D, and rounding is no difference.
    return np.asarray(excess.mean(axis=0) <= critical * error + 1e-9)


def _middle(curve: FloatArray, lag: int) -> int:
    """The middle of the valley around `lag`, between its two crossings of half its depth, in whole pixels."""
    step = max(1, lag // 4)
    here = curve[lag - 1]
    left, right = curve[lag - step - 1 : lag][::-1], curve[lag - 1 : lag + step]
    level = here + (min(left.max(), right.max()) - here) / 2

    def crossing(side: FloatArray) -> float:
        after = int(np.argmax(side >= level))
        return after - float((side[after] - level) / (side[after] - side[after - 1])) if after else 0.0

    return round(lag + (crossing(right) - crossing(left)) / 2)


def _two_sided_dips(left: FloatArray, right: FloatArray, seed: Seed, resamples: int) -> FloatArray:
    """Sign-flip max-T p-values [T] that D rises on both sides, from the rises [photographs, T]."""
    count = len(left)
    observed = np.minimum(_studentised(left, np.ones((1, count))), _studentised(right, np.ones((1, count))))[
        0
    ]
    signs, exact = sign_patterns(count, seed=seed, resamples=resamples)
    null = np.minimum(_studentised(left, signs), _studentised(right, signs)).max(axis=1)
    hits = (null[:, None] >= observed * (1 - 1e-12)).sum(axis=0)
    return np.asarray(hits / len(null) if exact else (hits + 1) / (len(null) + 1), dtype=np.float64)


def _studentised(rises: FloatArray, signs: FloatArray) -> FloatArray:
    """T of the sign-flipped mean: [patterns, T]."""
    count = len(rises)
    mean = signs @ rises / count
    variance = ((rises**2).sum(axis=0) - count * mean**2) / (count - 1)
    # Identical photographs have no variance: a tiny one keeps the sign and the order.
    floor = 1e-12 * np.maximum((rises**2).sum(axis=0), 1e-300)
    return np.asarray(mean * np.sqrt(count) / np.sqrt(np.maximum(variance, floor)), dtype=np.float64)
