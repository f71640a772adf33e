"""Where recognition turns: fractions, their intervals, and the fitted curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .dose_axes import Threshold, dose_axis, dose_place, draw_recognition
from .palette import BLUE, MUTED
from .scales import finite
from .sheet import MARGIN, Sheet
from .style import style
from .words import SMALL, elide, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def psychometric(
    doses: ArrayLike,
    fractions: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    curve: tuple[ArrayLike, ArrayLike] | None = None,
    threshold: Threshold = None,
    note: str | None = None,
    dose_name: str = "number of copies",
    title: str | None = None,
) -> Figure:
    """Fractions recognised against dose, with Wilson intervals, the fitted curve and its threshold.

    Args:
        doses: ``[D]``, ascending; 0 stands apart on the left, the others on a log₂ axis.
        fractions: ``[D]`` in 0…1, NaN where not measured.
        low: ``[D]`` lower bounds.
        high: ``[D]`` upper bounds.
        curve: The fit, (doses, fractions), where there is one.
        threshold: (value, low, high) in doses.
        note: A word in the figure, for instance ``"threshold > 16"`` where nothing was fitted.
        dose_name: What the doses count.
        title: A line above all.

    Returns:
        A matplotlib figure.
    """
    dose = np.asarray(doses, dtype=np.float64).ravel()
    with style():
        sheet = Sheet(176, title=title, description=f"share recognised against {dose_name}")
        if not finite(fractions).size:
            return sheet.nothing()
        left, width = MARGIN + 30, Sheet.width - 2 * MARGIN - 36
        sheet.text(MARGIN, 9, "share recognised", size=SMALL, colour=MUTED)
        axes = sheet.panel(left, 20, width, 122)
        if curve is not None:
            x, y = (np.asarray(part, dtype=np.float64).ravel() for part in curve)
            axes.plot(dose_place(x[x > 0]), y[x > 0], color=BLUE, linewidth=1.8)
        draw_recognition(axes, dose, (fractions, low, high), threshold)
        if threshold is not None and note is None:
            note = (
                f"threshold {number(threshold[0], 1)} [{number(threshold[1], 1)}, {number(threshold[2], 1)}]"
            )
        if note:
            sheet.text(
                Sheet.width - MARGIN, 9, elide(note, 0.55 * Sheet.width, SMALL), size=SMALL, align="right"
            )
        dose_axis(axes, dose)
        sheet.text(left + width / 2, 170, dose_name, size=SMALL, colour=MUTED, align="center")
        return sheet.figure
