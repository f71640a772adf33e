"""What an audit costs, before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass

from .assembling import plan_of
from .plan import plan_measures
from .settings import RunSettings


@dataclass(frozen=True)
class Price:
    """What an audit costs, in queries; all are upper bounds unless ``exact``.

    Attributes:
        photographs: Number of photographs.
        each: Queries of one photograph.
        shared: Queries of shared controls and of the period, once for the observer.
        total: All of it.
        exact: Whether the audit costs exactly that.
    """

    photographs: int
    each: int
    shared: int
    total: int
    exact: bool


def price_of(settings: RunSettings) -> Price:
    """What a run costs, before anything is asked."""
    plan = plan_of(settings)
    # Which class each photograph has decides nothing about the price but whether there is a background.
    tops = {p.sha256: -1 - i for i, p in enumerate(plan.everyone)}
    made = plan_measures(plan, tops, None)
    per_photograph = [sum(made.price[h] for h in units.values()) + 1 for units in made.of_photograph.values()]
    total = sum(made.price.values()) + len(plan.everyone)
    exact = all(e.exact_price(plan.parameters[e.name]) for e in plan.experiments)
    each = max(per_photograph, default=0)
    return Price(len(plan.photographs), each, total - sum(per_photograph), total, exact)
