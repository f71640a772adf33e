"""Pictures of a page: figures as inline SVG with captions, small pixels as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..plots import colourise, fit_limits, to_svg
from .wording import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UInt8 = NDArray[np.uint8]
THUMBNAIL = 64
LARGEST = 320
_LARGEST_THUMBNAIL = 3_000


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    Attributes:
        svg: One ``<svg>`` element, safe to put into the page as it is.
        title: What it is, in the caption's bold part; may be empty.
        caption: The rest of the caption.
    """

    svg: str
    title: str
    caption: str


def picture(figure: Figure, key: str, title: str = "", caption: str = "") -> Picture:
    """Turn a figure into a picture; ``key`` tells it from others that look the same."""
    described = str(figure.get_label())
    words = f"{title}: {described}" if title else described
    return Picture(to_svg(figure, title=printable(words), key=key), title, caption)


def thumbnail(frame: UInt8, size: int = THUMBNAIL) -> str:
    """A photograph, uint8 ``[H, W, 3]``, as the data URI of a JPEG of at most 3 KB."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(frame))
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    data = b""
    for quality in (78, 65, 50, 35, 20, 10):
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= _LARGEST_THUMBNAIL:
            break
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def data_uri(frame: UInt8, *, flat: bool = False) -> str:
    """A picture, uint8 ``[H, W, 3]``, as a data URI: a JPEG of all colours, or where it is mostly ``flat`` a PNG.

    Its longer side is at most ``LARGEST`` pixels.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(frame))
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if flat:
        picture.save(buffer, format="PNG", optimize=True)
    else:
        # Colours are kept at each pixel: a deception may be lines of one pixel.
        picture.save(buffer, format="JPEG", quality=85, subsampling=0)
    kind = "png" if flat else "jpeg"
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def mini_map(field: NDArray[np.float64], limits: tuple[float, float] | None = None, side: int = 28) -> str:
    """A signed field, float64 ``[H, W]``, as the data URI of a very small PNG to be shown enlarged."""
    from PIL import Image

    height, width = field.shape
    scale = side / max(height, width)
    rows = ((np.arange(max(1, round(height * scale))) + 0.5) / scale).astype(int).clip(0, height - 1)
    columns = ((np.arange(max(1, round(width * scale))) + 0.5) / scale).astype(int).clip(0, width - 1)
    small = field[np.ix_(rows, columns)]
    colours = colourise(small, fit_limits(field, signed=True, limits=limits), signed=True)
    colours = np.where(np.isfinite(small)[..., None], colours, 0.85)
    pixels = Image.fromarray(np.rint(255 * colours).astype(np.uint8)).quantize(64)
    buffer = io.BytesIO()
    pixels.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def spread_of(maps: Sequence[NDArray[Any]]) -> tuple[float, float] | None:
    """Common limits of several maps; ``None`` where none holds a value."""
    values = [np.asarray(m, dtype=np.float64).ravel() for m in maps]
    every = np.concatenate(values) if values else np.empty(0)
    every = every[np.isfinite(every)]
    return (float(every.min()), float(every.max())) if every.size else None
