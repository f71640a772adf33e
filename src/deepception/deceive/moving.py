"""Moving a picture by whole pixels, as a deception is moved to see whether it lasts."""

from __future__ import annotations

import numpy as np

from ..stimuli.patches import UInt8


def moved(pixels: UInt8, down: int, right: int) -> UInt8:
    """An image uint8 ``[H, W, 3]`` moved by so many pixels (up and left where negative), its edge repeated."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return pixels[rows[:, None], columns]


def shifted(pixels: UInt8) -> UInt8:
    """The image uint8 ``[H, W, 3]`` moved right by one pixel: the shift that is reported."""
    return moved(pixels, 0, 1)
