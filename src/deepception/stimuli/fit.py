"""Bring a photograph to the observer's frame: its resize and its crop."""

from __future__ import annotations

import numpy as np

from ..errors import PhotographError
from .frame import Frame
from .patches import UInt8
from .photographs import Photograph


def fit_frame(photograph: Photograph, frame: Frame, *, as_is: bool = False) -> UInt8:
    """Resize and crop as the frame says; a PNG of ours is shown untouched.

    ``"crop"`` scales the photograph, with Pillow's antialiased filters, until it just covers the frame
    divided by ``crop_fraction`` (floored, the longer side too), then cuts the centre.

    Args:
        photograph: Upright RGB.
        frame: Size and manner.
        as_is: Show the photograph untouched (``--as-is``), as a marked PNG of ours always is.

    Returns:
        uint8 ``[H, W, 3]``.

    Raises:
        PhotographError: It is to be shown untouched and does not have the size of the frame.
    """
    from PIL import Image

    height, width = photograph.pixels.shape[:2]
    if as_is or photograph.framed:
        if (height, width) != frame.shape:
            why = "is a stimulus saved for another frame" if photograph.framed else "is to be shown as it is"
            raise PhotographError(
                f"{photograph.name} {why}: it has {height}x{width} pixels and the observer's frame "
                f"{frame.height}x{frame.width}."
            )
        return photograph.pixels
    rows, columns = frame.shape if frame.fit == "squash" else _covering(height, width, frame)
    image = Image.fromarray(photograph.pixels)
    if (rows, columns) != (height, width):
        image = image.resize((columns, rows), Image.Resampling[frame.interpolation.upper()])
    top, left = (rows - frame.height) // 2, (columns - frame.width) // 2
    box = (left, top, left + frame.width, top + frame.height)
    return np.array(image.crop(box), dtype=np.uint8)


def _covering(height: int, width: int, frame: Frame) -> tuple[int, int]:
    """Size to which the photograph is scaled so that it covers the frame / crop_fraction."""
    # The small addend keeps 7 / 0.7 and the like from landing just below a whole number.
    rows = int(frame.height / frame.crop_fraction + 1e-6)
    columns = int(frame.width / frame.crop_fraction + 1e-6)
    if rows * width >= columns * height:
        return rows, max(columns, rows * width // height)
    return max(rows, columns * height // width), columns
