"""Deepception, as ``deceive`` searches: with the dictionary of the package, with a learned one, and with none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepception.deceive.bounds import Area, Bound
from deepception.deceive.builtin import builtin_dictionary
from deepception.deceive.dictionary import Dictionary, learn_dictionary
from deepception.deceive.goals import Goal
from deepception.deceive.patch_search import search_patch
from deepception.deceive.trials import Trials
from deepception.deceive.veil_bank import builtin_veils
from deepception.deceive.veil_search import search_veil
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from ..photographs import Case

LEARNING_PHOTOGRAPHS = 40
LEARNING_QUERIES = 8_000
"""40 photographs, the clean answers among them: 199 stencils are shown on each."""


def attack(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """With what the package carries: nothing was learned on this network."""
    if not isinstance(bound, Area):
        trials = Trials(session, frame, goal, bound, queries)
        found = search_veil(trials, dictionary=builtin_veils(session.observer), rng=rng)
        return Outcome.of(trials, bound, found.stimulus)
    return _search(
        session, frame, goal, bound, queries, rng, builtin_dictionary(bound.fraction, session.observer)
    )


def attack_plain(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """Without any dictionary: the search alone."""
    return _search(session, frame, goal, bound, queries, rng, Dictionary(()))


def attack_learned(
    session: Session,
    frame: UInt8,
    goal: Goal,
    bound: Bound,
    queries: int,
    rng: np.random.Generator,
    learned: dict[str, Any],
) -> Outcome:
    """With a dictionary that was learned on other photographs of this network."""
    return _search(session, frame, goal, bound, queries, rng, Dictionary.from_json(learned["dictionary"]))


def learn(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """A dictionary for this network from photographs of the learn split, and all queries it took."""
    assert isinstance(bound, Area)
    chosen = [
        cases[i * len(cases) // LEARNING_PHOTOGRAPHS] for i in range(min(LEARNING_PHOTOGRAPHS, len(cases)))
    ]
    goals = [case.goal(len(session.observer.labels), False) for case in chosen]
    before = session.queries
    frames = np.stack([case.frame for case in chosen])
    queries = LEARNING_QUERIES - len(chosen)  # the clean answers
    dictionary = learn_dictionary(session, frames, goals, bound, queries, seed)
    return {"dictionary": dictionary.to_json(), "queries": session.queries - before + len(chosen)}


def _search(
    session: Session,
    frame: UInt8,
    goal: Goal,
    bound: Bound,
    queries: int,
    rng: np.random.Generator,
    dictionary: Dictionary,
) -> Outcome:
    trials = Trials(session, frame, goal, bound, queries)
    found = search_patch(trials, dictionary=dictionary, rng=rng, prune=True)
    return Outcome.of(trials, bound, found.stimulus)
