"""Estimates with their intervals, one a row, beside their controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .palette import BLUE, CONTROL, INK, MUTED, PAPER, VERMILLION
from .scales import finite, scale_x, span, zero_line
from .sheet import MARGIN, Sheet, clear_lines
from .style import style
from .words import BODY, SMALL, UNIT, elide, number, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = tuple[str, float, float, float, float | None]


def forest(
    rows: Sequence[Row],
    *,
    unit: str = UNIT,
    title: str | None = None,
    control_name: str = "control",
    digits: int | None = None,
    findings: int | None = None,
) -> Figure:
    """One estimate a row with its interval, its control as a hollow mark, and a rule at zero.

    Args:
        rows: (label, value, low, high, control or ``None``); a NaN value reads "no data", a NaN bound leaves
            the interval out.
        unit: What the values are measured in.
        title: A line above all.
        control_name: What the hollow mark is called.
        digits: Decimals of the figures; without, about three figures.
        findings: How many rows, from the first, are findings; the others are drawn as controls (``None``: all
            are findings).

    Returns:
        A matplotlib figure, higher with more rows.
    """
    known = [(plain(r[0]), float(r[1]), float(r[2]), float(r[3]), _float(r[4])) for r in rows]
    said = [_interval_words(value, low, high, digits) for _, value, low, high, _ in known]
    names = max((text_width(row[0], BODY, bold=findings is not None) for row in known), default=0.0) + 10
    figures = max((text_width(words, SMALL) for words in said), default=0.0) + 10
    stacked = names + figures > 0.56 * Sheet.width
    step = 31.0 if stacked else 19.0
    values = np.array([row[1:] for row in known], dtype=np.float64)
    hollow = any(np.isfinite(row[4]) for row in known)
    with style():
        head = 18.0 if hollow else 4.0
        tall = step * len(known)
        sheet = Sheet(head + tall + 36, title=title, description=_forest_words(known, said, unit))
        if not finite(values).size:
            return sheet.nothing()
        left = MARGIN if stacked else MARGIN + names
        width = Sheet.width - MARGIN - left - (0 if stacked else figures)
        axes = sheet.panel(left, head, width, tall)
        scale_x(axes, *span(values, include=(0.0,)), count=5)
        zero_line(axes, vertical=True)
        axes.set_ylim(tall, 0)
        if stacked:
            clear_lines(axes, [step * i for i in range(len(known))], 17)
        axes.set_yticks([])
        for i, ((label, value, low, high, control), words) in enumerate(zip(known, said, strict=True)):
            middle = step * i + (step - 8.5 if stacked else step / 2)
            text = head + step * i + 13 if stacked else head + middle + 3.3
            room = Sheet.width - 2 * MARGIN - figures if stacked else names - 8
            finding = findings is None or i < findings
            colour, bold = BLUE if finding else CONTROL, findings is not None and finding
            sheet.text(MARGIN, text, elide(label, room, bold=bold), colour=INK, bold=bold)
            sheet.text(Sheet.width - MARGIN, text, words, size=SMALL, colour=MUTED, align="right")
            if np.isfinite(low) and np.isfinite(high):
                axes.plot([low, high], [middle, middle], color=colour, linewidth=2, solid_capstyle="round")
            axes.plot([value], [middle], "o", color=colour, markersize=6)
            axes.plot(
                [control], [middle], "o", markersize=5.5, markerfacecolor=PAPER, markeredgecolor=VERMILLION
            )
        if hollow:
            _key(sheet, [("estimate, 95 % interval", BLUE, BLUE), (control_name, PAPER, VERMILLION)])
        sheet.text(left + width / 2, head + tall + 29, unit, size=SMALL, colour=MUTED, align="center")
        return sheet.figure


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _interval_words(value: float, low: float, high: float, digits: int | None) -> str:
    if not np.isfinite(value):
        return "no data"
    if np.isnan(low) or np.isnan(high):
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def _forest_words(
    rows: Sequence[tuple[str, float, float, float, float]], said: Sequence[str], unit: str
) -> str:
    parts = [f"{row[0]} {words}" for row, words in zip(rows[:12], said, strict=False)]
    more = f", and {len(rows) - 12} more" if len(rows) > 12 else ""
    return f"estimates in {unit}: " + ", ".join(parts) + more


def _key(sheet: Sheet, entries: Sequence[tuple[str, str, str]]) -> None:
    """Dots and their meaning in one line at the top."""
    x = MARGIN
    axes = sheet.panel(0, 0, Sheet.width, 12, bare=True)
    axes.set_xlim(0, Sheet.width)
    axes.set_ylim(12, 0)
    for words, fill, edge in entries:
        axes.plot([x + 3], [6], "o", markersize=5.5, markerfacecolor=fill, markeredgecolor=edge)
        sheet.text(x + 10, 9, words, size=SMALL, colour=MUTED)
        x += 26 + text_width(words, SMALL)
