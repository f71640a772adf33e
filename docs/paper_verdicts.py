"""Whether each of the paper's claims holds on each network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from paper_study import Plan, Runs, summaries
from property_tables import CLAIMS as OF_PROPERTIES

from deepception.statistics import holm

CLAIMS = {
    **OF_PROPERTIES,
    "deception": "With these properties a network is fooled from its answers alone: on VGG-19, 88 % of the time.",
}
TITLES = {
    "local": "Local",
    "spatial": "Spatial",
    "activation": "Activation–inhibition",
    "cumulative": "Cumulative",
    "deception": "Deepception",
}
CLAIMED_DECADES, CLAIMED_RATIO = 2.0, 0.88
"""What the paper names: "two or three orders of magnitude", and its fooling ratio on VGG-19."""

FEWEST = 6
"""Photographs that a verdict needs (METHODS: no 95 % statement about a median exists below)."""

State = Literal["holds", "does not hold", "not judged", "not measured yet"]


@dataclass(frozen=True)
class Verdict:
    """One claim on one network.

    Attributes:
        state: The verdict.
        n: Photographs that were measured.
        planned: Photographs that will be.
        effect: The effect, with its interval.
        control: Name of the best control; empty where there is none.
        of_control: Its figure, with its interval.
        difference: Effect minus best control, paired, with its interval.
        unselected: The same of a random region, where the claim needs it.
        p: Its p, before any correction.
        adjusted: After Holm, over all that are judged.
        reason: Why it is not judged.
    """

    state: State
    n: int
    planned: int
    effect: Mapping[str, Any] | None = None
    control: str = ""
    of_control: Mapping[str, Any] | None = None
    difference: Mapping[str, Any] | None = None
    unselected: Mapping[str, Any] | None = None
    p: float | None = None
    adjusted: float | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """The verdict, and whether it may change."""
        return f"{self.state} so far" if self.judged and self.n < self.planned else self.state

    @property
    def counted(self) -> str:
        """The same with n, where that is not all."""
        partial = self.state != "not measured yet" and self.n < self.planned
        return self.words + (f" (n {self.n})" if partial else "")

    @property
    def judged(self) -> bool:
        """Whether it holds, or does not."""
        return self.state in ("holds", "does not hold")


Verdicts = Mapping[tuple[str, str], Verdict]
"""By claim and network."""


def judge(runs: Runs, plan: Plan) -> dict[tuple[str, str], Verdict]:
    """Every claim on every network, their p corrected together."""
    found = {}
    for claim in CLAIMS:
        measured = summaries(runs, claim)
        for network in plan.networks:
            if network not in measured:
                found[claim, network] = Verdict("not measured yet", 0, plan.photographs)
                continue
            summary = measured[network]["properties"][claim]
            of = _deception if claim == "deception" else _property
            found[claim, network] = of(summary, plan.photographs)
    judged = [key for key, verdict in found.items() if verdict.judged]
    p = [found[key].p for key in judged]
    for key, adjusted in zip(judged, holm(p) if p else [], strict=True):
        found[key] = replace(found[key], adjusted=float(adjusted))
    return found


def _property(summary: Mapping[str, Any], planned: int) -> Verdict:
    headline, n = summary["headline"], len(summary["rows"])
    if headline is None:
        return Verdict("not judged", n, planned, reason="; ".join(summary["open_questions"]))
    state: State = "not judged"
    if headline["holds"] is not None:
        state = "holds" if headline["holds"] else "does not hold"
    return Verdict(
        state,
        n,
        planned,
        headline["value"],
        headline["best_control"],
        headline["controls"].get(headline["best_control"]),
        headline["difference"],
        headline["unselected"],
        headline["p"],
        reason=headline["reason"],
    )


def _deception(summary: Mapping[str, Any], planned: int) -> Verdict:
    figures, n = summary["figures"], len(summary["rows"])
    ratio, margin = figures["fooling_ratio"], figures["margin"]
    if margin is None:
        return Verdict("not judged", n, planned, ratio, reason="no control was shown")
    beside = figures["controls"][margin["control"]]["fooling_ratio"]
    made = Verdict("not judged", n, planned, ratio, margin["control"], beside, margin, p=margin["p"])
    if margin["n"] < FEWEST:
        return replace(made, reason=f"{margin['n']} photographs are too few; {FEWEST} are needed")
    # Where all photographs agree there is nothing to resample: then the difference is what it is on each.
    low = margin["value"] if margin["low"] is None else margin["low"]
    return replace(made, state="holds" if low > 0 else "does not hold")


def placed(verdicts: Verdicts, claim: str, limit: float) -> tuple[int, int, int]:
    """On how many networks the interval of the effect lies at a limit or above, around it, and below."""
    above = around = below = 0
    for (of, _), verdict in verdicts.items():
        if of != claim or not verdict.judged or verdict.effect is None:
            continue
        value = verdict.effect["value"]
        low, high = (value if verdict.effect[end] is None else verdict.effect[end] for end in ("low", "high"))
        above, around, below = above + (low >= limit), around + (low < limit <= high), below + (high < limit)
    return above, around, below
