"""The map of a photograph's regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .fields import Masks, UInt8, overlay, region_field
from .palette import MUTED, Limits, fit_limits
from .pictures import bound_words, colour_bar, flags_of, map_words, outline, show
from .sheet import MARGIN, Sheet
from .style import style
from .words import SMALL, UNIT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def region_map(
    image: UInt8,
    values: ArrayLike,
    boxes: ArrayLike,
    *,
    masks: Masks = None,
    signed: bool = False,
    unit: str = UNIT,
    title: str | None = None,
    limits: Limits | None = None,
    mark: int | None = None,
    significant: ArrayLike | None = None,
    bounded: ArrayLike | None = None,
    names: tuple[str, str] = ("photograph", "its regions"),
) -> Figure:
    """The photograph, and beside it the map of its regions over a pale, grey copy.

    Args:
        image: uint8 ``[H, W, 3]``, the frame.
        values: ``[R]``, one a region, in ``unit``; NaN where not measured.
        boxes: int ``[R, 4]``, y, x, height, width in pixels.
        masks: ``None``, or for each region ``None`` or a mask of its box.
        signed: Diverging colours with zero in their middle; otherwise viridis.
        unit: What the colour bar measures.
        title: A line above all.
        limits: Values at the ends of the colours; from the values by default.
        mark: Index of the region to outline in both pictures (the best one).
        significant: bool ``[R]``; the other regions are faded. All count by default.
        bounded: bool ``[R]``; these regions are hatched: their values are only bounds. None are by default.
        names: Captions of the photograph and of the map.

    Returns:
        A matplotlib figure.
    """
    worth = np.asarray(values, dtype=np.float64).ravel()
    corners = np.asarray(boxes, dtype=np.int64).reshape(-1, 4)
    bounds = fit_limits(worth, signed=signed, limits=limits)
    gap = 13.0
    side = (Sheet.width - 2 * MARGIN - gap) / 2
    tall = side * image.shape[0] / image.shape[1]
    flags = flags_of(bounded, worth)
    with style():
        notes = (mark is not None) + (significant is not None) + bool(flags.any())
        described = map_words(worth, unit, "regions", flags)
        sheet = Sheet(tall + (70 if notes > 2 else 58), title=title, description=described)
        if not np.isfinite(worth).any():
            return sheet.nothing()
        right = MARGIN + side + gap
        for left, name in zip((MARGIN, right), names, strict=True):
            sheet.text(left, 9, name, size=SMALL, colour=MUTED, room=side)
        field = region_field(image.shape[:2], worth, corners, masks)
        faded = None
        if significant is not None:
            quiet = 1.0 - np.asarray(significant, dtype=np.float64).ravel()
            faded = region_field(image.shape[:2], quiet, corners, masks) > 0.5
        hatched = region_field(image.shape[:2], flags.astype(np.float64), corners, masks) > 0.5
        picture = show(sheet, image, MARGIN, 15, side, tall)
        chart = show(
            sheet,
            overlay(image, field, signed=signed, limits=bounds, faded=faded, hatched=hatched),
            right,
            15,
            side,
            tall,
        )
        if mark is not None:
            mask = None if masks is None else masks[mark]
            for axes in (picture, chart):
                outline(axes, corners[mark], mask)
        foot = 15 + tall
        said = [
            # Without its value, which is too high where it was chosen by it.
            *(["outlined: best region"] if mark is not None else []),
            *(["pale: not beyond its control"] if faded is not None else []),
            *([bound_words(flags)] if flags.any() else []),
        ]
        for line, words in enumerate(said):
            sheet.text(MARGIN, foot + 15 + 14 * line, words, size=SMALL, colour=MUTED)
        colour_bar(sheet, right, foot + 8, side, bounds, signed, unit)
        return sheet.figure
