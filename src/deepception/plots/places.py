"""The map of what one patch does at each of its places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fields import UInt8, overlay, place_field, place_owner
from .palette import INK, MUTED, PAPER, Limits, colour_of, colourise, fit_limits, ink_on
from .pictures import bound_words, colour_bar, flags_of, map_words, outline, show, worth_words
from .sheet import MARGIN, Sheet
from .style import style
from .words import SMALL, UNIT, plain, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES = ((1, "activator", "+"), (-1, "inhibitor", "−"), (0, "neutral", "·"), (2, "undecided", "?"))


def place_map(
    image: UInt8 | None,
    values: ArrayLike,
    places: ArrayLike | None,
    patch_shape: tuple[int, int],
    *,
    signed: bool = True,
    classes: ArrayLike | None = None,
    bounded: ArrayLike | None = None,
    unit: str = UNIT,
    title: str | None = None,
    limits: Limits | None = None,
    mark: int | None = None,
    patch: UInt8 | None = None,
    name: str = "where the patch is placed",
) -> Figure:
    """What one patch does at each of its places, over the background it was placed on.

    Args:
        image: uint8 ``[H, W, 3]``, the canvas or photograph below the patch; ``None`` (with ``places``) for
            plain grey that reaches as far as the patches do.
        values: ``[L]``, or ``[rows, cols]`` of an even lattice that reaches all edges; NaN: not measured.
        patch_shape: (height, width) of the patch in pixels.
        places: int ``[L, 2]``, y, x of the patch's top-left pixel; ``None``: from the lattice.
        signed: Diverging colours with zero in their middle; otherwise viridis.
        classes: int8 ``[L]``: 1 activator, −1 inhibitor, 0 neutral, 2 undecided; drawn as +, −, · and ?.
        bounded: bool ``[L]``; these places are hatched: their values are only bounds. None are by default.
        unit: What the colour bar measures.
        title: A line above all.
        limits: Values at the ends of the colours; from the values by default.
        mark: Index of the place whose patch is outlined (the loudest one).
        patch: uint8 ``[h, w, 3]``, the patch's pixels, shown beside the map at the same scale.
        name: Caption of the map.

    Returns:
        A matplotlib figure.
    """
    worth = np.asarray(values, dtype=np.float64)
    corners, image = _ground(image, worth.shape, places, patch_shape)
    worth = worth.ravel()
    if len(corners) != len(worth):
        raise ValueError(f"{len(worth)} values at {len(corners)} places")
    bounds = fit_limits(worth, signed=signed, limits=limits)
    side = 196.0
    tall = side * image.shape[0] / image.shape[1]
    flags = flags_of(bounded, worth)
    with style():
        height = max(tall + (36 if flags.any() else 22), 205)
        sheet = Sheet(height, title=title, description=map_words(worth, unit, "places", flags))
        if not np.isfinite(worth).any():
            return sheet.nothing()
        sheet.text(MARGIN, 9, name, size=SMALL, colour=MUTED)
        field = place_field(image.shape[:2], worth, corners, patch_shape)
        hatched = place_field(image.shape[:2], flags.astype(np.float64), corners, patch_shape) > 0.5
        painted = overlay(image, field, signed=signed, limits=bounds, hatched=hatched)
        axes = show(sheet, painted, MARGIN, 15, side, tall)
        if flags.any():
            sheet.text(MARGIN, 15 + tall + 15, bound_words(flags), size=SMALL, colour=MUTED, room=side)
        if mark is not None:
            outline(axes, np.array([*corners[mark], *patch_shape]), None)
        left = MARGIN + side + 16
        top = _patch_key(sheet, left, patch, patch_shape, side / image.shape[1])
        room = Sheet.width - MARGIN - left
        colour_bar(sheet, left, top, room, bounds, signed, unit)
        top += 52
        if mark is not None:
            sheet.text(left, top, f"outlined: {worth_words(worth[mark], signed)}", size=SMALL, colour=MUTED)
            top += 18
        if classes is not None:
            kind = np.asarray(classes).ravel()
            colours = colourise(worth, bounds, signed=signed)
            owner = place_owner(image.shape[:2], corners, patch_shape)
            _glyphs(axes, kind, colours, corners, patch_shape, side / image.shape[1], owner)
            _class_key(sheet, left, max(top, height - 58), kind)
        return sheet.figure


def _ground(
    image: UInt8 | None, lattice: tuple[int, ...], places: ArrayLike | None, patch_shape: tuple[int, int]
) -> tuple[NDArray[np.int64], UInt8]:
    """Places and a canvas, either of which may have been left to us."""
    if places is not None:
        corners = np.asarray(places, dtype=np.int64).reshape(-1, 2)
        if image is None:
            size = corners.max(axis=0, initial=0) + np.array(patch_shape)
            image = np.full((*size, 3), 128, dtype=np.uint8)
        return corners, image
    if image is None:
        raise ValueError("a place map without an image needs its places")
    return lattice_places(lattice, image.shape[:2], patch_shape), image


def lattice_places(
    lattice: tuple[int, ...], frame: tuple[int, int], patch_shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Top-left pixels of an even lattice that reaches the frame's corners, int64 ``[rows · cols, 2]``."""
    if len(lattice) != 2:
        raise ValueError("values without places must be a lattice [rows, cols]")
    y, x = (np.rint(np.linspace(0, frame[i] - patch_shape[i], lattice[i])).astype(np.int64) for i in (0, 1))
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def _patch_key(
    sheet: Sheet, left: float, patch: UInt8 | None, patch_shape: tuple[int, int], scale: float
) -> float:
    """The patch at the map's scale with its size in words; returns where the next thing may begin."""
    height, width = patch_shape
    axes = sheet.panel(left, 15, width * scale, height * scale, bare=True)
    if patch is None:
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    else:
        axes.imshow(patch, interpolation="none", extent=(0, width, height, 0), aspect="auto")
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((0, 0), width, height, fill=False, edgecolor=MUTED, linewidth=0.8, clip_on=False)
    )
    words = f"patch {height}×{width} px"
    beside = left + width * scale + 6
    if beside + text_width(words, SMALL) < Sheet.width - MARGIN / 2:
        sheet.text(beside, 15 + height * scale / 2 + 3, words, size=SMALL, colour=MUTED)
        return 15 + height * scale + 14
    sheet.text(left, 15 + height * scale + 12, words, size=SMALL, colour=MUTED)
    return 15 + height * scale + 24


def _glyphs(
    axes: Axes,
    kind: NDArray[np.generic],
    colours: NDArray[np.float64],
    corners: NDArray[Any],
    patch_shape: tuple[int, int],
    scale: float,
    owner: NDArray[np.int64],
) -> None:
    """One glyph a place, at the patch's centre, dark or white after the colour below it."""
    pixels = float(np.median(np.bincount(owner[owner >= 0], minlength=1).clip(1)))
    size = float(np.clip(0.42 * np.sqrt(pixels) * scale, 2.2, 8.0))
    centres = corners + np.array(patch_shape) / 2
    inks = np.array([ink_on(colour) for colour in colours])
    marker: dict[int, tuple[Any, float]] = {
        1: ("+", size),
        -1: ("_", size),
        0: (".", 0.55 * size),
        2: (_question_mark(), 0.9 * size),
    }
    for code, _, _ in CLASSES:
        shape, points = marker[code]
        for ink in (INK, PAPER):
            chosen = (kind == code) & (inks == ink)
            if chosen.any():
                axes.plot(
                    centres[chosen, 1],
                    centres[chosen, 0],
                    linestyle="none",
                    marker=shape,
                    markersize=points,
                    markeredgewidth=max(0.8, 0.17 * size) if code in (1, -1) else 0,
                    color=ink,
                )


def _question_mark() -> Any:
    """A "?" as a marker about its own middle."""
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    path = TextPath((0, 0), "?", size=10, usetex=False)
    box = path.get_extents()
    return path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))


def _class_key(sheet: Sheet, left: float, top: float, kind: NDArray[np.generic]) -> None:
    """The four classes with their glyph and number of places."""
    for row, (code, name, glyph) in enumerate(CLASSES):
        y = top + 14 * row + 8
        colour = colour_of(name, row) if code in (1, -1) else MUTED
        sheet.text(left + 4, y, glyph, bold=True, colour=colour, align="center")
        sheet.text(left + 14, y, plain(name), size=SMALL, colour=INK)
        count = int((kind == code).sum())
        sheet.text(Sheet.width - MARGIN, y, str(count), size=SMALL, colour=INK, align="right")
