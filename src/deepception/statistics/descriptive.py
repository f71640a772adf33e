"""Small descriptive figures: Gini, rank correlations, covariates regressed out, decades."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .intervals import FloatArray


def gini(p: ArrayLike) -> float:
    """Gini coefficient of non-negative values [n]: 0 when all are equal, (n − 1) / n when one holds all.

    It depends on n: compare it between equal grids only. nan when the values sum to 0.

    Raises:
        ValueError: if there is no value, or one is negative or not finite.
    """
    data = np.sort(np.asarray(p, dtype=np.float64).ravel())
    if data.size == 0 or not np.isfinite(data).all() or data[0] < 0:
        raise ValueError("gini needs finite, non-negative values")
    total = data.sum()
    if total == 0:
        return math.nan
    n = data.size
    return float((2 * np.arange(1, n + 1) - n - 1) @ data / (n * total))


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rank correlation of two arrays of equal size; ties share ranks; nan if one is constant.

    Infinite values are ranked as such, so censored scores may be given as their limit.

    Raises:
        ValueError: if the sizes differ or a value is nan.
    """
    from scipy.stats import rankdata

    first = np.asarray(a, dtype=np.float64).ravel()
    second = np.asarray(b, dtype=np.float64).ravel()
    if first.size != second.size or np.isnan(first).any() or np.isnan(second).any():
        raise ValueError("spearman needs two arrays of equal size without nan")
    if first.size < 2 or (first == first[0]).all() or (second == second[0]).all():
        return math.nan
    x = rankdata(first) - (first.size + 1) / 2
    y = rankdata(second) - (second.size + 1) / 2
    return float(np.clip(x @ y / math.sqrt(float(x @ x) * float(y @ y)), -1, 1))


def regress_out(values: ArrayLike, covariate: ArrayLike) -> FloatArray:
    """Return `values` [n] less their least-squares line on `covariate` [n], with the mean of `values` kept.

    For superpixels: the effect with the region's area regressed out. A constant covariate changes nothing.
    """
    data = np.asarray(values, dtype=np.float64)
    other = np.asarray(covariate, dtype=np.float64)
    if data.ndim != 1 or data.shape != other.shape:
        raise ValueError("regress_out needs two lists of equal length")
    if not (np.isfinite(data).all() and np.isfinite(other).all()):
        raise ValueError("regress_out needs finite values")
    if data.size == 0 or (other == other[0]).all():
        return data.copy()
    centred = other - other.mean()
    slope = float(centred @ data) / float(centred @ centred)
    return np.asarray(data - slope * centred, dtype=np.float64)


def residual_rank_correlation(a: ArrayLike, b: ArrayLike, covariate: ArrayLike) -> float:
    """Spearman's correlation of a and b [n] after the covariate [n] has been regressed out of both."""
    return spearman(regress_out(a, covariate), regress_out(b, covariate))


def decades(log_odds: ArrayLike) -> FloatArray:
    """Return natural log odds as decades of odds: divided by ln 10; same shape, float64."""
    return np.asarray(np.asarray(log_odds, dtype=np.float64) / math.log(10))
