"""Universal patterns: learned on some photographs, put on others without a query.

Baseline: the best of many random patterns, kept by quarters on learning photographs. Veils are gratings, one
square wave a channel; patches are pixels scattered over the frame in corner colours. Control: one of them,
unlearned.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepception.deceive.bounds import Area, Bound
from deepception.deceive.goals import Goal
from deepception.deceive.pattern import PIXELS, Pattern
from deepception.deceive.trials import Trials
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli import Frame
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from ..photographs import Case

LEARNING_QUERIES, CHUNK = 20_000, 25
"""All learning queries; learning photographs of a round, after which a quarter of the patterns is kept."""


def attack(
    session: Session,
    frame: UInt8,
    goal: Goal,
    bound: Bound,
    queries: int,
    rng: np.random.Generator,
    learned: dict[str, Any],
) -> Outcome:
    """One showing, which judges; the pattern was made without this photograph."""
    pattern = Pattern.from_bytes(b64decode(learned["pattern"]))
    trials = Trials(session, frame, goal, bound, queries)
    stimulus = pattern.apply_to(frame)
    trials.show(stimulus, pattern.used if pattern.kind == "patch" else 0)
    return Outcome.of(trials, bound, stimulus)


def learn(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """The best of as many random patterns as the queries allow."""
    before, classes = session.queries, len(session.observer.labels)
    rng = stream(seed, "universal")
    order = [cases[i] for i in rng.permutation(len(cases))]
    left = LEARNING_QUERIES - len(cases)  # the clean answers
    # A quarter, a sixteenth … of them is shown on further photographs: a third more in all.
    count = max(1, int(left / (4 / 3 * min(CHUNK, len(order)))))
    patterns = [draw_pattern(rng, bound, session.observer.frame) for _ in range(count)]
    scores = np.zeros(count)
    for start in range(0, len(order), CHUNK):
        part = order[start : start + CHUNK]
        if len(patterns) * len(part) > left - (session.queries - before):
            break
        scores += [_deceived(session, pattern, part, classes) for pattern in patterns]
        best = np.argsort(-scores, kind="stable")[: max(1, math.ceil(len(patterns) / 4))]
        patterns, scores = [patterns[i] for i in best], scores[best]
    return _written(patterns[0], session.queries - before + len(cases))


def draw_one(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """A random pattern that nothing was learned about."""
    return _written(draw_pattern(stream(seed, "universal control"), bound, session.observer.frame), 0)


def draw_pattern(rng: np.random.Generator, bound: Bound, frame: Frame) -> Pattern:
    """A random grating at the whole ε, or random pixels on the whole area."""
    rows, columns = frame.shape
    limit = bound.limit(frame.shape)
    if isinstance(bound, Area):
        content = np.zeros(rows * columns, dtype=np.uint8)
        content[rng.choice(rows * columns, limit, replace=False)] = PIXELS
        values = (255 * rng.integers(0, 2, (rows, columns, 3))).astype(np.uint8)
        return Pattern(values, content.reshape(rows, columns), bound, frame)
    frequency = np.exp(rng.uniform(math.log(2), math.log(min(rows, columns) / 3), 3))  # cycles a frame
    direction, phase = rng.uniform(0, math.pi, 3), rng.uniform(0, 2 * math.pi, 3)
    y, x = np.mgrid[:rows, :columns][..., None] / min(rows, columns)
    wave = 2 * math.pi * frequency * (y * np.sin(direction) + x * np.cos(direction)) + phase
    values = np.where(np.sin(wave) < 0, -limit, limit).astype(np.int16)
    return Pattern(values, None, bound, frame)


def _deceived(session: Session, pattern: Pattern, cases: Sequence[Case], classes: int) -> int:
    shown = np.stack([pattern.apply_to(case.frame) for case in cases])
    top1 = session.ask_images(shown, np.array([0]), purpose="learning").top[:, 0]
    goals = [case.goal(classes, False) for case in cases]
    return sum(bool(goal.reached(top1[n : n + 1])[0]) for n, goal in enumerate(goals))


def _written(pattern: Pattern, queries: int) -> dict[str, Any]:
    return {"pattern": b64encode(pattern.to_bytes()).decode("ascii"), "queries": queries}
