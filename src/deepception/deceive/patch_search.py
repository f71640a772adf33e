"""The search for a patch: the dictionary in order, then a random search over strokes, then pruning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..stimuli.patches import UInt8
from .bounds import Area, limit_within
from .contents import CONTENTS
from .dictionary import Dictionary
from .found import Found
from .moving import moved
from .stencils import Stencil, draw_stencil
from .strokes import Strokes, from_mask, no_strokes
from .trials import Shown, Trials

OPENING = 12
"""Stencils of the dictionary that come before strokes where scores are known; later ones seldom add anything."""

PRUNING = 15
"""Most showings that pruning takes."""

STEADY = ((0, -1), (1, 0))
"""Moves, in pixels down and right, that a pruned patch has to stand; the shift that is reported is another one."""

KEPT = 2
"""Showings that pruning leaves: what was found is confirmed from its file, and shown moved by one pixel."""

# Share of the strokes that is replaced: at first, added to the share at the end, and the queries after which a
# quarter of the former is left. It does not depend on the budget: more queries change nothing about earlier ones.
_WIDEST, _NARROWEST, _HALFWAY = 0.02, 0.002, 400


def search_patch(trials: Trials, *, dictionary: Dictionary, rng: np.random.Generator, prune: bool) -> Found:
    """Search a patch for one photograph until its goal is reached or its queries are spent.

    The stencils of the dictionary come first, one query each, OPENING of them where scores are known and all
    where only labels are. Then, with scores, strokes: the best try so far is cut into strokes, a shrinking
    random share of them is replaced, and what is not farther from the goal is kept. With labels only nothing
    tells one failure from another, so random stencils follow.

    Args:
        trials: The photograph, its goal, bound and queries.
        dictionary: May be empty.
        rng: Draws strokes and stencils.
        prune: After a success take strokes away in shrinking shares as long as the goal stays reached, moved by a
            pixel too (STEADY), with PRUNING showings at most, and KEPT left over. What is found was shown alone
            exactly as it is.

    Returns:
        The deception, or the best try.

    Raises:
        InputError: The area is less than a pixel of the frame.
        ValueError: The bound is no area, or there is no query.
    """
    search = _Search(trials, rng)
    opening = dictionary.stencils[:OPENING] if trials.scored else dictionary.stencils
    for number, stencil in enumerate(opening, start=1):
        if search.over:
            break
        search.offer(stencil, f"dictionary {number}")
    if trials.scored:
        search.refine()
    else:
        search.draw()
    if prune:
        search.prune()
    return search.found()


def replaced_share(showings: int) -> float:
    """Share of the strokes that the search replaces after so many of its showings."""
    return _WIDEST / (1 + showings / _HALFWAY) ** 2 + _NARROWEST


@dataclass(frozen=True, eq=False)
class _Try:
    """One stimulus that was shown."""

    patch: Stencil | Strokes
    stimulus: UInt8
    shown: Shown
    source: str


class _Search:
    """One photograph's search: it shows patches and keeps the best."""

    def __init__(self, trials: Trials, rng: np.random.Generator) -> None:
        if not isinstance(trials.bound, Area) or trials.left < 1:
            raise ValueError("a patch is searched within an area, with one query or more")
        self.trials, self.rng, self.clean = trials, rng, trials.clean
        self.shape = (self.clean.shape[0], self.clean.shape[1])
        self.fraction = trials.bound.fraction
        self.limit = limit_within(trials.bound, self.shape)
        self.best: _Try | None = None

    @property
    def over(self) -> bool:
        """Whether the goal is reached or the queries are spent."""
        return self.trials.left < 1 or (self.best is not None and self.best.shown.reached)

    def offer(self, patch: Stencil | Strokes, source: str) -> None:
        """Show a patch, and keep it if it is no farther from the goal than the best."""
        tried = self._show(patch, source)
        if self.best is None or tried.shown.reached or tried.shown.loss <= self.best.shown.loss:
            self.best = tried

    def draw(self) -> None:
        """Random stencils until it is over."""
        while not self.over:
            self.offer(draw_stencil(self.rng, self.fraction), "draw")

    def refine(self) -> None:
        """Random search over strokes from the best so far until it is over."""
        begun = self.trials.spent
        if self.best is None:
            self.offer(no_strokes(self.shape).filled(self.rng, self.limit), "search")
        while not self.over:
            share = replaced_share(self.trials.spent - begun)
            self.offer(self._strokes().replaced(self.rng, share, self.limit), "search")

    def prune(self) -> None:
        """Take strokes away as long as the goal stays reached, and steadily so."""
        if self.best is None or not self.best.shown.reached:
            return
        share = 0.5
        last = min(self.trials.spent + PRUNING, self.trials.queries - KEPT)
        while self.trials.spent + 1 + len(STEADY) <= last:
            strokes = self._strokes()
            dropped = round(share * len(strokes))
            if dropped < 1:
                break
            kept = np.ones(len(strokes), bool)
            kept[self.rng.choice(len(strokes), size=dropped, replace=False)] = False
            tried = self._show(strokes.only(kept), self.best.source)
            if tried.shown.reached and self._stands(tried.stimulus):
                self.best = tried
            else:
                share /= 2

    def _stands(self, stimulus: UInt8) -> bool:
        """Whether it deceives moved by a pixel, too: without that what is left would barely suffice."""
        return all(
            self.trials.goal.reached(self.trials.watch(moved(stimulus, *move)).top[:, 0])[0]
            for move in STEADY
        )

    def found(self) -> Found:
        """The best as the search's result."""
        assert self.best is not None  # a search has a query or more
        strokes = self._strokes()
        best = self.best
        return Found(
            best.stimulus, strokes.mask, best.shown, best.source, len(strokes), painted=strokes.codes
        )

    def _strokes(self) -> Strokes:
        """The best as strokes."""
        assert self.best is not None
        patch = self.best.patch
        if isinstance(patch, Strokes):
            return patch
        return from_mask(patch.mask(self.shape, self.limit), CONTENTS.index(patch.content))

    def _show(self, patch: Stencil | Strokes, source: str) -> _Try:
        if isinstance(patch, Stencil):
            stimulus = patch.put(self.clean, self.limit)
            covered = int(np.count_nonzero(patch.mask(self.shape, self.limit)))
        else:
            stimulus, covered = patch.put(self.clean), patch.area
        return _Try(patch, stimulus, self.trials.show(stimulus, covered), source)
