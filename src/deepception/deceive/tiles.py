"""Tiles: small square textures repeated over the whole frame, what a universal pattern is made of.

Repetition is the cumulative property at its extreme, and it is what makes a pattern work on photographs that it
was not learned on: a free pattern of the size of the frame fits the learning photographs and hardly any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli import Frame
from .bounds import Area, Bound, Linf
from .contents import CONTENTS, draw_contents
from .pattern import Pattern, evenly

Codes = NDArray[np.int8]

ABSENT = -1

_VEIL_SIDES = (8, 16, 16)
_PATCH_SIDES = (8, 12, 16)


class Tiles(Protocol):
    """A family of tiles within one bound."""

    def draw(self, rng: np.random.Generator) -> Codes:
        """A random tile, int8 ``[T, T, C]``."""

    def mutate(self, rng: np.random.Generator, tile: Codes) -> Codes:
        """A tile that differs a little from another one of the same size."""

    def pattern(self, tile: Codes, frame: Frame, about: Mapping[str, Any] | None = None) -> Pattern:
        """The tile repeated over a frame, within the bound."""


def tiles_within(bound: Bound) -> Tiles:
    """The family of tiles for a bound."""
    return VeilTiles(bound) if isinstance(bound, Linf) else PatchTiles(bound)


@dataclass(frozen=True)
class VeilTiles:
    """Tiles of −1 and 1, int8 ``[T, T, 3]``: every value of the photograph goes down or up by the whole bound."""

    bound: Linf

    def draw(self, rng: np.random.Generator) -> Codes:
        """Sums or products of gratings that fit into the tile, rings around a place of it, or random blocks."""
        side = int(rng.choice(_VEIL_SIDES))
        kind = rng.choice(("sum", "sum", "product", "rings", "blocks"))
        if kind == "blocks":
            size = int(rng.choice((1, 2, 4)))
            blocks = rng.integers(0, 2, (side // size, side // size, 3)) * 2 - 1
            return np.kron(blocks, np.ones((size, size, 1))).astype(np.int8)
        if kind == "rings":
            return np.where(_rings(rng, side) >= 0, 1, -1).astype(np.int8)
        waves = np.empty((side, side, 3))
        alike = rng.random() < 0.6  # one set of frequencies for all channels, each in a phase of its own
        frequencies = _frequencies(rng, side)
        for channel in range(3):
            if channel and not alike:
                frequencies = _frequencies(rng, side)
            gratings = [_grating(rng, side, *frequency) for frequency in frequencies]
            waves[..., channel] = np.prod(gratings, 0) if kind == "product" else np.sum(gratings, 0)
        if rng.random() < 0.3:
            waves = waves[..., :1] * rng.choice((-1, 1), 3)
        return np.where(waves >= 0, 1, -1).astype(np.int8)

    def mutate(self, rng: np.random.Generator, tile: Codes) -> Codes:
        """Flip or fill a small block, shift, copy or flip a channel, or flip a few single values."""
        made, side = tile.copy(), len(tile)
        kind = rng.random()
        if kind < 0.6:
            # From single pixels to half of the tile, small ones as often as large ones.
            rows, columns = (
                (rng.integers(side) + np.arange(int(2 ** rng.uniform(0, np.log2(side))))) % side
                for _ in range(2)
            )
            fill = rng.random() < 0.5
            for channel in [int(rng.integers(3))] if rng.random() < 0.6 else [0, 1, 2]:
                block = np.ix_(rows, columns, np.array([channel]))
                made[block] = rng.choice((-1, 1)) if fill else -made[block]
        elif kind < 0.75:
            channel = int(rng.integers(3))
            made[..., channel] = np.roll(made[..., channel], tuple(rng.integers(-2, 3, 2)), (0, 1))
        elif kind < 0.85:
            few = int(rng.integers(1, max(2, tile.size // 20)))
            made.reshape(-1)[rng.choice(tile.size, few, replace=False)] *= -1
        elif kind < 0.93:
            to, source = rng.permutation(3)[:2]
            made[..., to] = made[..., source] * rng.choice((-1, 1))
        else:
            made[..., int(rng.integers(3))] *= -1
        return made

    def pattern(self, tile: Codes, frame: Frame, about: Mapping[str, Any] | None = None) -> Pattern:
        """The veil: the tile times the bound, repeated over the frame."""
        values = repeated(tile, frame.shape).astype(np.int16) * np.int16(self.bound.levels)
        return Pattern(values, None, self.bound, frame, "tile", dict(about or {}))


@dataclass(frozen=True)
class PatchTiles:
    """Tiles of contents, int8 ``[T, T, 1]``: an index into CONTENTS where the tile covers, ABSENT elsewhere."""

    bound: Area

    def draw(self, rng: np.random.Generator) -> Codes:
        """A lattice, rows, columns or a scatter of single pixels in one content, or each in its own."""
        side = int(rng.choice(_PATCH_SIDES))
        if self._room(side) < 1:  # a very small area: the smallest tile that holds a pixel of it
            side = int(np.ceil(np.sqrt(1 / self.bound.fraction)))
        room = self._room(side)
        y, x = np.divmod(np.arange(side * side), side)
        step = int(rng.integers(2, max(3, side // 2 + 1)))
        rank = rng.random(side * side)
        kind = rng.choice(("scatter", "lattice", "rows", "columns"))
        if kind == "lattice":
            rank += (y % step != 0).astype(float) + (x % step != 0)
        elif kind == "rows":
            rank += y % step != 0
        elif kind == "columns":
            rank += x % step != 0
        tile = np.full(side * side, ABSENT, np.int8)
        covered = np.argsort(rank)[:room]
        tile[covered] = draw_contents(rng, 1) if rng.random() < 0.5 else draw_contents(rng, room)
        return tile.reshape(side, side, 1)

    def mutate(self, rng: np.random.Generator, tile: Codes) -> Codes:
        """Move some pixels, paint some anew, or turn one content into another."""
        made = tile.copy()
        flat = made.reshape(-1)
        covered, free = np.flatnonzero(flat >= 0), np.flatnonzero(flat < 0)
        kind = rng.random()
        few = int(rng.integers(1, max(2, len(covered) // 4 + 1)))
        chosen = rng.choice(covered, few, replace=False)
        if kind < 0.55 and len(free) >= few:
            moved = rng.choice(free, few, replace=False)
            flat[moved], flat[chosen] = flat[chosen], ABSENT
        elif kind < 0.9:
            flat[chosen] = draw_contents(rng, 1) if rng.random() < 0.5 else draw_contents(rng, few)
        else:
            flat[flat == flat[chosen[0]]] = draw_contents(rng, 1)
        return made

    def pattern(self, tile: Codes, frame: Frame, about: Mapping[str, Any] | None = None) -> Pattern:
        """The patch: the tile repeated over the frame; pixels beyond the area are left out, evenly spread."""
        codes = repeated(tile, frame.shape)[..., 0].astype(np.int64)
        kept = evenly(np.flatnonzero(codes >= 0), self.bound.limit(frame.shape))
        trimmed = np.full(codes.shape, ABSENT, np.int64)
        trimmed.reshape(-1)[kept] = codes.reshape(-1)[kept]
        return Pattern.from_contents(trimmed, self.bound, frame, fitting="tile", about=about)

    def _room(self, side: int) -> int:
        return int(self.bound.fraction * side * side + 1e-9)


def repeated(tile: Codes, shape: tuple[int, int]) -> Codes:
    """The tile over a frame of (height, width), int8 ``[H, W, C]``."""
    side = len(tile)
    return np.tile(tile, (-(-shape[0] // side), -(-shape[1] // side), 1))[: shape[0], : shape[1]]


def check_tile(tile: NDArray[Any], bound: Bound) -> Codes:
    """A tile that was read from a file; raises InputError where it is none for this bound."""
    low, high, channels = (-1, 1, 3) if isinstance(bound, Linf) else (ABSENT, len(CONTENTS) - 1, 1)
    square = tile.ndim == 3 and tile.shape[0] == tile.shape[1] > 0 and tile.shape[2] == channels
    if tile.dtype != np.int8 or not square or tile.min() < low or tile.max() > high:
        raise InputError("a stored tile is damaged or of another kind: learn it again.")
    return tile


def _frequencies(rng: np.random.Generator, side: int) -> list[tuple[int, int]]:
    """One to three frequencies in cycles a tile, (down, across), low ones as often as high ones."""
    made = []
    for _ in range(int(rng.choice((1, 2, 2, 3)))):
        down, across = (int(low * (side / 2 / low) ** rng.random() + 0.5) for low in (0.5, 0.3))
        made.append((down, across * int(rng.choice((-1, 1)))) if down or across else (1, 1))
    return made


def _grating(rng: np.random.Generator, side: int, down: int, across: int) -> NDArray[np.float64]:
    y, x = np.mgrid[0:side, 0:side]
    return np.asarray(np.sin(2 * np.pi * (down * y + across * x) / side + rng.uniform(0, 2 * np.pi)))


def _rings(rng: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Rings around one or two places of a tile that closes on itself, each channel in a phase of its own."""
    y, x = np.mgrid[0:side, 0:side]
    distance = np.full((side, side), np.inf)
    for _ in range(int(rng.integers(1, 3))):
        down, across = (np.abs((grid - rng.integers(side) + side // 2) % side - side // 2) for grid in (y, x))
        distance = np.minimum(distance, np.hypot(down, across))
    length = np.exp(rng.uniform(np.log(3.0), np.log(1.5 * side)))
    return np.asarray(np.sin(2 * np.pi * distance[..., None] / length + rng.uniform(0, 2 * np.pi, 3)))
