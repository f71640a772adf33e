"""Numbers, verdicts and the choice of pictures: what a person is told, and that it is what was measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from deepception.properties.headline import share
from deepception.reports.choosing import choose
from deepception.reports.claims import CLAIMS
from deepception.reports.drawing import mini_map, thumbnail
from deepception.reports.figures import further_figures
from deepception.reports.verdicts import judge, overall
from deepception.reports.wording import (
    decimal,
    duration,
    estimate,
    joined,
    odds_factor,
    percent,
    printable,
    probability,
    signed,
)
from deepception.statistics import bca


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.305, "1.30"),
        (-0.004, "0.00"),
        (-0.236, "−0.24"),
        (1976, "1,976.00"),
        (None, "–"),
        (math.nan, "–"),
        ("inf", "∞"),
        ("-inf", "−∞"),
    ],
)
def test_decimals(value: Any, text: str) -> None:
    assert decimal(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.2, "+0.20"), (-0.2, "−0.20"), (0.001, "0.00"), (0, "0.00")])
def test_signed_numbers(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (1, "100 %"), (0.0204, "2 %"), (0.0816, "8.2 %"), (0.375, "38 %"), (None, "–")],
)
def test_percentages(value: Any, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("log10_p", "text"), [(-0.034, "92 %"), (0.0, "100.0 %"), (-1.6, "2.5 %"), (-5.0, "< 0.1 %"), (None, "–")]
)
def test_probabilities(log10_p: Any, text: str) -> None:
    assert probability(log10_p) == text


@pytest.mark.parametrize(
    ("decades", "text"),
    [
        (1.31, "a factor of 20"),
        (-0.24, "a factor of 1.74"),
        (0.5, "a factor of 3.2"),
        (7.25, "7.2 powers of ten"),
    ],
)
def test_decades_as_factors(decades: float, text: str) -> None:
    assert odds_factor(decades) == text


def test_estimates_times_and_lists() -> None:
    assert estimate({"value": 0.5, "low": -0.25, "high": "inf"}) == "0.50 [−0.25, ∞]"
    assert estimate(bca([0.0] * 7, "mean").to_json(), share=True) == "0 % (all equal)"
    assert estimate(bca([0.4] * 7).to_json()) == "0.40 (all equal)"
    assert estimate(share([False] * 16), share=True) == "0 % [0 %, 19 %]"
    assert estimate({"value": 0.5, "low": None, "high": None}) == "0.50 (no interval)"
    assert estimate({"value": 0.5, "low": 0.25, "high": 1}, share=True) == "50 % [25 %, 100 %]"
    assert estimate(None) == "–"
    assert [duration(s) for s in (9.6, 96.8, 7300)] == ["10 s", "1 min 37 s", "2 h 01 min"]
    assert [joined(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert printable("a\x00b\ud800c\n") == "a�b�c\n"


def summary(
    value: float,
    difference: tuple[float, float, float] | None,
    holds: bool | None,
    unselected: tuple[float, float, float] | None = None,
) -> dict[str, Any]:
    def interval(middle: float, low: float, high: float) -> dict[str, Any]:
        return {"value": middle, "low": low, "high": high, "n": 9, "level": 0.95, "method": "bca"}

    return {
        "headline": {
            "claim": "x",
            "quantity": "what was measured",
            "unit": "decades of odds",
            "value": interval(value, value - 0.1, value + 0.1),
            "controls": {"scrambles": interval(0.1, 0.0, 0.2)} if difference else {},
            "best_control": "scrambles" if difference else "",
            "difference": interval(*difference) if difference else None,
            "unselected": interval(*unselected) if unselected else None,
            "unselected_control": "crops" if unselected else "",
            "holds": holds,
            "queries": 1234,
            "reason": "" if holds is not None else "no control was measured with these settings",
        },
        "figures": {},
        "rows": [],
        "queries": 1234,
        "open_questions": [],
    }


@pytest.mark.parametrize("name", CLAIMS)
def test_verdicts(name: str) -> None:
    yes = judge(name, summary(0.5, (0.3, 0.1, 0.4), True))
    assert yes is not None
    assert (yes.state, yes.word, yes.n, yes.queries) == ("holds", "Holds", 9, "1,234")
    assert yes.sentence.startswith(CLAIMS[name].holds)
    assert yes.difference is not None
    assert yes.difference.text == "0.30 [0.10, 0.40]"
    low = judge(name, summary(-0.2, (0.3, 0.1, 0.4), False))
    assert low is not None
    assert low.sentence == CLAIMS[name].caution  # beyond its control, but not there
    chosen = judge(name, summary(0.5, (0.3, 0.1, 0.4), False, (0.1, -0.2, 0.4)))
    assert chosen is not None
    assert "may be due to the choice" in chosen.sentence
    assert chosen.unselected is not None
    assert chosen.unselected.text == "0.10 [−0.20, 0.40]"
    no = judge(name, summary(0.5, (0.1, -0.2, 0.4), False))
    assert no is not None
    assert no.state == "fails"
    assert "may be zero" in no.sentence
    less = judge(name, summary(0.5, (-0.3, -0.4, -0.1), False))
    assert less is not None
    assert "smaller than its best control" in less.sentence
    unknown = judge(name, summary(0.5, None, None))
    assert unknown is not None
    assert (unknown.state, unknown.best, unknown.difference) == ("open", None, None)
    assert unknown.sentence == "No control was measured with these settings."


def test_the_sentence_over_all_properties() -> None:
    made = [
        judge("local", summary(0.5, (0.3, 0.1, 0.4), True)),
        judge("spatial", summary(0.5, (0.1, -0.2, 0.4), False)),
        judge("cumulative", summary(0.5, None, None)),
    ]
    verdicts = [v for v in made if v is not None]
    assert overall(verdicts, 9) == (
        "Of the three properties measured on 9 photographs, local holds beyond every control measured; "
        "spatial does not hold beyond its controls; cumulative cannot be judged."
    )
    assert judge("local", {**summary(0, None, None), "headline": None}) is None


def test_the_median_is_a_lower_bound_only_where_ranges_up_to_it_are() -> None:
    made = summary(0.5, (0.3, 0.1, 0.4), True)
    made["rows"] = [{"range": 0.9, "range_touches_limit": True}, {"range": 0.1, "range_touches_limit": False}]
    above = judge("local", made)
    made["rows"][1]["range_touches_limit"] = True
    below = judge("local", made)
    assert above is not None
    assert below is not None
    assert above.effect.text == "0.50 [0.40, 0.60]"
    assert below.effect.text == "≥ 0.50 [0.40, 0.60]"


def test_pictured_photographs_follow_the_rule() -> None:
    rows = [
        {"sha256": str(i), "name": f"{i}.jpg", "label": 0, "range": value}
        for i, value in enumerate([5.0, 1.0, 9.0, None, 3.0, 7.0, 0.0, 10.0, 2.0, 4.0, 6.0, 8.0])
    ]
    assert [c.value for c in choose(rows, "range")] == [1.0, 5.0, 9.0]
    assert [c.value for c in choose(rows[:2], "range")] == [1.0, 5.0]
    assert len(choose([{**row, "range": 1.0} for row in rows], "range")) == 3
    assert choose([], "range") == []


def test_unknown_figures_are_shown_and_none_is_lost() -> None:
    rows = further_figures(
        "local", {"gini": None, "novelty": {"value": 1.5, "low": 1, "high": 2, "n": 4}, "range": {}}
    )
    assert [(r.text, r.n) for r in rows] == [("not measured", ""), ("1.50 [1.00, 2.00]", "4")]
    assert rows[1].name == "novelty"


def test_small_pictures_are_small() -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    assert len(thumbnail(noisy)) < 4_100  # 3 KB in base 64
    assert len(mini_map(np.random.default_rng(0).normal(size=(300, 200)))) < 2_000
    assert mini_map(np.full((10, 10), np.nan)).startswith("data:image/png;base64,")
