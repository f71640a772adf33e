"""The tables of a deception: what was counted, the controls beside it, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .control_words import by_kind, words_of
from .figures import FigureRow
from .wording import UNKNOWN, as_float, decimal, estimate, percent, points, whole


@dataclass(frozen=True)
class ControlRow:
    """One control beside the deception: how often it deceives, what it was asked, and what is left over it."""

    name: str
    shows: str
    best: bool
    reached: str
    rate: str
    queries: str
    margin: str
    p: str


def rate_rows(summary: Mapping[str, Any], frame: tuple[int, int]) -> list[FigureRow]:
    """The rates and what else was counted over photographs."""
    figures = summary["figures"]
    labelled = any(row.get("labelled") for row in summary["rows"])
    right = "were answered right before" if labelled else "have no label: their clean answer counts as right"
    worded = (
        ("fooling_ratio", "Fooling ratio: photographs deceived, of all that were attacked"),
        ("success_rate", f"Success rate: the same among those that {right}"),
        ("robust_error", "Robust error: wrong before, or deceived"),
    )
    rows = [_rate(words, figures[key]) for key, words in worded]
    margin = figures["margin"]
    if margin is not None:
        best = (
            margin["control"] if count_of(figures["controls"][margin["control"]]["fooling_ratio"]) else None
        )
        rows.append(
            FigureRow(
                f"Margin over the best control ({best or 'none deceives any'})",
                points(margin),
                "points",
                whole(margin["n"]),
            )
        )
    used = _used(figures, frame)
    rows += [used] if used else []
    if figures["survives_shift"] is not None:
        some = int(figures["survives_shift"]["n"]) < count_of(figures["fooling_ratio"])
        left = ", of those with a query left to show it" if some else ""
        rows.append(_rate(f"Deceptions that survive a shift by one pixel{left}", figures["survives_shift"]))
    decades = figures["log10_odds"]
    if decades is not None:
        rows.append(
            FigureRow(
                "Odds of the wrong answer, median",
                ("≥ " if decades.get("bounds") else "") + estimate(decades),
                "decades of odds",
                whole(decades["n"]),
            )
        )
    shown = figures.get("contains_target")
    if shown is not None and shown["photographs"]:
        words = (
            "Contains t: crops of the target’s class or a near-synonym answered as the target; no deceptions"
        )
        rows.append(FigureRow(words, whole(shown["answered"]), "photographs", whole(shown["photographs"])))
    if figures["left_out"]:
        words = "Photographs left out: the target is theirs already"
        rows.append(FigureRow(words, whole(figures["left_out"])))
    return rows


def control_rows(figures: Mapping[str, Any]) -> list[tuple[str, list[ControlRow]]]:
    """The controls under their kinds."""
    margin = figures["margin"]
    best = None if margin is None else margin["control"]
    if best is not None and not count_of(figures["controls"][best]["fooling_ratio"]):
        best = None  # where none deceives any, none is the best
    return [
        (kind, [_control(name, figures["controls"][name], name == best) for name in names])
        for kind, names in by_kind(figures["controls"])
    ]


def cost_rows(asked: Mapping[str, Any]) -> list[FigureRow]:
    """What was asked, and for what."""
    n, budget = whole(asked["n"]), whole(asked["budget"])
    pruning = asked["with_pruning"]
    rows = []
    if asked["n"] and asked["budget"] > 1:
        low, high = asked["mean_interval"]
        mean = decimal(asked["mean"], 1) + (
            "" if low is None else f" [{decimal(low, 1)}, {decimal(high, 1)}]"
        )
        rows += [
            FigureRow("Queries to the first success, median", median_words(asked), "", n),
            FigureRow(f"Queries to the first success, mean; a failure counts {budget}", mean, "", n),
            FigureRow(
                "With pruning, confirmation and the shifted showing",
                f"median {_queries(pruning['median'])}, mean {decimal(pruning['mean'], 1)}",
                "",
                n,
            ),
        ]
    above = ", not counted above" if rows else ""
    rows.append(FigureRow(f"Clean answers, one each{above}", whole(asked["clean"])))
    if asked["clean_others"]:
        words = "Clean answers of photographs that are learned on or cut for controls"
        rows.append(FigureRow(words, whole(asked["clean_others"])))
    rows.append(
        FigureRow("Learning, on other photographs", whole(asked["learning"]) if asked["learning"] else "none")
    )
    if asked["learning_each"] is not None:
        each = asked["learning_each"]
        rows.append(
            FigureRow("The same for each photograph that is reported", decimal(each, 0 if each >= 10 else 1))
        )
    rows.append(FigureRow("Controls", whole(asked["controls"])))
    rows.append(FigureRow("All queries together", whole(asked["total"])))
    if asked["learned_with"]:
        words = "What the file that was applied had been learned with, not among these"
        rows.append(FigureRow(words, whole(asked["learned_with"])))
    return rows


def median_words(asked: Mapping[str, Any]) -> str:
    """The median with its interval; beyond the budget it is only known to be more."""
    beyond = f"> {whole(asked['budget'])}"
    value, (low, high) = asked["median"], asked["median_interval"]
    if value is None:
        return beyond if low is None else f"{beyond} [{_queries(low)}, {beyond}]"
    ends = ("1" if low is None else _queries(low), beyond if high is None else _queries(high))
    return f"{_queries(value)} [{', '.join(ends)}]"


def p_words(p: Any, *, alone: bool = False) -> str:
    """``"= 0.03"``, ``"< 0.001"``; alone in a cell without the equals sign."""
    value = as_float(p)
    if value is None:
        return UNKNOWN
    if value < 0.001:
        return "< 0.001"
    said = "1" if value > 0.995 else decimal(value, 3 if value < 0.0995 else 2)
    return said if alone else f"= {said}"


def count_of(rate: Mapping[str, Any]) -> int:
    """How many photographs a share with its ``n`` stands for."""
    value = as_float(rate["value"])
    return 0 if value is None else round(value * int(rate["n"]))


def counted_queries(number: Any) -> str:
    """``"1 query"``, ``"4 queries"``, ``"22.5 queries"``."""
    value = as_float(number)
    digits = 0 if value is None or value == round(value) else 1
    return f"{decimal(number, digits)} {'query' if value == 1 else 'queries'}"


def _rate(words: str, rate: Mapping[str, Any]) -> FigureRow:
    if not rate["n"]:
        return FigureRow(words, "no such photograph", "", "0")
    return FigureRow(words, estimate(rate, share=True), "", whole(rate["n"]))


def _used(figures: Mapping[str, Any], frame: tuple[int, int]) -> FigureRow | None:
    used = figures["used"]
    if used is None:
        return None
    if str(figures["bound"]).startswith("area "):
        pixels = frame[0] * frame[1]
        said = f"{percent(used['median'] / pixels)} (most: {percent(used['most'] / pixels)})"
        return FigureRow("Area that the deceptions use, median", said, "of the frame")
    said = f"{decimal(used['median'], 0)} (most: {whole(used['most'])})"
    return FigureRow("Largest change of a value, median", said, "grey levels")


def _control(name: str, control: Mapping[str, Any], best: bool) -> ControlRow:
    rate, margin = control["fooling_ratio"], control["margin"]
    return ControlRow(
        name=name,
        shows=words_of(name).shows,
        best=best,
        reached=f"{whole(count_of(rate))} of {whole(rate['n'])}",
        rate=estimate(rate, share=True),
        queries=whole(control["queries"]),
        margin=points(margin),
        p=p_words(margin["p"], alone=True),
    )


def _queries(value: Any) -> str:
    number = as_float(value)
    return decimal(value, 0 if number is None or number == round(number) else 1)
