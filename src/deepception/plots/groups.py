"""The values of many photographs: in pairs with their controls, and each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .palette import BLUE, CONTROL, INK, MUTED, PAPER, VERMILLION
from .scales import finite, scale_x, scale_y, span, zero_line
from .sheet import MARGIN, Sheet, clear_lines
from .style import style
from .words import SMALL, UNIT, elide, number, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]


def effect_vs_control(
    effect: ArrayLike,
    control: ArrayLike,
    *,
    unit: str = UNIT,
    names: tuple[str, str] = ("patch", "best control"),
    title: str | None = None,
) -> Figure:
    """One line a photograph from its control to its effect, with both medians.

    Args:
        effect: ``[n]``, one a photograph, in ``unit``; pairs with a NaN are left out and counted.
        control: ``[n]``, of the same photographs.
        unit: What the values are measured in.
        names: What effect and control are.
        title: A line above all.

    Returns:
        A matplotlib figure.
    """
    pair = np.stack(
        [np.asarray(control, dtype=np.float64).ravel(), np.asarray(effect, dtype=np.float64).ravel()]
    )
    kept = pair[:, np.isfinite(pair).all(axis=0)]
    missing = pair.shape[1] - kept.shape[1]
    above = int((kept[1] > kept[0]).sum())
    words = f"{above} of {kept.shape[1]} photographs above their control"
    with style():
        sheet = Sheet(222, title=title, description=words)
        if not kept.size:
            return sheet.nothing()
        room = Sheet.width - 2 * MARGIN - text_width(words, SMALL) - 10
        sheet.text(MARGIN, 9, unit, size=SMALL, colour=MUTED, room=room)
        sheet.text(Sheet.width - MARGIN, 9, words, size=SMALL, align="right")
        left, width, tall = MARGIN + 30, Sheet.width - 2 * MARGIN - 30, 162.0
        axes = sheet.panel(left, 20, width, tall)
        low, high = span(kept)
        scale_y(axes, low, high)
        zero_line(axes, vertical=False)
        axes.spines["bottom"].set_visible(False)
        axes.set_xlim(-0.62, 1.62)
        axes.set_xticks([])
        for up, colour in ((False, VERMILLION), (True, BLUE)):
            chosen = kept[:, (kept[1] > kept[0]) == up]
            faint = float(np.clip(12 / max(chosen.shape[1], 1), 0.18, 0.55))
            axes.plot([0, 1], chosen, color=colour, linewidth=1, alpha=faint)
        medians = np.median(kept, axis=1)
        axes.plot([0, 1], medians, color=INK, linewidth=2.2)
        axes.plot(
            [0],
            medians[:1],
            "o",
            markersize=8,
            markerfacecolor=PAPER,
            markeredgecolor=INK,
            markeredgewidth=1.6,
        )
        axes.plot([1], medians[1:], "o", markersize=8, color=INK)
        for column, align in ((0, "right"), (1, "left")):
            x = left + width * ((column + 0.62) / 2.24 + (-0.035 if column == 0 else 0.035))
            y = 20 + tall * (high - medians[column]) / (high - low)
            sheet.text(x, y, "median", size=SMALL, colour=MUTED, align=align)  # type: ignore[arg-type]
            sheet.text(x, y + 11, number(medians[column]), bold=True, align=align)  # type: ignore[arg-type]
            at = left + width * (column + 0.62) / 2.24
            name = elide(names[1 - column], 0.44 * width, bold=True)
            sheet.text(at, 20 + tall + 14, name, bold=True, align="center")
        if missing:
            sheet.text(MARGIN, 216, f"{missing} not measured", size=SMALL, colour=MUTED)
        return sheet.figure


def distribution(
    values: ArrayLike | Mapping[str, ArrayLike],
    *,
    unit: str = UNIT,
    title: str | None = None,
    zero: bool = True,
) -> Figure:
    """Every value as a dot, with median and quartiles; one strip for each group.

    Args:
        values: ``[n]``, one a photograph, or names to such arrays (the first is the effect, the others are
            controls); NaN are left out and counted.
        unit: What the values are measured in.
        title: A line above all.
        zero: Whether the axis holds zero.

    Returns:
        A matplotlib figure.
    """
    groups = dict(values) if isinstance(values, Mapping) else {"": values}
    step = 48.0
    with style():
        tall = step * len(groups)
        sheet = Sheet(tall + 38, title=title, description=f"distribution of {unit}")
        known = {plain(name): finite(group) for name, group in groups.items()}
        if not any(group.size for group in known.values()):
            return sheet.nothing()
        width = Sheet.width - 2 * MARGIN
        axes = sheet.panel(MARGIN, 2, width, tall)
        scale_x(axes, *span(*known.values(), include=(0.0,) if zero else ()))
        zero_line(axes, vertical=True)
        axes.set_ylim(tall, 0)
        axes.set_yticks([])
        clear_lines(axes, [step * i for i in range(len(groups))], 17)
        low, high = axes.get_xlim()
        for i, ((name, group), raw) in enumerate(zip(known.items(), groups.values(), strict=True)):
            middle = step * i + 32
            colour = BLUE if i == 0 else CONTROL
            words = _group_words(group, int(np.size(np.asarray(raw))))
            sheet.text(
                MARGIN,
                2 + step * i + 13,
                elide(name, width - text_width(words, SMALL) - 8, bold=i == 0),
                bold=i == 0,
            )
            sheet.text(
                Sheet.width - MARGIN, 2 + step * i + 13, words, size=SMALL, colour=MUTED, align="right"
            )
            if not group.size:
                continue
            offset = _swarm((group - low) / (high - low) * width, radius=2.6, reach=10.0)
            axes.plot(
                group, middle + offset, "o", color=colour, markersize=4.4, alpha=0.45, markeredgewidth=0
            )
            first, median, third = np.quantile(group, [0.25, 0.5, 0.75])
            axes.plot([first, third], [middle, middle], color=INK, linewidth=3.2, solid_capstyle="butt")
            axes.plot(
                [median],
                [middle],
                "o",
                markersize=7.5,
                markerfacecolor=PAPER,
                markeredgecolor=INK,
                markeredgewidth=1.6,
            )
        sheet.text(Sheet.width / 2, tall + 31, unit, size=SMALL, colour=MUTED, align="center")
        return sheet.figure


def _group_words(group: Float, total: int) -> str:
    if not group.size:
        return "no data"
    missing = f", {total - group.size} not measured" if total > group.size else ""
    return f"median {number(float(np.median(group)))} (n = {group.size}{missing})"


def _swarm(x: Float, *, radius: float, reach: float) -> Float:
    """Offsets in points that keep dots apart where there is room; the same for the same places."""
    offset = np.zeros(len(x))
    levels = sorted(np.arange(-reach, reach + 0.1, 2.0), key=lambda v: (abs(v), v))
    placed: list[int] = []
    for i in np.argsort(x, kind="stable"):
        near = [j for j in placed[-60:] if x[i] - x[j] < 2 * radius]
        free = [
            v
            for v in levels
            if all((x[i] - x[j]) ** 2 + (v - offset[j]) ** 2 >= (2 * radius) ** 2 for j in near)
        ]
        offset[i] = free[0] if free else levels[len(placed) % len(levels)]
        placed.append(int(i))
    return offset
