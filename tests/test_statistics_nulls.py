"""Null observers: smooth random fields, redrawn per seed, patch and controls exchangeable."""

from __future__ import annotations

import numpy as np
import pytest

from deepception.statistics import (
    bca,
    classify_places,
    dose_shape,
    find_period,
    margin_tests,
    max_t_bands,
    page_trend,
    specific_places,
)

SIDE, REPEATS, CONTROLS = 7, 12, 20
SEEDS = 1_000


def smoother(side: int, scale: float) -> np.ndarray:
    k = np.arange(side)
    return np.linalg.cholesky(np.exp(-((k[:, None] - k) ** 2) / (2 * scale**2)) + 1e-6 * np.eye(side))


def fields(rng: np.random.Generator, count: int, scale: float = 1.5) -> np.ndarray:
    root = smoother(SIDE, scale)
    return (root @ rng.normal(size=(count, SIDE, SIDE)) @ root.T).reshape(count, -1)


def allowed(rate: float, seeds: int) -> float:
    return rate + 2 * float(np.sqrt(rate * (1 - rate) / SEEDS))


def test_no_place_is_specific_to_an_exchangeable_patch() -> None:
    false = by_quantiles = places = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        # Effects well beyond the margin: activators and inhibitors there are, but no specific ones.
        effects = 0.5 * fields(rng, 1 + CONTROLS)
        repeats = effects[0] + 0.3 * fields(rng, REPEATS)
        controls = effects[1:] + 0.3 / np.sqrt(REPEATS) * fields(rng, CONTROLS)
        kinds = classify_places(repeats)
        places += int((np.abs(kinds) == 1).sum())
        false += bool(specific_places(repeats.mean(axis=0), controls, kinds).any())
        low, high = np.quantile(controls, [0.025, 0.975], axis=0)
        outside = (repeats.mean(axis=0) > high) | (repeats.mean(axis=0) < low)
        by_quantiles += bool((outside & (np.abs(kinds) == 1)).any())
    # Every discovery is false, so the false discovery rate is the share of seeds with any.
    assert false / SEEDS <= allowed(0.05, SEEDS)
    # The check has something to hold back.
    assert places / SEEDS > 15
    assert by_quantiles / SEEDS > 0.5


def test_places_inside_the_margin_are_neither_activators_nor_inhibitors() -> None:
    rates, neutral = [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        truth = 0.12 * fields(rng, 1)[0]
        kinds = classify_places(truth + 0.15 * fields(rng, REPEATS))
        wrong = ((kinds == 1) & (truth <= 0.1)) | ((kinds == -1) & (truth >= -0.1))
        rates.append(wrong.sum() / max(1, (np.abs(kinds) == 1).sum()))
        neutral.append(((kinds == 0) & (np.abs(truth) >= 0.1)).sum() / max(1, (kinds == 0).sum()))
    assert np.mean(rates) <= allowed(0.05, SEEDS)
    assert np.mean(neutral) <= allowed(0.05, SEEDS)


def test_at_the_margin_itself_discoveries_are_rare() -> None:
    # The least favourable null: every place exactly at +margin.
    found = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        found += bool((classify_places(0.1 + 0.15 * fields(rng, REPEATS)) == 1).any())
    assert found / SEEDS <= allowed(0.05, SEEDS)


def test_activation_inhibition_is_not_shown_by_jitter_alone() -> None:
    shown = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        repeats = 0.3 * fields(rng, REPEATS)
        low, high = max_t_bands(repeats, seed=seed, resamples=300)
        shown += bool((low > 0.1).any() and (high < -0.1).any())
    assert shown / SEEDS <= allowed(0.05, SEEDS)


def test_a_claim_does_not_hold_for_exchangeable_patch_and_control() -> None:
    rng = np.random.default_rng(0)
    # Ranges of smooth fields: positive and skewed, the same law for patch and control.
    ranges = np.ptp(fields(rng, SEEDS * 20 * 2), axis=1).reshape(SEEDS, 20, 2)
    claims = [bca(row[:, 0] - row[:, 1], seed=0, resamples=500).low > 0 for row in ranges]
    assert np.mean(claims) <= allowed(0.05, SEEDS)


@pytest.mark.parametrize("scale", [1.0, 3.0, 10.0, 25.0])
def test_smooth_aperiodic_rows_have_no_period(scale: float) -> None:
    root = smoother(193, scale)
    found = 0
    for seed in range(SEEDS // 4):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(12, 2, 193)) @ root.T
        found += find_period(rows, seed=seed).period is not None
    # The four scales are 1,000 seeds together; each is held to the 95 % on its own.
    assert found / (SEEDS // 4) <= 0.05


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0])
def test_smooth_rows_with_pixel_noise_have_no_period(noise: float) -> None:
    root = smoother(193, 12.0)
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(12, 2, 193)) @ root.T + noise * rng.normal(size=(12, 2, 193))
        found += find_period(rows, seed=seed).period is not None
    assert found <= 1


def test_repetition_of_a_null_observer_has_no_trend_and_no_shape() -> None:
    root = smoother(9, 2.0)
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(SEEDS, 10, 9)) @ root.T
    trends = [page_trend(values, null="sign-flip", seed=0)[1] <= 0.05 for values in draws]
    shaped = [dose_shape(values).shape != "flat" for values in draws]
    assert np.mean(trends) <= allowed(0.05, SEEDS)
    assert np.mean(shaped) <= allowed(0.05, SEEDS)


def test_no_variance_gives_no_discovery_inside_the_margin() -> None:
    rng = np.random.default_rng(0)
    effect = np.clip(0.05 * fields(rng, 1)[0], -0.1, 0.1)
    tests = margin_tests(np.tile(effect, (REPEATS, 1)))
    assert tests.exact.all()
    assert (tests.p_activator == 1).all()
    assert (tests.p_inhibitor == 1).all()
