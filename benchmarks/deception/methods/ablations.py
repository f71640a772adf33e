"""Ours with one of its parts taken away: what does each of them buy?

Everything else stays, the random numbers of the search included, so that a photograph's two searches differ in
the part alone. "Without the dictionary" is ``ours_plain``.

- *where the stencils lie*: each stencil of the dictionary keeps its texture and its contents, but its window and
  the phase of its texture are drawn anew, anywhere;
- *their order*: the same stencils in a random order, so that what other networks answered decides nothing;
- *their contents*: the same stencils in the same order, painted with contents drawn evenly from all of them;
- *repetition*: the same number of pixels in one place. A solid square of the whole area stands for each stencil,
  at the centre of its window and in its contents; then the same strokes are searched, with the same shares
  replaced, inside the square only, and every fifth showing moves it instead;
- *pruning*: none of it. The showings to the first success are the same; area, all showings and what a shift by
  one pixel leaves are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from deepception.deceive.bounds import Area, Bound
from deepception.deceive.builtin import builtin_dictionary
from deepception.deceive.contents import CONTENTS
from deepception.deceive.controls import square_of
from deepception.deceive.dictionary import Dictionary
from deepception.deceive.found import Found
from deepception.deceive.goals import Goal
from deepception.deceive.patch_search import OPENING, replaced_share, search_patch
from deepception.deceive.stencils import Stencil
from deepception.deceive.strokes import Strokes, from_mask, no_strokes
from deepception.deceive.trials import Trials
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome

MOVES = 5
"""One in so many showings moves the square."""

_REACH, _LEAST_REACH = 0.75, 4
"""How far: a share of the frame at first, and pixels at last; it shrinks as the replaced share does."""


def without_places(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Windows and phases are drawn anew, anywhere."""
    return _search(_moved, session, frame, goal, bound, queries, rng)


def without_order(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """The stencils in a random order."""
    return _search(_shuffled, session, frame, goal, bound, queries, rng)


def without_contents(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Stencils in contents drawn evenly from all of them."""
    return _search(_repainted, session, frame, goal, bound, queries, rng)


def without_pruning(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """As it is found."""
    return _search(lambda dictionary, _: dictionary, session, frame, goal, bound, queries, rng, prune=False)


def without_repetition(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """All pixels in one square."""
    trials = Trials(session, frame, goal, bound, queries)
    return Outcome.judged(trials, bound, _Square(trials, rng).search(_dictionary(session, bound)))


def _search(
    change: Callable[[Dictionary, np.random.Generator], Dictionary],
    session: Session,
    frame: UInt8,
    goal: Goal,
    bound: Bound,
    queries: int,
    rng: np.random.Generator,
    *,
    prune: bool = True,
) -> Outcome:
    """As ``ours`` does, with a changed dictionary; what is drawn for it does not move the search's own numbers."""
    (own,) = rng.spawn(1)
    dictionary = change(_dictionary(session, bound), own)
    trials = Trials(session, frame, goal, bound, queries)
    return Outcome.judged(trials, bound, search_patch(trials, dictionary=dictionary, rng=rng, prune=prune))


def _dictionary(session: Session, bound: Bound) -> Dictionary:
    assert isinstance(bound, Area)
    return builtin_dictionary(bound.fraction, session.observer)


def _moved(dictionary: Dictionary, rng: np.random.Generator) -> Dictionary:
    def move(stencil: Stencil) -> Stencil:
        y, x = rng.uniform(0, 1, 2).tolist()
        down, across = rng.uniform(0, stencil.pitch, 2).tolist()
        return replace(stencil, centre=(y, x), phase=(down, across))

    return Dictionary(tuple(move(stencil) for stencil in dictionary.stencils))


def _shuffled(dictionary: Dictionary, rng: np.random.Generator) -> Dictionary:
    return Dictionary(tuple(dictionary.stencils[i] for i in rng.permutation(len(dictionary))))


def _repainted(dictionary: Dictionary, rng: np.random.Generator) -> Dictionary:
    drawn = rng.integers(len(CONTENTS), size=len(dictionary))
    return Dictionary(
        tuple(
            replace(stencil, content=CONTENTS[code])
            for stencil, code in zip(dictionary.stencils, drawn, strict=True)
        )
    )


class _Square:
    """The search of strokes within one square, whose place is searched as well."""

    def __init__(self, trials: Trials, rng: np.random.Generator) -> None:
        self.trials, self.rng = trials, rng
        self.frame = (trials.clean.shape[0], trials.clean.shape[1])
        self.sides = square_of(trials.bound.limit(self.frame), self.frame)
        self.room = np.array(self.frame) - self.sides
        self.strokes, self.place = no_strokes(self.sides), self.room // 2
        self.found: Found | None = None

    @property
    def over(self) -> bool:
        """Whether the goal is reached or the queries are spent."""
        return self.trials.left < 1 or self.trials.first is not None

    def search(self, dictionary: Dictionary) -> Found:
        """The dictionary's contents at its places, then strokes and places."""
        for number, stencil in enumerate(dictionary.stencils[:OPENING], start=1):
            if self.over:
                break
            strokes = from_mask(np.ones(self.sides, bool), CONTENTS.index(stencil.content))
            centre = np.array(stencil.centre) * self.frame - np.array(self.sides) / 2
            self._offer(strokes, np.clip(np.rint(centre).astype(np.int64), 0, self.room), f"square {number}")
        begun = self.trials.spent
        while not self.over:
            passed = self.trials.spent - begun
            share = replaced_share(passed)
            if passed % MOVES == MOVES - 1:
                reach = _LEAST_REACH + _REACH * min(self.frame) * share / replaced_share(0)
                step = np.rint(self.rng.uniform(-reach, reach, 2)).astype(np.int64)
                self._offer(self.strokes, np.clip(self.place + step, 0, self.room), "search")
            else:
                room = self.sides[0] * self.sides[1]
                self._offer(self.strokes.replaced(self.rng, share, room), self.place, "search")
        assert self.found is not None  # a search has a query or more
        return self.found

    def _offer(self, strokes: Strokes, place: np.ndarray, source: str) -> None:
        rows = strokes.rows.copy()
        rows[:, :2] += place
        put = Strokes(rows, self.frame)
        stimulus = put.put(self.trials.clean)
        shown = self.trials.show(stimulus, put.area)
        if self.found is None or shown.reached or shown.loss <= self.found.shown.loss:
            self.strokes, self.place = strokes, place
            self.found = Found(stimulus, put.mask, shown, source, 1)
