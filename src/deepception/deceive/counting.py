"""Counting deceptions over photographs: rates, queries, controls, and the margin over them (METHODS §5).

A row is what ``Deception.row`` gives, as it stands in a run's results: counting needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Interval, bca, mcnemar_exact, order_statistic_median, wilson
from .controls import CONTAINS, UNSPENT

Row = Mapping[str, Any]
Flags = NDArray[np.bool_]


def count_deceptions(
    rows: Sequence[Row], *, learning: int = 0, total: int | None = None, learned_with: int = 0
) -> dict[str, Any]:
    """The figures over photographs, JSON values.

    Args:
        rows: One for each photograph.
        learning: Queries that were asked for learning what was tried first, as a part of these figures.
        total: What was really asked for all of this, where the caller knows it; else it is added up.
        learned_with: Queries that what was tried first had been learned with before, no part of ``total``.

    Returns:
        ``fooling_ratio``, ``success_rate`` and ``robust_error``, see ``rates``; ``queries``, see
        ``query_figures``; ``controls``, for each the same three, its queries, its curve and the margin over it;
        ``margin``, see ``margin_over_controls``; ``curve``, see ``success_curve``; ``used``, what of the bound
        was used; ``contains_target``, see below, ``None`` where there is no target; ``survives_shift``, the share
        of the deceptions that a shift by one pixel leaves deceived; ``log10_odds``, the median of the new
        answer's decades of odds; ``left_out``, photographs that were not attacked because the target was theirs
        already. ``None`` stands where there is nothing to count.

        A crop from a photograph of the target's class or of a near-synonym shows the target: to be answered so is
        no deception. ``contains_target`` counts the photographs on which such crops were shown, how many of these
        were ``answered`` as the target, and the ``queries``; neither ``controls`` nor ``margin`` knows of them.
        The search itself paints strokes, which come from no photograph.
    """
    attacked = [row for row in rows if row["attacked"]]
    shifted = [bool(row["survives_shift"]) for row in attacked if row["survives_shift"] is not None]
    odds = [row["log10_odds"] for row in attacked if row["reached"] and row["log10_odds"] is not None]
    # Rounded scores tell of a sure answer only that it is at least so sure.
    bounds = sum(bool(row["reached"] and row.get("log10_odds_bound")) for row in attacked)
    return {
        **rates(_flags(attacked, "correct"), _flags(attacked, "reached")),
        "queries": query_figures(rows, learning=learning, total=total, learned_with=learned_with),
        "controls": _controls(attacked),
        "margin": margin_over_controls(attacked),
        "curve": success_curve(attacked, _first),
        "used": _used(attacked),
        "contains_target": _containing(rows),
        "survives_shift": _figure(wilson(sum(shifted), len(shifted))) if shifted else None,
        "log10_odds": {**_figure(bca(odds)), "bounds": bounds} if odds else None,
        "left_out": len(rows) - len(attacked),
    }


def rates(correct: Flags, reached: Flags) -> dict[str, dict[str, Any]]:
    """The three rates, each ``{value, low, high, n}`` with its Wilson interval, from flags bool ``[n]``.

    *fooling_ratio*: deceived among all photographs, attacked from their clean top-1. *success_rate*: among those
    that were correct before. *robust_error*: wrong before, or correct and deceived, among all.
    """
    correct, reached = np.asarray(correct, dtype=bool), np.asarray(reached, dtype=bool)
    return {
        "fooling_ratio": _figure(wilson(int(reached.sum()), reached.size)),
        "success_rate": _figure(wilson(int((reached & correct).sum()), int(correct.sum()))),
        "robust_error": _figure(wilson(int((reached | ~correct).sum()), reached.size)),
    }


def query_figures(
    rows: Sequence[Row],
    *,
    learning: int = 0,
    total: int | None = None,
    learned_with: int = 0,
    clean_others: int = 0,
) -> dict[str, Any]:
    """Queries to the first success, over the photographs that were correct before.

    Returns:
        ``mean``, restricted at the budget, a failure counting as the whole of it, and ``mean_interval``;
        ``median``, ``None`` where more than half fail, and its ``median_interval`` from order statistics, its high
        end ``None`` where it lies beyond the budget; ``with_pruning``, mean and median of all that was shown for
        a photograph, pruning, confirmation and the shifted stimulus included; ``clean``, one for each
        photograph; ``clean_others``, those of photographs that are learned on or cut for controls and have no
        row; ``learning``, and ``learning_each``, that for each of these photographs, ``None`` where nothing was
        learned; ``learned_with``, what a file that was brought had been learned with; ``controls``; ``total``,
        everything that was asked, for photographs that were wrong before as well, but for ``learned_with``;
        ``budget``; ``n``.
    """
    eligible = [row for row in rows if row["attacked"] and row["correct"]]
    first = np.array([np.inf if row["first"] is None else row["first"] for row in eligible], dtype=np.float64)
    budgets = np.array([row["budget"] for row in eligible], dtype=np.float64)
    sent = np.array([row["attack_queries"] for row in eligible], dtype=np.float64)
    restricted = bca(np.minimum(first, budgets), "mean")
    median = order_statistic_median(first)
    shown = sum(int(row["attack_queries"]) + int(row["control_queries"]) for row in rows)
    added = shown + len(rows) + clean_others + learning
    return {
        "mean": _number(restricted.value),
        "mean_interval": _ends(restricted),
        "median": _number(median.value),
        "median_interval": _ends(median),
        "with_pruning": {
            "mean": _number(float(sent.mean())) if sent.size else None,
            "median": _number(float(np.median(sent))) if sent.size else None,
        },
        "clean": len(rows),
        "clean_others": clean_others,
        "learning": learning,
        "learning_each": learning / len(rows) if learning and rows else None,
        "learned_with": learned_with,
        "controls": sum(int(row["control_queries"]) for row in rows),
        "total": added if total is None else total,
        "budget": max((int(row["budget"]) for row in rows), default=0),
        "n": len(eligible),
    }


def margin_over_controls(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Deceived minus the best control, paired by photograph; ``None`` where no control was shown.

    The best control is the one with the highest fooling ratio, over the photographs that have it; of equal ones
    the first. What a showing of the clean photograph changes by itself (``UNSPENT``) is no rival: it is reported
    with the controls only.

    Returns:
        ``control``; ``value``, the difference of the two fooling ratios, with ``low`` and ``high`` (BCa over
        photographs) and ``n``; ``only_deception`` and ``only_control``, the discordant photographs; ``p`` of the
        exact two-sided McNemar test.
    """
    rivals = [name for name in _control_names(rows) if name not in UNSPENT]
    if not rivals:
        return None
    best = max(rivals, key=lambda name: float(_control(rows, name)[1].mean()))
    return {"control": best, **_margin_over(rows, best)}


def success_curve(rows: Sequence[Row], first: Callable[[Row], int | None]) -> dict[str, Any]:
    """Shares deceived within 1 … Q queries, at every number of queries where one of them rises, and at Q.

    Args:
        rows: The photographs that were attacked.
        first: The showing that first deceived a photograph, ``None`` where none did.

    Returns:
        ``queries``, rising; ``fooling_ratio`` (all photographs) and ``success_rate`` (the correct ones), one value
        each at every one of them, the latter ``None`` where no photograph was correct.
    """
    correct = _flags(rows, "correct")
    reached = np.array([np.inf if first(row) is None else first(row) for row in rows], dtype=np.float64)
    budget = max((int(row["budget"]) for row in rows), default=0)
    at = sorted({int(q) for q in reached[np.isfinite(reached)]} | ({budget} if rows else set()))
    return {
        "queries": at,
        "fooling_ratio": [float((reached <= q).mean()) for q in at],
        "success_rate": [float((reached[correct] <= q).mean()) if correct.any() else None for q in at],
    }


def _margin_over(rows: Sequence[Row], name: str) -> dict[str, Any]:
    having, theirs = _control(rows, name)
    ours = _flags(having, "reached")
    gained, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return {
        **_figure(bca(ours.astype(np.float64) - theirs, "mean")),
        "only_deception": gained,
        "only_control": lost,
        "p": mcnemar_exact(gained, lost),
    }


def _controls(rows: Sequence[Row]) -> dict[str, Any]:
    made = {}
    for name in _control_names(rows):
        having, reached = _control(rows, name)
        made[name] = {
            **rates(_flags(having, "correct"), reached),
            "queries": sum(int(row["controls"][name]["queries"]) for row in having),
            "curve": success_curve(having, lambda row, name=name: row["controls"][name]["first"]),  # type: ignore[misc]
            "margin": _margin_over(rows, name),
        }
    return made


def _control_names(rows: Sequence[Row]) -> list[str]:
    return [n for n in dict.fromkeys(name for row in rows for name in row["controls"]) if n != CONTAINS]


def _containing(rows: Sequence[Row]) -> dict[str, int] | None:
    if all(row["target"] is None for row in rows):
        return None
    shown = [row["controls"][CONTAINS] for row in rows if CONTAINS in row["controls"]]
    return {
        "photographs": len(shown),
        "answered": sum(bool(control["reached"]) for control in shown),
        "queries": sum(int(control["queries"]) for control in shown),
    }


def _control(rows: Sequence[Row], name: str) -> tuple[list[Row], Flags]:
    """The photographs that have a control, and which of them it deceived."""
    having = [row for row in rows if name in row["controls"]]
    return having, np.array([bool(row["controls"][name]["reached"]) for row in having], dtype=bool)


def _used(rows: Sequence[Row]) -> dict[str, Any] | None:
    """What of the bound the deceptions used: pixels of the frame, or grey levels."""
    used = [int(row["used"]) for row in rows if row["reached"]]
    if not used:
        return None
    limit = max(int(row["limit"]) for row in rows)
    return {"median": float(np.median(used)), "most": max(used), "limit": limit}


def _first(row: Row) -> int | None:
    return None if row["first"] is None else int(row["first"])


def _flags(rows: Sequence[Row], name: str) -> Flags:
    return np.array([bool(row[name]) for row in rows], dtype=bool)


def _figure(interval: Interval) -> dict[str, Any]:
    low, high = _ends(interval)
    return {"value": _number(interval.value), "low": low, "high": high, "n": interval.n}


def _ends(interval: Interval) -> list[float | None]:
    """Both ends. Resampling photographs that all gave the same figure tells nothing: then there are none."""
    if interval.method == "degenerate":
        return [None, None]
    return [_number(interval.low), _number(interval.high)]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
