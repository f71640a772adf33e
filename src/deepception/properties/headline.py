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
        holds: Lower bounds of ``difference`` and of ``value`` above 0: more than the control, and an effect at
            all; ``None`` where this cannot be judged.
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
    holds: bool | None = None
    queries: int = 0
    p: float | None = None
    reason: str = ""


def make_headline(
    claim: str,
    quantity: str,
    effect: NDArray[np.float64],
    controls: Mapping[str, NDArray[np.float64]],
    *,
    queries: int,
    unit: str = "decades of odds",
    seed: int = 0,
) -> Headline:
    """Compare an effect, float64 ``[n]``, with each control, float64 ``[n]`` paired (NaN where missing)."""
    effect = np.asarray(effect, dtype=np.float64)
    measured = {k: np.asarray(v, dtype=np.float64) for k, v in controls.items()}
    measured = {k: v for k, v in measured.items() if np.isfinite(v[np.isfinite(effect)]).any()}
    known = np.isfinite(effect)
    value = bca(effect[known], seed=seed)
    medians: dict[str, Interval] = {}
    differences: dict[str, Interval] = {}
    for name, control in measured.items():
        both = known & np.isfinite(control)
        medians[name] = bca(control[both], seed=seed)
        differences[name] = bca((effect - control)[both], seed=seed)
    if not differences:
        return Headline(
            claim,
            quantity,
            unit,
            value,
            queries=queries,
            reason="no control was measured with these settings",
        )
    best = min(differences, key=lambda name: differences[name].value)
    difference = differences[best]
    paired = effect - measured[best]
    p = sign_flip(paired[np.isfinite(paired)], statistic="median", alternative="greater", seed=seed)
    judged = difference.n >= FEWEST_PHOTOGRAPHS
    return Headline(
        claim,
        quantity,
        unit,
        value,
        controls=medians,
        best_control=best,
        difference=difference,
        holds=bool(difference.low > 0 and value.low > 0) if judged else None,
        queries=queries,
        p=p,
        reason=""
        if judged
        else f"{difference.n} photographs are too few for a 95 % statement; {FEWEST_PHOTOGRAPHS} are needed",
    )


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
