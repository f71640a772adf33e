"""Textures at random, and small changes of one: what the race for a veil draws and tries."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import numpy as np

from .textures import ALL, TURN, Block, Term, Texture, as_pair, as_triple

Part = TypeVar("Part")

SIDES = (16, 32)
"""Sides of a tile in pixels."""

_BENDS, _TINTS, _BLOCKS = 10, 8, 100  # most of each
_FINEST = 8.0 / 16  # cycles a pixel of the finest stripes that are drawn
_COARSE = 2.2 / 16  # and of what bends and tints them at first
_RINGS = (3.0, 12.0)  # pixels from one ring to the next, when they are drawn


def draw_texture(rng: np.random.Generator, sides: tuple[int, ...] = SIDES) -> Texture:
    """A random texture."""
    side = int(rng.choice(sides))
    bends = tuple(
        _drawn(rng, side, _COARSE, float(rng.exponential(1.2))) for _ in range(int(rng.integers(0, 4)))
    )
    apart = rng.choice((0.0, 0.7, 2.0))  # how far the channels are from grey
    start = rng.uniform(0, TURN)
    tints = tuple(_tint(rng, side) for _ in range(int(rng.choice((0, 0, 1, 2, 3)))))
    ringed = rng.random() < 0.5
    doubled = rng.random() < 0.35
    return Texture(
        side,
        _frequency(rng, side, _FINEST),
        as_triple(start + apart * rng.normal(0, 1, 3), float),
        as_triple(rng.choice((-1, 1), 3) if rng.random() < 0.4 else (1, 1, 1), int),
        bends,
        side / math.exp(rng.uniform(*np.log(_RINGS))) if ringed else 0.0,
        as_pair(rng.uniform(0, side, 2), float),
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
    return replace(texture, wave=as_pair([k + int(rng.integers(-1, 2)) for k in texture.wave], int))


def _move_phases(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    """All of them, or one."""
    moved = rng.normal(0, size, 3)
    if rng.random() < 0.67:
        moved[np.arange(3) != rng.integers(3)] = 0
    return replace(texture, phases=as_triple(texture.phases + moved, float))


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
    return replace(texture, centre=as_pair(texture.centre + rng.normal(0, 2 * size, 2), float))


def _flip_channel(rng: np.random.Generator, texture: Texture, size: float) -> Texture:
    signs = list(texture.signs)
    signs[int(rng.integers(3))] *= -1
    return replace(texture, signs=as_triple(signs, int))


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
    return replace(texture, blocks=_dropped(rng, texture.blocks))


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


def _dropped(rng: np.random.Generator, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    chosen = int(rng.integers(len(parts))) if parts else 0
    return (*parts[:chosen], *parts[chosen + 1 :])


def _tint(rng: np.random.Generator, side: int) -> Term:
    drawn = _drawn(rng, side, _COARSE, float(rng.uniform(0.4, 1.5)))
    return drawn._replace(channel=int(rng.integers(3)))


def _drawn(rng: np.random.Generator, side: int, finest: float, strength: float) -> Term:
    return Term(*_frequency(rng, side, finest), strength, float(rng.uniform(0, TURN)))


def _frequency(rng: np.random.Generator, side: int, finest: float) -> tuple[int, int]:
    """Cycles a tile, (down, across), not both 0: any direction, coarse ones as often as fine ones."""
    while True:
        cycles = math.exp(rng.uniform(math.log(0.7), math.log(finest * side)))
        angle = rng.uniform(0, TURN)
        made = round(cycles * math.sin(angle)), round(cycles * math.cos(angle))
        if made != (0, 0):
            return made
