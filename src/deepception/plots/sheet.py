"""A sheet to draw on: one figure measured in points from its top-left corner, with our type and rules.

Everything is placed by hand, so that no layout solver runs, and the same arrays always give the same bytes.
Sizes are made for a phone: the sheet is 4.6 inches (331 points) wide, so its type keeps about its size on a
screen of 345 CSS pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from .palette import INK, MUTED, PAPER
from .words import BODY, FAMILY, HEADING, SMALL, elide, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 331.2
MARGIN = 8.0


class Sheet:
    """A figure with a title line, measured in points from the top left."""

    width = WIDTH

    def __init__(self, height: float, *, title: str | None = None, description: str = "") -> None:
        """Open a sheet ``height`` points high below its title line; use inside of :func:`style`."""
        from .drawing import Drawing

        self.top = 25.0 if title else 6.0
        self.height = height + self.top
        self.figure: Figure = Drawing(figsize=(self.width / 72, self.height / 72), dpi=144, facecolor=PAPER)
        self.describe(": ".join(part for part in (plain(title or ""), plain(description)) if part))
        if title:
            self.text(MARGIN, -9, title, size=HEADING, bold=True)

    def describe(self, words: str) -> None:
        """Set what a reader who cannot see the figure is told."""
        self.figure.set_label(plain(words))

    def panel(self, left: float, top: float, width: float, height: float, *, bare: bool = False) -> Axes:
        """Axes at a place below the title; ``bare`` ones have no axis at all."""
        box = (
            left / self.width,
            1 - (self.top + top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(box)
        axes.set_facecolor("none")
        if bare:
            axes.set_axis_off()
            return axes
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(MUTED)
            spine.set_linewidth(0.7)
        axes.tick_params(
            length=0,
            pad=4,
            labelsize=SMALL,
            labelcolor=MUTED,
            color=MUTED,
            width=0.7,
            labelfontfamily=FAMILY,
            which="both",
        )
        axes.set_axisbelow(True)
        return axes

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = BODY,
        colour: str = INK,
        bold: bool = False,
        align: Literal["left", "center", "right"] = "left",
        room: float | None = None,
    ) -> None:
        """One line of text with its baseline ``y`` points below the title line.

        It is cut with "…" where it is wider than ``room`` points, or would leave the sheet.
        """
        after, before = self.width - MARGIN / 2 - x, x - MARGIN / 2
        free = {"left": after, "right": before, "center": 2 * min(before, after)}[align]
        from matplotlib.transforms import Affine2D

        points = Affine2D().scale(1 / 72) + self.figure.dpi_scale_trans
        self.figure.text(
            x,
            self.height - self.top - y,
            elide(words, free if room is None else min(room, free), size, bold=bold),
            transform=points,
            fontsize=size,
            color=colour,
            fontweight="bold" if bold else "normal",
            fontfamily=FAMILY,
            ha=align,
            va="baseline",
            parse_math=False,
        )

    def nothing(self, words: str = "no data") -> Figure:
        """Say in the middle of the sheet that there is nothing to draw."""
        self.text(self.width / 2, (self.height - self.top) / 2, words, colour=MUTED, align="center")
        self.describe(f"{self.figure.get_label()} ({words})".strip())
        return self.figure


def clear_lines(axes: Axes, tops: Sequence[float], height: float) -> None:
    """Take the rules out of the lines that hold words."""
    low, high = axes.get_xlim()
    axes.barh(
        [top + height / 2 - 0.75 for top in tops],
        high - low,
        height + 1.5,
        left=low,
        color=PAPER,
        linewidth=0,
        zorder=0.95,
        clip_on=False,
    )
