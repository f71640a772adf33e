"""Activation-inhibition place by place (METHODS §3): tests against a margin, and simultaneous bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .hypothesis_tests import benjamini_hochberg
from .intervals import FloatArray, Seed

ACTIVATOR, INHIBITOR, NEUTRAL, UNDECIDED = 1, -1, 0, 2


@dataclass(frozen=True, slots=True)
class MarginTests:
    """Tests of the mean effect D at each of L places against ±margin.

    Attributes:
        mean: D, float64 [L], in the units of the repeats.
        deviation: standard deviation over the repeats, float64 [L].
        p_activator: one-sided p of D > margin, [L].
        p_inhibitor: one-sided p of D < −margin, [L].
        p_neutral: p of −margin < D < margin by two one-sided tests, [L].
        exact: bool [L], True where the repeats do not vary: p is then 0 or 1 by D itself, and no test.
        margin: the margin, in the same units.
    """

    mean: FloatArray
    deviation: FloatArray
    p_activator: FloatArray
    p_inhibitor: FloatArray
    p_neutral: FloatArray
    exact: NDArray[np.bool_]
    margin: float


def margin_tests(repeats: ArrayLike, margin: float = 0.1) -> MarginTests:
    """One-sided t-tests of D > margin and D < −margin at every place, and their equivalence test.

    The neutral test is Schuirmann's two one-sided tests (1987, J. Pharmacokinet. Biopharm. 15:657).

    Args:
        repeats: [R, L], R ≥ 2 jittered repeats at L places, finite.
        margin: half-width of the null, ≥ 0 (0.1 decade by METHODS).

    Raises:
        ValueError: if there are fewer than 2 repeats or a value is not finite.
    """
    from scipy.special import stdtr

    data = _repeats(repeats)
    if margin < 0:
        raise ValueError("the margin must not be negative")
    mean, deviation, exact = _moments(data)
    error = np.where(exact, 1.0, deviation) / np.sqrt(data.shape[0])
    freedom = data.shape[0] - 1

    def above(distance: FloatArray) -> FloatArray:
        # P(T ≥ t) for "distance > 0"; without variance the sign of the distance decides.
        tested = stdtr(freedom, -distance / error)
        return np.where(exact, np.where(distance > 0, 0.0, 1.0), tested)

    return MarginTests(
        mean=mean,
        deviation=deviation,
        p_activator=above(mean - margin),
        p_inhibitor=above(-mean - margin),
        p_neutral=np.maximum(above(mean + margin), above(margin - mean)),
        exact=exact,
        margin=margin,
    )


def classify_places(repeats: ArrayLike, margin: float = 0.1, q: float = 0.05) -> NDArray[np.int8]:
    """Name every place: +1 activator, −1 inhibitor, 0 neutral, 2 undecided.

    Benjamini-Hochberg over places at q, separately for the three families of tests.

    Args:
        repeats: [R, L] as in `margin_tests`.
        margin: half-width of the null.
        q: false discovery rate.

    Returns:
        int8 [L].
    """
    tests = margin_tests(repeats, margin)
    kinds = np.full(tests.mean.shape, UNDECIDED, dtype=np.int8)
    kinds[benjamini_hochberg(tests.p_neutral, q)[0]] = NEUTRAL
    kinds[benjamini_hochberg(tests.p_activator, q)[0]] = ACTIVATOR
    kinds[benjamini_hochberg(tests.p_inhibitor, q)[0]] = INHIBITOR
    return kinds


def specific_places(
    effect: ArrayLike, controls: ArrayLike, kinds: ArrayLike, *, q: float = 0.05
) -> NDArray[np.bool_]:
    """Find the activators and inhibitors whose effect is beyond that of exchangeable controls.

    A place is specific where D lies beyond the 2.5 or 97.5 % quantile of the controls at that place, on the
    side of its kind, and where this survives Benjamini-Hochberg over all places: by the quantiles alone,
    nearly every map of an exchangeable patch has a "specific" place. Twenty controls cannot give a small
    p-value at one place, so deviations are pooled over places: each patch is in turn set against the others,
    in units of their spread at each place. Places of a smooth map are no independent evidence, so the map as
    a whole (its Simes statistic) must also stand out from the maps of the controls, by rank at q: with fewer
    than 1 / q − 1 controls (19 at 0.05) no place is ever specific.

    Args:
        effect: D of the patch at L places, float64 [L].
        controls: D of control patches (or of other classes) at the same places, [K, L], K ≥ 3; METHODS asks
            for at least 20.
        kinds: int [L] from `classify_places`.
        q: false discovery rate.

    Returns:
        bool [L], False wherever `kinds` is neither activator nor inhibitor.

    Raises:
        ValueError: if the shapes do not match, K < 3, or a value is not finite.
    """
    patch = np.asarray(effect, dtype=np.float64)
    others = np.asarray(controls, dtype=np.float64)
    names = np.asarray(kinds)
    if patch.ndim != 1 or names.shape != patch.shape or others.shape[1:] != patch.shape or len(others) < 3:
        raise ValueError("specific_places needs effect [L], kinds [L] and controls [K, L] with K ≥ 3")
    if not (np.isfinite(patch).all() and np.isfinite(others).all()):
        raise ValueError("specific_places needs finite values")
    low, high = np.quantile(others, [0.025, 0.975], axis=0)
    beyond = ((names == ACTIVATOR) & (patch > high)) | ((names == INHIBITOR) & (patch < low))
    deviations = np.abs(_left_out_deviations(np.concatenate([patch[None], others])))
    maps = _simes(deviations)
    if (maps <= maps[0]).mean() > q:
        return np.zeros(patch.shape, dtype=np.bool_)
    null = np.sort(deviations[1:], axis=None)
    # Over all places: to correct only for the kinds found would forget that D itself has chosen them.
    survives, _ = benjamini_hochberg((1 + _at_least(null, deviations[0])) / (1 + null.size), q)
    return np.asarray(beyond & survives, dtype=np.bool_)


def max_t_bands(
    repeats: ArrayLike, *, level: float = 0.95, seed: Seed = 0, resamples: int = 2_000
) -> tuple[FloatArray, FloatArray]:
    """Simultaneous bands of the mean over L places: all means lie inside with probability `level`.

    Bootstrap of max |t| (Beran 1988, J. Am. Stat. Assoc. 83:679): whole repeats, which share their jitter
    over all places, are resampled, so that the dependence between places is kept, and t is studentised anew
    each time. With 12 to 16 repeats it covers more than `level` for symmetric repeats, and about `level` for
    skewed ones, for which flipping signs would cover 80 % only.

    Args:
        repeats: [R, L], R ≥ 2, finite.
        level: simultaneous coverage.
        seed: an integer or a generator.
        resamples: bootstrap samples.

    Returns:
        low and high, float64 [L]; both equal the mean where the repeats do not vary.
    """
    data = _repeats(repeats)
    count = data.shape[0]
    mean, deviation, exact = _moments(data)
    if exact.all():
        return mean.copy(), mean.copy()
    residual = (data - mean)[:, ~exact] / deviation[~exact]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    largest = np.empty(resamples)
    for start in range(0, resamples, 256):
        weights = drawn[start : start + 256]
        centre = weights @ residual / count
        variance = (weights @ residual**2 - count * centre**2) / (count - 1)
        # A resample of one repeat only has no variance; the floor keeps its t large but finite.
        largest[start : start + 256] = (centre**2 * count / np.maximum(variance, 1e-6)).max(axis=1)
    half = np.sqrt(np.quantile(largest, level) / count) * np.where(exact, 0.0, deviation)
    return mean - half, mean + half


def _left_out_deviations(patches: FloatArray) -> FloatArray:
    """Deviation of every patch [P, L] from the other patches, in units of their spread at each place."""
    count = len(patches)
    centred = patches - patches.mean(axis=0)
    squares = (centred**2).sum(axis=0)
    # Mean and variance of the others follow from those of all.
    from_others = centred * count / (count - 1)
    left = np.maximum(squares - centred**2 * count / (count - 1), 0.0) / (count - 2)
    floor = 1e-12 * np.maximum(squares, 1e-300)
    return np.asarray(from_others / np.sqrt(np.maximum(left, floor)), dtype=np.float64)


def _simes(deviations: FloatArray) -> FloatArray:
    """Simes' statistic [P] of every map [P, L] against the pool of all, small where a map stands out."""
    places = deviations.shape[1]
    p = np.sort(_at_least(np.sort(deviations, axis=None), deviations), axis=1) / deviations.size
    return np.asarray((p * places / np.arange(1, places + 1)).min(axis=1), dtype=np.float64)


def _at_least(pool: FloatArray, values: FloatArray) -> NDArray[np.int64]:
    """How many of the sorted pool are at least as large as each value, up to rounding."""
    return np.asarray(pool.size - np.searchsorted(pool, values * (1 - 1e-12)), dtype=np.int64)


def _repeats(repeats: ArrayLike) -> FloatArray:
    data = np.asarray(repeats, dtype=np.float64)
    if data.ndim != 2 or data.shape[0] < 2:
        raise ValueError("repeats must have the shape [R, L] with at least 2 repeats")
    if not np.isfinite(data).all():
        raise ValueError("repeats must be finite")
    return data


def _moments(data: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return mean, deviation and where the repeats are all the same number."""
    exact = (data == data[0]).all(axis=0)
    mean = np.where(exact, data[0], data.mean(axis=0))
    deviation = np.where(exact, 0.0, data.std(axis=0, ddof=1))
    return mean, deviation, exact
