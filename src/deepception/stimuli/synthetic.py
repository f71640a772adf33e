"""Synthetic patches (uniform, noise, gratings) and masks: patterns that belong to no class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .patches import Patch, UInt8


def uniform_patch(shape: tuple[int, int], colour: ArrayLike = 128) -> Patch:
    """One colour everywhere; ``colour`` is a grey level or three channels, 0…255, rounded."""
    values = np.clip(np.rint(np.broadcast_to(np.asarray(colour, dtype=np.float64), (3,))), 0, 255)
    pixels = np.empty((*shape, 3), dtype=np.uint8)
    pixels[:] = values
    return Patch(pixels, source=f"uniform {tuple(int(v) for v in values)}")


def noise_patch(shape: tuple[int, int], rng: np.random.Generator) -> Patch:
    """Noise: every pixel and channel uniform on 0…255, independently."""
    return Patch(rng.integers(0, 256, (*shape, 3), dtype=np.uint8), source="noise")


def grating(
    shape: tuple[int, int],
    period: float,
    orientation: float,
    phase: float | Sequence[float] = 0.0,
    contrast: float = 1.0,
    colour: Sequence[float] = (1.0, 1.0, 1.0),
) -> Patch:
    """A sinusoidal grating about mid grey, 127.5·(1 + contrast·colour·cos(…)), rounded.

    Args:
        shape: (height, width) in pixels.
        period: Pixels a cycle, above 0.
        orientation: Direction in which the phase runs, degrees from the x axis (right) towards the y axis
            (down): 0 gives vertical stripes, 90 horizontal ones.
        phase: Degrees at the top-left pixel, one figure or one a channel.
        contrast: 0…1.
        colour: Weight of each channel, −1…1; a negative one runs in counter-phase.

    Raises:
        ValueError: The period is not above 0, or contrast or a weight is out of range.
    """
    weights = np.asarray(colour, dtype=np.float64)
    if not period > 0:
        raise ValueError(f"the period of a grating must be above 0, got {period}")
    if not 0 <= contrast <= 1 or weights.shape != (3,) or not (np.abs(weights) <= 1).all():
        raise ValueError("a grating needs a contrast in 0…1 and three colour weights in −1…1")
    angle = np.deg2rad(orientation)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    along = 2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / period
    start = np.deg2rad(np.broadcast_to(np.asarray(phase, dtype=np.float64), (3,)))
    wave = np.cos(along[:, :, None] + start)
    # Rounded twice, so that the last bit of a cosine does not decide where 127.5 goes.
    levels = np.round(127.5 * (1 + contrast * weights * wave), 6)
    pixels = np.rint(levels).astype(np.uint8)
    return Patch(pixels, source=f"grating period={period:g} orientation={orientation:g}")


def circular_mask(height: int, width: int) -> UInt8:
    """The ellipse inscribed in a box: uint8 ``[h, w]``, 255 where a pixel's centre is inside, else 0."""
    rows = (np.arange(height) + 0.5) / height * 2 - 1
    columns = (np.arange(width) + 0.5) / width * 2 - 1
    return np.where(rows[:, None] ** 2 + columns**2 <= 1, 255, 0).astype(np.uint8)
