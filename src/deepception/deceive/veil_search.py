"""The search for a veil: known textures in order, then squares at random places, repainted or textured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..stimuli.patches import UInt8
from .bounds import Linf
from .found import Found
from .texture_changes import draw_texture
from .textures import Texture
from .tiles import Codes, repeated
from .trials import Shown, Trials

_WIDEST = 0.5  # share of the frame that a square covers at the start
_HALVED_AT = (
    0.01,
    0.03,
    0.08,
    0.2,
    0.4,
    0.6,
    0.8,
)  # shares of the queries after which it covers half as much
_TEXTURED = 0.3  # share of the squares that take a texture instead of one colour


def search_veil(trials: Trials, *, dictionary: Sequence[Texture], rng: np.random.Generator) -> Found:
    """Search a veil for one photograph until its goal is reached or its queries are spent.

    Known textures come first, one query each. Then, where scores are known, squares of the best veil so far are
    painted anew, every channel of them up or down by the whole bound or in a random texture, at
    random places and ever smaller; what is not farther from the goal is kept. The squares are those of
    Andriushchenko et al. (2020), Square Attack, ECCV. With labels only nothing tells one failure from another,
    so random textures follow.

    Args:
        trials: The photograph, its goal, bound and queries.
        dictionary: Textures, the most useful first; may be empty.
        rng: Draws textures and squares.

    Returns:
        The deception, or the best try.

    Raises:
        ValueError: The bound is no L∞ distance, or there is no query.
    """
    if not isinstance(trials.bound, Linf) or trials.left < 1:
        raise ValueError("a veil is searched within an L∞ bound, with one query or more")
    search = _Search(trials, trials.bound, rng)
    for number, texture in enumerate(dictionary, start=1):
        if search.over:
            break
        search.offer(repeated(texture.tile(), search.shape), f"dictionary {number}")
    while not search.over and (search.best is None or not trials.scored):
        search.offer(repeated(draw_texture(rng).tile(), search.shape), "draw")
    search.refine()
    return search.found()


class _Search:
    """One photograph's search: it shows veils and keeps the best."""

    def __init__(self, trials: Trials, bound: Linf, rng: np.random.Generator) -> None:
        self.trials, self.rng = trials, rng
        self.shape = (trials.clean.shape[0], trials.clean.shape[1])
        clean, levels = trials.clean.astype(np.int16), np.int16(bound.levels)
        # Both ends of what each value may become: a veil only chooses between them.
        self._low = np.clip(clean - levels, 0, 255).astype(np.uint8)
        self._high = np.clip(clean + levels, 0, 255).astype(np.uint8)
        self.best: tuple[UInt8, Shown, str] | None = None
        self._signs: Codes = np.zeros((*self.shape, 3), np.int8)

    @property
    def over(self) -> bool:
        """Whether the goal is reached or the queries are spent."""
        return self.trials.left < 1 or (self.best is not None and self.best[1].reached)

    def offer(self, signs: Codes, source: str) -> None:
        """Show a veil, and keep it if it is no farther from the goal than the best."""
        stimulus = np.where(signs > 0, self._high, self._low)
        shown = self.trials.show(stimulus)
        if self.best is None or shown.reached or shown.loss <= self.best[1].loss:
            self.best, self._signs = (stimulus, shown, source), signs

    def refine(self) -> None:
        """Paint squares anew until it is over."""
        begun, queries = self.trials.spent, self.trials.left
        while not self.over:
            passed = (self.trials.spent - begun) / queries
            share = _WIDEST / 2 ** sum(passed >= mark for mark in _HALVED_AT)
            self.offer(self._squared(share), "search")

    def found(self) -> Found:
        """The best as the search's result."""
        assert self.best is not None  # a search has a query or more
        stimulus, shown, source = self.best
        signs = np.where(self._signs > 0, np.int8(1), np.int8(-1))
        # A texture goes on over a larger frame; what was painted at places keeps these.
        return Found(stimulus, None, shown, source, 1, painted=signs, repeats=source != "search")

    def _squared(self, share: float) -> Codes:
        """The best veil with one square painted anew."""
        side = max(1, min(round(math.sqrt(share * self.shape[0] * self.shape[1])), *self.shape))
        y, x = (int(self.rng.integers(0, room - side + 1)) for room in self.shape)
        made = self._signs.copy()
        square = made[y : y + side, x : x + side]
        before = square.copy()
        while True:
            square[...] = self._fill(side)
            if not np.array_equal(square, before):
                return made

    def _fill(self, side: int) -> NDArray[np.int8]:
        if side > 2 and self.rng.random() < _TEXTURED:
            return repeated(draw_texture(self.rng).tile(), (side, side))
        return (self.rng.integers(0, 2, 3) * 2 - 1).astype(np.int8)
