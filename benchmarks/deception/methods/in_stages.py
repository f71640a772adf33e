"""Learning from photographs of the learn split as the product learns, stage after stage."""

from __future__ import annotations

from collections.abc import Sequence

from deepception.deceive.learning import Learned, learn_stage
from deepception.deceive.parameters import DeceptionParameters
from deepception.deceive.race import STAGES
from deepception.properties import Subject
from deepception.sessions import Session

from ..photographs import Case


def learn_in_stages(
    session: Session, cases: Sequence[Case], parameters: DeceptionParameters, seed: int
) -> Learned:
    """What the last stage has come to; the clean answers of the photographs are not among its queries."""
    subjects = [Subject(case.frame, case.index, case.sha256, case.sha256) for case in cases]
    tops = [case.clean for case in cases]
    learned: Learned | None = None
    for stage in range(STAGES):
        learned = learn_stage(session, subjects, tops, parameters, learned, stage, seed)
    assert learned is not None  # there is a stage
    return learned
