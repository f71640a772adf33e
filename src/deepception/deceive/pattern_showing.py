"""Showing a universal pattern: once on each photograph, and judged by the PNG that is kept."""

from __future__ import annotations

from ..errors import InputError
from ..sessions import Session
from ..stimuli.patches import UInt8
from .bounds import Bound
from .found import Found
from .goals import Goal
from .judging import Judgement, odds_of, written_and_read
from .moving import shifted
from .pattern import ABSENT, Pattern
from .trials import CONFIRMATION, PURPOSE, Shown

SOURCE = "pattern"


def show_pattern(
    session: Session, clean: UInt8, goal: Goal, bound: Bound, pattern: Pattern
) -> tuple[Found, Judgement]:
    """Put a pattern on a photograph, write and read the PNG, and show that alone: one query.

    What deceives is shown once more, moved by one pixel: another query, which need not lie within the bound.

    Args:
        session: Whom to ask.
        clean: The photograph in the frame, uint8 ``[H, W, 3]``.
        goal: What counts as deceived.
        bound: What may be changed.
        pattern: What is put on it; on a frame of another size than its own it is fitted.

    Raises:
        InputError: The pattern is of another kind than the bound, or exceeds it in this frame.
    """
    fitted = fitted_within(pattern, bound, (clean.shape[0], clean.shape[1]))
    stimulus = written_and_read(session, fitted.apply_to(clean))
    mask = None if fitted.content is None else fitted.content != ABSENT
    used = max(0 if mask is None else int(mask.sum()), bound.used(clean, stimulus))
    if used > bound.limit((clean.shape[0], clean.shape[1])):
        raise ValueError(f"the pattern of {used} exceeds the bound ({bound})")
    # All classes are read: which one the new answer is, and how sure, is known only afterwards.
    answers = session.ask_images(stimulus[None], purpose=PURPOSE, batch_size=1)
    top1 = int(answers.top[0, 0])
    reached = bool(goal.reached(answers.top[:, 0])[0])
    odds, bounded = odds_of(answers, top1) if reached else (None, False)
    loss = float(goal.loss(answers.read(goal.classes))[0])
    found = Found(stimulus, mask, Shown(reached, loss, top1), SOURCE, 1)
    survives = None
    if reached:
        moved = session.ask_images(shifted(stimulus)[None], purpose=CONFIRMATION, batch_size=1)
        survives = bool(goal.reached(moved.top[:, 0])[0])
    return found, Judgement(reached, top1, odds, survives, bounded)


def fitted_within(pattern: Pattern, bound: Bound, shape: tuple[int, int]) -> Pattern:
    """The pattern for a frame of (height, width); raises InputError where it does not keep to the bound there."""
    fitted = pattern.fitted(shape)
    if type(pattern.bound) is not type(bound):
        raise InputError(f"the pattern is a {pattern.kind} within {pattern.bound}, and not within {bound}.")
    if fitted.used > bound.limit(shape):
        what = "pixels" if fitted.content is not None else "grey levels"
        raise InputError(
            f"the pattern uses {fitted.used} {what} of this frame, more than the {bound.limit(shape)} of {bound}: "
            "allow more, or learn another one."
        )
    return fitted
