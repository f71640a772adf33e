"""The units of learning: stages over photographs that are never measured, and the lesson that all others get."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...properties import Experiment, Learning
from ...properties.result import jsonable
from ...sessions import Session
from ..units import Outcome
from .measuring import Labelled, asking_of, parts_of, result_of, subject_of, timed

if TYPE_CHECKING:
    from .planned import AuditPlan, MeasurePlan

_ABOUT = "learning"


def plan_learning(
    plan: AuditPlan,
    made: MeasurePlan,
    experiment: Experiment,
    subjects: Sequence[Labelled],
    tops: Sequence[int],
    session: Session | None,
) -> None:
    """Add what an experiment learns, if it does: each stage depends on the one before, the lesson on the last.

    Args:
        plan: What is measured.
        made: The plan so far; gets the units.
        experiment: Who learns.
        subjects: The learning photographs that could be shown.
        tops: Their clean top-1.
        session: Who answers; ``None`` to plan only.
    """
    learning = experiment.learning
    if learning is None:
        return
    parameters = plan.parameters[experiment.name]
    brought = learning.brings(parameters)
    stages = 0 if brought else learning.stages(parameters)
    if not stages and not brought:
        return
    hashes: list[str] = []
    for stage in range(stages):
        hashes.append(_plan_stage(plan, made, experiment, learning, subjects, tops, stage, hashes, session))
    if hashes:
        made.stages[experiment.name] = hashes
    made.lesson[experiment.name] = _plan_lesson(plan, made, experiment, learning, hashes[-1:], session)


def _plan_stage(
    plan: AuditPlan,
    made: MeasurePlan,
    experiment: Experiment,
    learning: Learning,
    subjects: Sequence[Labelled],
    tops: Sequence[int],
    stage: int,
    before: Sequence[str],
    session: Session | None,
) -> str:
    parameters = plan.parameters[experiment.name]
    cleans = [plan.clean_unit(s.photograph).hash for s in subjects]
    earlier = before[-1] if before else None
    unit = plan.unit(
        f"{experiment.name} {_ABOUT}",
        None,
        None,
        {"parameters": jsonable(parameters), "stage": stage, "labels": [s.label for s in subjects]},
        [*cleans, *([] if earlier is None else [earlier])],
        schema=learning.schema,
    )

    def measure(outcomes: Mapping[str, Outcome]) -> Outcome:
        asking = asking_of(session)
        shown = [subject_of(s, outcomes[clean]) for s, clean in zip(subjects, cleans, strict=True)]
        known = None if earlier is None else result_of(learning.stage, outcomes[earlier])
        return timed(
            asking,
            lambda: parts_of(learning.learn(asking, shown, tops, parameters, known, stage, plan.seed)),
        )

    return made.add(unit, learning.price(parameters, stage, len(subjects)), measure)


def _plan_lesson(
    plan: AuditPlan,
    made: MeasurePlan,
    experiment: Experiment,
    learning: Learning,
    last: Sequence[str],
    session: Session | None,
) -> str:
    parameters = plan.parameters[experiment.name]
    unit = plan.unit(
        f"{experiment.name} lesson",
        None,
        None,
        {"parameters": jsonable(parameters)},
        last,
        schema=learning.schema,
    )

    def measure(outcomes: Mapping[str, Outcome]) -> Outcome:
        asking = asking_of(session)
        known = result_of(learning.stage, outcomes[last[0]]) if last else None
        brought = learning.brings(parameters)
        content = None if brought is None else _content(plan.files, brought)
        return timed(asking, lambda: parts_of(learning.finish(asking, parameters, known, content)))

    return made.add(unit, 0, measure)


def _content(files: Mapping[str, str], sha256: str) -> bytes:
    """The bytes of a file that was brought. Raises InputError where it is gone or another."""
    path = files.get(sha256)
    if path is None:
        raise InputError(
            f"the file of SHA-256 {sha256[:12]}… is not at hand, or has changed: start another run."
        )
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path} cannot be read ({reason}): put it back, or start another run.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path} has changed since the run began: restore it, or start another run.")
    return content
