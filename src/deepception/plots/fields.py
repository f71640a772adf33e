"""Values of regions or places as a field over the frame, and the field as colours over the photograph."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .palette import Float, Limits, colourise, fit_limits, hex_rgb

UInt8 = NDArray[np.uint8]
Masks = Sequence[NDArray[Any] | None] | None

_NO_VALUE = hex_rgb("#d5dae0")
_DETAIL, _SHADE = 0.40, 0.08  # how much of the photograph's edges, and of its large light and dark, remains
_FADE = 0.78  # how far a value that does not count fades
_DARK, _LIGHT, _STRIPES = (
    hex_rgb("#4d5966"),
    hex_rgb("#f4f6f8"),
    28,
)  # of hatching; stripes along the shorter side


def region_field(shape: tuple[int, int], values: ArrayLike, boxes: ArrayLike, masks: Masks = None) -> Float:
    """Paint regions into the frame: float64 ``[H, W]``, NaN where no region is.

    Args:
        shape: (H, W) of the frame in pixels.
        values: ``[R]``; a NaN leaves its region unpainted.
        boxes: int ``[R, 4]``, y, x, height, width in pixels, inside the frame.
        masks: ``None``, or for each region ``None`` or a mask ``[height, width]`` of its box (non-zero: in).

    Where regions overlap (sliding windows), a pixel takes their mean.
    """
    number = np.asarray(values, dtype=np.float64).ravel()
    corners = np.asarray(boxes, dtype=np.int64).reshape(-1, 4)
    if len(corners) != len(number) or (masks is not None and len(masks) != len(number)):
        raise ValueError(f"{len(number)} values, but {len(corners)} boxes or another number of masks")
    total, weight = np.zeros(shape), np.zeros(shape)
    for i, (y, x, h, w) in enumerate(corners):
        if not np.isfinite(number[i]):
            continue
        mask = None if masks is None else masks[i]
        inside = np.ones((h, w)) if mask is None else (np.asarray(mask) != 0).astype(np.float64)
        total[y : y + h, x : x + w] += number[i] * inside
        weight[y : y + h, x : x + w] += inside
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def place_field(
    shape: tuple[int, int], values: ArrayLike, places: ArrayLike, patch_shape: tuple[int, int]
) -> Float:
    """Paint places into the frame: around the centre of each place, a cell as large as the lattice's step.

    A cell never exceeds the patch. Where places are no lattice, a pixel takes the nearest centre whose patch
    covers it.

    Args:
        shape: (H, W) of the frame in pixels.
        values: ``[L]``; a NaN leaves its pixels unpainted.
        places: int ``[L, 2]``, y, x of the patch's top-left pixel.
        patch_shape: (height, width) of the patch in pixels.

    Returns:
        float64 ``[H, W]``, NaN where no patch was.
    """
    owner = place_owner(shape, places, patch_shape)
    number = np.asarray(values, dtype=np.float64).ravel()
    if not number.size:
        return np.full(shape, np.nan)
    return np.where(owner >= 0, number[owner], np.nan)


def place_owner(shape: tuple[int, int], places: ArrayLike, patch_shape: tuple[int, int]) -> NDArray[np.int64]:
    """Index of the place whose cell holds the pixel (see :func:`place_field`), int64 ``[H, W]``; −1: none."""
    corners = np.asarray(places, dtype=np.float64).reshape(-1, 2)
    height, width = patch_shape
    centres = corners + np.array([(height - 1) / 2, (width - 1) / 2])
    owner = np.full(shape, -1, dtype=np.int64)
    nearest = np.full(shape, np.inf)
    reach = np.minimum(_steps(corners), (height, width)) / 2
    for i, (cy, cx) in enumerate(centres):
        top, bottom = int(np.ceil(cy - reach[0])), int(np.floor(cy + reach[0])) + 1
        left, right = int(np.ceil(cx - reach[1])), int(np.floor(cx + reach[1])) + 1
        rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
        y, x = np.arange(shape[0])[rows], np.arange(shape[1])[columns]
        distance = (y[:, None] - cy) ** 2 + (x[None, :] - cx) ** 2
        closer = distance < nearest[rows, columns]
        nearest[rows, columns][closer] = distance[closer]
        owner[rows, columns][closer] = i
    return owner


def _steps(corners: Float) -> Float:
    """The larger steps of a full lattice down and across, infinite where the places are no lattice."""
    axes = [np.unique(corners[:, i]) for i in (0, 1)]
    if axes[0].size * axes[1].size != len(corners):
        return np.array([np.inf, np.inf])
    return np.array([np.diff(axis).max() if axis.size > 1 else np.inf for axis in axes])


def overlay(
    image: UInt8,
    field: ArrayLike,
    *,
    signed: bool,
    limits: Limits | None = None,
    faded: NDArray[np.bool_] | None = None,
    hatched: NDArray[np.bool_] | None = None,
) -> UInt8:
    """A field in colours over the greyed photograph, uint8 ``[H, W, 3]``.

    The photograph adds hardly more than its edges, so that a region's mean colour stays that of the colour
    bar. Pixels without a value show the pale photograph; ``faded`` ``[H, W]`` ones are drawn towards it, and
    ``hatched`` ``[H, W]`` ones bear stripes: their values are only bounds.
    """
    values = np.asarray(field, dtype=np.float64)
    if image.shape[:2] != values.shape:
        raise ValueError(f"a field of {values.shape} does not lie over an image of {image.shape[:2]}")
    texture = _texture(image)
    colours = colourise(values, fit_limits(values, signed=signed, limits=limits), signed=signed)
    blank = _NO_VALUE + np.zeros_like(colours)
    if faded is not None:
        colours = np.where(faded[..., None], colours + _FADE * (blank - colours), colours)
    colours = np.where(np.isfinite(values)[..., None], colours, blank)
    if hatched is not None:
        y, x = np.indices(values.shape)
        apart = max(4, round(min(values.shape) / _STRIPES))
        stripes = hatched & ((y + x) % apart < max(1, apart // 4))
        seen = np.where(colours.mean(axis=-1, keepdims=True) < 0.5, _LIGHT, _DARK)
        colours = np.where(stripes[..., None], seen, colours)
    return np.rint(255 * np.clip(colours + texture[..., None], 0, 1)).astype(np.uint8)


def _texture(image: UInt8) -> Float:
    """What the photograph adds to the colours: mean near zero, float64 ``[H, W]``."""
    from PIL import Image, ImageFilter

    picture = Image.fromarray(np.ascontiguousarray(image)).convert("L")
    smooth = picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 14))
    grey, wide = (np.asarray(part, dtype=np.float64) / 255 for part in (picture, smooth))
    texture: Float = _DETAIL * (grey - wide) + _SHADE * (wide - wide.mean())
    return texture


def overlay_png(
    image: UInt8,
    field: ArrayLike,
    *,
    signed: bool = False,
    limits: Limits | None = None,
    size: int | None = None,
) -> bytes:
    """A field over its photograph as a bare PNG, without axes, for tables and galleries.

    Args:
        image: uint8 ``[H, W, 3]``.
        field: float ``[H, W]``, NaN where there is no value.
        signed: Whether zero is the neutral middle of the colours.
        limits: Values at the ends of the colours; from the field by default.
        size: Longer side of the PNG in pixels; that of the image by default.
    """
    from PIL import Image

    picture = Image.fromarray(overlay(image, field, signed=signed, limits=limits))
    if size is not None:
        share = size / max(picture.size)
        box = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        picture = picture.resize(box, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def thumbnail_map(
    image: UInt8,
    values: ArrayLike,
    boxes: ArrayLike,
    *,
    masks: Masks = None,
    signed: bool = False,
    limits: Limits | None = None,
    size: int = 112,
) -> bytes:
    """The map of :func:`region_map` as a small bare PNG, its longer side ``size`` pixels."""
    field = region_field(image.shape[:2], values, boxes, masks)
    bounds = fit_limits(values, signed=signed, limits=limits)
    return overlay_png(image, field, signed=signed, limits=bounds, size=size)
