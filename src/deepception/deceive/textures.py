"""Textures: what a veil repeats, one bent grating that closes on itself, described by a few numbers.

A change of one number keeps the texture a texture. Pixels of a good tile turned over at random mostly harm it, as
its lines are what deceives; blocks of them are kept as a last, smaller means. Stripes of a few pixels, bent into
arcs and zigzags, are also what gradients arrive at, and what deceives one classifier deceives others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

ALL = -1
"""Channel of a term that bends all three."""

TURN = 2 * math.pi
"""One turn in radians."""

_MOST = 64  # largest side that is read from a file
_GREY = 0.5  # radians between the channels below which stripes look grey

Tile = NDArray[np.int8]
Phases = NDArray[np.float64]


class Term(NamedTuple):
    """One sine over the tile: cycles down and across, its strength, its phase in radians, and its channel."""

    down: int
    across: int
    strength: float
    phase: float
    channel: int = ALL

    def over(self, side: int) -> Phases:
        """Its values, float64 ``[side, side]``."""
        y, x = np.mgrid[0:side, 0:side]
        return np.asarray(
            self.strength * np.sin(TURN * (self.down * y + self.across * x) / side + self.phase)
        )

    def nudged(self, rng: np.random.Generator, size: float) -> Term:
        """Stronger or weaker, moved, or of another frequency."""
        kind = rng.integers(3)
        if kind == 0:
            return self._replace(strength=self.strength * math.exp(rng.normal(0, 0.5)))
        if kind == 1:
            return self._replace(phase=self.phase + rng.normal(0, size))
        step = int(rng.choice((-1, 1)))
        return (
            self._replace(down=self.down + step)
            if rng.random() < 0.5
            else self._replace(across=self.across + step)
        )


class Block(NamedTuple):
    """A rectangle of the tile in pixels, over its edges too; ``sign`` −1 or 1 fills it, 0 turns its signs over."""

    y: int
    x: int
    height: int
    width: int
    channel: int
    sign: int

    def put(self, tile: Tile) -> None:
        """Change a tile, int8 ``[T, T, 3]``, in place."""
        side = len(tile)
        rows = (self.y + np.arange(self.height)) % side
        columns = (self.x + np.arange(self.width)) % side
        where = np.ix_(rows, columns, np.arange(3) if self.channel == ALL else np.array([self.channel]))
        tile[where] = self.sign or -tile[where]


@dataclass(frozen=True)
class Texture:
    """The sign of a bent grating in each channel, repeated over the frame.

    Attributes:
        side: T, of the tile in pixels.
        wave: Cycles of the grating in the tile, (down, across); may be (0, 0), which leaves bends and rings.
        phases: Of the three channels, radians.
        signs: −1 or 1 for each channel.
        bends: What is added to the phase, strength in radians.
        rings: How many around ``centre`` fit into the tile, not negative.
        centre: (y, x) in pixels.
        tints: What is added to the grating in one channel each: where it is strong that channel is plain.
        second: A grating that is added, or ``None``; its phase follows that of the channel by a half.
        product: Whether ``second`` multiplies instead; its strength is then without effect.
        blocks: What is changed at last, one after the other.
    """

    side: int
    wave: tuple[int, int]
    phases: tuple[float, float, float]
    signs: tuple[int, int, int] = (1, 1, 1)
    bends: tuple[Term, ...] = ()
    rings: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    tints: tuple[Term, ...] = ()
    second: Term | None = None
    product: bool = False
    blocks: tuple[Block, ...] = ()

    def tile(self) -> Tile:
        """The tile of −1 and 1, int8 ``[T, T, 3]``."""
        down, across = self.wave
        y, x = np.mgrid[0 : self.side, 0 : self.side]
        shared: Phases = TURN * (down * y + across * x) / self.side
        if self.rings:
            shared = shared + self.rings * TURN * _distance(self.side, *self.centre) / self.side
        for bend in self.bends:
            if bend.channel == ALL:
                shared = shared + bend.over(self.side)
        made = np.empty((self.side, self.side, 3))
        for channel in range(3):
            own = [bend.over(self.side) for bend in self.bends if bend.channel == channel]
            values = self.signs[channel] * np.sin(shared + sum(own) + self.phases[channel])
            if self.second is not None:
                follows = self.second.phase + self.phases[channel] / 2
                other = self.second._replace(phase=follows)
                values = (
                    values * other._replace(strength=1.0).over(self.side)
                    if self.product
                    else values + other.over(self.side)
                )
            for tint in self.tints:
                if tint.channel == channel:
                    values = values + tint.over(self.side)
            made[..., channel] = values
        tile = np.where(made >= 0, 1, -1).astype(np.int8)
        for block in self.blocks:
            block.put(tile)
        return tile

    def words(self) -> str:
        """What a person would call it, as ``coloured rings 3.4 px apart, repeated every 32 px``."""
        stripes = math.hypot(*self.wave)
        ringed = self.rings > stripes
        finest = max(self.rings, stripes)
        if not finest:
            return f"waves without a direction, repeated every {self.side} px"
        bent = not ringed and (self.rings > 0 or sum(t.strength for t in self.bends if t.channel == ALL) > 1)
        turned = np.array(self.phases) + np.where(np.array(self.signs) > 0, 0.0, math.pi)
        apart = np.abs((turned - turned[0] + math.pi) % TURN - math.pi).max()
        kind = f"{'bent ' if bent else ''}{'rings' if ringed else 'stripes'}"
        colour = "coloured" if apart > _GREY or self.tints else "grey"
        return f"{colour} {kind} {self.side / finest:.1f} px apart, repeated every {self.side} px"

    def to_json(self) -> dict[str, Any]:
        """Its numbers."""
        return {
            "side": self.side,
            "wave": list(self.wave),
            "phases": list(self.phases),
            "signs": list(self.signs),
            "bends": [list(term) for term in self.bends],
            "rings": self.rings,
            "centre": list(self.centre),
            "tints": [list(term) for term in self.tints],
            "second": None if self.second is None else list(self.second),
            "product": self.product,
            "blocks": [list(block) for block in self.blocks],
        }

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """The texture of ``to_json``; raises InputError for anything else."""
        try:
            made = cls(
                int(values["side"]),
                as_pair(values["wave"], int),
                as_triple(values["phases"], float),
                as_triple(values["signs"], int),
                tuple(_term(term) for term in values["bends"]),
                float(values["rings"]),
                as_pair(values["centre"], float),
                tuple(_term(term) for term in values["tints"]),
                None if values["second"] is None else _term(values["second"]),
                bool(values["product"]),
                tuple(_block(block) for block in values["blocks"]),
            )
            made._check()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError("a stored texture is damaged or of another kind: learn it again.") from error
        return made

    def _check(self) -> None:
        terms = [*self.bends, *self.tints, *([] if self.second is None else [self.second])]
        numbers = [*self.phases, self.rings, *self.centre, *(v for t in terms for v in (t.strength, t.phase))]
        if not 0 < self.side <= _MOST or self.rings < 0 or not np.isfinite(numbers).all():
            raise ValueError("a number that no texture has")
        if any(sign not in (-1, 1) for sign in self.signs) or any(
            t.channel not in range(-1, 3) for t in terms
        ):
            raise ValueError("a sign or a channel that no texture has")
        for block in self.blocks:
            if block.sign not in (-1, 0, 1) or block.channel not in range(-1, 3):
                raise ValueError("a sign or a channel that no block has")
            if not (0 < block.height <= self.side and 0 < block.width <= self.side):
                raise ValueError("a size that no block has")


def _distance(side: int, y: float, x: float) -> Phases:
    """From a place of the tile, which closes on itself, float64 ``[side, side]``."""
    rows, columns = np.mgrid[0:side, 0:side]
    down, across = (
        np.abs((grid - at + side / 2) % side - side / 2) for grid, at in ((rows, y), (columns, x))
    )
    return np.asarray(np.hypot(down, across))


def as_pair(values: Any, kind: Any) -> tuple[Any, Any]:
    """Two values of a kind."""
    first, second = (kind(v) for v in values)
    return first, second


def as_triple(values: Any, kind: Any) -> tuple[Any, Any, Any]:
    """Three values of a kind."""
    first, second, third = (kind(v) for v in values)
    return first, second, third


def _term(values: Any) -> Term:
    down, across, strength, phase, channel = values
    return Term(int(down), int(across), float(strength), float(phase), int(channel))


def _block(values: Any) -> Block:
    y, x, height, width, channel, sign = (int(v) for v in values)
    return Block(y, x, height, width, channel, sign)
