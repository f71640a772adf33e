"""Judging: a deception is the PNG that is written, read again and shown alone (METHODS §5)."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from ..observers import AnswerLevel
from ..sessions import Answers, Session
from ..stimuli import as_photograph, fit_frame, save_stimulus
from ..stimuli.patches import UInt8
from .found import Found
from .moving import shifted
from .trials import Trials


@dataclass(frozen=True)
class Judgement:
    """What became of a found stimulus.

    Attributes:
        reached: Whether its PNG reaches the goal.
        top1: The answer.
        log10_odds: Decades of odds of that answer, on the PNG; ``None`` where unknown or not reached.
        survives_shift: Whether it does so moved by one pixel; ``None`` where that was not shown.
        log10_odds_bound: Whether these are a bound only: the observer rounds, and says no more.
    """

    reached: bool
    top1: int
    log10_odds: float | None = None
    survives_shift: bool | None = None
    log10_odds_bound: bool = False


def judge(trials: Trials, found: Found) -> Judgement:
    """Write a found stimulus as a PNG, read it, and show it alone; then once more, moved by one pixel.

    Both are queries of the photograph, so each is left out where none is left: the search has shown alone exactly
    the pixels that the file holds. What did not reach its goal in the search is not shown again.
    """
    if not found.shown.reached:
        return Judgement(False, found.shown.top1)
    read = written_and_read(trials.session, found.stimulus)
    if not trials.left:
        return Judgement(bool(np.array_equal(read, found.stimulus)), found.shown.top1)
    answers = trials.watch(read)
    top1 = int(answers.top[0, 0])
    if not trials.goal.reached(answers.top[:, 0])[0]:
        return Judgement(False, top1)
    odds, bounded = odds_of(answers, top1)
    survives = None
    if trials.left:
        survives = bool(trials.goal.reached(trials.watch(shifted(read)).top[:, 0])[0])
    return Judgement(True, top1, odds, survives, bounded)


def odds_of(answers: Answers, top1: int) -> tuple[float | None, bool]:
    """Decades of odds of the answer to one stimulus, ``None`` from labels, and whether that is only a bound."""
    if answers.level is AnswerLevel.LABEL:
        return None, False
    column = answers.column(top1)
    bounded = answers.saturated[0, column] or answers.censored[0, column]
    return float(answers.decades(top1)[0]), bool(bounded)


def written_and_read(session: Session, stimulus: UInt8) -> UInt8:
    """The stimulus, uint8 ``[H, W, 3]``, written as a PNG and read again, in memory, as files are."""
    from PIL import Image

    file = io.BytesIO()
    save_stimulus(file, stimulus)
    file.seek(0)
    with Image.open(file) as image:
        return fit_frame(as_photograph(image), session.observer.frame)
