"""Deception by a universal pattern, as ``learn_universal`` learns it: the race of tiles, 20,000 queries in all.

``learn_alone`` is the same race without the veils that come with the package, which were learned on other
networks: what it learns on one network owes nothing to another, so that it can be shown to the others.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from deepception.deceive.bounds import Area, Bound
from deepception.deceive.parameters import DeceptionParameters
from deepception.deceive.tiles import tiles_within
from deepception.deceive.together import learn_together
from deepception.sessions import Session

from ..photographs import Case, teacher
from .in_stages import learn_in_stages
from .universal import LEARNING_QUERIES, attack

__all__ = ["attack", "learn", "learn_alone"]


def learn(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """A pattern for this network from photographs of the learn split, the clean answers among its queries."""
    within: dict[str, Any] = {"area": bound.fraction} if isinstance(bound, Area) else {"linf": bound.epsilon}
    parameters = DeceptionParameters(**within, universal=True, learn_queries=LEARNING_QUERIES - len(cases))
    learned = learn_in_stages(session, cases, parameters, seed)
    return _written(session, bound, learned.motif(bound), learned.spent + len(cases))


def learn_alone(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """A pattern that starts from nothing, with as many queries."""
    queries = LEARNING_QUERIES - len(cases)  # the clean answers
    motif, spent = learn_together([teacher(session, cases)], bound, queries, seed)
    return _written(session, bound, motif, spent + len(cases))


def _written(session: Session, bound: Bound, motif: Any, queries: int) -> dict[str, Any]:
    family = tiles_within(bound)
    pattern = family.pattern(motif, session.observer.frame)
    written = b64encode(pattern.to_bytes()).decode("ascii")
    return {"pattern": written, "tile": family.to_json(motif), "queries": queries}
