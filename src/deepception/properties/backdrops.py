"""Backdrops: the canvases (and background photographs) of one measurement, stacked for rendering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli import Canvas, blurred, grey, mean_colour, noise
from ..stimuli.patches import UInt8
from .streams import stream
from .subject import Subject

# The mean colour of ImageNet's photographs: one colour for every run, so that controls can be shared.
MEAN_COLOUR = (124, 116, 104)
NOISE_DRAWS = 3

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Backdrops:
    """K canvases with one or more variants (draws) each.

    Attributes:
        pixels: uint8 ``[B, H, W, 3]``, all variants of all canvases.
        names: K names.
        first: int64 ``[K]``, row of each canvas's first variant.
        variants: int64 ``[K]``, variants of each canvas.
    """

    pixels: UInt8
    names: tuple[str, ...]
    first: NDArray[np.int64]
    variants: NDArray[np.int64]

    @classmethod
    def of(cls, canvases: Sequence[Canvas]) -> Backdrops:
        """Stack canvases of one frame size."""
        variants = np.array([len(c.pixels) for c in canvases], dtype=np.int64)
        return cls(
            pixels=np.concatenate([c.pixels for c in canvases]),
            names=tuple(c.name for c in canvases),
            first=np.concatenate([[0], np.cumsum(variants)[:-1]]).astype(np.int64),
            variants=variants,
        )

    def rows(self, repeats: int) -> NDArray[np.int64]:
        """Background row of canvas k in repeat r, ``[K, repeats]``: repeats cycle through the variants."""
        return self.first[:, None] + np.arange(repeats)[None, :] % self.variants[:, None]

    def per_repeat(self, values: NDArray[_T], repeats: int) -> NDArray[_T]:
        """Values of the empty backgrounds ``[B, ...]`` laid out as ``[K, repeats, ...]``."""
        return values[self.rows(repeats)]

    def __len__(self) -> int:
        return len(self.names)


def make_backdrops(
    shape: tuple[int, int], names: Sequence[str], *, seed: int, background: Subject | None = None
) -> Backdrops:
    """The named canvases for a frame of ``shape``.

    ``"grey"`` is 128, ``"mean"`` the mean colour of photographs, ``"noise"`` three draws of uniform noise;
    ``"photograph"`` and ``"blur"`` show ``background``, a photograph of another class, sharp or blurred.
    Raises InputError for another name, or where a background is needed and none is given.
    """
    canvases: list[Canvas] = []
    for name in names:
        if name == "grey":
            pixels = grey(shape).pixels
        elif name == "mean":
            pixels = mean_colour(shape, MEAN_COLOUR).pixels
        elif name == "noise":
            pixels = noise(shape, stream(seed, "noise canvas"), draws=NOISE_DRAWS).pixels
        elif name in ("photograph", "blur"):
            if background is None:
                raise InputError(
                    f"the canvas {name!r} needs a photograph of another class: give one, or leave the canvas out."
                )
            sharp = background.pixels
            pixels = sharp[None] if name == "photograph" else blurred(sharp, shape[0] / 16).pixels
        else:
            raise InputError(
                f"there is no canvas named {name!r}: choose among grey, mean, noise, photograph and blur."
            )
        canvases.append(Canvas(name, pixels))
    return Backdrops.of(canvases)
