"""From a Pillow image of any mode to upright 8-bit RGB pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotographError
from .patches import UInt8

if TYPE_CHECKING:
    from PIL import Image

_TRANSPARENT_MODES = ("RGBA", "RGBa", "LA", "La", "PA")


def upright_rgb(image: Image.Image, name: str) -> UInt8:
    """Decode ``image``, in any mode, to uint8 ``[h, w, 3]``, its EXIF orientation undone.

    Raises PhotographError where the pixels have no stated range; what Pillow raises passes through.
    """
    from PIL import Image

    image.load()
    orientation = _orientation(image)
    mode = image.mode
    if mode == "F":
        raise PhotographError(f"{name} holds floating-point pixels: save it with 8 or 16 bits.")
    if mode == "I" or mode.startswith("I;16"):
        pixels = _from_16_bits(np.asarray(image), name)
    else:
        if mode in _TRANSPARENT_MODES or "transparency" in image.info:
            opaque = image.convert("RGBA")
            ground = Image.new("RGBA", opaque.size, (128, 128, 128, 255))
            image = Image.alpha_composite(ground, opaque)
        if image.mode not in ("RGB", "L", "RGBA", "RGBX"):
            image = image.convert("RGB")
        pixels = _copy_pixels(image)
    return np.ascontiguousarray(_turn(pixels, orientation))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1…8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # A damaged EXIF block says nothing about the pixels, which are shown as they lie.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn(pixels: UInt8, orientation: int) -> UInt8:
    """Undo an EXIF orientation; a view."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _copy_pixels(image: Image.Image) -> UInt8:
    """Copy band by band: a whole large image would for a moment exist three times."""
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    rows = max(1, (1 << 22) // width)
    for top in range(0, height, rows):
        band = np.asarray(image.crop((0, top, width, min(height, top + rows))))
        pixels[top : top + rows] = band[:, :, None] if band.ndim == 2 else band[:, :, :3]
    return pixels


def _from_16_bits(values: NDArray[Any], name: str) -> UInt8:
    if values.min() < 0 or values.max() > 65535:
        raise PhotographError(f"{name} holds integers outside 0 to 65535: save it with 8 or 16 bits.")
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
