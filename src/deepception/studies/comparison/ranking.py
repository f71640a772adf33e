"""Leaderboards: of runs with identical photographs and settings only, and with the ranks that the data allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .alike import DECEPTION, same_contest, same_measurement, unequal
from .measures import UNLABELLED, quantity
from .runs import Compared
from .shared import Shared, same_photographs

SMALLEST_FIRST = frozenset({DECEPTION})


def leaderboard(
    everyone: Sequence[Compared],
    measure: str,
    shared: Shared,
    figures: Mapping[str, Mapping[str, Any]],
    pairs: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The table of a measure, JSON values: ranked where every run is about the same photographs, measured alike.

    Args:
        everyone: All runs that have the measure.
        measure: The measure.
        shared: The photographs that all of them share.
        figures: The figure of each run with its interval, by key.
        pairs: The corrected pairs.

    Returns:
        ``ranked``, and ``reason`` where it is false; ``rows`` in order, each with ``key``, ``value``, ``low``,
        ``high``, ``n``, and ``rank`` with ``best_rank`` and ``worst_rank``, the ranks that are left open by the
        observers that cannot be told apart (``None`` where nothing is ranked).
    """
    reason = _why_not(everyone, measure, shared)
    keys = [run.key for run in everyone]
    if not reason:
        sign = 1 if measure in SMALLEST_FIRST else -1
        keys.sort(key=lambda key: sign * float(figures[key]["value"]))
    rows = []
    for rank, key in enumerate(keys, 1):
        row: dict[str, Any] = {"key": key, **{k: figures[key][k] for k in ("value", "low", "high", "n")}}
        if reason:
            row |= {"rank": None, "best_rank": None, "worst_rank": None}
        else:
            apart = _told_apart(key, pairs)
            before = sum(other in apart for other in keys[: rank - 1])
            behind = sum(other in apart for other in keys[rank:])
            row |= {"rank": rank, "best_rank": 1 + before, "worst_rank": len(keys) - behind}
        rows.append(row)
    return {
        "quantity": quantity(measure),
        "ranked": not reason,
        "reason": reason,
        "order": "smallest first" if measure in SMALLEST_FIRST else "largest first",
        "rows": rows,
    }


def _why_not(runs: Sequence[Compared], measure: str, shared: Shared) -> str:
    """Why runs are not ranked, a sentence; empty where they are."""
    if len(runs) < 2:
        return "No ranking: only one run has it."
    differing = unequal([same_measurement(run, measure) | same_contest(run, measure) for run in runs])
    if differing:
        named = ", ".join(differing[:4]) + (f" and {len(differing) - 4} more" if len(differing) > 4 else "")
        return f"No ranking: the runs differ in their settings ({named})."
    photographs = same_photographs(runs)
    if photographs:
        return f"No ranking: {photographs}."
    # That a photograph has no label is the same for all of them.
    left = sum(count for why, count in shared.left_out.items() if not why.startswith(UNLABELLED))
    if left:
        photograph = "1 photograph has" if left == 1 else f"{left} photographs have"
        return f"No ranking: {photograph} no comparable figure in all runs."
    return ""


def _told_apart(key: str, pairs: Sequence[Mapping[str, Any]]) -> set[str]:
    """The runs from which one is told apart."""
    return {
        pair["second"] if pair["first"] == key else pair["first"]
        for pair in pairs
        if pair["told_apart"] and key in (pair["first"], pair["second"])
    }
