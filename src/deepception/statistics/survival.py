"""Medians over photographs of which some never got there: Kaplan-Meier, and order statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .intervals import Interval, json_number


@dataclass(frozen=True, slots=True)
class SurvivalMedian:
    """A median over photographs with right-censoring.

    Attributes:
        value: the median, or None where fewer than half of the photographs got there.
        low: lower end of the interval (nan without photographs or with no event).
        high: upper end (inf where the upper survival curve never reaches one half).
        n: photographs.
        censored: photographs that never got there.
        level: nominal coverage.
        method: how it was made.
    """

    value: float | None
    low: float
    high: float
    n: int
    censored: int
    level: float = 0.95
    method: str = "kaplan-meier, log-log"

    def to_json(self) -> dict[str, float | int | str | None]:
        """Return plain JSON values; nan becomes None, and infinities become "inf" and "-inf"."""
        return {
            "value": self.value,
            "low": json_number(self.low),
            "high": json_number(self.high),
            "n": self.n,
            "censored": self.censored,
            "level": self.level,
            "method": self.method,
        }


def kaplan_meier_median(times: ArrayLike, censored: ArrayLike, *, level: float = 0.95) -> SurvivalMedian:
    """Kaplan-Meier median with the interval of Brookmeyer & Crowley (1982, Biometrics 38:29), log-log scale.

    Args:
        times: [n] thresholds, finite and ≥ 0; for a censored photograph the largest dose that was shown (a
            threshold "< 1" enters as an event at the smallest dose).
        censored: bool [n], True where the threshold lies beyond its time.
        level: nominal coverage.

    Raises:
        ValueError: if the lengths differ or a time is not finite or negative.
    """
    values = np.asarray(times, dtype=np.float64)
    open_ended = np.asarray(censored, dtype=bool)
    if values.ndim != 1 or values.shape != open_ended.shape:
        raise ValueError("times and censored must be lists of equal length")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("times must be finite and not negative: censored ones are given as their limit")
    n, missing = values.size, int(open_ended.sum())
    if n == missing:
        return SurvivalMedian(None, math.nan, math.inf if n else math.nan, n, missing, level)
    events = np.unique(values[~open_ended])
    at_risk = (values[None] >= events[:, None]).sum(axis=1)
    happened = ((values[None] == events[:, None]) & ~open_ended).sum(axis=1)
    survival = np.cumprod(1 - happened / at_risk)
    below = np.flatnonzero(survival <= 0.5 + 1e-12)
    median = float(events[below[0]]) if below.size else None
    low, high = _log_log_band(survival, happened, at_risk, level)
    reached_low, reached_high = np.flatnonzero(low <= 0.5), np.flatnonzero(high <= 0.5)
    return SurvivalMedian(
        value=median,
        low=float(events[reached_low[0]]) if reached_low.size else math.inf,
        high=float(events[reached_high[0]]) if reached_high.size else math.inf,
        n=n,
        censored=missing,
        level=level,
    )


def order_statistic_median(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """0.5 quantile of values of which some are inf (failures), with the order-statistic interval.

    The value is the ⌈n/2⌉-th smallest, so it is inf exactly when fewer than half succeeded ("> Q"). The ends
    are the innermost pair of order statistics with binomial coverage of at least `level`; for n too small for
    any pair (n < 6 at 95 %) they are nan.

    Args:
        values: [n], numbers or inf, no nan.
        level: coverage, at least.

    Raises:
        ValueError: if a value is nan or -inf.
    """
    from scipy.special import bdtr

    data = np.sort(np.asarray(values, dtype=np.float64))
    if data.ndim != 1 or np.isnan(data).any() or (data == -np.inf).any():
        raise ValueError("values must be a list of numbers or inf")
    n = data.size
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0, level, "none")
    value = float(data[math.ceil(n / 2) - 1])
    # Coverage of the k-th smallest to the k-th largest: 1 − 2 P(Binomial(n, 1/2) ≤ k − 1).
    ranks = np.arange(1, n // 2 + 1)
    enough = ranks[1 - 2 * bdtr(ranks - 1, n, 0.5) >= level]
    if enough.size == 0:
        return Interval(value, math.nan, math.nan, n, level, "none")
    k = int(enough[-1])
    return Interval(value, float(data[k - 1]), float(data[n - k]), n, level, "order statistics")


def _log_log_band(
    survival: np.ndarray, happened: np.ndarray, at_risk: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise band of the survival curve by Greenwood's variance on the log(−log) scale."""
    from scipy.special import ndtri

    inner = (survival > 0) & (survival < 1)
    # Where the curve is 0 or 1 the scale is undefined; such a point stays 0 below and is open above.
    low, high = np.where(survival > 0, survival, 0.0), np.ones_like(survival)
    remaining = at_risk - happened
    greenwood = np.cumsum(happened / (at_risk * np.maximum(remaining, 1)))
    logs = np.log(survival, where=inner, out=np.full_like(survival, -1.0))
    width = np.exp(ndtri((1 + level) / 2) * np.sqrt(greenwood) / np.abs(logs))
    low[inner] = survival[inner] ** width[inner]
    high[inner] = survival[inner] ** (1 / width[inner])
    return low, high
