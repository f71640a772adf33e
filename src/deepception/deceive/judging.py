"""Judging: a deception is the PNG that is written, read again and shown alone (METHODS §5)."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from ..observers import AnswerLevel
from ..sessions import Session
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
        margin: Decades of odds of that answer, on the PNG; ``None`` where unknown or not reached.
        survives_shift: Whether it does so moved by one pixel; ``None`` where that was not shown.
    """

    reached: bool
    top1: int
    margin: float | None = None
    survives_shift: bool | None = None


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
    margin = None if answers.level is AnswerLevel.LABEL else float(answers.decades(top1)[0])
    survives = None
    if trials.left:
        survives = bool(trials.goal.reached(trials.watch(shifted(read)).top[:, 0])[0])
    return Judgement(True, top1, margin, survives)


def written_and_read(session: Session, stimulus: UInt8) -> UInt8:
    """The stimulus, uint8 ``[H, W, 3]``, written as a PNG and read again, in memory, as files are."""
    from PIL import Image

    file = io.BytesIO()
    save_stimulus(file, stimulus)
    file.seek(0)
    with Image.open(file) as image:
        return fit_frame(as_photograph(image), session.observer.frame)
