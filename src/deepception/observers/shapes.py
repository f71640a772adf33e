"""Reading a model's shapes: which axes of an input are an image's, and how many classes an output scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .preprocessing import Layout


@dataclass(frozen=True)
class ImageAxes:
    """How a four-axis input holds an image; ``None`` where the model leaves it open."""

    layout: Layout | None
    batch: int | None
    height: int | None
    width: int | None


def image_axes(shape: Sequence[Any]) -> ImageAxes | None:
    """The axes of an input of this shape, or ``None`` where it takes no image of three channels.

    Args:
        shape: Four sizes; what is no positive integer counts as open.
    """
    if len(shape) != 4:
        return None
    sizes = [int(size) if isinstance(size, int) and size > 0 else None for size in shape]
    batch, one, two, three = sizes
    if one == 3:
        return ImageAxes("NCHW", batch, two, three)
    if three == 3:
        return ImageAxes("NHWC", batch, one, two)
    if one is None and three is None:
        return ImageAxes(None, batch, None, None)
    if one is None and two is not None and three == two:
        return ImageAxes("NCHW", batch, two, three)
    if three is None and one is not None and one == two:
        return ImageAxes("NHWC", batch, one, two)
    return None


def scored_classes(shape: Sequence[Any]) -> int | None:
    """K of an output ``[N, K]`` or ``[N, K, 1, 1]``, at least 2; ``None`` for any other shape."""
    wide = [size for size in shape[1:] if size != 1]
    return wide[0] if len(wide) == 1 and isinstance(wide[0], int) and wide[0] >= 2 else None


def shape_text(shape: Sequence[Any] | None) -> str:
    """A shape for people: ``[?, 3, 224, 224]``."""
    open_sizes = (None, -1)
    return "[" + ", ".join("?" if size in open_sizes else str(size) for size in shape or []) + "]"
