"""Patches: pixels with an optional mask and their provenance, cut from photographs or synthesised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels that can be placed on a canvas.

    Attributes:
        pixels: uint8 ``[h, w, 3]``, RGB, 0…255.
        mask: uint8 ``[h, w]``, 0 (absent) … 255 (opaque), or ``None`` where every pixel is opaque.
        source: Provenance in words, e.g. ``"cat.jpg y=32 x=64 32x32"`` or ``"noise seed=3"``.
    """

    pixels: UInt8
    mask: UInt8 | None = None
    source: str = ""

    def __post_init__(self) -> None:
        pixels, mask = self.pixels, self.mask
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise ValueError(f"patch pixels must be uint8 [h, w, 3], got {pixels.dtype} {pixels.shape}")
        if mask is not None and (mask.dtype != np.uint8 or mask.shape != pixels.shape[:2]):
            raise ValueError(f"the mask must be uint8 {pixels.shape[:2]}, got {mask.dtype} {mask.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return (self.pixels.shape[0], self.pixels.shape[1])

    @cached_property
    def mean(self) -> NDArray[np.float32]:
        """Mean colour over the mask, float32 ``[3]``: what the contrast of a placement scales about."""
        return moments(self)[0].astype(np.float32)


def moments(patch: Patch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each channel over the mask, as float64 ``[3]`` and ``[3]``, grey levels.

    Pixels are weighted by the mask; a mask that is 0 everywhere counts as no mask. Taken from the stored
    uint8 pixels, so for a scramble these are the figures after clipping, which METHODS §0 has recorded.
    """
    values = patch.pixels.reshape(-1, 3).astype(np.float64)
    weights = pixel_weights(patch).reshape(-1)
    mean = weights @ values
    deviation = np.sqrt(weights @ (values - mean) ** 2)
    # Less than any two 8-bit values can differ by: the rounding of a uniform channel's mean.
    return mean, np.where(deviation < 1e-6, 0.0, deviation)


def pixel_weights(patch: Patch) -> NDArray[np.float64]:
    """Weight of each pixel in the patch's moments: its mask divided by the mask's sum, float64 ``[h, w]``."""
    if patch.mask is None or not patch.mask.any():
        return np.full(patch.shape, 1.0 / (patch.shape[0] * patch.shape[1]))
    weights = patch.mask.astype(np.float64)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def crop(image: UInt8, y: int, x: int, height: int, width: int, *, source: str = "") -> Patch:
    """Cut the opaque patch ``image[y:y + height, x:x + width]``; its pixels are a copy.

    Args:
        image: uint8 ``[H, W, 3]``.
        y: Top row.
        x: Left column.
        height: Rows of the patch, at least 1.
        width: Columns of the patch, at least 1.
        source: Name of the image; position and size are appended.

    Raises:
        ValueError: The patch would leave the image.
    """
    rows, columns = image.shape[:2]
    if height < 1 or width < 1 or y < 0 or x < 0 or y + height > rows or x + width > columns:
        raise ValueError(f"a crop of {height}x{width} at y={y} x={x} leaves the image of {rows}x{columns}")
    place = f"y={y} x={x} {height}x{width}"
    return Patch(image[y : y + height, x : x + width].copy(), source=f"{source} {place}".strip())
