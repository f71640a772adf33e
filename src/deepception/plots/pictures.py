"""What every map needs: pixels on a sheet, an outline, a colour bar, and the map in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fields import UInt8
from .palette import INK, MUTED, PAPER, Limits, colourise
from .scales import ticks
from .sheet import Sheet
from .words import SMALL, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def show(sheet: Sheet, pixels: UInt8, left: float, top: float, width: float, height: float) -> Axes:
    """Pixels uint8 ``[h, w, 3]`` on bare axes whose units are those pixels, y downwards."""
    axes = sheet.panel(left, top, width, height, bare=True)
    rows, columns = pixels.shape[:2]
    axes.imshow(pixels, interpolation="none", extent=(0, columns, rows, 0), aspect="auto")
    return axes


def outline(axes: Axes, box: NDArray[np.int64], mask: NDArray[np.generic] | None) -> None:
    """A dark line within a white one around a box, or around the mask inside of it."""
    y, x, h, w = (int(v) for v in box)
    for colour, line in ((PAPER, 3.4), (INK, 1.5)):
        if mask is None:
            from matplotlib.patches import Rectangle

            axes.add_patch(
                Rectangle((x, y), w, h, fill=False, edgecolor=colour, linewidth=line, clip_on=False)
            )
        else:
            inside = np.pad((np.asarray(mask) != 0).astype(np.float64), 1)
            across, down = x - 0.5 + np.arange(w + 2), y - 0.5 + np.arange(h + 2)
            lines = axes.contour(across, down, inside, levels=[0.5], colors=[colour], linewidths=[line])
            lines.set_clip_on(False)


def colour_bar(
    sheet: Sheet, left: float, top: float, width: float, bounds: Limits, signed: bool, unit: str
) -> None:
    """A horizontal bar with round numbers below it, and the unit below them."""
    axes = sheet.panel(left, top, width, 8)
    low, high = bounds
    strip = colourise(np.linspace(low, high, 256), bounds, signed=signed)[None]
    axes.imshow(
        np.rint(255 * strip).astype(np.uint8), interpolation="none", extent=(low, high, 0, 1), aspect="auto"
    )
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks([])
    values, labels = ticks(low, high, 4)
    if signed:
        labels = ["+" + text if value > 1e-9 else text for value, text in zip(values, labels, strict=True)]
    axes.set_xticks(values, labels)
    sheet.text(left + width / 2, top + 30, unit, size=SMALL, colour=MUTED, align="center", room=width + 8)


def map_words(values: NDArray[np.float64], unit: str, things: str, bounded: NDArray[np.bool_]) -> str:
    """The map for a reader who cannot see it: how many things, from what to what."""
    known = values[np.isfinite(values)]
    if not known.size:
        return f"map of {things}"
    bounds = f", {int(bounded.sum())} of them bounds only" if bounded.any() else ""
    return f"map of {known.size} {things}, from {number(known.min())} to {number(known.max())} {unit}{bounds}"


def flags_of(bounded: ArrayLike | None, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values of a map are bounds, bool ``[n]``; none where nothing is said.

    Raises ValueError where there are more or fewer flags than values.
    """
    if bounded is None:
        return np.zeros(values.size, dtype=bool)
    flags = np.asarray(bounded, dtype=bool).ravel()
    if flags.size != values.size:
        raise ValueError(f"{values.size} values, but {flags.size} flags of bounds")
    return flags


def bound_words(bounded: NDArray[np.bool_]) -> str:
    """What the hatching of a map means, and how much of the map it covers."""
    return f"hatched: bounds only ({int(bounded.sum())} of {bounded.size})"


def worth_words(value: float, signed: bool) -> str:
    """A value of a map, with its plus sign where signs matter."""
    return ("+" if signed and value > 0 else "") + number(value)
