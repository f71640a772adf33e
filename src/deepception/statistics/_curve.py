"""The logistic dose curve, and its maximum-likelihood fit to many data sets at once by narrowing grids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_TINY = 1e-9
# Logistic slopes per doubling: from nearly flat over all doses to a step between two of them.
_SLOPE = (np.log(0.4), np.log(25.0))
_NARROWER = 0.45


def curve(x: FloatArray, parameters: FloatArray, guess: float) -> FloatArray:
    """Recognition rates at x = log₂ dose [D] for parameters [..., 3] (theta, log slope, lapse): [..., D]."""
    theta, slope, lapse = parameters[..., 0, None], np.exp(parameters[..., 1, None]), parameters[..., 2, None]
    rise = 0.5 * (1 + np.tanh(0.5 * slope * (x - theta)))
    return np.asarray(guess + (1 - guess - lapse) * rise, dtype=np.float64)


def deviance(hits: FloatArray, shown: FloatArray, rates: FloatArray) -> FloatArray:
    """Binomial deviance of rates [B, D] for counts hits [B, D] of shown [D]: [B]."""
    saturated = log_likelihood(hits, shown, hits / shown)
    return np.asarray(2 * (saturated - log_likelihood(hits, shown, rates)))


def fit_many(
    x: FloatArray,
    hits: FloatArray,
    shown: FloatArray,
    guess: float,
    lapse_max: float,
    *,
    theta: FloatArray | None = None,
    rounds: int = 9,
) -> FloatArray:
    """Maximum-likelihood parameters [B, 3] (theta, log slope, lapse) of counts hits [B, D] of shown [D].

    A coarse grid over all bounds, then 3 × 3 × 3 grids around each data set's best point, narrowed round by
    round. With theta [B] given, only the other two are fitted.
    """
    low, high = bounds = _bounds(x, lapse_max)
    sizes = np.array([41, 13, 4])
    axes = [np.linspace(low[i], high[i], sizes[i]) for i in range(3)]
    moves = [np.array([-1.0, 0.0, 1.0])] * 3
    rows = np.arange(len(hits))
    if theta is None:
        grid = _product(axes)
        rates = np.clip(curve(x, grid, guess), _TINY, 1 - _TINY)
        best = grid[(hits @ np.log(rates).T + (shown - hits) @ np.log1p(-rates).T).argmax(axis=1)]
    else:
        points = np.repeat(_product([np.zeros(1), *axes[1:]])[None], len(hits), axis=0)
        points[:, :, 0] = theta[:, None]
        best = points[rows, log_likelihood(hits[:, None], shown, curve(x, points, guess)).argmax(axis=1)]
        moves[0] = np.zeros(1)
    around = _product(moves)
    step = (high - low) / (sizes - 1) / 2
    for _ in range(rounds):
        # Twice at each width, so that a curved ridge can be followed.
        for _ in range(2):
            points = best[:, None] + around * step
            points[:, :, 1:] = np.clip(points[:, :, 1:], bounds[0, 1:], bounds[1, 1:])
            if theta is None:
                points[:, :, 0] = np.clip(points[:, :, 0], low[0], high[0])
            likelihood = log_likelihood(hits[:, None], shown, curve(x, points, guess))
            best = points[rows, likelihood.argmax(axis=1)]
        step = step * _NARROWER
    return np.asarray(best, dtype=np.float64)


def log_likelihood(hits: FloatArray, shown: FloatArray, rates: FloatArray) -> FloatArray:
    """Binomial log-likelihood, without its constant, of rates [..., D]: [...]."""
    p = np.clip(rates, _TINY, 1 - _TINY)
    return np.asarray((hits * np.log(p) + (shown - hits) * np.log1p(-p)).sum(axis=-1), dtype=np.float64)


def likelihood_ratio(
    x: FloatArray,
    hits: FloatArray,
    shown: FloatArray,
    guess: float,
    lapse_max: float,
    theta: FloatArray,
    best: FloatArray,
) -> FloatArray:
    """Twice the log-likelihood lost by holding theta [B] instead of `best` [B, 3]: [B], never negative."""
    held = fit_many(x, hits, shown, guess, lapse_max, theta=theta, rounds=5)
    lost = log_likelihood(hits, shown, curve(x, best, guess)) - log_likelihood(
        hits, shown, curve(x, held, guess)
    )
    return np.maximum(2 * lost, 0.0)


def theta_interval(
    x: FloatArray,
    hits: FloatArray,
    shown: FloatArray,
    guess: float,
    lapse_max: float,
    best: FloatArray,
    critical: float,
) -> tuple[float, float]:
    """Where the likelihood ratio of one data set hits [D] is at most `critical`; ±inf if never above."""
    low, high = _bounds(x, lapse_max)[:, 0]
    below = np.linspace(low, best[0], 61)
    above = np.linspace(best[0], high, 61)
    theta = np.concatenate([below, above])
    ratios = likelihood_ratio(
        x, np.repeat(hits[None], theta.size, axis=0), shown, guess, lapse_max, theta, best[None]
    )
    return _end(below[::-1], ratios[60::-1], critical, -np.inf), _end(above, ratios[61:], critical, np.inf)


def _end(theta: FloatArray, ratios: FloatArray, critical: float, beyond: float) -> float:
    # The outermost crossing, so that a second dip of a rough profile is not cut off.
    inside = np.flatnonzero(ratios <= critical)
    last = int(inside[-1]) if inside.size else 0
    if last == ratios.size - 1:
        return beyond
    share = (critical - ratios[last]) / max(ratios[last + 1] - ratios[last], _TINY)
    return float(theta[last] + min(max(share, 0.0), 1.0) * (theta[last + 1] - theta[last]))


def _bounds(x: FloatArray, lapse_max: float) -> FloatArray:
    # The threshold may lie up to one doubling outside the tested doses.
    return np.array([[x.min() - 1, _SLOPE[0], 0.0], [x.max() + 1, _SLOPE[1], lapse_max]])


def _product(axes: list[FloatArray]) -> FloatArray:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
