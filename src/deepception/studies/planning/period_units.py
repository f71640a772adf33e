"""The units of the period: rows on some photographs, and the judgement over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...properties import PeriodParameters, PeriodRows, judge_period
from ...properties.period import measure_period_rows, period_price
from ...properties.result import jsonable
from ...sessions import Session
from ..units import Outcome
from .measuring import Labelled, asking_of, parts_of, subject_of, timed

if TYPE_CHECKING:
    from .planned import AuditPlan, MeasurePlan

PERIOD_ROWS_SCHEMA = PERIOD_SCHEMA = 1
"""Versions of these units' results, raised when stored ones cannot be read any more; part of their hashes."""


def plan_rows(
    plan: AuditPlan, made: MeasurePlan, subjects: Sequence[Labelled], session: Session | None
) -> None:
    """Add the units that show the rows of the period, one a photograph."""
    parameters: PeriodParameters = plan.parameters["period"]
    for labelled in subjects:
        clean = plan.clean_unit(labelled.photograph).hash
        unit = plan.unit(
            "period rows",
            labelled.photograph,
            labelled.label,
            parameters,
            [clean],
            schema=PERIOD_ROWS_SCHEMA,
        )

        def measure(
            outcomes: Mapping[str, Outcome], labelled: Labelled = labelled, clean: str = clean
        ) -> Outcome:
            asking = asking_of(session)
            subject = subject_of(labelled, outcomes[clean])
            return timed(
                asking,
                lambda: parts_of(measure_period_rows(asking, subject, parameters=parameters, seed=plan.seed)),
            )

        made.add(unit, period_price(parameters, plan.shape, labels_only=plan.labels_only), measure)


def plan_judging(plan: AuditPlan, made: MeasurePlan, rows: Sequence[str]) -> None:
    """Add the unit that judges the period, over the rows of these hashes."""

    def judge(outcomes: Mapping[str, Outcome]) -> Outcome:
        measured = [PeriodRows.from_parts(dict(outcomes[r].arrays), dict(outcomes[r].record)) for r in rows]
        fit = judge_period(measured, seed=plan.seed)
        return Outcome({}, jsonable(fit))

    parameters: PeriodParameters = plan.parameters["period"]
    made.period = made.add(plan.unit("period", None, None, parameters, rows, schema=PERIOD_SCHEMA), 0, judge)
