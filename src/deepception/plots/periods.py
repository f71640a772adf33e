"""The spectrum of periods that an observer's answers have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .palette import BLUE, MUTED, PAPER, VERMILLION
from .scales import finite, scale_x, scale_y, span
from .sheet import MARGIN, Sheet
from .style import style
from .words import SMALL, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def period_spectrum(
    periods: ArrayLike,
    d: ArrayLike,
    *,
    chosen: int | None = None,
    nested: Sequence[int] = (),
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    title: str | None = None,
) -> Figure:
    """How unlike itself the answer is when the patch moves on by T pixels: dips are periods.

    Args:
        periods: ``[T]`` shifts in pixels.
        d: ``[T]``, D(T): 0 where the answer repeats itself, about 1 where it does not.
        chosen: The period found, or ``None``: then the figure says "no period found".
        nested: Further periods within it.
        low: ``[T]`` lower bounds of D, optional.
        high: ``[T]`` upper bounds of D, optional.
        title: A line above all.

    Returns:
        A matplotlib figure.
    """
    shift = np.asarray(periods, dtype=np.float64).ravel()
    value = np.asarray(d, dtype=np.float64).ravel()
    words = "no period found" if chosen is None else f"period {chosen} px"
    with style():
        sheet = Sheet(178, title=title, description=f"difference after a shift, {words}")
        if not finite(value).size:
            return sheet.nothing()
        left, width = MARGIN + 26, Sheet.width - 2 * MARGIN - 34
        sheet.text(MARGIN, 9, "difference D after a shift (0: repeats itself)", size=SMALL, colour=MUTED)
        axes = sheet.panel(left, 20, width, 122)
        bounds = [b for b in (low, high) if b is not None]
        top = 1.17 * span(value, *bounds, include=(1.0,), room=0)[1]
        scale_y(axes, 0, top, count=4)
        room = 0.02 * float(np.ptp(shift)) + 0.5
        scale_x(axes, shift.min() - room, shift.max() + room, count=7, grid=False)
        axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        if low is not None and high is not None:
            axes.fill_between(shift, np.asarray(low), np.asarray(high), color=BLUE, alpha=0.16, linewidth=0)
        axes.plot(shift, value, color=BLUE, linewidth=1.6)
        to_x = width / (axes.get_xlim()[1] - axes.get_xlim()[0])
        found = [n for n in nested if n != chosen] + ([chosen] if chosen is not None else [])
        for period in found:
            at = float(np.interp(period, shift, value))
            axes.plot(
                [period, period], [at, 0.93 * top], color=VERMILLION, linewidth=1, linestyle=(0, (2, 2))
            )
            fill = VERMILLION if period == chosen else PAPER
            axes.plot([period], [at], "o", markersize=6, color=VERMILLION, markerfacecolor=fill, zorder=5)
            label = words if period == chosen else f"{period}"
            half = text_width(label, SMALL) / 2
            x = min(left + (period - axes.get_xlim()[0]) * to_x, Sheet.width - MARGIN - half)
            sheet.text(x, 26, label, size=SMALL, bold=period == chosen, align="center")
        if chosen is None:
            sheet.text(Sheet.width - MARGIN, 9, words, size=SMALL, bold=True, align="right")
        sheet.text(
            left + width / 2, 171, "shift of the patch, pixels", size=SMALL, colour=MUTED, align="center"
        )
        return sheet.figure
