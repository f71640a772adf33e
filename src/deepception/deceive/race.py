"""The race for a universal pattern: many tiles on few photographs, few tiles on many, then small changes.

A tile's worth is its mean value over the learning photographs. A change is tried on a few photographs at first,
those on which its parent is undecided before the others, and given up as soon as it is not clearly better than its
parent on the same ones; what a parent did on a photograph is remembered, so that a change costs only its own
showings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from .tiles import Motif, Tiles

STAGES = 8
"""Legs of a whole race; an interruption loses one of them."""

SCREENING = 1
"""Legs that show many tiles on few photographs; later ones change the best."""

TOGETHER = 3
"""The leg from which on the best tile goes on alone."""

FINALISTS = 4
"""Parents that are changed in turn before the best of them goes on alone."""

_FIRST = 16  # photographs on which every tile of a screening is shown
_MOST = 64  # photographs that a round of the screening adds at most
_KEPT = 3  # one in so many tiles goes on to the next round
_STEPS = (12, 24, 48, 64)  # photographs that the trial of a change adds
_SPREAD = 0.5  # how loosely the photographs on which a parent is undecided come first
_DOUBT = 0.7  # standard errors above zero that a change needs to go on
_SURE = 3.0  # and those at which it needs no more photographs


def leg_queries(queries: int, stage: int) -> int:
    """What the leg of number ``stage`` has of all queries: the legs share them evenly."""
    return queries * (stage + 1) // STAGES - queries * stage // STAGES


def fewest_queries(photographs: int) -> int:
    """The fewest queries of a whole race: the first leg shows one tile on its first photographs."""
    return STAGES * min(_FIRST, photographs)


Values = Callable[[Motif, NDArray[np.int64]], NDArray[np.float64]]
"""Shows a tile on some photographs, int64 ``[n]``: its value on each, float64 ``[n]``, higher is better."""


@dataclass
class Parents(Generic[Motif]):
    """The tiles that are in the race.

    Attributes:
        tiles: The tiles.
        values: float64 ``[len(tiles), N]``, the value on each photograph; NaN where it was not shown.
    """

    tiles: list[Motif] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)

    def keep(self, indices: Sequence[int]) -> None:
        """Only these go on, in this order."""
        self.tiles = [self.tiles[i] for i in indices]
        self.values = [self.values[i] for i in indices]

    def mean(self) -> float:
        """The mean value of the best, over the photographs that it was shown on."""
        return max(_mean(v) for v in self.values)

    def best(self) -> Motif:
        """The tile of the highest mean value; of one that was shown nowhere none is known."""
        return self.tiles[int(np.argmax([_mean(v) for v in self.values]))]


class Race(Generic[Motif]):
    """One leg of the race, within so many showings.

    Args:
        tiles: The family.
        show: Shows a tile.
        photographs: N, how many there are.
        queries: Most showings of this leg.
        rng: Draws tiles, changes and photographs.
    """

    def __init__(
        self,
        tiles: Tiles[Motif],
        show: Values[Motif],
        photographs: int,
        queries: int,
        rng: np.random.Generator,
    ) -> None:
        self._tiles, self._show, self._rng = tiles, show, rng
        self._photographs, self.left = photographs, queries

    def run(self, parents: Parents[Motif], stage: int, known: Sequence[Motif] = ()) -> None:
        """The leg of number ``stage``, 0 … STAGES − 1; ``known`` are tried before random ones in the first."""
        if stage < SCREENING:
            self.screen(parents, known if stage == 0 else ())
            return
        if stage == TOGETHER:
            self.settle(parents)
        self.change(parents)

    def screen(
        self, parents: Parents[Motif], known: Sequence[Motif] = (), finalists: int = FINALISTS
    ) -> None:
        """Show many tiles on few photographs, a third of them on more, and so on; the last ones join.

        Args:
            parents: Those that are in the race already; they stay, and the best ``finalists`` of all go on.
            known: Tiles that are tried before random ones.
            finalists: How many go on.
        """
        first = min(_FIRST, self._photographs)
        # The first round takes about half of all: the later ones show a third of the tiles on twice as many.
        count = max(finalists, int(0.45 * self.left / first))
        tiles = list(known[:count])
        tiles += [self._tiles.draw(self._rng) for _ in range(count - len(tiles))]
        screened: Parents[Motif] = Parents(tiles, [np.full(self._photographs, np.nan) for _ in tiles])
        size = first
        while True:
            chosen = self._rng.permutation(self._photographs)[:size]
            for tile, values in zip(screened.tiles, screened.values, strict=True):
                self._fill(tile, values, chosen)
            order = np.argsort([-_mean(v) for v in screened.values], kind="stable").tolist()
            screened.keep(order[: max(finalists, len(order) // _KEPT)])
            if len(screened.tiles) <= finalists or self.left < len(screened.tiles):
                break
            size = min(2 * size, _MOST, self._photographs)
        parents.tiles += screened.tiles
        parents.values += screened.values
        order = np.argsort([-_mean(v) for v in parents.values], kind="stable").tolist()
        parents.keep(order[:finalists])

    def change(self, parents: Parents[Motif]) -> None:
        """Change parents in turn at random until the showings of this leg are spent."""
        while self.left >= min(_STEPS[0], self._photographs):
            index = int(self._rng.integers(len(parents.tiles)))
            child = self._tiles.mutate(self._rng, parents.tiles[index])
            if self._rng.random() < 0.3:
                child = self._tiles.mutate(self._rng, child)
            values = self._try(child, parents.tiles[index], parents.values[index])
            if values is not None:
                parents.tiles[index], parents.values[index] = child, values

    def settle(self, parents: Parents[Motif], photographs: int = 100) -> None:
        """Only the best goes on, judged on the same photographs."""
        chosen = self._rng.permutation(self._photographs)[:photographs]
        for tile, values in zip(parents.tiles, parents.values, strict=True):
            self._fill(tile, values, chosen)
        means = [_mean(values[chosen]) for values in parents.values]
        parents.keep([int(np.argmax(means))])

    def _try(self, child: Motif, parent: Motif, known: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The child's values where it is better than its parent, else ``None``; the parent's are filled in."""
        order = self._undecided_first(known)
        values = np.full(self._photographs, np.nan)
        used = 0
        for step in _STEPS:
            chosen = order[used : used + step]
            used += len(chosen)
            if not self._fill(parent, known, chosen) or not self._fill(child, values, chosen):
                return None
            gain = (values - known)[order[:used]]
            mean, error = float(gain.mean()), float(gain.std() / math.sqrt(used)) + 1e-9
            whole = used == self._photographs or step == _STEPS[-1]
            if mean < _DOUBT * error and not (whole and mean > 0):
                return None
            if mean > _SURE * error or whole:
                return values
        return values

    def _undecided_first(self, known: NDArray[np.float64]) -> NDArray[np.int64]:
        """All photographs, those first that a small change may turn: what is far on either side seldom moves."""
        distance = np.abs(np.where(np.isnan(known), 0.5, known) - 0.5)
        return np.argsort(distance + self._rng.uniform(0, _SPREAD, self._photographs))

    def _fill(self, tile: Motif, values: NDArray[np.float64], chosen: NDArray[np.int64]) -> bool:
        """Show the tile on those photographs on which it was not; false where too few showings are left."""
        missing = chosen[np.isnan(values[chosen])]
        enough = len(missing) <= self.left
        missing = missing[: self.left]
        if len(missing):
            values[missing] = self._show(tile, missing)
            self.left -= len(missing)
        return enough


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else -math.inf
