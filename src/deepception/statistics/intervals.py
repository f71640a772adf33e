"""Intervals over whole photographs: BCa bootstrap, Wilson, and the paired median of METHODS §0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Seed = int | np.random.Generator
Statistic = Literal["median", "mean"] | Callable[[FloatArray], FloatArray]

# Resampled values held in memory at once: 8 MB of float64.
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its interval.

    Attributes:
        value: the figure itself, in the units of the data (nan when there is nothing to compute it from).
        low: lower end at `level` (nan when no interval can be given, -inf or inf when it is open).
        high: upper end at `level`.
        n: number of photographs (units of inference) behind it.
        level: nominal coverage, in (0, 1).
        method: how the interval was made, such as "bca", "percentile", "wilson" or "none".
    """

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95
    method: str = "given"

    def contains(self, value: float) -> bool:
        """Return whether `value` lies inside the closed interval (False where no interval exists)."""
        return bool(self.low <= value <= self.high)

    def to_json(self) -> dict[str, float | int | str | None]:
        """Return plain JSON values; nan becomes None, and infinities become "inf" and "-inf"."""
        return {
            "value": json_number(self.value),
            "low": json_number(self.low),
            "high": json_number(self.high),
            "n": self.n,
            "level": self.level,
            "method": self.method,
        }


def json_number(value: float) -> float | str | None:
    """Return `value` as strict JSON can hold it: nan is None, infinities are "inf" and "-inf"."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(value)


def bca(
    values: ArrayLike,
    statistic: Statistic = "median",
    *,
    seed: Seed = 0,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """BCa bootstrap interval over whole photographs (Efron 1987, J. Am. Stat. Assoc. 82:171).

    Args:
        values: one row a photograph, [n], or [n, k] with a callable statistic; finite.
        statistic: "median", "mean", or a callable that maps [B, n] (or [B, n, k]) to [B].
        seed: an integer or a generator.
        resamples: number of bootstrap samples.
        level: nominal coverage.

    Returns:
        The interval. `method` is "bca"; "percentile" where the acceleration or the bias correction is
        undefined (ties); "degenerate" (low = high = value) where all photographs are equal; "none" with nan
        ends for fewer than two photographs.

    Raises:
        ValueError: if a value is not finite, or a named statistic is asked of more than one column.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim not in (1, 2):
        raise ValueError("bca needs values of shape [n] or [n, k]")
    if not np.isfinite(data).all():
        raise ValueError("bca needs finite values: drop or mark photographs without a figure first")
    if data.ndim == 2 and isinstance(statistic, str):
        raise ValueError("a named statistic needs one number per photograph: reduce the columns first")
    function = _named(statistic) if isinstance(statistic, str) else statistic
    n = data.shape[0]
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0, level, "none")
    value = float(function(data[None])[0])
    if n == 1:
        return Interval(value, math.nan, math.nan, 1, level, "none")
    if (data == data[0]).all():
        return Interval(value, value, value, n, level, "degenerate")

    samples = _bootstrap(data, function, np.random.default_rng(seed), resamples)
    keep = ~np.eye(n, dtype=bool)
    left_out = np.stack([data[row] for row in keep]) if n <= 64 else None
    jackknife = (
        function(left_out)
        if left_out is not None
        else np.array([float(function(data[None, row])[0]) for row in keep])
    )
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    adjusted = _bca_levels(samples, value, np.asarray(jackknife, dtype=np.float64), tails)
    low, high = np.quantile(samples, tails if adjusted is None else adjusted)
    return Interval(value, float(low), float(high), n, level, "percentile" if adjusted is None else "bca")


def paired_median(
    effect: ArrayLike,
    control: ArrayLike,
    *,
    seed: Seed = 0,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """Median over photographs of effect − control, with its BCa interval: a claim holds when `low` > 0.

    Args:
        effect: [n], one number per photograph.
        control: [n], or [n, controls]: then each photograph is set against its best (largest) control.
        seed: an integer or a generator.
        resamples: number of bootstrap samples.
        level: nominal coverage.

    Raises:
        ValueError: if the shapes do not match or a value is not finite.
    """
    first = np.asarray(effect, dtype=np.float64)
    second = np.asarray(control, dtype=np.float64)
    if second.ndim == 2:
        second = second.max(axis=1)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError("effect and control must hold one number for each of the same photographs")
    return bca(first - second, "median", seed=seed, resamples=resamples, level=level)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a rate (Wilson 1927, J. Am. Stat. Assoc. 22:209).

    Args:
        successes: number of photographs (or draws) with the property, 0 … n.
        n: number of photographs (or draws); with 0 the value is nan and the interval is [0, 1].
        level: nominal coverage.

    Raises:
        ValueError: if `successes` is not in 0 … n.
    """
    if not 0 <= successes <= n:
        raise ValueError("successes must lie between 0 and n")
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0, level, "wilson")
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(rate, low, high, n, level, "wilson")


def _named(statistic: str) -> Callable[[FloatArray], FloatArray]:
    if statistic == "median":
        return _median
    if statistic == "mean":
        return _mean
    raise ValueError('statistic must be "median", "mean" or a callable')


def _mean(values: FloatArray) -> FloatArray:
    return np.asarray(values.mean(axis=-1), dtype=np.float64)


def _median(values: FloatArray) -> FloatArray:
    # Partitioning is several times faster than np.median on many short rows.
    n = values.shape[-1]
    upper = n // 2
    if n % 2:
        return np.asarray(np.partition(values, upper, axis=-1)[..., upper], dtype=np.float64)
    parted = np.partition(values, (upper - 1, upper), axis=-1)
    return np.asarray((parted[..., upper - 1] + parted[..., upper]) / 2, dtype=np.float64)


def _bootstrap(
    data: FloatArray,
    function: Callable[[FloatArray], FloatArray],
    rng: np.random.Generator,
    resamples: int,
) -> FloatArray:
    n = data.shape[0]
    step = max(1, _CHUNK // data.size)
    parts = []
    for start in range(0, resamples, step):
        rows = rng.integers(0, n, size=(min(step, resamples - start), n), dtype=np.int32)
        parts.append(np.asarray(function(data[rows]), dtype=np.float64))
    return np.concatenate(parts)


def _bca_levels(
    samples: FloatArray, value: float, jackknife: FloatArray, tails: FloatArray
) -> FloatArray | None:
    """Return the corrected quantile levels, or None where the correction is undefined."""
    from scipy.special import ndtr, ndtri

    # Half of the ties count as below: medians of few photographs tie often.
    share = ((samples < value).mean() + (samples <= value).mean()) / 2
    deviation = jackknife.mean() - jackknife
    # Compared with the scale of the figures: rounding alone is no spread.
    scale = float(np.abs(jackknife).max())
    spread = float((deviation**2).sum())
    if not 0 < share < 1 or spread <= (1e-12 * scale) ** 2 * jackknife.size:
        return None
    acceleration = float((deviation**3).sum()) / (6 * spread**1.5)
    bias = ndtri(share)
    shifted = bias + ndtri(tails)
    denominator = 1 - acceleration * shifted
    if (denominator <= 0).any():
        return None
    return np.asarray(ndtr(bias + shifted / denominator), dtype=np.float64)
