"""Canvases: backgrounds that are meant to say little, each a name and V variants (draws)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .patches import UInt8


@dataclass(frozen=True, eq=False)
class Canvas:
    """A named background in V variants; what is measured on it is reduced over the variants.

    Attributes:
        name: What the report calls it, e.g. ``"grey"``.
        pixels: uint8 ``[V, H, W, 3]``.
    """

    name: str
    pixels: UInt8

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.size == 0:
            raise ValueError(f"a canvas must be uint8 [V, H, W, 3], got {pixels.dtype} {pixels.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return (self.pixels.shape[1], self.pixels.shape[2])

    def __len__(self) -> int:
        return len(self.pixels)


def grey(shape: tuple[int, int], level: int = 128) -> Canvas:
    """Uniform grey of one level 0…255; called ``"grey"`` (``"grey L"`` at a level L other than 128)."""
    return Canvas("grey" if level == 128 else f"grey {level}", _uniform(shape, level))


def mean_colour(shape: tuple[int, int], colour: ArrayLike) -> Canvas:
    """Uniform ``colour``, three channels 0…255 (rounded): the mean colour of the photographs."""
    return Canvas("mean colour", _uniform(shape, colour))


def noise(shape: tuple[int, int], rng: np.random.Generator, draws: int = 3) -> Canvas:
    """``draws`` variants of noise: every pixel and channel uniform on 0…255, independently."""
    return Canvas("noise", rng.integers(0, 256, (draws, *shape, 3), dtype=np.uint8))


def blurred(frame_pixels: UInt8, sigma: float, name: str = "blurred photograph") -> Canvas:
    """A photograph of another class under a Gaussian blur.

    Args:
        frame_pixels: uint8 ``[H, W, 3]``, the photograph in the frame.
        sigma: Standard deviation of the blur in pixels, above 0; edges are continued outwards.
        name: What the report calls the canvas.
    """
    from scipy.ndimage import gaussian_filter

    if not sigma > 0:
        raise ValueError(f"sigma must be above 0, got {sigma}")
    smooth = gaussian_filter(frame_pixels.astype(np.float64), (sigma, sigma, 0), mode="nearest")
    return Canvas(name, np.clip(np.rint(smooth), 0, 255).astype(np.uint8)[None])


def _uniform(shape: tuple[int, int], colour: ArrayLike) -> UInt8:
    values = np.rint(np.broadcast_to(np.asarray(colour, dtype=np.float64), (3,)))
    if not ((values >= 0) & (values <= 255)).all():
        raise ValueError(f"a colour has three channels in 0…255, got {colour!r}")
    pixels = np.empty((1, *shape, 3), dtype=np.uint8)
    pixels[:] = values
    return pixels
