"""Figures over photographs: rates, queries, and methods set against each other on the same photographs.

The photograph is the unit. Seeds are reduced to one number per photograph first: the share of seeds that
deceived it, and the median over seeds of its first success (a failure is infinite). So seeds never make an
interval narrower.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepception.statistics import Interval, bca, mcnemar_exact, order_statistic_median, wilson

from .keeping import Figures

Floats = NDArray[np.float64]
RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Results:
    """One method on one network in one setting, over all of its seeds.

    Attributes:
        method: Its name.
        queries: The budget of a photograph.
        learning: Queries learned with on this network, the mean over seeds.
        index: int64 ``[n]``, the photographs, rising.
        correct: bool ``[n]``, right before.
        first: float64 ``[seeds, n]``, first success, inf where there is none.
        total: float64 ``[seeds, n]``, all queries.
        used: float64 ``[seeds, n]``, what was used of the bound, nan where there is no deception.
        fingerprint: Of the network.
    """

    method: str
    queries: int
    learning: float
    index: NDArray[np.int64]
    correct: NDArray[np.bool_]
    first: Floats
    total: Floats
    used: Floats
    fingerprint: str

    @property
    def seeds(self) -> int:
        """How many seeds."""
        return len(self.first)

    @property
    def reached(self) -> Floats:
        """Share of seeds that deceived each photograph, float64 ``[n]``."""
        return np.asarray(np.isfinite(self.first).mean(axis=0))

    @property
    def typical(self) -> Floats:
        """Median over seeds of the first success, float64 ``[n]``; inf where more than half of them failed."""
        return np.asarray(
            np.sort(self.first, axis=0)[(self.seeds - 1) // 2 if self.seeds % 2 else self.seeds // 2]
        )

    def only(self, index: NDArray[np.int64]) -> Results:
        """The same for some of its photographs."""
        at = np.searchsorted(self.index, index)
        columns = {name: getattr(self, name)[:, at] for name in ("first", "total", "used")}
        return Results(
            self.method,
            self.queries,
            self.learning,
            index,
            self.correct[at],
            **columns,
            fingerprint=self.fingerprint,
        )


def gather(figures: Iterable[Figures]) -> dict[tuple[str, str], list[Results]]:
    """Results by (setting, network), of each method over the photographs that all of its seeds have."""
    by_method: dict[tuple[str, str, str], list[Figures]] = {}
    for one in figures:
        if one.rows:
            by_method.setdefault((one.unit.setting, one.unit.network, one.unit.method), []).append(one)
    made: dict[tuple[str, str], list[Results]] = {}
    for (setting, network, _), seeds in by_method.items():
        made.setdefault((setting, network), []).append(_results(seeds))
    return made


def fooling_ratio(results: Results) -> Interval:
    """Share of all photographs whose top-1 changed as the goal asks: mean over seeds, Wilson over photographs."""
    return _rate(results.reached)


def success_rate(results: Results) -> Interval:
    """The same among those that were correct before."""
    return _rate(results.reached[results.correct])


def robust_error(results: Results) -> Interval:
    """Wrong before, or deceived, among all."""
    return _rate(np.where(results.correct, results.reached, 1.0))


def median_queries(results: Results) -> Interval:
    """Median over the photographs that were correct before; inf where fewer than half were deceived."""
    return order_statistic_median(results.typical[results.correct])


def mean_queries(results: Results) -> Interval:
    """Mean restricted at the budget, over the photographs that were correct before."""
    restricted = np.minimum(results.first[:, results.correct], results.queries).mean(axis=0)
    return bca(restricted, "mean")


def mean_total(results: Results) -> float:
    """Mean of all queries, pruning and confirmation included, over the photographs that were correct before."""
    total = results.total[:, results.correct]
    return float(total.mean()) if total.size else math.nan


@dataclass(frozen=True)
class Against:
    """Ours against another method, over the photographs that were correct before and that both attacked.

    Attributes:
        n: Photographs.
        ratio: Our median of queries divided by theirs, with a percentile bootstrap over photographs; failures
            count as the budget.
        censored: Whether a median lies beyond the budget, so that the ratio is a bound.
        ours_only: Photographs that only ours deceives (with more than half of the seeds).
        theirs_only: Photographs that only the other does.
        p: Exact McNemar test of the two, two-sided.
        break_even: Photographs after which our learning is paid for; 0 without learning, inf where it never
            is.
    """

    n: int
    ratio: Interval
    censored: bool
    ours_only: int
    theirs_only: int
    p: float
    break_even: float


def against(ours: Results, theirs: Results, *, seed: int = 0) -> Against | None:
    """Compare two methods; ``None`` where they share no photograph or were not asked of the same network."""
    if ours.fingerprint != theirs.fingerprint:
        return None
    shared = np.intersect1d(ours.index[ours.correct], theirs.index[theirs.correct])
    if not shared.size:
        return None
    ours, theirs = ours.only(shared), theirs.only(shared)
    budget = min(ours.queries, theirs.queries)
    first = np.stack([ours.typical, theirs.typical])
    first[first > budget] = np.inf
    restricted = np.where(np.isfinite(first), first, float(budget))
    drawn = np.random.default_rng(seed).integers(0, shared.size, (RESAMPLES, shared.size))
    medians = [_lower_median(row[drawn]) for row in restricted]
    value = float(_lower_median(restricted[:1])[0] / _lower_median(restricted[1:])[0])
    low, high = np.quantile(medians[0] / medians[1], [0.025, 0.975])
    reached = np.isfinite(first)
    gained, lost = int((reached[0] & ~reached[1]).sum()), int((reached[1] & ~reached[0]).sum())
    saved = np.minimum(theirs.first, budget).mean() - np.minimum(ours.first, budget).mean()
    paid = ours.learning / saved if saved > 0 else math.inf
    return Against(
        int(shared.size),
        Interval(value, float(low), float(high), int(shared.size), method="percentile"),
        not np.isfinite(_lower_median(first)).all(),
        gained,
        lost,
        mcnemar_exact(gained, lost),
        float(paid) if ours.learning else 0.0,
    )


@dataclass(frozen=True)
class Paid:
    """Ours, with what it learned, against a baseline that is given those queries on top of its budget.

    Attributes:
        photographs: Photographs that share what learning cost.
        extra: Queries that the baseline has more for each of them.
        ours: Our success rate.
        theirs: That of the baseline.
        ours_only: Photographs that only ours deceives (with more than half of the seeds).
        theirs_only: Photographs that only the other does.
        p: Exact McNemar test of the two, two-sided.
    """

    photographs: int
    extra: int
    ours: Interval
    theirs: Interval
    ours_only: int
    theirs_only: int
    p: float


def paid(ours: Results, theirs: Results, photographs: int) -> Paid | None:
    """Compare; ``None`` where they share no photograph, the network differs or the baseline had too little."""
    extra = math.ceil(ours.learning / photographs)
    shared = np.intersect1d(ours.index[ours.correct], theirs.index[theirs.correct])
    budget = ours.queries + extra
    if ours.fingerprint != theirs.fingerprint or not shared.size or theirs.queries < budget:
        return None
    ours, theirs = ours.only(shared), theirs.only(shared)
    within = np.where(theirs.first <= budget, theirs.first, np.inf)
    theirs = replace(theirs, queries=budget, first=within)
    a, b = np.isfinite(ours.typical), np.isfinite(theirs.typical)
    gained, lost = int((a & ~b).sum()), int((b & ~a).sum())
    return Paid(
        photographs,
        extra,
        success_rate(ours),
        success_rate(theirs),
        gained,
        lost,
        mcnemar_exact(gained, lost),
    )


def curve(results: Results) -> tuple[Floats, Floats]:
    """Share of the photographs that were correct before and are deceived within 1 … Q queries: (q, share)."""
    first = np.sort(results.first[:, results.correct].ravel())
    reached = first[np.isfinite(first)]
    at = np.concatenate([[1.0], reached, [float(results.queries)]])
    shares = np.concatenate([[0.0], np.arange(1, reached.size + 1), [reached.size]]) / max(first.size, 1)
    return at, np.asarray(shares)


def _results(seeds: Sequence[Figures]) -> Results:
    first = seeds[0]
    shared = sorted(set.intersection(*(set(one.rows) for one in seeds)))
    outcomes: list[list[Any]] = [[one.rows[index][1] for index in shared] for one in seeds]

    def column(name: str, missing: float) -> Floats:
        return np.array(
            [[missing if getattr(o, name) is None else getattr(o, name) for o in row] for row in outcomes],
            dtype=np.float64,
        ).reshape(len(seeds), len(shared))

    return Results(
        first.unit.method,
        int(first.facts["queries"]),
        float(np.mean([one.learning for one in seeds])),
        np.array(shared, dtype=np.int64),
        np.array([first.rows[index][0] for index in shared], dtype=bool),
        column("first", math.inf),
        column("total", math.nan),
        column("used", math.nan),
        str(first.facts["fingerprint"]),
    )


def _rate(reached: Floats) -> Interval:
    n = reached.size
    if not n:
        return wilson(0, 0)
    around = wilson(round(float(reached.sum())), n)
    return Interval(float(reached.mean()), around.low, around.high, n, method="wilson")


def _lower_median(values: Floats) -> Floats:
    """The ⌈n/2⌉-th smallest of each row, as ``order_statistic_median`` has it."""
    rows = np.sort(values, axis=-1)
    return np.asarray(rows[..., math.ceil(rows.shape[-1] / 2) - 1])
