"""Curves over the number of copies: what repetition does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .dose_axes import Fractions, Threshold, dose_axis, dose_place, draw_recognition
from .palette import BLUE, CATEGORIES, CONTROL, INK, MUTED, PAPER
from .scales import finite, scale_y, span, spread_labels, zero_line
from .sheet import MARGIN, Sheet
from .style import style
from .words import SMALL, UNIT, elide, number, plain, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = NDArray[np.float64]


def dose_curve(
    doses: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    onset: float | None = None,
    recognition: Fractions | None = None,
    threshold: Threshold = None,
    band: tuple[float, float] = (0.25, 0.75),
    unit: str = UNIT,
    title: str | None = None,
) -> Figure:
    """What n copies do: the median over draws of each curve with a quantile band, and recognition below it.

    Args:
        doses: ``[D]`` numbers of copies, ascending; 0 stands apart on the left, the others on a log₂ axis.
        curves: Name to values ``[draws, D]`` (or ``[D]``) in ``unit``, NaN where not measured. The first is
            the effect and is drawn boldly; the others are its controls.
        onset: What the first copy does, ℓ(1) − ℓ(0) in ``unit``, written beside its dotted line.
        recognition: Fractions ``[D]`` in 0…1, or three such: with their lower and upper bounds (Wilson), NaN
            where a fraction has none.
        threshold: Dose of half recognition with its interval: (value, low, high).
        band: The quantiles over draws that the band spans.
        unit: What the values are measured in.
        title: A line above all.

    Returns:
        A matplotlib figure.
    """
    dose = np.asarray(doses, dtype=np.float64).ravel()
    names = list(curves)
    tables = [np.atleast_2d(np.asarray(curves[name], dtype=np.float64)) for name in names]
    if any(table.shape[-1] != dose.size for table in tables):
        raise ValueError(f"every curve needs one value for each of the {dose.size} doses")
    with style():
        sheet = Sheet(270 if recognition is not None else 182, title=title, description=_names(names, unit))
        if not tables or not any(np.isfinite(table).any() for table in tables):
            return sheet.nothing()
        room = min(
            0.36 * Sheet.width, max(text_width(plain(n), SMALL, bold=n == names[0]) for n in names) + 2
        )
        margin = 32 if recognition is not None else 26
        left, width = MARGIN + margin, Sheet.width - 2 * MARGIN - margin - room - 8
        axes = sheet.panel(left, 20, width, 128)
        sheet.text(MARGIN, 9, unit, size=SMALL, colour=MUTED)
        low, high = _draw_curves(axes, dose, tables, band)
        scale_y(axes, low, high)
        zero_line(axes, vertical=False)
        dose_axis(axes, dose)
        middles = [quantile(table, 0.5) for table in tables]
        _end_labels(sheet, names, middles, (low, high), left + width + 8, room)
        if onset is not None and np.isfinite(onset) and (dose == 0).any():
            words = f"onset {'+' if onset > 0 else ''}{number(onset)}"
            _onset(axes, words, middles[0][dose <= 1], (low, high))
        if recognition is not None:
            sheet.text(MARGIN, 183, "share recognised", size=SMALL, colour=MUTED)
            lower = sheet.panel(left, 192, width, 46)
            draw_recognition(lower, dose, recognition, threshold)
            dose_axis(lower, dose)
        bottom = 238 if recognition is not None else 148
        sheet.text(
            left + width / 2, bottom + 28, "number of copies", size=SMALL, colour=MUTED, align="center"
        )
        return sheet.figure


def quantile(table: Float, share: float) -> Float:
    """Quantile over draws, ignoring NaN, ``[D]``; NaN for a dose without any draw."""
    known = np.isfinite(table).any(axis=0)
    result = np.full(table.shape[1], np.nan)
    if known.any():
        result[known] = np.nanquantile(table[:, known], share, axis=0)
    return result


def _draw_curves(
    axes: Axes, dose: Float, tables: Sequence[Float], band: tuple[float, float]
) -> tuple[float, float]:
    """Draw all, the effect last and boldest; returns the limits that hold them."""
    place, repeated = dose_place(dose), dose > 0
    edges: list[Float] = []
    for i in reversed(range(len(tables))):
        colour = _colour(i)
        below, middle, above = (quantile(tables[i], share) for share in (band[0], 0.5, band[1]))
        edges += [below, middle, above]
        bold = i == 0
        if len(tables[i]) > 1:
            axes.fill_between(
                place[repeated],
                below[repeated],
                above[repeated],
                color=colour,
                alpha=0.20 if bold else 0.12,
                linewidth=0,
            )
        line = 2.2 if bold else 1.4
        axes.plot(
            place[repeated], middle[repeated], color=colour, linewidth=line, marker="o", markersize=line * 1.7
        )
        first = np.flatnonzero(repeated)[:1]
        zero = np.flatnonzero(dose == 0)
        if zero.size and first.size:
            ends = [zero[0], first[0]]
            axes.plot(place[ends], middle[ends], color=colour, linewidth=1, linestyle=(0, (1, 2)))
        axes.plot(
            place[zero], middle[zero], "o", markersize=line * 2, markerfacecolor=PAPER, markeredgecolor=colour
        )
    return span(*edges, room=0.08)


def _colour(index: int) -> str:
    return BLUE if index == 0 else (CONTROL, *CATEGORIES[1:])[(index - 1) % len(CATEGORIES)]


def _end_labels(
    sheet: Sheet,
    names: Sequence[str],
    middles: Sequence[Float],
    limits: tuple[float, float],
    left: float,
    room: float,
) -> None:
    """Name each curve at its right end, moved apart where they meet."""
    low, high = limits
    ends = [float(finite(middle)[-1]) if finite(middle).size else low for middle in middles]
    heights = [20 + 128 * (high - end) / (high - low) + 3 for end in ends]
    for i, y in enumerate(spread_labels(heights, 12, 26, 150)):
        ink = MUTED if _colour(i) == CONTROL else _colour(i)
        sheet.text(left, y, elide(names[i], room, SMALL, bold=i == 0), size=SMALL, colour=ink, bold=i == 0)


def _onset(axes: Axes, words: str, pair: Float, limits: tuple[float, float]) -> None:
    """Write the onset beside the dotted line from no copy to one."""
    known = pair[np.isfinite(pair)]
    if known.size:
        above = float(known.mean()) < sum(limits) / 2
        axes.text(
            -0.97,
            limits[1] if above else limits[0],
            words,
            fontsize=SMALL,
            color=INK,
            ha="left",
            va="top" if above else "bottom",
            parse_math=False,
        )


def _names(names: Sequence[str], unit: str) -> str:
    return f"{unit} against the number of copies for " + ", ".join(names)
