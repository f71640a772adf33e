"""Shares that rise with what is spent: photographs deceived over queries, or over the area that is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .palette import BLUE, CATEGORIES, CONTROL, FAINT, MUTED
from .scales import spread_labels, ticks
from .sheet import MARGIN, Sheet
from .style import style
from .words import SMALL, elide, plain, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
Curve = tuple[ArrayLike, ArrayLike]
_TOP, _TALL = 20.0, 132.0
_DASHES = ("solid", (0, (5, 2)), (0, (2, 1.6)), (0, (6, 2, 1.5, 2)))


def success_curve(
    curves: Mapping[str, Curve],
    *,
    most: float,
    band: Curve | None = None,
    findings: int = 1,
    log: bool = True,
    along: str = "queries for a photograph",
    unit: str = "share deceived",
    title: str | None = None,
) -> Figure:
    """Steps that rise from nothing: the share of things that needed at most so much.

    Args:
        curves: Name to (where the share rises ``[P]``, ascending; the share from there on ``[P]`` in 0…1). The
            first is the finding and is drawn boldly.
        most: Where the axis ends; every curve is drawn up to there.
        band: Lower and upper bounds ``[P]`` of the first curve.
        findings: How many curves, from the first, are findings; the others are controls.
        log: A log axis that begins at 1, else a linear one that begins at 0.
        along: What the axis counts.
        unit: What the share is of.
        title: A line above all.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: A curve has more places than shares, or fewer.
    """
    names = list(curves)
    flat = [_flat(name, *curve) for name, curve in curves.items()]
    steps = [_steps(at, share, most, log=log) for at, share in flat]
    said = [f"{100 * share[-1]:.0f} %" for _, share in steps]
    with style():
        described = ", ".join(f"{plain(n)} {s}" for n, s in zip(names, said, strict=True))
        sheet = Sheet(_TOP + _TALL + 32, title=title, description=f"{unit} against {along}: {described}")
        if not any(at.size for at, _ in flat):
            return sheet.nothing()
        room = min(0.38 * Sheet.width, max(map(_label_width, names, said)) + 2)
        left, width = MARGIN + 32, Sheet.width - 2 * MARGIN - 32 - room - 8
        axes = sheet.panel(left, _TOP, width, _TALL)
        sheet.text(MARGIN, 9, unit, size=SMALL, colour=MUTED)
        _axes(axes, most, log=log)
        for i in reversed(range(len(names))):
            x, share = steps[i]
            axes.plot(
                x,
                share,
                color=_colour(i, findings),
                drawstyle="steps-post",
                linewidth=2.4 if i == 0 else 1.5,
                linestyle=_DASHES[i % len(_DASHES)],
                clip_on=False,
                zorder=4 if i == 0 else 3,
            )
        if band is not None:
            low, high = (_steps(*_flat("band", flat[0][0], edge), most, log=log) for edge in band)
            axes.fill_between(
                low[0], low[1], high[1], step="post", color=BLUE, alpha=0.15, linewidth=0, zorder=2
            )
        ends = [float(share[-1]) for _, share in steps]
        _end_labels(sheet, names, said, ends, findings, left + width + 8, room)
        sheet.text(left + width / 2, _TOP + _TALL + 28, along, size=SMALL, colour=MUTED, align="center")
        return sheet.figure


def _flat(name: str, at: ArrayLike, share: ArrayLike) -> tuple[Float, Float]:
    """A curve as flat arrays of one length."""
    x, y = np.asarray(at, dtype=np.float64).ravel(), np.asarray(share, dtype=np.float64).ravel()
    if x.size != y.size:
        raise ValueError(f"{name}: {x.size} places, but {y.size} shares")
    return x, y


def _steps(at: Float, share: Float, most: float, *, log: bool) -> tuple[Float, Float]:
    """Where to draw, in the axis' own unit, from its beginning to its end; what is unknown is left out."""
    known = np.isfinite(at) & np.isfinite(share)
    at, share = at[known], share[known]
    first = 1.0 if log else 0.0
    x = np.concatenate([[first], np.clip(at, first, most), [max(most, first)]])
    y = np.concatenate([[0.0], share, [share[-1] if share.size else 0.0]])
    return (np.log10(x) if log else x), y


def _axes(axes: Axes, most: float, *, log: bool) -> None:
    if log:
        high = float(np.log10(max(most, 1.0))) or 0.1
        values = _log_ticks(max(most, 1.0))
        axes.set_xlim(-0.012 * high, high)
        axes.set_xticks([float(np.log10(v)) for v in values], [f"{v:,.0f}" for v in values])
    else:
        places, labels = ticks(0.0, most, 5)
        axes.set_xlim(0.0, most)
        axes.set_xticks(places, labels)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "", "50 %", "", "100 %"])
    axes.grid(axis="y", color=FAINT, linewidth=0.8)


def _log_ticks(most: float) -> list[float]:
    """1, 2, 5, 10, … up to ``most``, only powers of ten where there are many, and ``most`` itself."""
    powers = 10.0 ** np.arange(0, np.floor(np.log10(most)) + 1)
    values = [p * m for p in powers for m in ((1, 2, 5) if most < 200 else (1,)) if p * m <= most]
    gap = 0.12 * float(np.log10(most))
    return [*(v for v in values if np.log10(most / v) >= gap), most] if most > 1 else [1.0]


def _colour(index: int, findings: int) -> str:
    if index < findings:
        return BLUE
    return (CONTROL, *CATEGORIES[1:])[(index - findings) % len(CATEGORIES)]


def _label_width(name: str, said: str) -> float:
    return text_width(plain(name), SMALL, bold=True) + text_width(f" {said}", SMALL, bold=True)


def _end_labels(
    sheet: Sheet,
    names: Sequence[str],
    said: Sequence[str],
    ends: Sequence[float],
    findings: int,
    left: float,
    room: float,
) -> None:
    """Name each curve and its last share at its right end, moved apart where they meet."""
    heights = [_TOP + _TALL * (1 - end) + 3 for end in ends]
    for i, y in enumerate(spread_labels(heights, 12, _TOP + 3, _TOP + _TALL + 2)):
        bold = i == 0
        colour = _colour(i, findings)
        ink = MUTED if colour == CONTROL else colour
        name = elide(names[i], room - text_width(f" {said[i]}", SMALL, bold=bold), SMALL, bold=bold)
        sheet.text(left, y, f"{name} {said[i]}", size=SMALL, colour=ink, bold=bold)
