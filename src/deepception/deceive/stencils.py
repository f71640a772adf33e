"""Stencils: thin lines, dots and dashes repeated over a window of the frame, a few numbers each.

An area counts the pixels that are covered, and one solid square wastes it: the same number of pixels repeated
thinly over a large part of the frame (the cumulative property) deceives far more often.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli.patches import UInt8
from .contents import CONTENTS, draw_contents, paint

KINDS = ("rows", "columns", "grid", "dots", "dashes down", "dashes across", "scatter")
"""Textures; dashes are shifted by half their length from line to line, a scatter has its pixels anywhere."""

_THICKNESS = (1, 1, 1, 2, 3)  # thin is potent
_WIDEST_PITCH = 28.0
_SPARSEST = (
    1.6  # a texture that fills less than 1 / 1.6 of its area even over the whole frame wastes too much
)


@dataclass(frozen=True)
class Stencil:
    """A texture in a window of the frame. The window grows around its centre until the area is used up.

    Attributes:
        kind: One of KINDS.
        thickness: Pixels across a line, or the side of a dot.
        pitch: Pixels from line to line, at least ``thickness``; need not be whole.
        phase: (y, x) shift of the texture, pixels.
        dash: Pixels of a dash, and of the gap after it; read for dashes only.
        centre: (y, x) of the window as fractions of the frame.
        aspect: Height of the window divided by its width, both as fractions of the frame.
        content: What it is painted with, one of CONTENTS.
    """

    kind: str
    thickness: int
    pitch: float
    phase: tuple[float, float]
    dash: int
    centre: tuple[float, float]
    aspect: float
    content: str

    def __post_init__(self) -> None:
        numbers = (self.pitch, *self.phase, *self.centre, self.aspect)
        if self.kind not in KINDS or self.content not in CONTENTS:
            raise InputError(
                f"a stencil of {self.kind!r} in {self.content!r} is unknown: use those of this package."
            )
        if not all(math.isfinite(number) for number in numbers):
            raise InputError("a stencil needs finite numbers: take another file.")
        if self.thickness < 1 or self.pitch < self.thickness or self.dash < 1 or self.aspect <= 0:
            raise InputError(
                "a stencil needs a thickness and a dash of 1 or more, a pitch no smaller than the thickness and "
                "an aspect above 0: take another file."
            )

    @property
    def duty(self) -> float:
        """Share of its window that the texture covers, up to whole pixels."""
        line = self.thickness / self.pitch
        return {
            "rows": line,
            "columns": line,
            "grid": line * (2 - line),
            "dots": line * line,
            "scatter": line * line,
        }.get(self.kind, line / 2)

    def mask(self, shape: tuple[int, int], limit: int) -> NDArray[np.bool_]:
        """The pixels that it covers in a frame of (height, width): read-only bool ``[H, W]``.

        Exactly ``limit`` of them, or fewer where the texture has no more in the whole frame.
        """
        return _mask(self, (int(shape[0]), int(shape[1])), int(limit))

    def paint(self, clean: UInt8) -> UInt8:
        """The whole frame in its content for this photograph, uint8 ``[H, W, 3]``."""
        return paint(CONTENTS.index(self.content), clean)

    def put(self, clean: UInt8, limit: int) -> UInt8:
        """The photograph below it, uint8 ``[H, W, 3]``: its content on the ``limit`` pixels of its mask."""
        shown = clean.copy()
        pixels = shown.reshape(-1, 3)
        where = np.flatnonzero(self.mask((clean.shape[0], clean.shape[1]), limit))
        pixels[where] = paint(CONTENTS.index(self.content), pixels[where])
        return shown

    def to_json(self) -> dict[str, Any]:
        """Its numbers as JSON has them."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Stencil:
        """A stencil from ``to_json``; raises InputError for anything else."""
        try:
            read = {field.name: values[field.name] for field in fields(cls)}
            for name in ("phase", "centre"):
                y, x = read[name]
                read[name] = (float(y), float(x))
            for name, kind in (("thickness", int), ("dash", int), ("pitch", float), ("aspect", float)):
                read[name] = kind(read[name])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("a stencil cannot be read: it lacks a number or has a wrong one.") from error
        return cls(**read)


def draw_stencil(rng: np.random.Generator, fraction: float) -> Stencil:
    """A random stencil whose texture can use up an area of ``fraction`` of the frame, or most of it."""
    while True:
        kind = KINDS[rng.choice(len(KINDS), p=[0.17, 0.17, 0.17, 0.17, 0.1, 0.1, 0.12])]
        thickness = _THICKNESS[rng.integers(len(_THICKNESS))]
        pitch = round(math.exp(rng.uniform(math.log(thickness + 1.5), math.log(_WIDEST_PITCH))), 1)
        phase = rng.uniform(0, pitch, 2).round(1)
        dash = int(rng.integers(4, 20))
        centre = rng.uniform(0.2, 0.8, 2).round(3)
        aspect = round(math.exp(rng.uniform(-0.7, 0.7)), 2)
        content = CONTENTS[draw_contents(rng, 1)[0]]
        stencil = Stencil(
            kind,
            thickness,
            pitch,
            (float(phase[0]), float(phase[1])),
            dash,
            (float(centre[0]), float(centre[1])),
            aspect,
            content,
        )
        if stencil.duty * _SPARSEST >= min(fraction, 0.5):
            return stencil


def _texture(stencil: Stencil, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The texture over the whole frame, bool ``[H, W]``."""
    rows, columns = (np.arange(side) + shift for side, shift in zip(shape, stencil.phase, strict=True))
    pitch, thickness, dash = stencil.pitch, stencil.thickness, stencil.dash
    if stencil.kind == "scatter":
        # The numbers of the stencil are its seed, so that it is the same wherever it is put.
        seed = [round(10 * number) for number in (pitch, *stencil.phase, dash)]
        return np.asarray(np.random.default_rng(np.abs(seed)).random(shape) < stencil.duty)
    lie = (rows % pitch < thickness)[:, None]
    stand = (columns % pitch < thickness)[None]
    if stencil.kind == "dashes down":
        along = np.arange(shape[0])[:, None] + (np.floor(columns / pitch) * dash / 2).astype(np.int64)[None]
        return np.asarray(stand & (along % (2 * dash) < dash))
    if stencil.kind == "dashes across":
        along = np.arange(shape[1])[None] + (np.floor(rows / pitch) * dash / 2).astype(np.int64)[:, None]
        return np.asarray(lie & (along % (2 * dash) < dash))
    if stencil.kind == "grid":
        return np.asarray(lie | stand)
    if stencil.kind == "dots":
        return np.asarray(lie & stand)
    return np.ascontiguousarray(np.broadcast_to(lie if stencil.kind == "rows" else stand, shape))


def _growth(stencil: Stencil, shape: tuple[int, int]) -> tuple[float, float]:
    """Pixels by which a step makes the window (higher, wider): 1 the one that grows faster, less the other."""
    down, across = stencil.aspect * shape[0], float(shape[1])
    return down / max(down, across), across / max(down, across)


def _window(stencil: Stencil, shape: tuple[int, int], step: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the window after so many steps; each holds the one before."""
    edges: list[int] = []
    for side, centre, growth in zip(shape, stencil.centre, _growth(stencil, shape), strict=True):
        size = min(side, math.ceil(step * growth))
        first = min(max(math.floor(centre * side - size / 2), 0), side - size)
        edges += [first, first + size]
    return edges[0], edges[1], edges[2], edges[3]


@lru_cache(maxsize=512)
def _mask(stencil: Stencil, shape: tuple[int, int], limit: int) -> NDArray[np.bool_]:
    texture = _texture(stencil, shape)
    sums = np.zeros((shape[0] + 1, shape[1] + 1), np.int64)
    sums[1:, 1:] = texture.cumsum(0).cumsum(1)

    def covered(step: int) -> int:
        top, bottom, left, right = _window(stencil, shape, step)
        return int(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])

    whole = 1 + max(
        math.ceil(side / growth) for side, growth in zip(shape, _growth(stencil, shape), strict=True)
    )
    fits, too_many = 0, whole
    while too_many - fits > 1:  # the largest window that holds no more than the limit
        middle = (fits + too_many) // 2
        if covered(middle) <= limit:
            fits = middle
        else:
            too_many = middle
    mask = np.zeros(shape, bool)
    for step in (fits, too_many):
        top, bottom, left, right = _window(stencil, shape, step)
        ring = np.zeros(shape, bool)
        ring[top:bottom, left:right] = texture[top:bottom, left:right]
        ring &= ~mask
        left_over = limit - int(mask.sum())
        mask.reshape(-1)[np.flatnonzero(ring)[:left_over]] = True
    mask.setflags(write=False)
    return mask
