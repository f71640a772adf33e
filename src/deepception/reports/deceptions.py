"""From the counts of a deception to what a person is told: a verdict, the rates, the controls and the cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..deceive.tiles import TEXTURE
from .deception_tables import (
    ControlRow,
    control_rows,
    cost_rows,
    count_of,
    counted_queries,
    median_words,
    p_words,
    rate_rows,
)
from .figures import FigureRow, further_figures
from .wording import as_float, counted, decimal, estimate, joined, percent, points, whole

DECEIVED, FAILS, OPEN = "deceived", "fails", "open"
SURE = 0.05
"""Largest p of the paired test at which a deception is said to exceed its best control."""

_WORDS = {DECEIVED: "Deceived beyond controls", FAILS: "Not beyond controls", OPEN: "Cannot be judged"}
_MARKS = {DECEIVED: "!", FAILS: "✕", OPEN: "?"}
# Told in words of their own; whatever else a summary holds is told as it comes.
_ALWAYS = frozenset(
    (
        *("bound", "goal", "fooling_ratio", "success_rate", "robust_error", "queries", "controls", "margin"),
        *("curve", "used", "survives_shift", "log10_odds", "left_out"),
    )
)
_TOLD = _ALWAYS | {"learned", "contains_target", "built_in"}


@dataclass(frozen=True)
class DeceptionVerdict:
    """How easily an observer is deceived, told.

    Attributes:
        name: The experiment's name.
        title: Its title.
        state: ``"deceived"``, ``"fails"`` or ``"open"``.
        word: The verdict in a few words.
        short: One sentence: how many, within what, beside what.
        sentence: The same with queries, margin and p.
        meaning: What may be concluded from it, one sentence.
        card: The figures that stand on the verdict's card.
        rates: The rates and what else was counted, with intervals.
        controls: The controls by kind.
        cost: What was asked, and for what.
        lesson: What was learned or brought beforehand, sentences.
        further: Figures that are not told elsewhere.
    """

    name: str
    title: str
    state: str
    word: str
    short: str
    sentence: str
    meaning: str
    card: list[tuple[str, str]]
    rates: list[FigureRow]
    controls: list[tuple[str, list[ControlRow]]]
    cost: list[FigureRow]
    lesson: list[str]
    further: list[FigureRow]

    @property
    def mark(self) -> str:
        """A mark beside the word."""
        return _MARKS[self.state]


def is_deception(summary: Mapping[str, Any]) -> bool:
    """Whether a stored summary counts deceptions, and has any."""
    return set(summary["figures"]) >= _ALWAYS and bool(summary["rows"])


def tell_deception(
    name: str,
    summary: Mapping[str, Any],
    frame: tuple[int, int],
    *,
    universal: bool = False,
    learning: Mapping[str, Any] | None = None,
) -> DeceptionVerdict | None:
    """The verdict on a deception; ``None`` where there is none to judge.

    Args:
        name: The experiment's name.
        summary: Its stored summary.
        frame: (height, width) of the frame in pixels, for what an area is a share of.
        universal: Whether one pattern was put on every photograph.
        learning: What the run says of its learning photographs, if it had any.
    """
    if not is_deception(summary) or not summary["figures"]["fooling_ratio"]["n"]:
        return None
    figures = summary["figures"]
    state = _state(figures)
    nothing = not deceived(figures)
    return DeceptionVerdict(
        name=name,
        title="Deception" if name == "deception" else name.replace("_", " ").capitalize(),
        state=state,
        word="Not deceived" if nothing and state == FAILS else _WORDS[state],
        short=_short(figures, universal),
        sentence=_sentence(figures, universal),
        meaning=_meaning(figures, state),
        card=_card(figures),
        rates=rate_rows(summary, frame),
        controls=control_rows(figures),
        cost=cost_rows(figures["queries"]),
        lesson=[*_lesson(figures, learning), *_built_in(figures)],
        further=further_figures(name, {k: v for k, v in figures.items() if k not in _TOLD}),
    )


def lines(name: str, summary: Mapping[str, Any]) -> list[str]:
    """A deception in a few lines of plain text: the verdict first, then the figures behind it."""
    figures = summary["figures"]
    if not is_deception(summary) or not figures["fooling_ratio"]["n"]:
        left = f": {_left_out(figures)}" if summary["rows"] and figures["left_out"] else "."
        return [f"{name}: nothing to judge, for no photograph was attacked{left}"]
    universal = any(row["source"] == "pattern" for row in summary["rows"])
    state, asked = _state(figures), figures["queries"]
    word = "Not deceived" if state == FAILS and not deceived(figures) else _WORDS[state]
    rates = [
        f"{words} {estimate(figures[key], share=True)}, n = {whole(figures[key]['n'])}"
        for key, words in _RATES
        if figures[key]["n"]
    ]
    spent = []
    if asked["n"] and asked["budget"] > 1:
        spent = [
            f"median {median_words(asked)}",
            f"mean {decimal(asked['mean'], 1)}",
            f"n = {whole(asked['n'])}",
        ]
    told = ["; ".join(rates), "; ".join([*spent, f"{whole(asked['total'])} in all"])]
    told[1] = f"queries: {told[1]}"
    margin = figures["margin"]
    if margin is not None and not _best_deceives(figures):
        told.append(f"no control deceives any; p {p_words(margin['p'])}")
    elif margin is not None:
        rate = figures["controls"][margin["control"]]["fooling_ratio"]
        told.append(
            f"best control, {margin['control']}: {estimate(rate, share=True)}; margin {points(margin)} points, "
            f"p {p_words(margin['p'])}"
        )
    survives = figures["survives_shift"]
    if survives is not None:
        told.append(f"survive a shift by one pixel: {whole(count_of(survives))} of {whole(survives['n'])}")
    return [f"{name}: {word}. {_short(figures, universal)}", *(f"  {line}" for line in told)]


_RATES = (
    ("fooling_ratio", "fooling ratio"),
    ("success_rate", "success rate"),
    ("robust_error", "robust error"),
)


def _best_deceives(figures: Mapping[str, Any]) -> bool:
    """Whether the best control deceives any photograph; where none does, none is the best."""
    margin = figures["margin"]
    return margin is not None and count_of(figures["controls"][margin["control"]]["fooling_ratio"]) > 0


def _left_out(figures: Mapping[str, Any]) -> str:
    left = int(figures["left_out"])
    return f"{counted(left, 'photograph')} {'has' if left == 1 else 'have'} the target already"


def deceived(figures: Mapping[str, Any]) -> int:
    """How many photographs a share with its ``n`` stands for."""
    return count_of(figures["fooling_ratio"])


def within(bound: str) -> str:
    """A stored bound in words: ``"at 5 % of the frame"``."""
    kind, _, value = bound.partition(" ")
    area = as_float(value)
    if kind == "area" and area is not None:
        return f"at {percent(area)} of the frame"
    return f"at {bound}"


def _state(figures: Mapping[str, Any]) -> str:
    margin, n = figures["margin"], int(figures["fooling_ratio"]["n"])
    # Below six photographs the exact paired test cannot reach p < 0.05, whatever was found.
    if margin is None or n < 6:
        return OPEN
    return DECEIVED if margin["p"] < SURE and margin["value"] > 0 else FAILS


def _within_queries(figures: Mapping[str, Any], universal: bool) -> str:
    budget = int(figures["queries"]["budget"])
    bound = within(str(figures["bound"]))
    if universal:
        return f"by one and the same pattern {bound}, shown once"
    return f"within {counted(budget, 'query', 'queries')} each {bound}"


def _how_many(figures: Mapping[str, Any], universal: bool) -> str:
    ratio = figures["fooling_ratio"]
    number, total = count_of(ratio), int(ratio["n"])
    verb = "is" if total == 1 else "are"
    into = " into their target class" if figures["goal"] == "targeted" else ""
    said = "None" if number == 0 else whole(number)
    left = f" ({_left_out(figures)}, left out)" if figures["left_out"] else ""
    photographs = counted(total, "photograph")
    return f"{said} of {photographs} {verb} deceived{into} {_within_queries(figures, universal)}{left}"


def _short(figures: Mapping[str, Any], universal: bool) -> str:
    margin = figures["margin"]
    if margin is None:
        return f"{_how_many(figures, universal)}; no control was shown."
    does = _best_control(figures, margin["control"])
    return f"{_how_many(figures, universal)}; {does[:1].lower()}{does[1:]}."


def _best_control(figures: Mapping[str, Any], best: str) -> str:
    """What the best control does; its name says nothing where none does anything."""
    rate = figures["controls"][best]["fooling_ratio"]
    number = count_of(rate)
    if not number:
        return "No control deceives any"
    of = "" if rate["n"] == figures["fooling_ratio"]["n"] else f" of {whole(rate['n'])}"
    return f"The best control ({best}) deceives {whole(number)}{of}"


def _sentence(figures: Mapping[str, Any], universal: bool) -> str:
    parts = [_how_many(figures, universal) + "."]
    asked, ratio = figures["queries"], figures["fooling_ratio"]
    if asked["n"] and asked["budget"] > 1 and deceived(figures):
        every = asked["n"] == ratio["n"]
        if asked["median"] is None:
            parts.append(f"Fewer than half of {'them' if every else 'those that were right before'} fall.")
        else:
            those = "photograph" if every else "photograph that was right before"
            parts.append(f"The median {those} falls after {counted_queries(asked['median'])}.")
    margin = figures["margin"]
    if margin is not None:
        does = _best_control(figures, margin["control"])
        parts.append(f"{does}: a margin of {points(margin)} points, p {p_words(margin['p'])}.")
    return " ".join(parts)


def _meaning(figures: Mapping[str, Any], state: str) -> str:
    if state == DECEIVED:
        plainly = (
            "covering the same pixels"
            if str(figures["bound"]).startswith("area ")
            else "changing pixels as much"
        )
        return f"What was found does more than {plainly}, or chance with as many queries, does."
    if figures["margin"] is None:
        return "No control was shown, so how much of this is occlusion or chance is left open."
    n = int(figures["fooling_ratio"]["n"])
    if state == OPEN:
        return f"{counted(n, 'photograph is', 'photographs are')} too few to tell this from its best control."
    if figures["margin"]["p"] < SURE:
        return f"The best control ({figures['margin']['control']}) deceives more than what was found."
    if not deceived(figures):
        return "That none was deceived within these queries does not show that none can be."
    return (
        "It is not shown that this is more than the best control does: on these photographs the difference may be "
        "chance."
    )


def _card(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    margin, asked = figures["margin"], figures["queries"]
    told = [("Fooling ratio", estimate(figures["fooling_ratio"], share=True))]
    if margin is not None:
        rate = figures["controls"][margin["control"]]["fooling_ratio"]
        best = (
            f"Best control: {margin['control']}" if _best_deceives(figures) else "Controls: none deceives any"
        )
        told.append((best, estimate(rate, share=True)))
        told.append(("Margin, points", points(margin)))
    if asked["n"] and asked["budget"] > 1:
        told.append(("Median queries", median_words(asked)))
    return [*told, ("n, queries", f"{whole(figures['fooling_ratio']['n'])}, {whole(asked['total'])}")]


def _lesson(figures: Mapping[str, Any], learning: Mapping[str, Any] | None) -> list[str]:
    """Where a pattern or a dictionary comes from, and on what it was learned."""
    told, learned = [], figures.get("learned")
    if learned is not None:
        spent = counted(int(learned["spent"]), "query", "queries")
        is_pattern = learned["kind"] == "pattern"
        what = "pattern" if is_pattern else "dictionary"
        come = "was brought in a file and had been learned with" if learned["brought"] else "was learned with"
        use = "nothing was searched here" if is_pattern else "its patches were tried first, in its order"
        looks = learned["facts"].get(TEXTURE)
        told.append(f"The {what} {come} {spent}; {use}." + (f" It is {looks}." if looks else ""))
        told.append(f"The run folder has it as {_FILES[what]}, which --apply puts on other photographs.")
        for_any = learned["facts"].get("target") is None
        if "target" in learned["facts"] and for_any != (figures["goal"] == "untargeted"):
            goals = ("any wrong class", "a target class")[:: 1 if for_any else -1]
            told.append(
                f"It was learned for {goals[0]}, and is judged by {goals[1]}: it was not made for that."
            )
    if learning is not None:
        on, reported = int(learning["learned_on"]), int(learning["reported"])
        shared = int(learning["shared_classes"])
        rule = str(learning["rule"]).rstrip(".")
        both = counted(shared, "class is", "classes are") if shared else "no class is"
        told.append(
            f"Learned on {counted(on, 'photograph')}, none of which is among the {whole(reported)} that the "
            f"figures are about ({rule}); {both} on both sides."
        )
    return told


_FILES = {"pattern": "pattern.npz", "dictionary": "dictionary.json"}


def _built_in(figures: Mapping[str, Any]) -> list[str]:
    """What of this package went first, on whom that was learned, and who paid for it."""
    known = figures.get("built_in")
    if known is None or not known["parts"]:
        return []
    first = "Tried first was" if figures.get("learned") is None else "Learning began with"
    what = "its dictionary of patches" if known["kind"] == "dictionary" else "its bank of veils"
    names = [str(name) for name in known["observers"]]
    own = "; what was learned on this observer is left out" if known["left_out"] else ""
    return [
        f"{first} what comes with this package: {what}, learned on {counted(len(names), 'observer')} "
        f"({joined(names)}) with {counted(int(known['queries']), 'query', 'queries')} in all, paid once by this "
        f"package and not by this run{own}. One of them in other bytes, saved again or opened by torch, is not "
        "recognised as itself, and meets what was learned on it."
    ]


def joined_shorts(verdicts: list[DeceptionVerdict]) -> str:
    """The short sentences of all deceptions of a run."""
    return " ".join(
        v.short if len(verdicts) == 1 else f"{v.title}: {v.short[:1].lower()}{v.short[1:]}" for v in verdicts
    )
