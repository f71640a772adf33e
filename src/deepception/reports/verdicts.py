"""From a headline to what a person is told: a verdict, its figures and one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..properties.bounds import only_bounds, touches_limit
from ..properties.scale import OPACITY
from .bound_words import marked
from .claims import CLAIMS
from .threshold_claims import claim_of
from .wording import as_float, counted, decimal, estimate, joined, odds_factor, or_nan, spelled, whole

HOLDS, FAILS, OPEN = "holds", "fails", "open"
_WORDS = {HOLDS: "Holds", FAILS: "Does not hold", OPEN: "Cannot be judged"}
_MARKS = {HOLDS: "✓", FAILS: "✕", OPEN: "?"}


@dataclass(frozen=True)
class Estimate:
    """One row of a headline's table: what it is, its figure with interval, and its photographs."""

    name: str
    text: str
    n: str
    best: bool = False


@dataclass(frozen=True)
class Verdict:
    """One property, judged.

    Attributes:
        name: The experiment's name.
        title: Its title.
        state: ``"holds"``, ``"fails"`` or ``"open"``.
        sentence: What it means, for a person.
        compared: What was compared.
        unit: Unit of all figures.
        effect: The effect.
        controls: Every control.
        best: The control that the effect exceeds least surely, or ``None``.
        difference: Effect minus best control, paired.
        unselected: The same for a random region, where the effect's region was chosen for its answer.
        queries: What it cost.
        n: Photographs behind the difference, else behind the effect.
    """

    name: str
    title: str
    state: str
    sentence: str
    compared: str
    unit: str
    effect: Estimate
    controls: tuple[Estimate, ...]
    best: Estimate | None
    difference: Estimate | None
    unselected: Estimate | None
    queries: str
    n: int

    @property
    def word(self) -> str:
        """The verdict in words."""
        return _WORDS[self.state]

    @property
    def mark(self) -> str:
        """A mark beside the word."""
        return _MARKS[self.state]


def title_of(name: str) -> str:
    """The title of a property, one of the four or a third party's."""
    return CLAIMS[name].title if name in CLAIMS else name.replace("_", " ").capitalize()


def judge(name: str, summary: Mapping[str, Any]) -> Verdict | None:
    """The verdict on one property; ``None`` where it has no headline."""
    headline = summary["headline"]
    if headline is None:
        return None
    value, difference = headline["value"], headline["difference"]
    unselected = headline["unselected"]
    holds = headline["holds"]
    state = OPEN if holds is None else HOLDS if holds else FAILS
    best = headline["best_control"]
    controls = tuple(
        Estimate(
            control,
            estimate(figure, bounds=only_bounds(name, summary["rows"], control)),
            whole(figure["n"]),
            control == best,
        )
        for control, figure in headline["controls"].items()
    )
    bounds = only_bounds(name, summary["rows"])
    effect = marked(name, estimate(value, bounds=bounds), _touches_limit(name, summary))
    judged = difference or value
    return Verdict(
        name=name,
        title=title_of(name),
        state=state,
        sentence=_sentence(name, headline, state),
        compared=claim_of(name, str(headline["unit"])).compared
        if name in CLAIMS
        else str(headline["quantity"]),
        unit=str(headline["unit"]),
        effect=Estimate(str(headline["quantity"]), effect, whole(value["n"])),
        controls=controls,
        best=next((c for c in controls if c.best), None),
        difference=None
        if difference is None
        else Estimate(f"effect minus {best}", estimate(difference, bounds=bounds), whole(difference["n"])),
        unselected=None
        if unselected is None
        else Estimate(
            f"random region minus {headline['unselected_control']}",
            estimate(unselected),
            whole(unselected["n"]),
        ),
        queries=whole(headline["queries"]),
        n=int(judged["n"]),
    )


def _touches_limit(name: str, summary: Mapping[str, Any]) -> bool:
    """Whether the median might be larger, because ranges at or below it end at the smallest score there is."""
    if name not in CLAIMS:
        return False
    value = as_float(summary["headline"]["value"]["value"])
    return touches_limit(summary["rows"], CLAIMS[name].effect, value)


def _sentence(name: str, headline: Mapping[str, Any], state: str) -> str:
    claim = claim_of(name, str(headline["unit"])) if name in CLAIMS else None
    value = as_float(headline["value"]["value"])
    if state == OPEN:
        reason = str(headline["reason"]).rstrip(".") or "no control was measured"
        return reason[:1].upper() + reason[1:] + "."
    if claim is None or value is None:
        return "The effect exceeds its best control." if state == HOLDS else _undecided(headline)
    if state == HOLDS:
        return claim.holds + _size(name, value, str(headline["unit"]))
    if _beyond(headline["difference"]) and not _beyond(headline["value"]):
        return claim.caution
    size = _size_of_failure(name, value, str(headline["unit"]))
    return f"{claim.fails} {size}{_undecided(headline)}"


def _size(name: str, value: float, unit: str) -> str:
    """The size of an effect as a factor of the odds, or as points of opacity, where that helps."""
    if unit.startswith(OPACITY):
        return _size_in_points(name, decimal(value, 1))
    if name in ("local", "spatial"):
        what = "regions" if name == "local" else "places"
        return f" Between weak and strong {what} the odds of the class differ by {odds_factor(value)}."
    if name == "activation":
        return f" Both ways the odds of the class change by at least {odds_factor(value)}."
    return f" Each doubling raises the odds of the class by {odds_factor(value)}."


def _size_in_points(name: str, points: str) -> str:
    if name in ("local", "spatial"):
        what = "regions" if name == "local" else "places"
        return f" Between weak and strong {what} the threshold differs by {points} points of opacity."
    if name == "activation":
        return f" Both ways the threshold moves by at least {points} points of opacity."
    return f" Each doubling lowers the threshold by {points} points of opacity."


def _size_of_failure(name: str, value: float, unit: str) -> str:
    if name == "cumulative" and value < 0 and unit.startswith(OPACITY):
        return f"Here each doubling of the copies raises the threshold by {decimal(-value, 1)} points of opacity. "
    if name == "cumulative" and value < 0:
        return f"Here each doubling of the copies lowers the odds of the class by {odds_factor(value)}. "
    if name == "activation" and value <= 0:
        return "On the typical photograph the patch acts in one direction wherever it lies. "
    return ""


def _beyond(interval: Mapping[str, Any]) -> bool:
    """Whether a whole interval lies above zero."""
    low = as_float(interval["low"])
    return low is not None and low > 0


def _undecided(headline: Mapping[str, Any]) -> str:
    """What the interval of the difference says, where the claim does not hold."""
    high = as_float(headline["difference"]["high"])
    unselected = headline["unselected"]
    if unselected is not None and _beyond(headline["difference"]) and not _beyond(unselected):
        return (
            "The chosen region exceeds its best control, but a random region of the same photographs does not: "
            "the difference may be due to the choice."
        )
    if high is not None and high < 0:
        return f"The effect is smaller than its best control ({headline['best_control']})."
    return (
        f"The difference from the best control ({headline['best_control']}) may be zero on these photographs."
    )


def overall(verdicts: Sequence[Verdict], photographs: int) -> str:
    """One sentence: which properties hold on this observer."""
    if not verdicts:
        return "Nothing has been measured that could be judged yet."
    named = {state: [v.title.lower() for v in verdicts if v.state == state] for state in (HOLDS, FAILS, OPEN)}
    parts = []
    if names := named[HOLDS]:
        parts.append(
            f"{joined(names)} {'holds' if len(names) == 1 else 'hold'} beyond every control measured"
        )
    if names := named[FAILS]:
        does, their = ("does", "its") if len(names) == 1 else ("do", "their")
        parts.append(f"{joined(names)} {does} not hold beyond {their} controls")
    if names := named[OPEN]:
        parts.append(f"{joined(names)} cannot be judged")
    asked = f"Of the {spelled(len(verdicts))} properties" if len(verdicts) > 1 else "Of the one property"
    return f"{asked} measured on {counted(photographs, 'photograph')}, {'; '.join(parts)}."


def difference_rows(
    properties: Mapping[str, Mapping[str, Any]],
) -> list[tuple[str, float, float, float, float | None]]:
    """Effect minus best control of each of the four, which share a unit, as rows of a forest plot."""
    rows: list[tuple[str, float, float, float, float | None]] = []
    for name, summary in properties.items():
        if name not in CLAIMS:
            continue
        difference = (summary["headline"] or {}).get("difference")
        if difference is not None:
            value, low, high = (or_nan(difference[k]) for k in ("value", "low", "high"))
            rows.append((title_of(name), value, low, high, None))
    return rows
