"""Headlines: an effect over photographs, its controls, and whether the claim holds on this observer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Interval, bca, sign_flip, wilson
from .scale import OPACITY

# Below six photographs no distribution-free 95 % statement about a median exists (2 · 0.5⁶ < 0.05 < 2 · 0.5⁵).
FEWEST_PHOTOGRAPHS = 6
# Share of values that may be mere bounds (top-k, rounded scores) where an effect is still judged.
MOST_BOUNDS = 0.05


@dataclass(frozen=True)
class Headline:
    """One effect, beside its controls, over photographs.

    Attributes:
        claim: The paper's claim that it judges, e.g. ``"spatial"``.
        quantity: What was measured on each photograph, in words.
        unit: Unit of the figures.
        value: Median over photographs, 95 % BCa interval.
        controls: Median of each control over the photographs that have it.
        best_control: The control that the effect exceeds least surely (lowest bound); empty where there is none.
        difference: Paired median of effect − best control.
        unselected: Paired median of a random region's effect − its best control (``unselected_control``), where
            the effect is that of a region chosen for its answer: the controls were not chosen, so it needs an
            effect that was not, either. ``None`` where the effect involves no choice, or none was measured.
        holds: Lower bounds of ``difference``, of ``value`` and of ``unselected`` above 0: more than every control,
            an effect at all, and not by choice; ``None`` where this cannot be judged.
        queries: What the measurements behind it cost, controls included.
        p: Largest one-sided sign-flip p of what must hold together, for correction over observers and claims.
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
    bounded: Column | None = None,
    seed: int = 0,
) -> Headline:
    """Compare an effect, float64 ``[n]``, with each control, float64 ``[n]`` paired (NaN where missing).

    ``selection`` is given where the effect belongs to a region that was chosen for its answer. ``alike`` has the
    effect as a control was measured, for controls that were not measured as the effect was. ``bounded``, ``[n]``,
    is the share of each photograph's values that are only bounds.
    """
    effect = np.asarray(effect, dtype=np.float64)
    value = bca(effect[np.isfinite(effect)], seed=seed)
    effects = {name: (alike or {}).get(name, effect) for name in controls}
    pairs = _pairs(effects, controls)
    if not pairs:
        reason = "no control was measured with these settings"
        return Headline(claim, quantity, unit, value, queries=queries, reason=reason)
    best, difference = _least(pairs, seed)
    beside, unselected = "", None
    if selection is not None:
        random = _pairs(dict.fromkeys(selection.controls, selection.effect), selection.controls)
        beside, unselected = _least(random, seed) if random else ("", None)
        pairs |= {f"random region, {name}": values for name, values in random.items()}
    judged = [value, difference, *([] if unselected is None else [unselected])]
    # All must hold, so the largest p is that of the claim.
    p = [sign_flip(d, statistic="median", alternative="greater", seed=seed) for d in pairs.values()]
    p.append(sign_flip(effect[np.isfinite(effect)], statistic="median", alternative="greater", seed=seed))
    reason = _open(judged, selection is not None and unselected is None, bounded, unit)
    return Headline(
        claim,
        quantity,
        unit,
        value,
        controls={
            name: bca(_both(controls[name], effects[name]), seed=seed) for name in controls if name in pairs
        },
        best_control=best,
        difference=difference,
        unselected=unselected,
        unselected_control=beside,
        holds=None if reason else all(interval.low > 0 for interval in judged),
        queries=queries,
        p=max(p),
        reason=reason,
    )


def _open(judged: Sequence[Interval], unguarded: bool, bounded: Column | None, unit: str) -> str:
    """Why a claim cannot be judged, or nothing."""
    least = min(interval.n for interval in judged)
    if least < FEWEST_PHOTOGRAPHS:
        counted = "1 photograph is" if least == 1 else f"{least} photographs are"
        return f"{counted} too few for a 95 % statement; {FEWEST_PHOTOGRAPHS} are needed"
    if unguarded:
        return (
            "the patch was chosen for its answer, and these settings measure no random region beside it, "
            "which the controls could be compared with"
        )
    if bounded is not None and (coarse := int((bounded > MOST_BOUNDS).sum())):
        where = f"on {coarse} of {bounded.size} photographs more than {100 * MOST_BOUNDS:g} % of the"
        if unit.startswith(OPACITY):
            return f"{where} thresholds are only bounds: no opacity that was shown changes the label there"
        return (
            f"the answers are too coarse: {where} values are only bounds; from labels alone (--knowledge label) "
            "thresholds are measured instead"
        )
    return ""


def _least(pairs: Mapping[str, Column], seed: int) -> tuple[str, Interval]:
    """The control that the effect exceeds least surely, and the paired median."""
    intervals = {name: bca(values, seed=seed) for name, values in pairs.items()}
    name = min(intervals, key=lambda n: (np.nan_to_num(intervals[n].low, nan=-np.inf), intervals[n].value))
    return name, intervals[name]


def _pairs(effects: Mapping[str, Column], controls: Mapping[str, Column]) -> dict[str, Column]:
    """Effect − control on every photograph that has both, for every control that some photograph has."""
    paired = {name: effects[name] - control for name, control in controls.items()}
    return {name: d[np.isfinite(d)] for name, d in paired.items() if np.isfinite(d).any()}


def _both(values: Column, other: Column) -> Column:
    """The values of the photographs that have both."""
    return values[np.isfinite(values) & np.isfinite(other)]


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
