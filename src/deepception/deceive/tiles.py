"""Tiles: small square textures repeated over the whole frame, what a universal pattern is made of.

Repetition is the cumulative property at its extreme, and it is what makes a pattern work on photographs that it
was not learned on: a free pattern of the size of the frame fits the learning photographs and hardly any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli import Frame
from .bounds import Area, Bound, Linf
from .contents import CONTENTS, draw_contents
from .pattern import Pattern, evenly
from .texture_changes import changed_texture, draw_texture
from .textures import Texture

Codes = NDArray[np.int8]
Motif = TypeVar("Motif")
"""What is changed: the numbers of a texture, or the codes of a patch tile."""

ABSENT = -1

TEXTURE = "texture"
"""Under this name a veil says in words what it looks like."""

_PATCH_SIDES = (8, 12, 16)
_DAMAGED = "a stored tile is damaged or of another kind: learn it again."


class Tiles(Protocol[Motif]):
    """A family of tiles within one bound, each described by what can be changed a little."""

    def draw(self, rng: np.random.Generator) -> Motif:
        """A random one."""

    def mutate(self, rng: np.random.Generator, motif: Motif) -> Motif:
        """One that differs a little from another."""

    def pattern(self, motif: Motif, frame: Frame, about: Mapping[str, Any] | None = None) -> Pattern:
        """Its tile repeated over a frame, within the bound."""

    def to_json(self, motif: Motif) -> dict[str, Any]:
        """It as JSON has it."""

    def from_json(self, values: Any) -> Motif:
        """It from ``to_json``; raises InputError for anything else."""


def tiles_within(bound: Bound) -> Tiles[Any]:
    """The family of tiles for a bound."""
    return VeilTiles(bound) if isinstance(bound, Linf) else PatchTiles(bound)


@dataclass(frozen=True)
class VeilTiles:
    """Textures: every value of the photograph goes down or up by the whole bound."""

    bound: Linf

    def draw(self, rng: np.random.Generator) -> Texture:
        """A random texture."""
        return draw_texture(rng)

    def mutate(self, rng: np.random.Generator, motif: Texture) -> Texture:
        """A texture that differs a little from another one."""
        return changed_texture(rng, motif)

    def pattern(self, motif: Texture, frame: Frame, about: Mapping[str, Any] | None = None) -> Pattern:
        """The veil: the texture times the bound, repeated over the frame."""
        values = repeated(motif.tile(), frame.shape).astype(np.int16) * np.int16(self.bound.levels)
        return Pattern(values, None, self.bound, frame, "tile", {**(about or {}), TEXTURE: motif.words()})

    def to_json(self, motif: Texture) -> dict[str, Any]:
        """Its numbers."""
        return motif.to_json()

    def from_json(self, values: Any) -> Texture:
        """The texture of such numbers; raises InputError for anything else."""
        return Texture.from_json(values)


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

    def mutate(self, rng: np.random.Generator, motif: Codes) -> Codes:
        """Move some pixels, paint some anew, or turn one content into another."""
        made = motif.copy()
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

    def pattern(self, motif: Codes, frame: Frame, about: Mapping[str, Any] | None = None) -> Pattern:
        """The patch: the tile repeated over the frame; pixels beyond the area are left out, evenly spread."""
        codes = repeated(motif, frame.shape)[..., 0].astype(np.int64)
        kept = evenly(np.flatnonzero(codes >= 0), self.bound.limit(frame.shape))
        trimmed = np.full(codes.shape, ABSENT, np.int64)
        trimmed.reshape(-1)[kept] = codes.reshape(-1)[kept]
        return Pattern.from_contents(trimmed, self.bound, frame, fitting="tile", about=about)

    def to_json(self, motif: Codes) -> dict[str, Any]:
        """Its side and its codes, row by row."""
        return {"side": len(motif), "codes": motif.reshape(-1).tolist()}

    def from_json(self, values: Any) -> Codes:
        """The tile of such codes; raises InputError for anything else."""
        try:
            codes = np.array(values["codes"], np.int8).reshape(values["side"], values["side"], 1)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(_DAMAGED) from error
        if not codes.size or codes.min() < ABSENT or codes.max() >= len(CONTENTS):
            raise InputError(_DAMAGED)
        return codes

    def _room(self, side: int) -> int:
        return int(self.bound.fraction * side * side + 1e-9)


def repeated(tile: Codes, shape: tuple[int, int]) -> Codes:
    """The tile over a frame of (height, width), int8 ``[H, W, C]``."""
    side = len(tile)
    return np.tile(tile, (-(-shape[0] // side), -(-shape[1] // side), 1))[: shape[0], : shape[1]]
