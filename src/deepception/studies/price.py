"""What an audit costs, before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass

from .assembling import plan_of
from .keeping.store import RunStore
from .planning.counting import foreseen
from .planning.plan import AuditPlan
from .settings import RunSettings


@dataclass(frozen=True)
class Price:
    """What an audit costs, in queries; all are upper bounds unless ``exact``.

    Attributes:
        photographs: Number of photographs.
        each: Queries of one photograph.
        shared: Queries of shared controls and of the period, once for the observer.
        total: All of it.
        exact: Whether the audit costs exactly that; with a cache it may cost less.
        left: What is not measured yet, of a run that is gone on with; else all of it.
        learned_on: Photographs that are learned on, none of which is measured.
        split: How they were told apart.
        learning: Queries of learning, their clean answers included; a part of ``shared``.
        cached: Whether answers may be known from a cache, which costs nothing.
        units: Units that it is cut into, at most.
    """

    photographs: int
    each: int
    shared: int
    total: int
    exact: bool
    left: int
    learned_on: int = 0
    split: str = ""
    learning: int = 0
    cached: bool = False
    units: int = 0


def price_of(settings: RunSettings, store: RunStore | None = None, *, cached: bool = False) -> Price:
    """What a run costs, before anything is asked; ``store`` has what is measured already.

    With ``cached`` some answers may be known from a cache; which ones would only tell whoever made all stimuli.
    """
    plan = plan_of(settings)
    made = foreseen(plan, {})
    per_photograph = [sum(made.price[h] for h in units.values()) + 1 for units in made.of_photograph.values()]
    total = sum(made.price.values()) + len(plan.everyone)
    exact = all(e.exact_price(plan.parameters[e.name]) for e in plan.experiments) and not plan.labels_only
    each = max(per_photograph, default=0)
    left = total if store is None else _left(plan, store)
    learning = sum(made.price[h] for hashes in made.stages.values() for h in hashes) + len(plan.learning)
    return Price(
        photographs=len(plan.photographs),
        each=each,
        shared=total - sum(per_photograph),
        total=total,
        exact=exact and not cached,
        left=left,
        learned_on=len(plan.learning),
        split=settings.settings.get("learning", {}).get("rule", ""),
        learning=learning,
        cached=cached,
        units=len(made.units) + len(plan.everyone),
    )


def _left(plan: AuditPlan, store: RunStore) -> int:
    """Queries of the units that are not finished. What is finished is known by the class it was measured for."""
    known = {}
    for photograph in plan.everyone:
        unit_hash = plan.clean_unit(photograph).hash
        if store.has(unit_hash):
            known[photograph.sha256] = int(store.load(unit_hash).record["top"][0])
    made = foreseen(plan, known, finished=store.has)
    unshown = len(plan.everyone) - len(known)
    return unshown + sum(price for unit_hash, price in made.price.items() if not store.has(unit_hash))
