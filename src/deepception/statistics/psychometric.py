"""Psychometric functions of dose (METHODS §4): a bounded fit in milliseconds, and when not to fit at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ._curve import curve, deviance, fit_many, likelihood_ratio, theta_interval
from .intervals import FloatArray, Interval, Seed, wilson

# Pearson's chi-square over its degrees of freedom beyond which draws are beta-binomial.
_OVERDISPERSED = 2.0


@dataclass(frozen=True, slots=True)
class PsychometricFit:
    """A logistic function of log₂ dose between a fixed guess rate and 1 − lapse.

    Attributes:
        threshold: dose (copies) half-way between guess and 1 − lapse, with its bootstrap interval.
        slope: steepness of the logistic per doubling of the dose, > 0; falling curves fall with it.
        lapse: distance of the upper asymptote from 1, 0 … lapse_max.
        guess: the fixed lower asymptote.
        falling: whether recognition falls with dose (the curve mirrored on the log₂ axis).
        deviance: deviance of the fit.
        deviance_p: share of binomial bootstrap samples from the fit with at least this deviance.
        overdispersion: Pearson's chi-square over its degrees of freedom.
        beta_binomial: whether the interval was made from beta-binomial samples (overdispersion > 2).
        ok: threshold inside the tested doses, and deviance_p ≥ 0.05 or the overdispersion accounted for.
    """

    threshold: Interval
    slope: float
    lapse: float
    guess: float
    falling: bool
    deviance: float
    deviance_p: float
    overdispersion: float
    beta_binomial: bool
    ok: bool

    def predict(self, doses: ArrayLike) -> FloatArray:
        """Return the fitted recognition rate at each dose ≥ 1, float64 in [0, 1]."""
        x = np.log2(np.asarray(doses, dtype=np.float64))
        parameters = np.array([[math.log2(self.threshold.value), math.log(self.slope), self.lapse]])
        rates = curve(-x if self.falling else x, _mirrored(parameters, self.falling), self.guess)
        return np.asarray(rates[0], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The dose at which recognition crosses half-way, or why there is none.

    Attributes:
        kind: "fit", "> N" (never half-way up to the largest dose), "< 1" (beyond half-way from the first dose
            on) or "none" (it crosses half-way without rising or falling).
        value: the threshold of the fit, in copies; N for "> N", 1 for "< 1", nan for "none".
        text: the threshold as the report prints it.
        falling: whether recognition falls with dose.
        fit: the fit, only for "fit".
        rates: Wilson interval of the recognition rate at each dose.
    """

    kind: Literal["fit", "> N", "< 1", "none"]
    value: float
    text: str
    falling: bool
    fit: PsychometricFit | None
    rates: tuple[Interval, ...]


def fit_psychometric(
    doses: ArrayLike,
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    guess: float,
    falling: bool = False,
    lapse_max: float = 0.1,
    seed: Seed = 0,
    bootstrap: int = 200,
    level: float = 0.95,
) -> PsychometricFit:
    """Fit p(n) = guess + (1 − guess − lapse) · logistic(slope · (log₂ n − log₂ threshold)).

    Maximum likelihood within bounds. A parametric bootstrap over draws gives the deviance its p-value and
    calibrates the likelihood ratio from which the threshold's interval is read; an end is 0 or inf where even
    a doubling outside the tested doses is not ruled out (after Wichmann & Hill 2001, Percept. Psychophys.
    63:1293 and 1314). Where Pearson's chi-square exceeds twice its degrees of freedom, the bootstrap draws
    are beta-binomial with the correlation within a dose estimated by moments; the curve itself stays the
    same, as it does under quasi-likelihood with equal trials.

    Args:
        doses: [D] numbers of copies ≥ 1, increasing.
        successes: [D] draws recognised.
        trials: [D] draws shown, ≥ 1, or one number for all doses.
        guess: recognition rate at n = 0, in [0, 1).
        falling: recognition falls from 1 − lapse to `guess` (mirrored on the dose axis).
        lapse_max: upper bound of the lapse rate.
        seed: an integer or a generator.
        bootstrap: bootstrap samples.
        level: coverage of the interval.

    Raises:
        ValueError: if the counts are inconsistent, or fewer than 2 doses are given.
    """
    x, hits, shown = _counts(doses, successes, trials)
    if not 0 <= guess < 1 or not 0 <= lapse_max < 1 - guess:
        raise ValueError("guess must lie in [0, 1), and lapse_max below 1 - guess")
    axis = -x if falling else x
    best = fit_many(axis, hits[None], shown, guess, lapse_max)
    rates = curve(axis, best, guess)
    observed = float(deviance(hits[None], shown, rates)[0])
    overdispersion = float(_dispersion(hits[None], shown, rates)[0])

    rng = np.random.default_rng(seed)
    drawn = rng.binomial(shown.astype(np.int64), rates[0], size=(bootstrap, x.size)).astype(np.float64)
    fits = fit_many(axis, drawn, shown, guess, lapse_max, rounds=5)
    deviances = deviance(drawn, shown, curve(axis, fits, guess))
    deviance_p = float((1 + (deviances >= observed - 1e-9).sum()) / (bootstrap + 1))
    beta_binomial = overdispersion > _OVERDISPERSED and bool((shown > 1).all())
    if beta_binomial:
        drawn = _beta_binomial(rng, rates[0], shown, overdispersion, bootstrap)
        fits = fit_many(axis, drawn, shown, guess, lapse_max, rounds=5)

    # Percentiles of the threshold are too narrow for few draws and a steep curve (70 % for 10 draws): so the
    # likelihood ratio is what is bootstrapped, and it is never trusted below its chi-square limit.
    ratios = likelihood_ratio(axis, drawn, shown, guess, lapse_max, np.full(bootstrap, best[0, 0]), fits)
    if beta_binomial:
        # A few doses tell the dispersion only roughly: each sample is judged by its own, as this one is.
        own = np.maximum(_dispersion(drawn, shown, curve(axis, fits, guess)), 1.0)
        ratios = overdispersion * ratios / own
    critical = max(float(np.quantile(ratios, level)), NormalDist().inv_cdf((1 + level) / 2) ** 2)
    ends = theta_interval(axis, hits, shown, guess, lapse_max, best[0], critical)
    low, high = sorted((-ends[0], -ends[1])) if falling else ends
    theta = -float(best[0, 0]) if falling else float(best[0, 0])
    threshold = Interval(
        2.0**theta,
        2.0**low,
        2.0**high,
        int(shown.max()),
        level,
        "beta-binomial bootstrap" if beta_binomial else "binomial bootstrap",
    )
    inside = bool(x[0] <= theta <= x[-1])
    return PsychometricFit(
        threshold=threshold,
        slope=float(np.exp(best[0, 1])),
        lapse=float(best[0, 2]),
        guess=float(guess),
        falling=falling,
        deviance=observed,
        deviance_p=deviance_p,
        overdispersion=overdispersion,
        beta_binomial=beta_binomial,
        ok=inside and (deviance_p >= 0.05 or beta_binomial),
    )


def threshold(
    doses: ArrayLike,
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    guess: float,
    lapse_max: float = 0.1,
    seed: Seed = 0,
    bootstrap: int = 200,
    level: float = 0.95,
) -> Threshold:
    """Fit only where recognition rises or falls and its fractions span the half-way point.

    Half-way is (1 + guess) / 2. Rising or falling is decided by a Cochran-Armitage trend on log₂ dose at a
    two-sided 5 %, its variance scaled by the scatter about the line. Everything else is counts with Wilson
    intervals and the words "> N", "< 1" or "none".

    Args:
        doses: [D] numbers of copies ≥ 1, increasing.
        successes: [D] draws recognised.
        trials: [D] draws shown, or one number for all doses.
        guess: recognition rate at n = 0, in [0, 1]; at 1 nothing can cross half-way, so "none".
        lapse_max: as in `fit_psychometric`.
        seed: as in `fit_psychometric`.
        bootstrap: as in `fit_psychometric`.
        level: coverage of all intervals.

    Raises:
        ValueError: if the counts are inconsistent, or fewer than 2 doses are given.
    """
    x, hits, shown = _counts(doses, successes, trials)
    rates = tuple(wilson(int(k), int(n), level) for k, n in zip(hits, shown, strict=True))
    fractions = hits / shown
    half = (1 + guess) / 2
    trend = _trend(x, hits, shown)
    largest = float(np.round(2 ** x[-1], 9))
    if guess >= 1:
        return Threshold("none", math.nan, "none", False, None, rates)
    if fractions.max() < half:
        return Threshold("> N", largest, f"> {largest:g}", False, None, rates)
    if fractions.min() > half:
        return Threshold("< 1", float(2 ** x[0]), f"< {2 ** x[0]:g}", False, None, rates)
    if abs(trend) < 1.959964:
        return Threshold("none", math.nan, "none", False, None, rates)
    fit = fit_psychometric(
        doses,
        successes,
        trials,
        guess=guess,
        falling=trend < 0,
        lapse_max=min(lapse_max, (1 - guess) / 2),
        seed=seed,
        bootstrap=bootstrap,
        level=level,
    )
    value = fit.threshold.value
    # Beyond the doses that were shown a fit is a guess.
    if value > largest:
        return Threshold("> N", largest, f"> {largest:g}", trend < 0, None, rates)
    if value < 2 ** x[0]:
        return Threshold("< 1", float(2 ** x[0]), f"< {2 ** x[0]:g}", trend < 0, None, rates)
    return Threshold("fit", value, f"{value:.2g}", trend < 0, fit, rates)


def _counts(
    doses: ArrayLike, successes: ArrayLike, trials: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = np.asarray(doses, dtype=np.float64)
    hits = np.asarray(successes, dtype=np.float64)
    shown = np.broadcast_to(np.asarray(trials, dtype=np.float64), n.shape)
    if n.ndim != 1 or n.size < 2 or hits.shape != n.shape:
        raise ValueError("doses and successes must be lists of equal length, of at least 2 doses")
    if (n < 1).any() or (np.diff(n) <= 0).any():
        raise ValueError("doses must be at least 1 and increasing: n = 0 only gives the guess rate")
    whole = (hits == np.round(hits)).all() and (shown == np.round(shown)).all()
    if not whole or (shown < 1).any() or (hits < 0).any() or (hits > shown).any():
        raise ValueError("successes must be counts between 0 and trials, and trials at least 1")
    return np.log2(n), hits, shown


def _mirrored(parameters: FloatArray, falling: bool) -> FloatArray:
    return parameters * np.array([-1.0, 1.0, 1.0]) if falling else parameters


def _trend(x: FloatArray, hits: FloatArray, shown: FloatArray) -> float:
    """Cochran-Armitage z of recognition on log₂ dose (0 where all or none are recognised).

    Its variance grows with the scatter about the straight line, so that a zigzag is no trend.
    """
    rate = hits.sum() / shown.sum()
    if not 0 < rate < 1:
        return 0.0
    centred = x - (shown * x).sum() / shown.sum()
    weight = float((shown * centred**2).sum())
    covariance = float((centred * hits).sum())
    line = rate + covariance / weight * centred
    scatter = float((shown * (hits / shown - line) ** 2).sum() / (rate * (1 - rate)))
    dispersion = max(1.0, scatter / max(1, x.size - 2))
    return covariance / math.sqrt(rate * (1 - rate) * weight * dispersion)


def _dispersion(hits: FloatArray, shown: FloatArray, rates: FloatArray) -> FloatArray:
    """Pearson's chi-square over its degrees of freedom (three parameters fitted): [B] from [B, D]."""
    variance = np.maximum(shown * rates * (1 - rates), 1e-9)
    chi_square = ((hits - shown * rates) ** 2 / variance).sum(axis=1)
    return np.asarray(chi_square / max(1, rates.shape[1] - 3), dtype=np.float64)


def _beta_binomial(
    rng: np.random.Generator, rates: FloatArray, shown: FloatArray, dispersion: float, bootstrap: int
) -> FloatArray:
    # Var = n p (1 − p) (1 + (n − 1) ρ), so ρ follows from the dispersion at the mean number of trials.
    rho = min(max((dispersion - 1) / (float(shown.mean()) - 1), 1e-6), 0.99)
    size = (1 - rho) / rho
    p = np.clip(rates, 1e-9, 1 - 1e-9)
    latent = rng.beta(p * size, (1 - p) * size, size=(bootstrap, p.size))
    return rng.binomial(shown.astype(np.int64), latent).astype(np.float64)
