"""Limits, ticks and rules of axes, and labels that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .palette import FAINT, RULE
from .words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def span(*values: ArrayLike, include: Sequence[float] = (), room: float = 0.06) -> tuple[float, float]:
    """Limits that hold every finite value and ``include``, with a margin; never empty."""
    parts = [np.asarray(v, dtype=np.float64).ravel() for v in (*values, list(include))]
    every = np.concatenate(parts)
    every = every[np.isfinite(every)]
    if not every.size:
        return (0.0, 1.0)
    low, high = float(every.min()), float(every.max())
    wide = (high - low) or abs(low) * 0.5 or 1.0
    return (low - room * wide, high + room * wide)


def finite(values: ArrayLike) -> NDArray[np.float64]:
    """The finite ones of the values, flat."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[np.isfinite(array)]


def ticks(low: float, high: float, count: int = 5) -> tuple[list[float], list[str]]:
    """Round values within [low, high] and how to write them."""
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=max(1, count), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    room = 1e-9 * (high - low)
    values = [float(v) for v in places if low - room <= v <= high + room]
    step = values[1] - values[0] if len(values) > 1 else max(abs(high), 1.0)
    if step >= 1e5 or step < 1e-6:
        return values, [f"{v:.4g}".replace("-", "−") for v in values]
    digits = 0
    while digits < 6 and abs(round(step, digits) - step) > 1e-6 * step:
        digits += 1
    return values, [number(v, digits) for v in values]


def scale_x(axes: Axes, low: float, high: float, *, count: int = 5, grid: bool = True) -> None:
    """Limits, round ticks and light rules of a horizontal axis."""
    values, labels = ticks(low, high, count)
    axes.set_xlim(low, high)
    axes.set_xticks(values, labels)
    if grid:
        axes.grid(axis="x", color=FAINT, linewidth=0.8)


def scale_y(axes: Axes, low: float, high: float, *, count: int = 5, grid: bool = True) -> None:
    """Limits, round ticks and light rules of a vertical axis."""
    values, labels = ticks(low, high, count)
    axes.set_ylim(low, high)
    axes.set_yticks(values, labels)
    if grid:
        axes.grid(axis="y", color=FAINT, linewidth=0.8)


def zero_line(axes: Axes, *, vertical: bool) -> None:
    """A rule at zero, below the data."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0, color=RULE, linewidth=1.2, zorder=0.9)


def spread_labels(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart until neighbours are ``gap`` apart, within [low, high] where there is room."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed = [min(max(positions[i], low), high) for i in order]
    for _ in range(60):
        moved = False
        for i in range(len(placed) - 1):
            short = gap - (placed[i + 1] - placed[i])
            if short > 1e-6:
                placed[i] -= short / 2
                placed[i + 1] += short / 2
                moved = True
        if placed and placed[0] < low:
            placed[0] = low
        if placed and placed[-1] > high:
            placed[-1] = high
        if not moved:
            break
    result = [0.0] * len(positions)
    for place, i in zip(placed, order, strict=True):
        result[i] = place
    return result
