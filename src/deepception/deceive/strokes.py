"""Strokes: the state of the refinement, small rectangles of one content each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..stimuli.patches import UInt8
from .contents import draw_contents, paint_each

Index = NDArray[np.int64]

_LENGTH = 12 / 224  # of a stroke, as a share of the frame's shorter side
_ROUNDS = 4  # overlaps leave room for more strokes; after so many rounds hardly any is left


def stroke_length(shape: tuple[int, int]) -> int:
    """Pixels of a new stroke in a frame of (height, width), at least 1: 12 of 224."""
    return max(1, round(_LENGTH * min(shape)))


@dataclass(frozen=True, eq=False)
class Strokes:
    """Strokes on a frame; where two lie on each other the later one is seen.

    Attributes:
        rows: int64 ``[S, 5]``: y, x, height, width in pixels, inside the frame, and content (index into CONTENTS).
        shape: (height, width) of the frame.
    """

    rows: Index
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def _pixels(self) -> tuple[Index, Index]:
        """Indices into the flattened frame, int64 ``[T]``, and the contents there, in the order of painting."""
        return _flat(self.rows, self.shape)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The union of the strokes, bool ``[H, W]``."""
        mask = np.zeros(self.shape, bool)
        mask.reshape(-1)[self._pixels[0]] = True
        return mask

    @cached_property
    def area(self) -> int:
        """Pixels of the union."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def codes(self) -> Index:
        """What is seen at each pixel, int64 ``[H, W]``: an index into CONTENTS, -1 where there is no stroke."""
        codes = np.full(self.shape, -1, np.int64)
        where, contents = self._pixels
        codes.reshape(-1)[where] = contents
        return codes

    def put(self, clean: UInt8) -> UInt8:
        """The photograph below the strokes, both uint8 ``[H, W, 3]``."""
        shown = clean.copy()
        pixels = shown.reshape(-1, 3)
        where, codes = self._pixels
        pixels[where] = paint_each(codes, pixels[where])
        return shown

    def only(self, kept: NDArray[np.bool_]) -> Strokes:
        """Those strokes for which ``kept``, bool ``[S]``, says so."""
        return Strokes(self.rows[kept], self.shape)

    def replaced(self, rng: np.random.Generator, share: float, limit: int) -> Strokes:
        """A random share of the strokes (at least one) taken away, and new ones drawn until the area is used up.

        Args:
            rng: Draws both.
            share: In (0, 1].
            limit: Most pixels of the union; the strokes must not exceed it already.
        """
        count = len(self)
        kept = np.ones(count, bool)
        if count:
            kept[rng.choice(count, size=min(count, max(1, round(share * count))), replace=False)] = False
        return self.only(kept).filled(rng, limit)

    def filled(self, rng: np.random.Generator, limit: int) -> Strokes:
        """With random strokes on top until the union is ``limit`` pixels, or nearly so."""
        parts = [self.rows]
        mask = self.mask.copy()
        missing = limit - self.area
        for _ in range(_ROUNDS):
            if missing < 1:
                break
            new = _draw(rng, self.shape, missing)
            mask.reshape(-1)[_flat(new, self.shape)[0]] = True
            missing = limit - int(np.count_nonzero(mask))
            parts.append(new)
        return Strokes(np.concatenate(parts), self.shape)


def no_strokes(shape: tuple[int, int]) -> Strokes:
    """An empty frame of (height, width)."""
    return Strokes(np.zeros((0, 5), np.int64), shape)


def from_mask(mask: NDArray[np.bool_], content: int) -> Strokes:
    """A mask, bool ``[H, W]``, cut into strokes of one content, one pixel across and at most a stroke's length.

    Every pixel goes along the longer of the two runs through it; the strokes do not overlap.
    """
    shape = (mask.shape[0], mask.shape[1])
    length = stroke_length(shape)
    across, down = _runs(mask), _runs(mask.T).T
    flat = mask & (across >= down)
    y, x, width = _cut(flat, length)
    x_upright, y_upright, height = _cut((mask & ~flat).T, length)
    rows = np.concatenate(
        [
            np.stack([y, x, np.ones_like(width), width], axis=1),
            np.stack([y_upright, x_upright, height, np.ones_like(height)], axis=1),
        ]
    )
    return Strokes(np.column_stack([rows, np.full(len(rows), content)]), shape)


def _flat(rows: Index, shape: tuple[int, int]) -> tuple[Index, Index]:
    y, x, height, width, content = rows.T
    counts = height * width
    stroke = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(stroke)) - np.repeat(np.cumsum(counts) - counts, counts)
    down, across = np.divmod(within, width[stroke])
    return (y[stroke] + down) * shape[1] + x[stroke] + across, content[stroke]


def _draw(rng: np.random.Generator, shape: tuple[int, int], pixels: int) -> Index:
    """Random strokes of ``pixels`` pixels in all, the last one as short as is needed."""
    length = stroke_length(shape)
    whole, rest = divmod(pixels, length)
    lengths = np.full(whole + (rest > 0), length)
    if rest:
        lengths[-1] = rest
    upright = rng.random(len(lengths)) < 0.5
    height, width = np.where(upright, lengths, 1), np.where(upright, 1, lengths)
    y, x = rng.integers(0, shape[0] - height + 1), rng.integers(0, shape[1] - width + 1)
    return np.stack([y, x, height, width, draw_contents(rng, len(lengths))], axis=1)


def _runs(mask: NDArray[np.bool_]) -> Index:
    """Length of the run along the row through each pixel, int64 ``[H, W]``; 0 where there is none."""
    starts, ends, _ = _ends(mask)
    lengths = np.zeros(mask.shape, np.int64)
    lengths[mask] = np.repeat(ends - starts, ends - starts)
    return lengths


def _ends(mask: NDArray[np.bool_]) -> tuple[Index, Index, Index]:
    """First column, column after the last, and row of each run along the rows, in raster order."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, starts = np.nonzero(edges == 1)
    return starts, np.nonzero(edges == -1)[1], row


def _cut(mask: NDArray[np.bool_], length: int) -> tuple[Index, Index, Index]:
    """Row, first column and length of strokes along the rows that make up ``mask``."""
    starts, ends, row = _ends(mask)
    pieces = -(-(ends - starts) // length)
    run = np.repeat(np.arange(len(starts)), pieces)
    number = np.arange(len(run)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = starts[run] + number * length
    return row[run], first, np.minimum(length, ends[run] - first)
