"""Textures: what a veil repeats, one bent grating that closes on itself, described by a few numbers.

A change of one number keeps the texture a texture. Pixels of a good tile turned over at random mostly harm it, as
its lines are what deceives; blocks of them are kept as a last, smaller means. Stripes of a few pixels, bent into
arcs and zigzags, are also what gradients arrive at, and what deceives one classifier deceives others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

ALL = -1
"""Channel of a term that bends all three."""

SIDES = (16, 32)
"""Sides of a tile in pixels."""

_MOST = 64  # largest side that is read from a file
_BENDS, _TINTS, _BLOCKS = 10, 8, 100  # most of each
_FINEST = 8.0 / 16  # cycles a pixel of the finest stripes that are drawn
_COARSE = 2.2 / 16  # and of what bends and tints them at first
_RINGS = (3.0, 12.0)  # pixels from one ring to the next, when they are drawn
_TURN = 2 * math.pi
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
            self.strength * np.sin(_TURN * (self.down * y + self.across * x) / side + self.phase)
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
        phase = Term(*self.wave, 1.0, 0.0)
        y, x = np.mgrid[0 : self.side, 0 : self.side]
        shared: Phases = _TURN * (phase.down * y + phase.across * x) / self.side
        if self.rings:
            shared = shared + self.rings * _TURN * _distance(self.side, *self.centre) / self.side
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
        apart = np.abs((turned - turned[0] + math.pi) % _TURN - math.pi).max()
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
                _pair(values["wave"], int),
                _triple(values["phases"], float),
                _triple(values["signs"], int),
                tuple(_term(term) for term in values["bends"]),
                float(values["rings"]),
                _pair(values["centre"], float),
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


def draw_texture(rng: np.random.Generator, sides: tuple[int, ...] = SIDES) -> Texture:
    """A random texture."""
    side = int(rng.choice(sides))
    bends = tuple(
        _drawn(rng, side, _COARSE, float(rng.exponential(1.2))) for _ in range(int(rng.integers(0, 4)))
    )
    apart = rng.choice((0.0, 0.7, 2.0))  # how far the channels are from grey
    start = rng.uniform(0, _TURN)
    tints = tuple(_tint(rng, side) for _ in range(int(rng.choice((0, 0, 1, 2, 3)))))
    ringed = rng.random() < 0.5
    doubled = rng.random() < 0.35
    return Texture(
        side,
        _frequency(rng, side, _FINEST),
        _triple(start + apart * rng.normal(0, 1, 3), float),
        _triple(rng.choice((-1, 1), 3) if rng.random() < 0.4 else (1, 1, 1), int),
        bends,
        side / math.exp(rng.uniform(*np.log(_RINGS))) if ringed else 0.0,
        _pair(rng.uniform(0, side, 2), float),
        tints,
        _drawn(rng, side, _FINEST, float(rng.uniform(0.3, 1.2))) if doubled else None,
        bool(rng.random() < 0.4),
    )


def changed_texture(rng: np.random.Generator, texture: Texture) -> Texture:
    """A texture that differs a little from another one of the same side, in one number or a few."""
    before = texture.tile()
    while True:
        made = _change(rng, texture)
        while rng.random() < 0.3:
            made = _change(rng, made)
        if not np.array_equal(made.tile(), before):
            return made


def _change(rng: np.random.Generator, texture: Texture) -> Texture:
    size = math.exp(rng.uniform(math.log(0.1), math.log(1.5)))
    kind = rng.choice(list(_CHANGES), p=_WEIGHTS)
    return _CHANGES[kind][1](rng, texture, size)


def _move_wave(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, wave=_pair([k + int(rng.integers(-1, 2)) for k in texture.wave], int))


def _move_phases(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    """All of them, or one."""
    moved = rng.normal(0, size, 3)
    if rng.random() < 0.67:
        moved[np.arange(3) != rng.integers(3)] = 0
    return replace(texture, phases=_triple(texture.phases + moved, float))


def _nudge_bend(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, bends=_nudged(rng, texture.bends, size))


def _add_bend(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    term = _drawn(rng, texture.side, 5 / 16, math.exp(rng.uniform(math.log(0.1), math.log(1.5))))
    if rng.random() < 0.5:
        term = term._replace(channel=int(rng.integers(3)))
    return replace(texture, bends=(*texture.bends, term)[-_BENDS:])


def _drop_bend(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, bends=_dropped(rng, texture.bends))


def _nudge_tint(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, tints=_nudged(rng, texture.tints, size))


def _add_tint(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, tints=(*texture.tints, _tint(rng, texture.side))[-_TINTS:])


def _drop_tint(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, tints=_dropped(rng, texture.tints))


def _widen_rings(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    if not texture.rings and rng.random() < 0.5:
        return replace(texture, rings=texture.side / math.exp(rng.uniform(*np.log(_RINGS))))
    return replace(texture, rings=max(0.0, texture.rings + float(rng.normal(0, size))))


def _move_centre(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    return replace(texture, centre=_pair(texture.centre + rng.normal(0, 2 * size, 2), float))


def _flip_channel(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    signs = list(texture.signs)
    signs[int(rng.integers(3))] *= -1
    return replace(texture, signs=_triple(signs, int))


def _change_second(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    if texture.second is not None and rng.random() < 0.6:
        return replace(texture, second=texture.second.nudged(rng, size))
    second = _drawn(rng, texture.side, _FINEST, float(rng.uniform(0.3, 1.2))) if rng.random() < 0.5 else None
    return replace(texture, second=second, product=bool(rng.random() < 0.4))


def _add_block(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    """From a pixel to most of the tile, small ones as often as large ones."""
    y, x = (int(v) for v in rng.integers(0, texture.side, 2))
    height, width = (int(2 ** rng.uniform(0, math.log2(texture.side + 1))) for _ in range(2))
    channel = int(rng.integers(3)) if rng.random() < 0.6 else ALL
    sign = int(rng.choice((-1, 1))) if rng.random() < 0.5 else 0
    return replace(texture, blocks=(*texture.blocks, Block(y, x, height, width, channel, sign))[-_BLOCKS:])


def _drop_block(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    chosen = int(rng.integers(len(texture.blocks))) if texture.blocks else 0
    return replace(texture, blocks=(*texture.blocks[:chosen], *texture.blocks[chosen + 1 :]))


_CHANGES = {
    "wave": (1.0, _move_wave),
    "phases": (3.0, _move_phases),
    "bend": (3.0, _nudge_bend),
    "bend more": (3.0, _add_bend),
    "bend less": (0.5, _drop_bend),
    "rings": (1.0, _widen_rings),
    "centre": (1.0, _move_centre),
    "sign": (0.4, _flip_channel),
    "tint": (2.0, _nudge_tint),
    "tint more": (1.5, _add_tint),
    "tint less": (0.5, _drop_tint),
    "second": (1.7, _change_second),
    "block more": (4.0, _add_block),
    "block less": (0.5, _drop_block),
}
_WEIGHTS = np.array([weight for weight, _ in _CHANGES.values()]) / sum(w for w, _ in _CHANGES.values())


def _nudged(rng: np.random.Generator, terms: tuple[Term, ...], size: float) -> tuple[Term, ...]:
    if not terms:
        return terms
    chosen = int(rng.integers(len(terms)))
    return (*terms[:chosen], terms[chosen].nudged(rng, size), *terms[chosen + 1 :])


def _dropped(rng: np.random.Generator, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    chosen = int(rng.integers(len(terms))) if terms else 0
    return (*terms[:chosen], *terms[chosen + 1 :])


def _tint(rng: np.random.Generator, side: int) -> Term:
    drawn = _drawn(rng, side, _COARSE, float(rng.uniform(0.4, 1.5)))
    return drawn._replace(channel=int(rng.integers(3)))


def _drawn(rng: np.random.Generator, side: int, finest: float, strength: float) -> Term:
    return Term(*_frequency(rng, side, finest), strength, float(rng.uniform(0, _TURN)))


def _frequency(rng: np.random.Generator, side: int, finest: float) -> tuple[int, int]:
    """Cycles a tile, (down, across), not both 0: any direction, coarse ones as often as fine ones."""
    while True:
        cycles = math.exp(rng.uniform(math.log(0.7), math.log(finest * side)))
        angle = rng.uniform(0, _TURN)
        made = round(cycles * math.sin(angle)), round(cycles * math.cos(angle))
        if made != (0, 0):
            return made


def _distance(side: int, y: float, x: float) -> Phases:
    """From a place of the tile, which closes on itself, float64 ``[side, side]``."""
    rows, columns = np.mgrid[0:side, 0:side]
    down, across = (
        np.abs((grid - at + side / 2) % side - side / 2) for grid, at in ((rows, y), (columns, x))
    )
    return np.asarray(np.hypot(down, across))


def _pair(values: Any, kind: Any) -> tuple[Any, Any]:
    first, second = (kind(v) for v in values)
    return first, second


def _triple(values: Any, kind: Any) -> tuple[Any, Any, Any]:
    first, second, third = (kind(v) for v in values)
    return first, second, third


def _term(values: Any) -> Term:
    down, across, strength, phase, channel = values
    return Term(int(down), int(across), float(strength), float(phase), int(channel))


def _block(values: Any) -> Block:
    y, x, height, width, channel, sign = (int(v) for v in values)
    return Block(y, x, height, width, channel, sign)
