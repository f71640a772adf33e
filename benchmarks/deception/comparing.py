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
RESAMPLES = 4_000


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
        survives: float64 ``[seeds, n]``, 1 where the deception survives a shift by one pixel, 0 where it does
            not, nan where that is not known.
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
    survives: Floats | None = None

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
        if self.survives is not None:
            columns["survives"] = self.survives[:, at]
        return replace(self, index=index, correct=self.correct[at], **columns)


def gather(figures: Iterable[Figures]) -> dict[tuple[str, str], list[Results]]:
    """Results by (setting, network), of each method over the photographs that all of its seeds have."""
    by_method: dict[tuple[str, str, str], list[Figures]] = {}
    for one in figures:
        if one.rows:
            by_method.setdefault((one.unit.setting, one.unit.network, one.unit.method), []).append(one)
    made: dict[tuple[str, str], list[Results]] = {}
    for (setting, network, method), seeds in by_method.items():
        if len({one.facts["fingerprint"] for one in seeds}) > 1:
            raise SystemExit(
                f"the seeds of {method} in {setting} on {network} were measured on other engines or devices: "
                "keep those of one."
            )
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
    return bca(restricted, "mean", resamples=RESAMPLES)


def mean_total(results: Results) -> Interval:
    """Mean of all queries, pruning and confirmation included, over the photographs that were correct before."""
    return bca(results.total[:, results.correct].mean(axis=0), "mean", resamples=RESAMPLES)


def survival(results: Results) -> Interval:
    """Share of the deceptions that a shift by one pixel leaves, over the photographs that were correct before."""
    if results.survives is None:
        return _rate(np.empty(0))
    known = results.survives[:, results.correct]
    some = np.isfinite(known).any(axis=0)
    return _rate(np.nanmean(known[:, some], axis=0))


def mean_used(results: Results) -> Interval:
    """What deceptions use of the bound (pixels, or grey levels), over the photographs that were correct before."""
    known = results.used[:, results.correct]
    some = np.isfinite(known).any(axis=0)
    return bca(np.nanmean(known[:, some], axis=0), "mean", resamples=RESAMPLES)


def success_within(results: Results, queries: int) -> Interval:
    """Share of the photographs that were correct before and are deceived within so many queries."""
    return _rate((results.first[:, results.correct] <= queries).mean(axis=0))


@dataclass(frozen=True)
class Difference:
    """One method minus another, at the smaller budget, where they were correct before and both attacked.

    Attributes:
        n: Photographs.
        success: Difference of the success rates, BCa over photographs.
        queries: Difference of the restricted means, BCa over photographs.
        first_only: Photographs that only the first deceives (with more than half of the seeds).
        second_only: Photographs that only the second does.
        p: Exact McNemar test of the two, two-sided.
    """

    n: int
    success: Interval
    queries: Interval
    first_only: int
    second_only: int
    p: float


def difference(one: Results, other: Results) -> Difference | None:
    """Compare; ``None`` where they share no photograph or were not asked of the same network."""
    pair = _paired(one, other)
    if pair is None:
        return None
    budget = min(one.queries, other.queries)
    one, other = (replace(r, first=np.where(r.first <= budget, r.first, np.inf)) for r in pair)
    means = [np.minimum(r.first, budget).mean(axis=0) for r in (one, other)]
    a, b = np.isfinite(one.typical), np.isfinite(other.typical)
    gained, lost = int((a & ~b).sum()), int((b & ~a).sum())
    return Difference(
        len(one.index),
        bca(one.reached - other.reached, "mean", resamples=RESAMPLES),
        bca(means[0] - means[1], "mean", resamples=RESAMPLES),
        gained,
        lost,
        mcnemar_exact(gained, lost),
    )


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
    pair = _paired(ours, theirs)
    if pair is None:
        return None
    ours, theirs = pair
    shared = ours.index
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
    pair, budget = _paired(ours, theirs), ours.queries + extra
    if pair is None or theirs.queries < budget:
        return None
    ours, theirs = pair
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
        column("survives", math.nan),
    )


def _paired(one: Results, other: Results) -> tuple[Results, Results] | None:
    """Both for the photographs that were correct before and that both attacked; ``None`` where there is none."""
    if one.fingerprint != other.fingerprint:
        return None
    shared = np.intersect1d(one.index[one.correct], other.index[other.correct])
    return (one.only(shared), other.only(shared)) if shared.size else None


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
