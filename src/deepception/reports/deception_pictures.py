"""The pictures of a deception: how many fall over queries and over area, every control beside it, and learning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plots import forest, success_curve
from ..statistics import wilson
from .control_words import CLEAN, MATCHED, OTHER, words_of
from .drawing import Picture, picture
from .wording import counted, or_nan, percent

Float = NDArray[np.float64]


def deception_pictures(name: str, summary: Mapping[str, Any], frame: tuple[int, int]) -> Iterator[Picture]:
    """The curve over queries, the rates beside those of the controls, the curve over the area, and learning."""
    figures, attacked = summary["figures"], [row for row in summary["rows"] if row["attacked"]]
    if figures["queries"]["budget"] > 1:
        yield _over_queries(name, figures, attacked)
    if figures["controls"]:
        yield _beside_controls(name, figures)
    over_area = _over_area(name, figures, attacked, frame)
    if over_area is not None:
        yield over_area
    steps = (figures.get("learned") or {}).get("curve")
    if steps:
        yield _learning(name, steps)


def _over_queries(name: str, figures: Mapping[str, Any], attacked: Sequence[Mapping[str, Any]]) -> Picture:
    n, budget = len(attacked), int(figures["queries"]["budget"])
    curve = figures["curve"]
    curves = {"deception": (curve["queries"], _floats(curve["fooling_ratio"]))}
    some_wrong = any(not row["correct"] for row in attacked) and any(row["correct"] for row in attacked)
    if some_wrong:
        curves["right before"] = (curve["queries"], _floats(curve["success_rate"]))
    for control, counted_ in figures["controls"].items():
        if words_of(control).kind in (MATCHED, OTHER):
            theirs = counted_["curve"]
            curves[control] = (theirs["queries"], _floats(theirs["fooling_ratio"]))
    band = _wilson(curve["fooling_ratio"], n)
    figure = success_curve(curves, most=budget, band=band, findings=1 + some_wrong)
    caption = (
        f"Share of {counted(n, 'photograph')} deceived after so many queries (fooling ratio, with Wilson’s 95 % "
        "interval)"
    )
    if some_wrong:
        caption += "; “right before”: the same among those that were answered right (success rate)"
    if len(curves) > 1 + some_wrong:
        caption += ". Beside it the controls that had as many queries"
    return picture(figure, f"{name} queries", "How many fall, and how soon", caption + ".")


def _beside_controls(name: str, figures: Mapping[str, Any]) -> Picture:
    rates = {"deception": figures["fooling_ratio"]}
    rates |= {control: c["fooling_ratio"] for control, c in figures["controls"].items()}
    rows = []
    for label, rate in rates.items():
        value, low, high = (100 * or_nan(rate[key]) for key in ("value", "low", "high"))
        rows.append((label, value, low, high, None))
    figure = forest(rows, unit="photographs deceived, %", digits=0, findings=1)
    caption = "Fooling ratio of the deception and of every control, with Wilson’s 95 % interval."
    if any(words_of(control).kind == CLEAN for control in figures["controls"]):
        caption += " What the clean photograph does by itself, moved or brighter, is no rival."
    return picture(figure, f"{name} controls", "The deception beside its controls", caption)


def _over_area(
    name: str, figures: Mapping[str, Any], attacked: Sequence[Mapping[str, Any]], frame: tuple[int, int]
) -> Picture | None:
    """For searches within an area: what each deception covers in the end."""
    used = np.sort([float(row["used"]) for row in attacked if row["reached"]])
    limit = max((int(row["limit"]) for row in attacked), default=0)
    universal = figures["queries"]["budget"] <= 1
    if universal or not str(figures["bound"]).startswith("area ") or not used.size:
        return None
    at, counts = np.unique(used, return_counts=True)
    share = counts.cumsum() / len(attacked)
    pixels, bound = frame[0] * frame[1], 100 * or_nan(str(figures["bound"]).removeprefix("area "))
    figure = success_curve(
        {"deception": (100 * at / pixels, share)},
        most=bound,
        band=_wilson(share, len(attacked)),
        log=False,
        along="area used, % of the frame",
    )
    caption = (
        f"Share of {counted(len(attacked), 'photograph')} deceived by a patch that covers no more than so much of "
        "the frame, once pruning has taken away what it does not need. All searches had one bound, "
        f"{percent(bound / 100)}: a search within a smaller area is another measurement."
    )
    if used[0] > 0.95 * limit:
        caption += " Here pruning took hardly anything away."
    return picture(figure, f"{name} area", "How much of the frame it takes", caption)


def _learning(name: str, steps: Sequence[Mapping[str, Any]]) -> Picture:
    """What learning has come to after each of its legs."""
    queries = np.array([float(step["queries"]) for step in steps])
    values = np.clip([or_nan(step["value"]) for step in steps], 0.0, 1.0)
    figure = success_curve(
        {"best so far": (queries, values)},
        most=float(queries[-1]),
        log=False,
        along="queries of learning",
        unit="value on the learning photographs",
    )
    caption = (
        "What learning raises, after each of its legs, on the photographs that it learns on: the mean of a soft "
        "yes or no, 1 where one is well deceived and 0 where it is far from that (a dictionary: the share that "
        "its patches deceive). Early legs judge by few photographs, so it may fall. It is no fooling ratio: that "
        "is measured on other photographs."
    )
    return picture(figure, f"{name} learning", "How learning went", caption)


def _wilson(shares: Any, n: int) -> tuple[Float, Float]:
    """Wilson's interval of each share of n photographs: (low, high), ``[P]`` each."""
    found = [wilson(round(float(share) * n), n) for share in shares]
    return np.array([i.low for i in found]), np.array([i.high for i in found])


def _floats(values: Sequence[Any]) -> Float:
    return np.array([or_nan(value) for value in values])
