"""Deepception, as ``deceive`` searches: with the dictionary of the package, with a learned one, and with none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepception.deceive.bounds import Area, Bound
from deepception.deceive.builtin import builtin_dictionary
from deepception.deceive.dictionary import Dictionary
from deepception.deceive.goals import Goal
from deepception.deceive.parameters import DeceptionParameters
from deepception.deceive.patch_search import search_patch
from deepception.deceive.trials import Trials
from deepception.deceive.veil_bank import builtin_veils
from deepception.deceive.veil_search import search_veil
from deepception.sessions import Session
from deepception.stimuli.patches import UInt8

from ..outcome import Outcome
from ..photographs import Case, evenly
from .in_stages import learn_in_stages

LEARNING_PHOTOGRAPHS = 40
LEARNING_QUERIES = 8_000
"""At most, on 40 photographs, the clean answers among them: 192 stencils are shown on each."""


def attack(
    session: Session, frame: UInt8, goal: Goal, bound: Bound, queries: int, rng: np.random.Generator
) -> Outcome:
    """With what the package carries: nothing was learned on this network."""
    if not isinstance(bound, Area):
        trials = Trials(session, frame, goal, bound, queries)
        found = search_veil(trials, dictionary=builtin_veils(session.observer), rng=rng)
        return Outcome.judged(trials, bound, found)
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
    """A dictionary as ``learn_dictionary`` makes it, from the learn split, the clean answers among its queries."""
    assert isinstance(bound, Area)
    chosen = evenly(cases, LEARNING_PHOTOGRAPHS)
    parameters = DeceptionParameters(area=bound.fraction, learn_queries=LEARNING_QUERIES - len(chosen))
    learned = learn_in_stages(session, chosen, parameters, seed)
    dictionary = learned.dictionary()
    assert dictionary is not None  # it was asked for
    return {"dictionary": dictionary.to_json(), "queries": learned.spent + len(chosen)}


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
    return Outcome.judged(trials, bound, found)
