"""The axis of doses, and shares recognised along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .palette import INK, MUTED, PAPER, RULE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = NDArray[np.float64]
Threshold = tuple[float, float, float] | None
Fractions = ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]


def dose_place(dose: Float) -> Float:
    """Where a dose stands: log₂ n, and 0 one step to the left of 1."""
    return np.where(dose > 0, np.log2(np.where(dose > 0, dose, 1.0)), -1.0)


def dose_axis(axes: Axes, dose: Float) -> None:
    """Limits and ticks at the doses themselves; where they crowd, 0 and powers of two stay."""
    place = dose_place(dose)
    low, high = (float(place.min()), float(place.max())) if dose.size else (-1.0, 0.0)
    axes.set_xlim(low - 0.25, high + 0.25)
    kept: list[int] = []
    for i in np.argsort(-np.isin(dose, 2.0 ** np.arange(20)).astype(int) - (dose == 0), kind="stable"):
        if all(abs(place[i] - place[j]) > 0.07 * (high - low + 0.5) for j in kept):
            kept.append(int(i))
    kept.sort()
    axes.set_xticks(place[kept], [f"{dose[i]:g}" for i in kept])


def draw_recognition(axes: Axes, dose: Float, fractions: Fractions, threshold: Threshold) -> None:
    """Shares with whiskers on a 0–100 % axis, and the threshold as a line within its interval."""
    table = np.asarray(fractions, dtype=np.float64)
    if table.shape not in ((3, dose.size), (dose.size,)):
        raise ValueError(f"recognition needs {dose.size} fractions, or three rows of them")
    middle = table if table.ndim == 1 else table[0]
    place = dose_place(dose)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.axhline(0.5, color=RULE, linewidth=0.8)
    if threshold is not None:
        value, below, above = (dose_place(np.array([v]))[0] for v in threshold)
        if np.isfinite(below) and np.isfinite(above):
            axes.axvspan(below, above, color=VERMILLION, alpha=0.13, linewidth=0)
        axes.axvline(value, color=VERMILLION, linewidth=1.4)
    if table.ndim == 2:
        known = np.isfinite(table[1:]).all(axis=0)
        axes.vlines(place[known], table[1, known], table[2, known], color=MUTED, linewidth=1.1)
    for chosen, face in (
        (dose > 0, INK),
        (dose == 0, PAPER),
    ):  # without a copy nothing is repeated: open, as above
        axes.plot(
            place[chosen],
            middle[chosen],
            "o",
            color=INK,
            markerfacecolor=face,
            markersize=4.2,
            zorder=4,
            clip_on=False,
        )
