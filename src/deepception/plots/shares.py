"""Shares of a whole as one stacked bar a row, labelled where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .palette import MUTED, PAPER, colour_of, hex_rgb, ink_on
from .sheet import MARGIN, Sheet
from .style import style
from .words import BODY, SMALL, elide, number, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]


def shares_bar(
    names: Sequence[str],
    counts: ArrayLike,
    *,
    rows: Sequence[str] | None = None,
    title: str | None = None,
    things: str = "photographs",
) -> Figure:
    """How a number of things divides into kinds: rising, falling, peaked, flat; activators, inhibitors, ….

    Args:
        names: K names of the kinds.
        counts: ``[K]``, or ``[rows, K]``; NaN and negative counts as none.
        rows: Names of the rows, where there are several.
        title: A line above all.
        things: What is counted.

    Returns:
        A matplotlib figure.
    """
    table = _table(counts, len(names))
    labels = [""] * len(table) if rows is None else list(rows)
    totals = [f"{number(float(row.sum()), 0)} {things}" for row in table]
    return _bars([plain(n) for n in names], table, labels, totals, title, f"shares of {things}", counted=True)


def variance_bars(
    place: ArrayLike,
    phase: ArrayLike,
    interaction: ArrayLike,
    *,
    rows: Sequence[str] | None = None,
    title: str | None = None,
    unit: str = "decades² of odds",
) -> Figure:
    """How much of the variance is place, how much phase (alignment), and how much belongs to neither.

    Args:
        place: σ² of the place, a number or ``[rows]``; an estimate below zero counts as zero in the shares.
        phase: σ² of the phase, likewise.
        interaction: σ² of place by phase, likewise.
        rows: Names of the rows, where there are several.
        title: A line above all.
        unit: Of the total that is printed beside each bar.

    Returns:
        A matplotlib figure.
    """
    parts = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (place, phase, interaction))
    )
    table = np.stack([part.ravel() for part in parts], axis=1)
    labels = [""] * len(table) if rows is None else list(rows)
    broken = ~np.isfinite(table).all(axis=1)
    table = np.where(broken[:, None], 0.0, np.clip(table, 0, None))
    sums = [float(row.sum()) for row in table]
    totals = [f"σ² = {number(total, 2 if total >= 0.095 else 3)} {unit}" for total in sums]
    return _bars(
        ["place", "phase", "interaction"], table, labels, totals, title, "shares of variance", counted=False
    )


def _table(counts: ArrayLike, kinds: int) -> Float:
    table = np.asarray(counts, dtype=np.float64)
    table = table.reshape(1, -1) if table.ndim < 2 else table
    if table.shape[1] != kinds:
        raise ValueError(f"{table.shape[1]} counts for {kinds} names")
    return np.clip(np.nan_to_num(table, nan=0.0, posinf=0.0, neginf=0.0), 0, None)


def _bars(
    names: Sequence[str],
    table: Float,
    rows: Sequence[str],
    totals: Sequence[str],
    title: str | None,
    what: str,
    *,
    counted: bool,
) -> Figure:
    if len(rows) != len(table):
        raise ValueError(f"{len(rows)} names for {len(table)} rows")
    width = Sheet.width - 2 * MARGIN
    bar, step = 22.0, 46.0
    names = [elide(name, width - 12, SMALL) for name in names]
    key = _flow(names, width)
    head = 15.0 * (max(line for _, line in key) + 1) if key else 0.0
    colours = [colour_of(name, i) for i, name in enumerate(names)]
    with style():
        sheet = Sheet(head + step * len(table) + 4, title=title, description=_words(what, names, table, rows))
        if not table.sum():
            return sheet.nothing()
        axes = sheet.panel(0, 0, Sheet.width, sheet.height - sheet.top, bare=True)
        axes.set_xlim(0, Sheet.width)
        axes.set_ylim(sheet.height - sheet.top, 0)
        for (x, line), name, colour in zip(key, names, colours, strict=True):
            axes.bar(
                [MARGIN + x + 4], [8], 8, bottom=15 * line + 1, color=colour, edgecolor=MUTED, linewidth=0.3
            )
            sheet.text(MARGIN + x + 12, 15 * line + 8.5, name, size=SMALL)
        for i, row in enumerate(table):
            top = head + step * i
            total = float(row.sum())
            note = totals[i] if total else "no data"
            room = width - text_width(note, SMALL) - 10
            sheet.text(MARGIN, top + 13, elide(rows[i], room), size=BODY)
            sheet.text(Sheet.width - MARGIN, top + 13, note, size=SMALL, colour=MUTED, align="right")
            left = MARGIN
            for value, colour in zip(row, colours, strict=True):
                wide = width * float(value) / total if total else 0.0
                if not wide:
                    continue
                axes.bar(
                    [left],
                    [bar],
                    wide,
                    bottom=top + 18,
                    align="edge",
                    color=colour,
                    edgecolor=PAPER,
                    linewidth=1,
                )
                share = f"{100 * value / total:.0f} %"
                both = f"{number(float(value), 0)} · {share}"
                for words in (both, share) if counted else (share,):
                    if text_width(words, SMALL) + 5 < wide:
                        ink = ink_on(hex_rgb(colour))
                        sheet.text(left + wide / 2, top + 32, words, size=SMALL, colour=ink, align="center")
                        break
                left += wide
        return sheet.figure


def _flow(names: Sequence[str], width: float) -> list[tuple[float, int]]:
    """Where each entry of the key begins: (x in points, line)."""
    places: list[tuple[float, int]] = []
    x, line = 0.0, 0
    for name in names:
        wide = 12 + text_width(name, SMALL) + 14
        if x and x + wide - 14 > width:
            x, line = 0.0, line + 1
        places.append((x, line))
        x += wide
    return places


def _words(what: str, names: Sequence[str], table: Float, rows: Sequence[str]) -> str:
    lines = []
    for row, label in zip(table[:12], rows, strict=False):
        total = float(row.sum())
        shares = (
            [f"{name} {100 * v / total:.0f} %" for name, v in zip(names, row, strict=True)]
            if total
            else ["no data"]
        )
        lines.append(f"{label} {', '.join(shares)}".strip())
    return f"{what}: " + "; ".join(lines)
