"""Deception by a universal pattern, as ``learn_universal`` learns it: the race of tiles, 20,000 queries in all."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from deepception.deceive.bounds import Area, Bound
from deepception.deceive.learning import STAGES, Learned, learn_stage
from deepception.deceive.parameters import DeceptionParameters
from deepception.properties import Subject
from deepception.sessions import Session

from ..photographs import Case
from .universal import LEARNING_QUERIES, attack

__all__ = ["attack", "learn"]


def learn(session: Session, cases: Sequence[Case], bound: Bound, seed: int) -> dict[str, Any]:
    """A pattern for this network from photographs of the learn split, the clean answers among its queries."""
    subjects = [Subject(case.frame, case.index, case.sha256, case.sha256) for case in cases]
    within: dict[str, Any] = {"area": bound.fraction} if isinstance(bound, Area) else {"linf": bound.epsilon}
    parameters = DeceptionParameters(**within, universal=True, learn_queries=LEARNING_QUERIES - len(cases))
    learned: Learned | None = None
    for stage in range(STAGES):
        learned = learn_stage(
            session, subjects, [case.clean for case in cases], parameters, learned, stage, seed
        )
    assert learned is not None
    pattern = learned.pattern(bound, session.observer.frame)
    assert pattern is not None
    return {"pattern": b64encode(pattern.to_bytes()).decode("ascii"), "queries": learned.spent + len(cases)}
