"""Contents: what a texture or a stroke is painted with, a corner of the colours or made from the photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..stimuli.patches import UInt8

CONTENTS = (
    "black",
    "blue",
    "green",
    "cyan",
    "red",
    "magenta",
    "yellow",
    "white",
    "contrast",
    "inverse",
)
"""Names by code. The first eight are the corners of the colours; bits 4, 2, 1 of their codes are R, G, B."""

BLACK, WHITE, CONTRAST, INVERSE = 0, 7, 8, 9

_CORNERS = np.array([[255 * (code >> bit & 1) for bit in (2, 1, 0)] for code in range(8)], np.uint8)
# Contents that follow the photograph do most; the rest keeps colours in play.
_KINDS = np.array([CONTRAST, INVERSE, WHITE, BLACK, -1])
_SHARES = np.array([0.3, 0.3, 0.1, 0.1, 0.2])


def paint(code: int, clean: UInt8) -> UInt8:
    """One content over pixels, or a photograph, uint8 ``[..., 3]``.

    Args:
        code: Index into CONTENTS.
        clean: What is below, uint8 ``[..., 3]``: *contrast* is black where it is bright (mean of the channels
            above 127) and white where it is dark; *inverse* the same for each channel alone.
    """
    if code == CONTRAST:
        total = clean[..., 0].astype(np.uint16) + clean[..., 1] + clean[..., 2]
        return np.where(total > 3 * 127, np.uint8(0), np.uint8(255))[..., None].repeat(3, axis=-1)
    if code == INVERSE:
        return np.where(clean > 127, np.uint8(0), np.uint8(255))
    return np.broadcast_to(_CORNERS[code], clean.shape).copy()


def paint_each(codes: NDArray[np.int64], clean: UInt8) -> UInt8:
    """A content of its own for each of T pixels: int64 ``[T]`` over uint8 ``[T, 3]``, uint8 ``[T, 3]``."""
    shown: UInt8 = _CORNERS[codes & 7]
    for code in (CONTRAST, INVERSE):
        where = np.flatnonzero(codes == code)
        shown[where] = paint(code, clean[where])
    return shown


def draw_contents(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Random codes, int64 ``[count]``."""
    codes = _KINDS[rng.choice(len(_KINDS), size=count, p=_SHARES)]
    return np.where(codes < 0, rng.integers(0, 8, size=count), codes).astype(np.int64)
