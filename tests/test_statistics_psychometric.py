from __future__ import annotations

import numpy as np
import pytest

from deepception.statistics import fit_psychometric, threshold

DOSES = np.array([1, 2, 3, 4, 6, 8, 12, 16])


def rates(
    planted: float, slope: float, *, guess: float = 0.0, lapse: float = 0.03, falling: bool = False
) -> np.ndarray:
    x = (np.log2(DOSES) - np.log2(planted)) * (-1 if falling else 1)
    return guess + (1 - guess - lapse) / (1 + np.exp(-slope * x))


@pytest.mark.parametrize("falling", [False, True])
def test_planted_threshold_is_inside_its_interval(falling: bool) -> None:
    true = rates(5, 2.5, falling=falling)
    covered = 0
    for run in range(200):
        hits = np.random.default_rng(run).binomial(20, true)
        fit = fit_psychometric(DOSES, hits, 20, guess=0, falling=falling, seed=run, bootstrap=100)
        covered += fit.threshold.contains(5)
    assert 180 <= covered <= 198


def test_overdispersed_draws_are_beta_binomial_and_still_covered() -> None:
    true = np.clip(rates(5, 2.5), 1e-6, 1 - 1e-6)
    covered, widths, plain = [], [], []
    for run in range(60):
        rng = np.random.default_rng(run)
        hits = rng.binomial(40, rng.beta(8 * true, 8 * (1 - true)))
        fit = fit_psychometric(DOSES, hits, 40, guess=0, seed=run, bootstrap=100)
        width = fit.threshold.high - fit.threshold.low
        (widths if fit.beta_binomial else plain).append(width)
        covered.append(fit.threshold.contains(5))
        assert fit.beta_binomial == (fit.overdispersion > 2)
    assert len(widths) > 30
    assert np.median(widths) > 1.2 * np.median(plain)
    assert np.mean(covered) >= 0.85


def test_the_fit_maximises_the_likelihood() -> None:
    from scipy.optimize import minimize

    hits = np.random.default_rng(3).binomial(30, rates(4, 2, guess=0.1))
    fit = fit_psychometric(DOSES, hits, 30, guess=0.1)

    def loss(parameters: np.ndarray) -> float:
        theta, slope, lapse = parameters
        p = np.clip(0.1 + (0.9 - lapse) / (1 + np.exp(-slope * (np.log2(DOSES) - theta))), 1e-9, 1 - 1e-9)
        return float(-(hits * np.log(p) + (30 - hits) * np.log1p(-p)).sum())

    bounds = [(-1, 5), (0.4, 25), (0, 0.1)]
    starts = [(theta, slope, 0.03) for theta in (1, 2, 3) for slope in (1, 4)]
    lowest = min(float(minimize(loss, start, bounds=bounds).fun) for start in starts)
    assert loss(np.array([np.log2(fit.threshold.value), fit.slope, fit.lapse])) <= lowest + 1e-3
    assert fit.ok
    assert 0.05 < fit.deviance_p <= 1
    np.testing.assert_allclose(fit.predict([fit.threshold.value]), (0.1 + 1 - fit.lapse) / 2, atol=1e-6)


def test_a_misfit_is_seen() -> None:
    # Certain, never, certain: no curve of this family.
    fit = fit_psychometric(DOSES, [20, 20, 0, 0, 0, 20, 20, 20], 20, guess=0)
    assert fit.deviance_p < 0.05
    assert fit.beta_binomial


def test_same_seed_same_numbers() -> None:
    hits = [0, 2, 5, 9, 14, 17, 20, 20]
    first, second = (fit_psychometric(DOSES, hits, 20, guess=0, seed=1) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("hits", "kind", "text"),
    [
        ([0, 0, 1, 0, 2, 1, 3, 4], "> N", "> 16"),
        ([14, 18, 17, 19, 20, 20, 20, 20], "< 1", "< 1"),
        ([3, 17, 3, 17, 3, 17, 3, 17], "none", "none"),
        ([9, 11, 9, 10, 11, 10, 9, 11], "none", "none"),
    ],
)
def test_no_fit_without_a_crossing(hits: list[int], kind: str, text: str) -> None:
    found = threshold(DOSES, hits, 20, guess=0)
    assert (found.kind, found.text, found.fit) == (kind, text, None)
    assert len(found.rates) == 8
    assert found.rates[0].contains(hits[0] / 20)


def test_a_crossing_is_fitted_in_its_direction() -> None:
    hits = np.array([0, 2, 5, 9, 14, 17, 20, 20])
    up, down = threshold(DOSES, hits, 20, guess=0), threshold(DOSES, hits[::-1], 20, guess=0)
    assert up.kind == down.kind == "fit"
    assert not up.falling
    assert down.falling
    assert down.fit is not None
    assert (np.diff(down.fit.predict(DOSES)) < 0).all()
    assert 3 < up.value < 6
    assert threshold(DOSES, hits, 20, guess=1).kind == "none"


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and trials"):
        fit_psychometric([1, 2], [5, 30], 20, guess=0)
    with pytest.raises(ValueError, match="guess rate"):
        fit_psychometric([0, 1], [5, 6], 20, guess=0)
    with pytest.raises(ValueError, match="guess must"):
        fit_psychometric([1, 2], [5, 6], 20, guess=1)


def test_against_psignifit() -> None:
    psignifit = pytest.importorskip("psignifit", reason="psignifit is an optional oracle")
    hits = np.random.default_rng(8).binomial(60, rates(5, 2.5))
    data = np.stack([np.log2(DOSES), hits, np.full(8, 60)], axis=1)
    theirs = psignifit.psignifit(
        data, experiment_type="yes/no", sigmoid="logistic", fixed_parameters={"gamma": 0.0, "eta": 0.0}
    )
    ours = fit_psychometric(DOSES, hits, 60, guess=0)
    low, high = theirs.confidence_intervals["threshold"]["0.95"]
    assert np.log2(ours.threshold.value) == pytest.approx(theirs.parameter_estimate["threshold"], abs=0.15)
    assert np.log2(ours.threshold.low) == pytest.approx(low, abs=0.15)
    assert np.log2(ours.threshold.high) == pytest.approx(high, abs=0.15)
