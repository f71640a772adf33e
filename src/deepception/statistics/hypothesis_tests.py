"""Tests: many at once (Benjamini-Hochberg, Holm), paired (sign flips, McNemar), trends (Page)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import FloatArray, Seed

Alternative = Literal["two-sided", "greater", "less"]

# Up to here all 2^n sign patterns are enumerated.
_EXACT_SIGNS = 14


def benjamini_hochberg(p: ArrayLike, q: float = 0.05) -> tuple[NDArray[np.bool_], FloatArray]:
    """Control the false discovery rate (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57:289).

    Args:
        p: p-values [m] in [0, 1].
        q: the false discovery rate.

    Returns:
        rejected bool [m], and adjusted p-values float64 [m] (rejected where adjusted ≤ q).
    """
    values = _p_values(p)
    m = values.size
    order = np.argsort(values, kind="stable")
    scaled = values[order] * m / np.arange(1, m + 1)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted <= q, adjusted


def holm(p: ArrayLike) -> FloatArray:
    """Return p-values [m] adjusted for the family-wise error rate (Holm 1979, Scand. J. Stat. 6:65)."""
    values = _p_values(p)
    m = values.size
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(m, 0, -1)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def sign_flip(
    x: ArrayLike,
    *,
    statistic: Literal["mean", "median"] = "mean",
    alternative: Alternative = "two-sided",
    seed: Seed = 0,
    resamples: int = 10_000,
) -> float:
    """Sign-flip test that paired differences are symmetric around 0.

    All 2^n patterns are enumerated for n ≤ 14 (the p-value is then exact); beyond, `resamples` random ones
    are drawn and the observed pattern is counted among them.

    Args:
        x: paired differences [n], finite, one per photograph.
        statistic: "mean" or "median" of the differences.
        alternative: "two-sided", "greater" (positive) or "less".
        seed: an integer or a generator.
        resamples: number of random patterns for n > 14.

    Returns:
        The p-value; 1.0 for no photographs.

    Raises:
        ValueError: if a value is not finite.
    """
    data = np.asarray(x, dtype=np.float64)
    if data.ndim != 1 or not np.isfinite(data).all():
        raise ValueError("sign_flip needs one finite difference per photograph")
    if data.size == 0:
        return 1.0
    signs, exact = sign_patterns(data.size, seed=seed, resamples=resamples)
    if statistic == "mean":
        observed, null = float(data.mean()), signs @ data / data.size
    elif statistic == "median":
        observed, null = float(np.median(data)), np.median(signs * data, axis=1)
    else:
        raise ValueError('statistic must be "mean" or "median"')
    # Patterns that equal the observed value up to rounding count as equal.
    slack = 1e-12 * float(np.abs(data).max())
    if alternative == "greater":
        hits = null >= observed - slack
    elif alternative == "less":
        hits = null <= observed + slack
    elif alternative == "two-sided":
        hits = np.abs(null) >= abs(observed) - slack
    else:
        raise ValueError('alternative must be "two-sided", "greater" or "less"')
    return float(hits.mean()) if exact else float((hits.sum() + 1) / (hits.size + 1))


def sign_patterns(n: int, *, seed: Seed = 0, resamples: int = 10_000) -> tuple[FloatArray, bool]:
    """Return patterns of ±1 [patterns, n]: all 2^n for n ≤ 14 (and True), else `resamples` random ones."""
    if n <= _EXACT_SIGNS:
        bits = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
        return (1 - 2 * bits).astype(np.float64), True
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 2, size=(resamples, n), dtype=np.int8) * 2 - 1).astype(np.float64), False


def mcnemar_exact(b: int, c: int) -> float:
    """Exact two-sided McNemar test (McNemar 1947, Psychometrika 12:153) on the discordant counts.

    Args:
        b: photographs that only the first has.
        c: photographs that only the second has.

    Returns:
        The p-value; 1.0 when nothing is discordant.
    """
    from scipy.special import bdtr

    if b < 0 or c < 0:
        raise ValueError("counts must not be negative")
    if b + c == 0:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(b, c), b + c, 0.5)))


def sign_test(x: ArrayLike) -> float:
    """Exact two-sided sign test that the median of paired differences is 0 (Dixon & Mood 1946).

    "The statistical sign test", J. Am. Stat. Assoc. 41:557. It goes with a median that is told: of all patterns of
    signs it counts those with as many on one side. Differences of 0 say nothing.

    Args:
        x: paired differences [n], finite, one per photograph.

    Returns:
        The p-value; 1.0 where no difference is other than 0.

    Raises:
        ValueError: if a value is not finite.
    """
    data = np.asarray(x, dtype=np.float64)
    if data.ndim != 1 or not np.isfinite(data).all():
        raise ValueError("sign_test needs one finite difference per photograph")
    return mcnemar_exact(int((data > 0).sum()), int((data < 0).sum()))


def page_trend(
    values: ArrayLike,
    *,
    decreasing: bool = False,
    null: Literal["page", "sign-flip"] = "page",
    seed: Seed = 0,
    resamples: int = 10_000,
) -> tuple[float, float]:
    """Page's trend test over doses within one photograph (Page 1963, J. Am. Stat. Assoc. 58:216).

    With n + 1 copies keeping the places of n, draws wander over the doses: at 8 draws of 9 doses, random walks
    pass Page's own null at 5 % in every fifth case.

    Args:
        values: [draws, doses], doses in increasing order, at least 3; finite.
        decreasing: test for a falling instead of a rising trend.
        null: "page" takes the doses of a draw to be exchangeable under the null hypothesis (exact for small
            tables, else its normal limit). "sign-flip" only takes each draw's own trend to be symmetric
            around none and flips whole draws: use it where neighbouring doses of a draw share placements.
        seed: an integer or a generator, for "sign-flip" with more than 14 draws.
        resamples: random sign patterns, likewise.

    Returns:
        Page's L (of the reversed ranks when decreasing), and the one-sided p-value.

    Raises:
        ValueError: if the table has fewer than 2 draws or 3 doses, or a value is not finite.
    """
    from scipy.stats import page_trend_test, rankdata

    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 2 or data.shape[0] < 2 or data.shape[1] < 3 or not np.isfinite(data).all():
        raise ValueError("page_trend needs finite values of at least 2 draws at 3 doses")
    doses = data.shape[1]
    ranks = rankdata(-data if decreasing else data, axis=1)
    weights = np.arange(1.0, doses + 1)
    statistic = float((ranks @ weights).sum())
    if null == "sign-flip":
        trends = ranks @ weights - doses * (doses + 1) ** 2 / 4
        return statistic, sign_flip(trends, alternative="greater", seed=seed, resamples=resamples)
    if null != "page":
        raise ValueError('null must be "page" or "sign-flip"')
    return statistic, float(page_trend_test(ranks, ranked=True).pvalue)


def _p_values(p: ArrayLike) -> FloatArray:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values must be a list of numbers between 0 and 1")
    return values
