"""Headlines: an effect over photographs, its controls, and whether the claim holds on this observer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Interval, bca, sign_flip, wilson

# Below six photographs no distribution-free 95 % statement about a median exists (2 · 0.5⁶ < 0.05 < 2 · 0.5⁵).
FEWEST_PHOTOGRAPHS = 6


@dataclass(frozen=True)
class Headline:
    """One effect, beside its controls, over photographs.

    Attributes:
        claim: The paper's claim that it judges, e.g. ``"spatial"``.
        quantity: What was measured on each photograph, in words.
        unit: Unit of the figures.
        value: Median over photographs, 95 % BCa interval.
        controls: Median of each control over the photographs that have it.
        best_control: The control that comes closest to the effect; empty where there is none.
        difference: Paired median of effect − best control.
        unselected: Paired median of a random region's effect − its best control (``unselected_control``), where
            the effect is that of a region chosen for its answer: the controls were not chosen, so it needs an
            effect that was not, either. ``None`` where the effect involves no choice, or none was measured.
        holds: Lower bounds of ``difference``, of ``value`` and of ``unselected`` above 0: more than the control,
            an effect at all, and not by choice; ``None`` where this cannot be judged.
        queries: What the measurements behind it cost, controls included.
        p: One-sided sign-flip p of the paired differences, for correction over observers and claims.
        reason: Why it cannot be judged, else empty.
    """

    claim: str
    quantity: str
    unit: str
    value: Interval
    controls: dict[str, Interval] = field(default_factory=dict)
    best_control: str = ""
    difference: Interval | None = None
    unselected: Interval | None = None
    unselected_control: str = ""
    holds: bool | None = None
    queries: int = 0
    p: float | None = None
    reason: str = ""


Column = NDArray[np.float64]


@dataclass(frozen=True)
class Selection:
    """The same effect of a random region, for an effect of a region that was chosen for its answer.

    Attributes:
        effect: float64 ``[n]``, NaN where not measured.
        controls: float64 ``[n]`` by name, exchangeable with ``effect`` if the claim were false.
    """

    effect: Column
    controls: Mapping[str, Column]


def make_headline(
    claim: str,
    quantity: str,
    effect: Column,
    controls: Mapping[str, Column],
    *,
    queries: int,
    unit: str = "decades of odds",
    selection: Selection | None = None,
    alike: Mapping[str, Column] | None = None,
    seed: int = 0,
) -> Headline:
    """Compare an effect, float64 ``[n]``, with each control, float64 ``[n]`` paired (NaN where missing).

    ``selection`` is given where the effect belongs to a region that was chosen for its answer. ``alike`` has the
    effect as a control was measured, for controls that were not measured as the effect was.
    """
    effect = np.asarray(effect, dtype=np.float64)
    value = bca(effect[np.isfinite(effect)], seed=seed)
    effects = {name: (alike or {}).get(name, effect) for name in controls}
    differences = _differences(effects, controls, seed)
    if not differences:
        reason = "no control was measured with these settings"
        return Headline(claim, quantity, unit, value, queries=queries, reason=reason)
    best = min(differences, key=lambda name: differences[name].value)
    difference = differences[best]
    paired = effects[best] - controls[best]
    unselected, beside = None, ""
    if selection is not None:
        found = _differences(dict.fromkeys(selection.controls, selection.effect), selection.controls, seed)
        beside = min(found, key=lambda name: found[name].value, default="")
        unselected = found.get(beside)
    reason = ""
    if difference.n < FEWEST_PHOTOGRAPHS:
        reason = (
            f"{difference.n} photographs are too few for a 95 % statement; {FEWEST_PHOTOGRAPHS} are needed"
        )
    elif selection is not None and unselected is None:
        reason = (
            "the patch was chosen for its answer, and these settings measure no random region beside it, "
            "which the controls could be compared with"
        )
    bounds = [difference.low, value.low, *([] if unselected is None else [unselected.low])]
    return Headline(
        claim,
        quantity,
        unit,
        value,
        controls={name: bca(_both(controls[name], effects[name]), seed=seed) for name in differences},
        best_control=best,
        difference=difference,
        unselected=unselected,
        unselected_control=beside,
        holds=None if reason else all(low > 0 for low in bounds),
        queries=queries,
        p=sign_flip(paired[np.isfinite(paired)], statistic="median", alternative="greater", seed=seed),
        reason=reason,
    )


def _both(values: Column, other: Column) -> Column:
    """The values of the photographs that have both."""
    return values[np.isfinite(values) & np.isfinite(other)]


def _differences(
    effects: Mapping[str, Column], controls: Mapping[str, Column], seed: int
) -> dict[str, Interval]:
    """Paired median of effect − control, for every control that some photograph has."""
    paired = {name: effects[name] - control for name, control in controls.items()}
    return {name: bca(d[np.isfinite(d)], seed=seed) for name, d in paired.items() if np.isfinite(d).any()}


def share(flags: NDArray[np.bool_] | list[bool]) -> dict[str, Any]:
    """Count and share of photographs with a property, as JSON: ``{count, n, value, low, high}`` (Wilson)."""
    values = np.asarray(flags, dtype=bool)
    interval = wilson(int(values.sum()), values.size)
    return {
        "count": int(values.sum()),
        "n": int(values.size),
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
    }
