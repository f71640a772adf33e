"""The search for a fooling image: every patch repeated over the canvas first, then changes of the best collage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..observers import AnswerLevel
from ..sessions import Session
from ..stimuli import Jitter, Patch, Stimuli, render
from ..stimuli.patches import UInt8
from .bank import Bank
from .collage import Changes, Collage, repeated_bytes
from .trials import Exhausted

PURPOSE = "fooling image"
SCREENING, SCREENED = 0.2, 100
"""Share of the queries that show patches repeated over the whole canvas, and most of them where scores are known:
changes of one that is fairly near soon bring more than yet another one."""

JITTERED = 20
"""Showings of one stimulus whose share of answers is its recognition rate, where only labels are known."""

_STARTS, _RACE = 4, 20  # grounds that are changed for so many queries each; half of them go on for twice that
_WARMTH = 0.03  # odds, as logarithm, that a change may lose and is still often kept, at first; none at last
_FORWARD, _DECAY = 0.75, 0.12  # how patches are picked, see _Search._pick
# The same where it is known what patches answer alone: how often, and how many standard deviations of the odds
# make one e times as likely as another.
_KNOWN, _SPREAD = 0.85, 0.5
_MOST_CHANGES = 8  # made at once, where labels only are known and nothing has been answered with the target
_MISSES = 1  # of JITTERED showings, that the search lets pass; the confirmation draws others


@dataclass(frozen=True)
class Seen:
    """The answer to one stimulus.

    Attributes:
        loss: (whether the score is only a bound, distance from the target in natural-log odds), lower is nearer.
            Where only labels are known: 0 or 1.
        p: Probability of the target, ``None`` where it is not known.
        top1: The answer.
    """

    loss: tuple[bool, float]
    p: float | None
    top1: int


class Showings:
    """Shows stimuli for one target, alone, and counts them.

    Args:
        session: Whom to ask.
        target: The class.
        queries: Most showings.
        threshold: Probability at which the target counts as recognised.

    Attributes:
        spent: Showings so far.
        first_top1: The first showing whose answer was the target, 1 for the very first.
        scored: Whether scores are known.
    """

    def __init__(self, session: Session, target: int, queries: int, threshold: float) -> None:
        self.session, self.target, self.queries, self.threshold = session, target, queries, threshold
        self.spent = 0
        self.first_top1: int | None = None
        self.scored = session.observer.level is not AnswerLevel.LABEL

    @property
    def left(self) -> int:
        """Showings that are left."""
        return self.queries - self.spent

    def show(self, pixels: UInt8) -> Seen:
        """Show one stimulus uint8 ``[H, W, 3]``; raises Exhausted where no query is left."""
        if self.left < 1:
            raise Exhausted
        answers = self.session.ask_images(
            pixels[None], np.array([self.target]), purpose=PURPOSE, batch_size=1
        )
        self.spent += 1
        top1 = int(answers.top[0, 0])
        if top1 == self.target and self.first_top1 is None:
            self.first_top1 = self.spent
        if not self.scored:
            return Seen((False, float(top1 != self.target)), None, top1)
        censored = bool(answers.censored[0, 0])
        p = None if censored else float(np.exp(answers.log_probability[0, 0]))
        return Seen((censored, -float(answers.log_odds[0, 0])), p, top1)

    def reached(self, seen: Seen) -> bool:
        """Whether the target is the answer at the threshold or above; never where only labels are known."""
        return seen.p is not None and seen.p >= self.threshold and seen.top1 == self.target


@dataclass(frozen=True)
class Known:
    """What patches of a bank answer alone, see ``Potency``.

    Attributes:
        patches: Their indices, int64 ``[S]``.
        odds: Natural-log odds of the target, float64 ``[S]``.
    """

    patches: NDArray[np.int64]
    odds: NDArray[np.float64]


@dataclass(frozen=True)
class Composed:
    """A collage as it was shown.

    Attributes:
        collage: What it is made of.
        pixels: uint8 ``[H, W, 3]``.
        seen: The answer.
        reached: Whether the search takes it for a fooling image.
        query: Which showing it was.
        source: ``"screening"`` or ``"search"``.
    """

    collage: Collage
    pixels: UInt8
    seen: Seen
    reached: bool
    query: int
    source: str


def search_collage(
    showings: Showings, bank: Bank, rng: np.random.Generator, known: Known | None = None
) -> Composed:
    """Search a collage that is recognised as the target, until it is or the queries are spent.

    Screening first: a large patch of every photograph repeated over the canvas, then the others of the
    photographs that came nearest. Then the best collages are changed, and the better half of them goes on each
    time. What does not lose odds of the target is kept, and for a while what loses very little. Labels only: what
    is answered with the target is changed until ``JITTERED`` showings of it are (but one); before there is any,
    each try is drawn at random.

    Where it is ``known`` what patches answer alone, the best of these are what is screened, and patches are picked
    by it; where all of them answer alike, nothing is known.

    Returns:
        The fooling image, or the best try.
    """
    search = _Search(showings, bank, rng, known)
    try:
        search.screen()
        if showings.scored:
            search.climb()
        else:
            search.settle()
    except Exhausted:
        pass
    assert search.best is not None  # there is a query or more
    return search.best


class _Search:
    def __init__(self, showings: Showings, bank: Bank, rng: np.random.Generator, known: Known | None) -> None:
        self.showings, self.bank, self.rng = showings, bank, rng
        self.known = known if known is not None and known.odds.size and np.ptp(known.odds) else None
        self._likely = None if self.known is None else _likely(self.known.odds)
        self.best: Composed | None = None
        self.screened: list[Composed] = []
        self.changes = Changes(bank, rng, self._pick)
        self._members: dict[int, list[int]] = {}
        for index in rng.permutation(len(bank)).tolist():
            self._members.setdefault(int(bank.groups[index]), []).append(index)
        for members in self._members.values():
            # Large patches first: repeated, they bring other classes nearer than small ones do.
            members.sort(key=lambda index: -bank.patches[index].pixels.size)
        self._order = list(self._members)
        self._canvases: set[bytes] = set()

    @property
    def over(self) -> bool:
        """Whether a fooling image is found."""
        return self.best is not None and self.best.reached

    def screen(self) -> None:
        """Repeat patches over the whole canvas: one of every photograph, then more of the best ones."""
        if self.known is not None:
            self._ground_known(self.known)
            return
        most = max(1, round(SCREENING * self.showings.queries))
        if self.showings.scored:
            most = min(most, SCREENED)
        nearest: dict[int, tuple[bool, float]] = {}
        for group in self._order[: (most + 1) // 2]:
            nearest[group] = self._ground(self._members[group][0]).seen.loss
            if self._enough():
                return
        self._order.sort(key=lambda group: nearest.get(group, (True, np.inf)))
        for group in self._order:
            for patch in self._members[group][1:]:
                if self.showings.spent >= most:
                    return
                if repeated_bytes(self.bank, patch) not in self._canvases:
                    self._ground(patch)
                    if self._enough():
                        return

    def climb(self) -> None:
        """Change the best grounds a while, the better half for longer, and the last one until it is over."""
        if self.over:
            return
        raced = sorted(self.screened, key=lambda c: c.seen.loss)[:_STARTS]
        steps = min(_RACE, self.showings.left // _STARTS**2)  # a race takes no more than half of the queries
        while len(raced) > 1:
            raced = [self._change(one, steps) for one in raced]
            raced = sorted(raced, key=lambda c: c.seen.loss)[: len(raced) // 2]
            steps *= 2
        self._change(raced[0], self.showings.left)

    def settle(self) -> None:
        """Labels only: change what is answered with the target until it is under jitter as well."""
        steady: Composed | None = None
        hits = -1
        assert self.best is not None
        if self.best.seen.top1 == self.showings.target:
            steady, hits = self.best, self._hits(self.best)
        while hits < JITTERED - _MISSES:
            if steady is None:
                collage = Collage(self._pick())
                for _ in range(int(self.rng.integers(1, _MOST_CHANGES + 1))):
                    collage, _kind = self.changes.draw(collage)
            else:
                collage, _kind = self.changes.draw(steady.collage)
            tried = self._show(collage, "search")
            if tried.seen.top1 != self.showings.target:
                continue
            found = self._hits(tried)
            if found >= hits:
                steady, hits = tried, found
                self.best = tried
        assert steady is not None
        self.best = replace(steady, reached=True, query=self.showings.spent)

    # --- parts ----------------------------------------------------------------------------------------------

    def _change(self, at: Composed, steps: int) -> Composed:
        for _ in range(steps):
            if self.over:
                break
            collage, kind = self.changes.draw(at.collage)
            tried = self._show(collage, "search")
            self.changes.credited(kind, tried.seen.loss < at.seen.loss)
            if self._kept(tried.seen, at.seen):
                at = tried
        return at

    def _kept(self, tried: Seen, at: Seen) -> bool:
        """Whether a change goes on; losing a little for a while leads out of where no change helps."""
        if tried.loss <= at.loss:
            return True
        if tried.loss[0] != at.loss[0]:
            return False
        warmth = _WARMTH * self.showings.left / self.showings.queries
        return warmth > 0 and self.rng.random() < math.exp((at.loss[1] - tried.loss[1]) / warmth)

    def _hits(self, composed: Composed) -> int:
        """Jittered showings that are answered with the target, of ``JITTERED``, until too many are not."""
        hits = misses = 0
        for pixels in jittered(composed.pixels, JITTERED, self.rng):
            if self.showings.show(pixels).top1 == self.showings.target:
                hits += 1
            else:
                misses += 1
                if misses > _MISSES:
                    break
        return hits

    def _ground_known(self, known: Known) -> None:
        """Repeat the patches that are known to come nearest, each of another photograph."""
        groups: set[int] = set()
        for patch in known.patches[np.argsort(-known.odds, kind="stable")].tolist():
            group = int(self.bank.groups[patch])
            if group not in groups:
                groups.add(group)
                self._ground(patch)
            if len(groups) == _STARTS or self._enough():
                return

    def _enough(self) -> bool:
        """Whether screening has found what it is for: where only labels are known, an answer with the target."""
        assert self.best is not None
        return self.over or (not self.showings.scored and self.best.seen.top1 == self.showings.target)

    def _ground(self, patch: int) -> Composed:
        self._canvases.add(repeated_bytes(self.bank, patch))
        composed = self._show(Collage(patch), "screening")
        self.screened.append(composed)
        return composed

    def _show(self, collage: Collage, source: str) -> Composed:
        pixels = collage.render(self.bank)
        seen = self.showings.show(pixels)
        reached = self.showings.reached(seen)
        composed = Composed(collage, pixels, seen, reached, self.showings.spent, source)
        if self.best is None or reached or seen.loss < self.best.seen.loss:
            self.best = composed
        return composed

    def _pick(self) -> int:
        """A patch: one that is known to come near, or of the photographs that did in the screening; else any."""
        if self.known is not None and self._likely is not None:
            if self.rng.random() >= _KNOWN:
                return int(self.rng.integers(len(self.bank)))
            at = int(np.searchsorted(self._likely, self.rng.random()))
            return int(self.known.patches[min(at, len(self.known.patches) - 1)])
        if self.rng.random() >= _FORWARD:
            return int(self.rng.integers(len(self.bank)))
        rank = min(int(self.rng.geometric(_DECAY)) - 1, len(self._order) - 1)
        members = self._members[self._order[rank]]
        return members[int(self.rng.integers(len(members)))]


def _likely(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely patches are picked by their odds, added up, float64 ``[S]``."""
    weights = np.exp((odds - odds.max()) / (_SPREAD * odds.std()))
    return np.asarray(np.cumsum(weights / weights.sum()))


def jittered(pixels: UInt8, count: int, rng: np.random.Generator) -> UInt8:
    """Jittered showings of a canvas of patches, uint8 ``[count, H, W, 3]``.

    Contrast ±5 %, brightness ±5 levels (METHODS §0) of all its patches alike, and a shift of up to 1/28 of the
    frame, what leaves it on one side entering on the other.
    """
    draws = Jitter().draw(count, rng, shift=max(1, min(pixels.shape[:2]) // 28))
    toned = Stimuli.single(
        pixels[None],
        (Patch(pixels),),
        background=0,
        patch=0,
        y=0,
        x=0,
        contrast=draws.contrast,
        brightness=draws.brightness,
    )
    shown = render(toned, 0, count)
    for image, dy, dx in zip(shown, draws.dy.tolist(), draws.dx.tolist(), strict=True):
        image[:] = np.roll(image, (dy, dx), axis=(0, 1))
    return shown


def recognition_rate(showings: Showings, pixels: UInt8, rng: np.random.Generator) -> float:
    """Share of ``JITTERED`` showings that are answered with the target."""
    answers: NDArray[np.bool_] = np.array(
        [showings.show(image).top1 == showings.target for image in jittered(pixels, JITTERED, rng)]
    )
    return float(answers.mean())
