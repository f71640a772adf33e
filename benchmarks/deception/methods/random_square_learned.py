"""The random search for a square with a warm start that is learned with as many queries as our dictionary.

Half of the learning queries search squares on learning photographs, 200 a photograph at most; the other half
shows what deceived there, and random squares beside it, on all of them. What deceives most comes first, by
the same soft greedy cover as in our dictionaries. A new photograph is shown these first, and the search
starts from the best.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepception.deceive.bounds import Bound
from deepception.deceive.dictionary import LENGTH, cover_order
from deepception.deceive.goals import Goal
from deepception.deceive.trials import Trials
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from ..photographs import Case, evenly
from .ours import LEARNING_PHOTOGRAPHS, LEARNING_QUERIES
from .random_square import Square, draw, search

EACH = 200
"""Most queries of the search on one learning photograph."""


def attack(
    session: Session,
    frame: UInt8,
    goal: Goal,
    bound: Bound,
    queries: int,
    rng: np.random.Generator,
    learned: dict[str, Any],
) -> Outcome:
    """Show what was learned, then search from the best of it."""
    trials = Trials(session, frame, goal, bound, queries)
    best = search(trials, rng, [_read(one) for one in learned["squares"]])
    return Outcome.of(trials, bound, best.put(frame))


def learn(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """Squares in order, and all queries they took."""
    chosen = evenly(cases, LEARNING_PHOTOGRAPHS)
    goals = [case.goal(len(session.observer.labels), False) for case in chosen]
    before, queries = session.queries, LEARNING_QUERIES - len(chosen)  # the clean answers
    rng = stream(seed, "learned squares")
    squares: list[Square] = []
    for case, goal in zip(chosen, goals, strict=True):
        left = queries // 2 - (session.queries - before)
        if left < 1:
            break
        trials = Trials(session, case.frame, goal, bound, min(EACH, left), purpose="learning")
        square = search(trials, rng)
        if trials.first is not None:
            squares.append(square)
    room = (queries - (session.queries - before)) // len(chosen)
    trials = Trials(session, chosen[0].frame, goals[0], bound, 1)
    squares = [*squares, *(draw(trials, rng) for _ in range(room - len(squares)))][:room]
    reached = np.zeros((len(squares), len(chosen)), dtype=bool)
    for row, square in enumerate(squares):
        shown = np.stack([square.put(case.frame) for case in chosen])
        top1 = session.ask_images(shown, np.array([0]), purpose="learning").top[:, 0]
        reached[row] = [bool(goal.reached(top1[n : n + 1])[0]) for n, goal in enumerate(goals)]
    order = cover_order(reached, LENGTH)
    return {
        "squares": [_written(squares[i]) for i in order],
        "queries": session.queries - before + len(chosen),
    }


def _written(square: Square) -> dict[str, Any]:
    pixels = b64encode(square.patch.tobytes()).decode("ascii")
    return {"shape": square.patch.shape, "pixels": pixels, "place": square.place.tolist()}


def _read(content: dict[str, Any]) -> Square:
    pixels = np.frombuffer(b64decode(content["pixels"]), dtype=np.uint8)
    return Square(pixels.reshape(content["shape"]), np.array(content["place"], dtype=np.int64))
