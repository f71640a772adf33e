"""Pairs of runs on the same photographs: paired differences, their tests, and Holm over all of the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from ...properties.headline import FEWEST_PHOTOGRAPHS
from ...statistics import bca, holm, mcnemar_exact, sign_test
from .alike import ACCURACY, DECEPTION
from .measures import best_control, unit_of
from .runs import Compared
from .shared import Shared

SURE = 0.05
"""Below this p (Holm) two observers are told apart, or their maps agree."""

Pair = dict[str, Any]


def pairs_of(runs: Sequence[Compared], measure: str, shared: Shared, seed: int) -> list[Pair]:
    """Every pair of a group of runs, JSON values; ``p_holm`` and ``told_apart`` are filled in by ``correct``.

    A difference is the first minus the second, paired by photograph. Shares: their mean, with the exact McNemar
    test over the discordant photographs; else: their median, with the exact sign test, which is about the median.
    ``more_first`` and ``more_second`` count the photographs on which the one or the other has more (of shares:
    which it alone has), and tell the direction.
    """
    made = []
    for i, j in combinations(range(len(runs)), 2):
        a, b = runs[i], runs[j]
        values = shared.values[i] - shared.values[j]
        pair: Pair = {
            "first": a.key,
            "second": b.key,
            "measure": measure,
            "n": shared.n,
            "unit": unit_of(a, measure),
            "more_first": int((values > 0).sum()),
            "more_second": int((values < 0).sum()),
        }
        if measure in (ACCURACY, DECEPTION):
            pair["test"] = "exact McNemar"
            interval, p = (
                bca(values, "mean", seed=seed),
                mcnemar_exact(pair["more_first"], pair["more_second"]),
            )
        else:
            pair |= {
                "controls": [best_control(a, measure), best_control(b, measure)],
                "test": "exact sign test",
            }
            interval, p = bca(values, seed=seed), sign_test(values)
        enough = shared.n >= FEWEST_PHOTOGRAPHS
        made.append(
            pair
            | {
                "difference": interval.to_json(),
                "p": p if enough else None,
            }
            | {"p_holm": None, "told_apart": None}
            | {"reason": "" if enough else _too_few(shared.n)}
        )
    return made


def correct(pairs: Sequence[Pair]) -> int:
    """Fill in ``p_holm`` and ``told_apart``, with Holm over all tests; returns their number."""
    tested = [pair for pair in pairs if pair["p"] is not None]
    for pair, p in zip(tested, holm([pair["p"] for pair in tested]), strict=True):
        pair["p_holm"], pair["told_apart"] = float(p), bool(p < SURE)
    return len(tested)


def _too_few(n: int) -> str:
    shared = "no photograph is" if n == 0 else "1 photograph is" if n == 1 else f"{n} photographs are"
    few = "" if n == 0 else f": too few for a 95 % statement, {FEWEST_PHOTOGRAPHS} are needed"
    return f"{shared} shared{few}"
