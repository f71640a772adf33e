"""Dose curves (METHODS §4): their shape by cross-validation, and their slope on log₂ dose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .intervals import FloatArray

Shape = Literal["flat", "rising", "falling", "peaked"]


@dataclass(frozen=True, slots=True)
class DoseShape:
    """The simplest shape that predicts a draw from the others about as well as the best shape does.

    Attributes:
        shape: "flat", "rising", "falling" or "peaked".
        errors: held-out mean squared error of each shape, in squared units of the values.
        peak: index of the dose at which the single-peak fit to all draws is highest.
        draws: number of draws.
    """

    shape: Shape
    errors: dict[str, float]
    peak: int
    draws: int


def dose_shape(values: ArrayLike) -> DoseShape:
    """Choose between flat, rising, falling and single-peaked by leaving one draw out.

    Each shape is fitted by least squares to the mean of the other draws (isotonic, antitonic, isotonic up to
    a peak and antitonic after it, constant) and judged on the draw left out. Of the shapes whose error is
    within one paired standard error (over draws) of the smallest, the simplest is taken: flat, then rising or
    falling (the smaller error of the two), then peaked.

    Args:
        values: [draws, doses], n ≥ 1 in increasing order; at least 3 draws and 2 doses, finite.

    Raises:
        ValueError: if the table is smaller than that or a value is not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 2 or data.shape[0] < 3 or data.shape[1] < 2 or not np.isfinite(data).all():
        raise ValueError("dose_shape needs finite values of at least 3 draws at 2 doses")
    draws = data.shape[0]
    training = (data.sum(axis=0) - data) / (draws - 1)
    fits = {
        "flat": np.broadcast_to(training.mean(axis=1, keepdims=True), training.shape),
        "rising": isotonic(training),
        "falling": -isotonic(-training),
        "peaked": unimodal(training),
    }
    errors = {name: ((fit - data) ** 2).mean(axis=1) for name, fit in fits.items()}
    means = {name: float(error.mean()) for name, error in errors.items()}
    best = min(means, key=lambda name: means[name])
    # Shapes that contain one another often fit alike: their errors then differ by rounding only.
    slack = 1e-9 * max(means.values())
    within = [name for name in errors if _within_one_error(errors[name] - errors[best], slack)]
    shape: Shape
    if "flat" in within:
        shape = "flat"
    elif "rising" in within and ("falling" not in within or means["rising"] <= means["falling"]):
        shape = "rising"
    elif "falling" in within:
        shape = "falling"
    else:
        shape = "peaked"
    peak = int(unimodal(data.mean(axis=0)[None])[0].argmax())
    return DoseShape(shape=shape, errors=means, peak=peak, draws=draws)


def slope_log2(values: ArrayLike, doses: ArrayLike) -> float:
    """Least-squares slope of the mean curve on log₂ dose: units of the values per doubling.

    Args:
        values: [draws, doses], finite.
        doses: [doses], numbers of copies, all ≥ 1, at least two different.

    Raises:
        ValueError: if a dose is below 1 or all doses are the same.
    """
    data = np.asarray(values, dtype=np.float64)
    counts = np.asarray(doses, dtype=np.float64)
    if data.ndim != 2 or counts.shape != data.shape[1:] or not np.isfinite(data).all():
        raise ValueError("slope_log2 needs finite values [draws, doses] and one number per dose")
    if counts.size < 2 or (counts < 1).any() or (counts == counts[0]).all():
        raise ValueError("slope_log2 needs at least two different doses, none below 1")
    x = np.log2(counts)
    x -= x.mean()
    return float(data.mean(axis=0) @ x / (x @ x))


def isotonic(curves: FloatArray) -> FloatArray:
    """Least-squares non-decreasing fit to every row of curves [rows, doses] (same shape back).

    By the min-max formula of isotonic regression (Barlow et al. 1972): for the few doses of one curve this is
    faster, over all rows at once, than pooling adjacent violators row by row.
    """
    return _rising_prefixes(curves)[:, -1]


def unimodal(curves: FloatArray) -> FloatArray:
    """Least-squares fit that rises to one peak and falls after it, to every row of curves [rows, doses]."""
    rising = _rising_prefixes(curves)
    # The falling tail that starts at dose s is the mirrored rising prefix of the mirrored curve.
    falling = _rising_prefixes(curves[:, ::-1])[:, ::-1, ::-1]
    doses = curves.shape[1]
    index = np.arange(doses)
    joined = np.empty_like(rising)
    joined[:, :-1] = np.where(index <= index[:-1, None], rising[:, :-1], falling[:, 1:])
    joined[:, -1] = rising[:, -1]
    best = ((joined - curves[:, None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(joined[np.arange(len(curves)), best])


def _rising_prefixes(curves: FloatArray) -> FloatArray:
    """Isotonic fits to the first p + 1 doses, for every p: [rows, p, dose], of meaning where dose ≤ p."""
    rows, doses = curves.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(curves, axis=1)], axis=1)
    first, last = np.arange(doses)[:, None], np.arange(doses)[None, :]
    # averages[:, a, b] of the doses a … b, +inf where b < a so that the minimum passes over it.
    averages = np.where(
        last >= first, (sums[:, last + 1] - sums[:, first]) / np.maximum(last - first + 1, 1), np.inf
    )
    fits = np.zeros((rows, doses, doses))
    for p in range(doses):
        inner = averages[:, : p + 1, : p + 1]
        # lowest[:, a, i] = min over b ≥ i of averages[:, a, b]; only a ≤ i may enter the maximum.
        lowest = np.minimum.accumulate(inner[:, :, ::-1], axis=2)[:, :, ::-1]
        allowed = first[: p + 1] <= last[:, : p + 1]
        fits[:, p, : p + 1] = np.where(allowed, lowest, -np.inf).max(axis=1)
    return fits


def _within_one_error(difference: FloatArray, slack: float) -> bool:
    error = difference.std(ddof=1) / np.sqrt(difference.size)
    return bool(difference.mean() <= error + slack)
