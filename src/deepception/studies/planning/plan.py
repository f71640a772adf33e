"""The plan of an audit: which units it has, what each depends on, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...properties import (
    Context,
    ControlTask,
    Experiment,
    Subject,
)
from ...properties.result import jsonable
from ...sessions import Session
from ..engine import PlannedUnit
from ..units import Outcome
from .learning_units import plan_learning
from .measuring import (
    Labelled,
    PlannedPhotograph,
    asking_of,
    labelled_as,
    load_planned,
    parts_of,
    result_of,
    subject_of,
    timed,
)
from .period_units import plan_judging, plan_rows
from .planned import AuditPlan, MeasurePlan

__all__ = [
    "AuditPlan",
    "MeasurePlan",
    "PlannedPhotograph",
    "plan_alone",
    "plan_clean",
    "plan_measures",
    "plan_period",
    "plan_photograph",
    "plan_shared",
    "result_of",
]


def plan_clean(
    plan: AuditPlan, session: Session | None, photographs: Sequence[PlannedPhotograph] | None = None
) -> list[PlannedUnit]:
    """One unit a photograph, of all or of some: its pixels in the frame, and the clean answer (one query)."""

    def show(photograph: PlannedPhotograph) -> Callable[[Mapping[str, Outcome]], Outcome]:
        def run(_: Mapping[str, Outcome]) -> Outcome:
            asking = asking_of(session)
            frame = asking.observer.frame
            pixels = load_planned(photograph, frame, as_is=plan.as_is, max_pixels=plan.max_pixels)
            return timed(asking, lambda: _clean(asking, pixels))

        return run

    shown = plan.everyone if photographs is None else photographs
    return [PlannedUnit(plan.clean_unit(p), show(p)) for p in shown]


def _clean(session: Session, pixels: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answers = session.ask_images(pixels[None], purpose="clean")
    top = answers.top[0]
    columns = [answers.column(int(c)) for c in top]
    record = {
        "top": top.tolist(),
        "log10_p": jsonable(answers.log_probability[0, columns] / np.log(10.0)),
    }
    return {"pixels": pixels, "log_odds": answers.log_odds[0].astype(np.float32)}, record


def plan_period(plan: AuditPlan, cleans: Mapping[str, int], session: Session | None) -> MeasurePlan:
    """The units that show the rows of the period; empty where none is sought. Arguments: ``plan_measures``."""
    made = MeasurePlan()
    if plan.wants_period:
        shown = [labelled_as(p, cleans) for p in plan.everyone if p.sha256 in cleans]
        plan_rows(plan, made, [s for s in shown if s.photograph.sha256 in plan.period_photographs], session)
    return made


def plan_measures(
    plan: AuditPlan,
    cleans: Mapping[str, int],
    session: Session | None,
    finished: Callable[[str], bool] = lambda unit_hash: True,
) -> MeasurePlan:
    """The units of all experiments: what all photographs share, then each photograph.

    Args:
        plan: What is measured.
        cleans: Clean top-1 of each photograph that could be shown, by SHA-256; the others are left out.
        session: Who answers; ``None`` to plan only.
        finished: Whether the unit of a hash is finished: the period is judged over the rows that are, so that
            a photograph which fails costs its row only.
    """
    made = plan_shared(plan, cleans, session, finished)
    for photograph in plan.photographs:
        if photograph.sha256 in cleans:
            plan_photograph(plan, made, photograph, cleans, session)
    return made


def plan_shared(
    plan: AuditPlan,
    cleans: Mapping[str, int],
    session: Session | None,
    finished: Callable[[str], bool] = lambda unit_hash: True,
) -> MeasurePlan:
    """The period, the shared controls and what is learned. Arguments: ``plan_measures``."""
    made = plan_period(plan, cleans, session)
    rows = [entry.unit.hash for entry in made.units if finished(entry.unit.hash)]
    if rows:
        plan_judging(plan, made, rows)
    learning = [labelled_as(p, cleans) for p in plan.learning if p.sha256 in cleans]
    tops = [cleans[p.photograph.sha256] for p in learning]
    pool = _pool_of(plan, cleans)
    for experiment in plan.experiments:
        _plan_controls(plan, made, experiment, pool, session)
        plan_learning(plan, made, experiment, learning, tops, session)
    return made


def plan_photograph(
    plan: AuditPlan,
    made: MeasurePlan,
    photograph: PlannedPhotograph,
    cleans: Mapping[str, int],
    session: Session | None,
) -> None:
    """Add the units of one photograph to a plan that has what is shared. Arguments: ``plan_measures``."""
    subject, pool = labelled_as(photograph, cleans), _pool_of(plan, cleans)
    for experiment in plan.experiments:
        _plan_photograph(plan, made, experiment, subject, pool, session)


def plan_alone(
    plan: AuditPlan,
    shared: MeasurePlan,
    photograph: PlannedPhotograph,
    cleans: Mapping[str, int],
    session: Session | None,
) -> MeasurePlan:
    """The units of one photograph alone, beside what ``plan_shared`` gave, which stays as it is."""
    made = replace(shared, units=[], price={}, of_photograph={})
    plan_photograph(plan, made, photograph, cleans, session)
    return made


def _pool_of(plan: AuditPlan, cleans: Mapping[str, int]) -> list[Labelled]:
    return [labelled_as(p, cleans) for p in plan.pool if p.sha256 in cleans]


def _plan_controls(
    plan: AuditPlan, made: MeasurePlan, experiment: Experiment, pool: list[Labelled], session: Session | None
) -> None:
    parameters = plan.parameters[experiment.name]
    if not pool:
        return
    # Tasks are planned from names and classes alone; pixels come when they are measured.
    stand_ins = [
        Subject(np.zeros((0, 0, 3), dtype=np.uint8), p.label, p.photograph.name, p.photograph.sha256)
        for p in pool
    ]
    tasks = experiment.controls(parameters, stand_ins, plan.shape)
    for task in tasks:
        involved = [*task.sources, *([] if task.background is None else [task.background])]
        cleans = {i: plan.clean_unit(pool[i].photograph).hash for i in involved}
        period = [made.period] if made.period and experiment.uses_period else []
        unit = plan.unit(
            f"{experiment.name} controls",
            None,
            None,
            {"parameters": jsonable(parameters), **task.key, "labels": [pool[i].label for i in task.sources]},
            [*dict.fromkeys(cleans.values()), *period],
            schema=experiment.schema,
        )

        def measure(
            outcomes: Mapping[str, Outcome], task: ControlTask = task, cleans: dict[int, str] = cleans
        ) -> Outcome:
            asking = asking_of(session)
            subjects = [subject_of(pool[i], outcomes[cleans[i]]) for i in task.sources]
            behind = (
                None
                if task.background is None
                else subject_of(pool[task.background], outcomes[cleans[task.background]])
            )
            found = _period(made, outcomes)
            return timed(asking, lambda: parts_of(task.measure(asking, subjects, behind, found, plan.seed)))

        made.controls.setdefault(experiment.name, []).append(made.add(unit, task.price, measure))


def _plan_photograph(
    plan: AuditPlan,
    made: MeasurePlan,
    experiment: Experiment,
    subject: Labelled,
    pool: list[Labelled],
    session: Session | None,
) -> None:
    parameters = plan.parameters[experiment.name]
    photograph = subject.photograph
    mine = made.of_photograph.setdefault(photograph.sha256, {})
    others = [p for p in pool if p.label != subject.label and p.photograph.sha256 != photograph.sha256]
    behind = others[0] if others and experiment.needs_background(parameters) else None
    crops_from = others if getattr(parameters, "crops", 0) and experiment.name != "local" else []
    clean = plan.clean_unit(photograph).hash
    earlier = {name: mine[name] for name in experiment.needs}
    cleans = {
        p.photograph.sha256: plan.clean_unit(p.photograph).hash
        for p in [*crops_from, *([behind] if behind else [])]
    }
    period = [made.period] if made.period and experiment.uses_period else []
    lesson = made.lesson.get(experiment.name)
    taught = [] if lesson is None else [lesson]
    unit = plan.unit(
        experiment.name,
        photograph,
        subject.label,
        parameters,
        [*dict.fromkeys([clean, *earlier.values(), *cleans.values(), *period, *taught])],
        schema=experiment.schema,
    )
    known = {e.name: e for e in plan.experiments}

    def measure(outcomes: Mapping[str, Outcome]) -> Outcome:
        asking = asking_of(session)
        context = Context(
            seed=plan.seed,
            earlier={
                name: result_of(known[name].result, outcomes[unit_hash])
                for name, unit_hash in earlier.items()
            },
            period=_period(made, outcomes),
            pool=[subject_of(p, outcomes[cleans[p.photograph.sha256]]) for p in crops_from],
            background=None
            if behind is None
            else subject_of(behind, outcomes[cleans[behind.photograph.sha256]]),
            clean=int(outcomes[clean].record["top"][0]),
            learned=None
            if lesson is None or experiment.learning is None
            else result_of(experiment.learning.lesson, outcomes[lesson]),
        )
        me = subject_of(subject, outcomes[clean])
        return timed(asking, lambda: parts_of(experiment.measure(asking, me, parameters, context)))

    mine[experiment.name] = made.add(
        unit,
        experiment.cost(parameters, plan.shape, behind is not None, labels_only=plan.labels_only),
        measure,
    )


def _period(made: MeasurePlan, outcomes: Mapping[str, Outcome]) -> int | None:
    if made.period is None or made.period not in outcomes:
        return None
    found = outcomes[made.period].record["period"]
    return None if found is None else int(found)
