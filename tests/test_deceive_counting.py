from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from deepception.deceive import count_deceptions, margin_over_controls, query_figures, rates, success_curve
from deepception.statistics import wilson


def row(first: int | None, *, correct: bool = True, budget: int = 100, **given: Any) -> dict[str, Any]:
    """A photograph whose search reached its goal at a query, or failed; controls as name = its first or None."""
    controls = {
        name: {"reached": at is not None, "first": at, "queries": budget if at is None else at}
        for name, at in given.pop("controls", {}).items()
    }
    made: dict[str, Any] = {
        "attacked": True,
        "correct": correct,
        "reached": first is not None,
        "first": first,
        "budget": budget,
        "attack_queries": budget if first is None else first + 5,
        "control_queries": sum(c["queries"] for c in controls.values()),
        "used": 40,
        "limit": 50,
        "survives_shift": None if first is None else first < 10,
        "log10_odds": None if first is None else 0.5,
        "controls": controls,
        "target": None,
    }
    return {**made, **given}


# Four that were correct: deceived at 1, 3 and 20, one not; two that were wrong: one deceived.
SIX = [row(1), row(3), row(20), row(None), row(2, correct=False), row(None, correct=False)]


def test_the_three_rates_have_their_own_denominators() -> None:
    figures = count_deceptions(SIX)
    assert figures["fooling_ratio"]["value"] == pytest.approx(4 / 6)
    assert figures["success_rate"]["value"] == pytest.approx(3 / 4)
    # Two were wrong before, three of the right ones are deceived.
    assert figures["robust_error"]["value"] == pytest.approx(5 / 6)
    assert [figures[k]["n"] for k in ("fooling_ratio", "success_rate", "robust_error")] == [6, 4, 6]
    expected = wilson(3, 4)
    assert figures["success_rate"]["low"] == pytest.approx(expected.low)
    assert figures["success_rate"]["high"] == pytest.approx(expected.high)
    assert set(figures["success_rate"]) == {"value", "low", "high", "n"}


def test_nobody_was_correct() -> None:
    none = rates(np.array([False, False]), np.array([True, False]))
    assert none["success_rate"] == {"value": None, "low": 0.0, "high": 1.0, "n": 0}
    assert none["robust_error"]["value"] == 1.0


def test_queries_count_those_that_were_correct() -> None:
    queries = query_figures(SIX, learning=1_000)
    assert queries["n"] == 4
    assert queries["mean"] == pytest.approx((1 + 3 + 20 + 100) / 4)
    assert queries["median"] == 3
    assert queries["with_pruning"] == {"mean": (6 + 8 + 25 + 100) / 4, "median": 16.5}
    assert queries["clean"] == 6
    # All photographs, wrong ones too, their clean answers, and the learning.
    assert queries["total"] == (6 + 8 + 25 + 100) + (7 + 100) + 6 + 1_000
    assert query_figures(SIX, total=77)["total"] == 77


@pytest.mark.parametrize(
    ("first", "median"),
    [([5, None], 5), ([5, None, None], None), ([None, None], None), ([4, 6, None], 6), ([1, 2, 3, None], 2)],
)
def test_the_median_is_open_where_more_than_half_fail(first: list[int | None], median: int | None) -> None:
    assert query_figures([row(f) for f in first])["median"] == median


def test_the_interval_of_the_median_may_be_open_above() -> None:
    twelve = [row(f) for f in (1, 1, 2, 2, 3, 3, 4, None, None, None, None, None)]
    low, high = query_figures(twelve)["median_interval"]
    assert low == 2
    assert high is None


def test_photographs_that_all_agree_have_no_bootstrap_interval() -> None:
    rows = [row(1, controls={"grey patch": None}) for _ in range(8)]
    figures = count_deceptions(rows)
    assert figures["margin"]["value"] == 1
    assert figures["margin"]["low"] is figures["margin"]["high"] is None
    assert figures["queries"]["mean_interval"] == [None, None]
    assert figures["fooling_ratio"]["low"] == pytest.approx(wilson(8, 8).low)


def test_what_was_not_attacked_is_left_out() -> None:
    figures = count_deceptions([*SIX, row(None, attacked=False, attack_queries=0)])
    assert figures["left_out"] == 1
    assert figures["fooling_ratio"]["n"] == 6
    assert figures["queries"]["n"] == 4
    assert figures["queries"]["clean"] == 7


def controlled(
    first: int | None, grey: int | None, noise: int | None, flip: int | None = None
) -> dict[str, Any]:
    return row(first, controls={"grey patch": grey, "random patch": noise, "clean shifted": flip})


def test_the_margin_is_over_the_best_control_paired() -> None:
    # Deceived 8 of 10; grey 3, of which one where the deception failed; noise 1; the clean photograph always.
    rows = [controlled(1, 1 if i < 2 else None, 5 if i == 0 else None, 1) for i in range(8)]
    rows += [controlled(None, 7, None, 1), controlled(None, None, None, 1)]
    margin = margin_over_controls(rows)
    assert margin is not None
    assert margin["control"] == "grey patch"
    assert margin["value"] == pytest.approx(0.5)
    assert (margin["only_deception"], margin["only_control"]) == (6, 1)
    # Exact two-sided McNemar: 2 (C(7,0) + C(7,1)) / 2^7.
    assert margin["p"] == pytest.approx(2 * 8 / 128)
    assert margin["low"] < 0.5 < margin["high"]
    figures = count_deceptions(rows)
    assert figures["controls"]["grey patch"]["fooling_ratio"]["value"] == pytest.approx(0.3)
    assert figures["controls"]["clean shifted"]["fooling_ratio"]["value"] == 1
    assert figures["controls"]["random patch"]["margin"]["value"] == pytest.approx(0.7)
    assert list(figures["controls"]) == ["grey patch", "random patch", "clean shifted"]
    assert figures["controls"]["random patch"]["queries"] == 5 + 9 * 100


def test_a_control_counts_over_the_photographs_that_have_it() -> None:
    rows = [row(1, controls={"crops of other classes": 1}), row(None, controls={"grey patch": None}), row(1)]
    figures = count_deceptions(rows)
    assert figures["controls"]["crops of other classes"]["fooling_ratio"]["n"] == 1
    assert figures["margin"]["control"] == "crops of other classes"
    assert figures["margin"]["n"] == 1
    assert margin_over_controls(SIX) is None


def test_the_curve_rises_where_a_photograph_falls() -> None:
    curve = success_curve(SIX, lambda r: r["first"])
    assert curve["queries"] == [1, 2, 3, 20, 100]
    assert curve["fooling_ratio"] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 4 / 6])
    assert curve["success_rate"] == pytest.approx([1 / 4, 1 / 4, 2 / 4, 3 / 4, 3 / 4])
    assert success_curve([row(None, correct=False)], lambda r: r["first"])["success_rate"] == [None]


def test_shift_margin_and_use_are_over_deceptions() -> None:
    figures = count_deceptions(SIX)
    assert figures["survives_shift"]["value"] == pytest.approx(3 / 4)
    assert figures["log10_odds"]["value"] == 0.5
    assert figures["used"] == {"median": 40.0, "most": 40, "limit": 50}
    failed = count_deceptions([row(None)])
    assert failed["used"] is None
    assert failed["survives_shift"] is None
    assert failed["log10_odds"] is None


def test_everything_is_strict_json() -> None:
    for rows in (SIX, [row(None)], [row(None, correct=False)], [row(1, attacked=False)], []):
        json.dumps(count_deceptions(rows), allow_nan=False)


def test_crops_that_show_the_target_are_no_rivals() -> None:
    aimed = {"target": 3}
    rows = [
        row(5, controls={"grey patch": None, "contains t": 1}, **aimed),
        row(None, controls={"grey patch": 9, "contains t": None}, **aimed),
        row(None, controls={"grey patch": None}, **aimed),
    ]
    figures = count_deceptions(rows)
    assert figures["contains_target"] == {"photographs": 2, "answered": 1, "queries": 1 + 100}
    assert list(figures["controls"]) == ["grey patch"]
    assert figures["margin"]["control"] == "grey patch"
    nothing = count_deceptions([row(5, controls={"contains t": 1}, **aimed)])
    assert (nothing["controls"], nothing["margin"]) == ({}, None)
    none_shown = {"photographs": 0, "answered": 0, "queries": 0}
    assert count_deceptions([row(5, **aimed)])["contains_target"] == none_shown
    assert count_deceptions(SIX)["contains_target"] is None
    # They were asked for all the same.
    assert figures["queries"]["controls"] == (100 + 1) + (9 + 100) + 100
