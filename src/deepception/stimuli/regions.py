"""Regions of a photograph: a grid, sliding windows or superpixels, each cut out as a patch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .patches import Patch, UInt8


@dataclass(frozen=True, eq=False)
class Regions:
    """R regions of a frame, in reading order (superpixels: in the order of their labels).

    Attributes:
        boxes: int32 ``[R, 4]``, (y, x, height, width) of each bounding box.
        masks: For each region uint8 ``[h, w]`` of its box, 0 or 255, or ``None`` where it fills its box.
        kind: ``"grid"``, ``"windows"`` or ``"superpixels"``.
        frame_shape: (height, width) of the frame.
        shape: (rows, columns) where the regions form a lattice, so that a map can be reshaped, else ``None``.
    """

    boxes: NDArray[np.int32]
    masks: tuple[UInt8 | None, ...]
    kind: str
    frame_shape: tuple[int, int]
    shape: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def areas(self) -> NDArray[np.int64]:
        """Pixels of each region, int64 ``[R]``."""
        return np.array(
            [
                height * width if mask is None else np.count_nonzero(mask)
                for (_, _, height, width), mask in zip(self.boxes.tolist(), self.masks, strict=True)
            ],
            dtype=np.int64,
        )

    def cut(self, image: UInt8, source: str = "") -> tuple[Patch, ...]:
        """Cut every region out of ``image``, uint8 ``[H, W, 3]``: patches of the boxes, with their masks.

        Raises ValueError where the image does not have the size of the frame.
        """
        if image.shape[:2] != self.frame_shape:
            raise ValueError(f"regions of {self.frame_shape} do not fit an image of {image.shape[:2]}")
        patches = []
        for (y, x, height, width), mask in zip(self.boxes.tolist(), self.masks, strict=True):
            name = f"{source} y={y} x={x} {height}x{width}".strip()
            patches.append(Patch(image[y : y + height, x : x + width].copy(), mask, name))
        return tuple(patches)

    def label_map(self) -> NDArray[np.int32]:
        """Region of each pixel, int32 ``[H, W]``; −1 for none, the last one where regions overlap."""
        labels = np.full(self.frame_shape, -1, dtype=np.int32)
        for index, ((y, x, height, width), mask) in enumerate(
            zip(self.boxes.tolist(), self.masks, strict=True)
        ):
            window = labels[y : y + height, x : x + width]
            window[... if mask is None else mask > 0] = index
        return labels


def grid(shape: tuple[int, int], rows: int, columns: int | None = None) -> Regions:
    """Cut the whole frame into ``rows`` x ``columns`` boxes whose sides differ by at most one pixel.

    Raises InputError where the frame has fewer pixels than boxes on an axis.
    """
    columns = rows if columns is None else columns
    if not (1 <= rows <= shape[0] and 1 <= columns <= shape[1]):
        raise InputError(
            f"A grid of {rows}x{columns} does not fit a frame of {shape[0]}x{shape[1]} pixels: "
            "choose a coarser one."
        )
    tops = np.arange(rows + 1) * shape[0] // rows
    lefts = np.arange(columns + 1) * shape[1] // columns
    return _boxes("grid", shape, tops[:-1], np.diff(tops), lefts[:-1], np.diff(lefts))


def windows(shape: tuple[int, int], size: int | tuple[int, int], stride: int | tuple[int, int]) -> Regions:
    """Sliding windows of ``size`` at multiples of ``stride`` that lie wholly inside the frame.

    Args:
        shape: (height, width) of the frame.
        size: Side of a window in pixels, or (height, width).
        stride: Step in pixels, at least 1, or (in y, in x).

    Raises:
        InputError: A window is larger than the frame, or size or stride is below 1.
    """
    height, width = size if isinstance(size, tuple) else (size, size)
    down, right = stride if isinstance(stride, tuple) else (stride, stride)
    if min(height, width, down, right) < 1:
        raise InputError("The size and the stride of windows must be at least 1 pixel: choose larger ones.")
    if height > shape[0] or width > shape[1]:
        raise InputError(
            f"A patch of {height}x{width} pixels is larger than the frame of {shape[0]}x{shape[1]}: "
            "choose a smaller one."
        )
    tops = np.arange(0, shape[0] - height + 1, down)
    lefts = np.arange(0, shape[1] - width + 1, right)
    return _boxes("windows", shape, tops, np.full(tops.size, height), lefts, np.full(lefts.size, width))


def require_superpixels() -> None:
    """Raise InputError where scikit-image, which cuts superpixels, is not installed."""
    try:
        import skimage.segmentation  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Superpixels need scikit-image: install it with pip install 'deepception[superpixels]'."
        ) from error


def superpixels(image: UInt8, count: int, *, compactness: float = 10.0) -> Regions:
    """SLIC superpixels (Achanta et al. 2012, scikit-image): about ``count`` connected regions, or fewer.

    The photograph is smoothed by one pixel before, without which fine texture breaks regions up and merges
    them. Deterministic.

    Args:
        image: uint8 ``[H, W, 3]``.
        count: How many are asked for, at least 1.
        compactness: Weight of nearness against colour; larger is squarer.

    Raises:
        InputError: scikit-image is not installed, or ``count`` is out of range.
    """
    if not 1 <= count <= image.shape[0] * image.shape[1]:
        raise InputError(f"{count} superpixels cannot be cut from {image.shape[0]}x{image.shape[1]} pixels.")
    require_superpixels()
    from skimage.segmentation import slic

    labels = slic(image, n_segments=count, compactness=compactness, sigma=1, start_label=0, channel_axis=-1)
    boxes, masks = [], []
    for label in np.unique(labels):
        inside = labels == label
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        top, left = int(rows[0]), int(columns[0])
        box = inside[top : rows[-1] + 1, left : columns[-1] + 1]
        boxes.append((top, left, *box.shape))
        masks.append(None if box.all() else np.where(box, 255, 0).astype(np.uint8))
    shape = (image.shape[0], image.shape[1])
    return Regions(np.array(boxes, dtype=np.int32), tuple(masks), "superpixels", shape)


def _boxes(
    kind: str,
    shape: tuple[int, int],
    tops: NDArray[np.int64],
    heights: NDArray[np.int64],
    lefts: NDArray[np.int64],
    widths: NDArray[np.int64],
) -> Regions:
    y, x = np.meshgrid(tops, lefts, indexing="ij")
    height, width = np.meshgrid(heights, widths, indexing="ij")
    boxes = np.stack([y, x, height, width], axis=-1).reshape(-1, 4).astype(np.int32)
    return Regions(boxes, (None,) * len(boxes), kind, shape, (tops.size, lefts.size))
