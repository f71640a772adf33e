"""Place and phase apart (METHODS §2): two-way random effects, and the cross-fitted spatial range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .crossfit import cross_fitted_best
from .intervals import Seed


@dataclass(frozen=True, slots=True)
class TwoWay:
    """Two-way random-effects decomposition without replication of values at L places × J phases.

    Attributes:
        place: variance of place, (ms_place − ms_interaction) / J; may be negative.
        phase: variance of phase, (ms_phase − ms_interaction) / L; may be negative.
        interaction: variance of the interaction, ms_interaction; belongs to neither.
        place_share: place over the sum of the three, negative ones clipped to 0 (nan if all are 0).
        phase_share: phase, likewise.
        interaction_share: interaction, likewise.
        ms_place: mean square between places.
        ms_phase: mean square between phases.
        ms_interaction: mean square of the interaction.
        mean: grand mean.
    """

    place: float
    phase: float
    interaction: float
    place_share: float
    phase_share: float
    interaction_share: float
    ms_place: float
    ms_phase: float
    ms_interaction: float
    mean: float


def two_way(values: ArrayLike) -> TwoWay:
    """Split the variance of one patch's effect into place, phase and their interaction.

    Args:
        values: [L, J], the same J ≥ 2 phases at each of L ≥ 2 places, finite.

    Raises:
        ValueError: if the table is smaller than 2 × 2 or a value is not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 2 or min(data.shape) < 2 or not np.isfinite(data).all():
        raise ValueError("two_way needs finite values of at least 2 places at 2 phases")
    places, phases = data.shape
    mean = data.mean()
    by_place = data.mean(axis=1) - mean
    by_phase = data.mean(axis=0) - mean
    rest = data - mean - by_place[:, None] - by_phase[None, :]
    ms_place = float(phases * (by_place**2).sum() / (places - 1))
    ms_phase = float(places * (by_phase**2).sum() / (phases - 1))
    ms_rest = float((rest**2).sum() / ((places - 1) * (phases - 1)))
    place = (ms_place - ms_rest) / phases
    phase = (ms_phase - ms_rest) / places
    clipped = np.maximum([place, phase, ms_rest], 0.0)
    total = clipped.sum()
    shares = clipped / total if total > 0 else np.full(3, np.nan)
    return TwoWay(
        place=place,
        phase=phase,
        interaction=ms_rest,
        place_share=float(shares[0]),
        phase_share=float(shares[1]),
        interaction_share=float(shares[2]),
        ms_place=ms_place,
        ms_phase=ms_phase,
        ms_interaction=ms_rest,
        mean=float(mean),
    )


def spatial_range(values: ArrayLike, seed: Seed = 0) -> float:
    """Difference between the best and the worst place, chosen on half the phases and read on the other.

    Both ways are averaged over a fixed number of seeded half-splits of the phases.

    Args:
        values: [L, J], the same J ≥ 2 phases at each of L places, finite.
        seed: an integer or a generator.
    """
    return cross_fitted_best(np.asarray(values, dtype=np.float64).T, seed=seed, resamples=1).range
