"""How many units a run has, told alike before, while and after it is measured."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from .plan import plan_measures
from .planned import AuditPlan, MeasurePlan


def foreseen(
    plan: AuditPlan,
    tops: Mapping[str, int],
    lost: Collection[str] = (),
    finished: Callable[[str], bool] = lambda unit_hash: True,
) -> MeasurePlan:
    """The units that follow from the clean answers ``tops``, and from those that are still to come.

    Each photograph that has none yet, and is not ``lost`` (SHA-256), is taken for one of a class of its own: which
    it is decides nothing about the number of units and their price but whether there is a background.
    """
    ahead = {p.sha256: -1 - i for i, p in enumerate(plan.everyone) if p.sha256 not in lost}
    return plan_measures(plan, ahead | dict(tops), None, finished)


def count_units(plan: AuditPlan, measures: MeasurePlan, tops: Mapping[str, int]) -> int:
    """Units of a run, whose ``measures`` follow from the clean answers ``tops``.

    Those that wait for other clean answers, or for the rows of the period, are counted too.
    """
    if len(tops) < len(plan.everyone) or (plan.wants_period and measures.period is None):
        measures = foreseen(plan, tops)
    return len(measures.units) + len(plan.everyone)
