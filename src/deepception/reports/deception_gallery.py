"""The gallery of deceptions: before, after, what was added, and the two answers; failures too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .deception_tables import counted_queries
from .drawing import UInt8, data_uri, thumbnail
from .stored import StoredRun
from .wording import UNKNOWN, counted, decimal, percent, probability, whole

MOST = 8
"""Photographs in the gallery, at most: the page stays light."""

_GREY = 150
_GREY_ZERO = 128


@dataclass(frozen=True)
class Shot:
    """One picture of the gallery: what it is, as a data URI, and what the observer answered."""

    role: str
    source: str
    answer: str
    probability: str


@dataclass(frozen=True)
class Case:
    """One photograph of the gallery.

    Attributes:
        name: The photograph.
        label: Its class.
        own: Whether that is only the clean answer.
        wrong_before: Whether the clean answer was wrong.
        reached: Whether it was deceived.
        outcome: ``"deceived after 6 queries"`` or ``"not deceived in 30 queries"``.
        shots: Before, after, and what was added.
        details: Facts about what was found.
        width: Of the pictures, in pixels.
        height: Likewise.
    """

    name: str
    label: str
    own: bool
    wrong_before: bool
    reached: bool
    outcome: str
    shots: tuple[Shot, ...]
    details: list[str]
    width: int
    height: int


@dataclass(frozen=True)
class DeceivedCell:
    """A deception in the table over all photographs; empty where it was not measured."""

    thumbnail: str
    answer: str
    outcome: str
    reached: bool
    measured: bool = True


def chosen(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most ``MOST`` of the attacked photographs, from few queries to many, failures last, at even steps."""
    attacked = [row for row in rows if row["attacked"]]
    order = sorted(attacked, key=lambda r: (not r["reached"], math.inf if r["first"] is None else r["first"]))
    if len(order) <= MOST:
        return order
    at = np.rint(np.linspace(0, len(order) - 1, MOST)).astype(int)
    return [order[i] for i in at]


def rule(rows: Sequence[Mapping[str, Any]]) -> str:
    """How the pictured photographs were chosen, one sentence."""
    attacked = sum(bool(row["attacked"]) for row in rows)
    which = (
        "All photographs are pictured"
        if attacked <= MOST
        else f"Pictured are {MOST} of {whole(attacked)}, at even steps"
    )
    failed = any(row["attacked"] and not row["reached"] for row in rows)
    last = "; those that were not deceived come last, with the best try" if failed else ""
    order = ", from the fewest queries to the most" if any(row["budget"] > 1 for row in rows) else ""
    kept = " The run folder has each deception as PNG, and as a pattern (.npz) for other photographs."
    own = any(row.get("pattern") for row in rows)
    return f"{which}{order}{last}.{kept if own else ''}"


def cases(run: StoredRun, name: str) -> Iterator[Case]:
    """The pictured photographs of one deception; only one stimulus is in memory at a time."""
    for row in chosen(run.results["properties"][name]["rows"]):
        clean, result = run.frame(row["sha256"]), run.result(name, row["sha256"])
        if clean is None or result is None:
            continue
        arrays = result.arrays()
        yield _case(run, row, clean, arrays["stimulus"], arrays["mask"])


def _case(
    run: StoredRun, row: Mapping[str, Any], clean: UInt8, stimulus: UInt8, mask: NDArray[np.bool_]
) -> Case:
    before = run.photographs.get(row["sha256"], {}).get("clean") or {"log10_p": [None]}
    veil, limit = not mask.size, int(row["limit"])
    what = added(clean, stimulus, mask, limit)
    shown = (
        Shot("Before", data_uri(clean), run.label(row["clean_top1"]), _said(before["log10_p"][0])),
        Shot(
            "After" if row["reached"] else "Best try",
            data_uri(stimulus),
            run.label(row["top1"]),
            _said(_log10_p(row["log10_odds"])),
        ),
        Shot(_added_words(limit) if veil else "What was added", data_uri(what, flat=not veil), "", ""),
    )
    return Case(
        name=str(row["name"]),
        label=run.label(row["label"]),
        own=not row["labelled"],
        wrong_before=not row["correct"],
        reached=bool(row["reached"]),
        outcome=outcome(row),
        shots=shown,
        details=_details(run, row, clean.shape[0] * clean.shape[1], veil),
        width=clean.shape[1],
        height=clean.shape[0],
    )


def outcome(row: Mapping[str, Any]) -> str:
    """Whether and how soon a photograph was deceived, in words."""
    if not row["attacked"]:
        return "not attacked: the target already"
    if not row["reached"]:
        return "not deceived" + ("" if row["budget"] == 1 else f" in {counted_queries(row['budget'])}")
    if row["first"] is None or row["budget"] == 1:
        return "deceived"
    return f"deceived after {counted_queries(row['first'])}"


def added(clean: UInt8, stimulus: UInt8, mask: NDArray[np.bool_], limit: int) -> UInt8:
    """What was added, uint8 ``[H, W, 3]``: a patch on plain grey, or a veil as its amplified difference.

    Args:
        clean: uint8 ``[H, W, 3]``.
        stimulus: uint8 ``[H, W, 3]``.
        mask: bool ``[H, W]`` of a patch; ``[0, 0]`` for a veil.
        limit: Grey levels by which a veil may change a value; these become white and black.
    """
    if mask.size:
        return np.where(mask[..., None], stimulus, np.uint8(_GREY))
    change = (stimulus.astype(np.float64) - clean) * (127 / max(limit, 1))
    return np.clip(np.rint(_GREY_ZERO + change), 0, 255).astype(np.uint8)


def deceived_cell(run: StoredRun, name: str, row: Mapping[str, Any] | None) -> DeceivedCell:
    """One photograph of one deception, for the table."""
    result = None if row is None else run.result(name, row["sha256"])
    if row is None or result is None:
        return DeceivedCell("", "", "not measured", False, measured=False)
    return DeceivedCell(
        thumbnail=thumbnail(result.arrays()["stimulus"]) if row["attacked"] else "",
        answer=run.label(row["top1"]),
        outcome=outcome(row),
        reached=bool(row["reached"]),
    )


def _said(log10_p: Any) -> str:
    said = probability(log10_p)
    return "" if said == UNKNOWN else said


def _log10_p(decades: float | None) -> float | None:
    """Probability as log10, from decades of odds."""
    return None if decades is None else -math.log10(1 + 10 ** min(-decades, 300.0))


def _added_words(limit: int) -> str:
    times = 127 / max(limit, 1)
    return f"What was added, {decimal(times, 0 if times >= 9.95 else 1)} times as strong; grey is no change"


def _details(run: StoredRun, row: Mapping[str, Any], pixels: int, veil: bool) -> list[str]:
    told = []
    if row["target"] is not None:
        told.append(f"target: {run.label(row['target'])}")
    if veil:
        told.append(f"changes values by up to {counted(int(row['used']), 'grey level')}")
    else:
        pieces = row["copies"] and row["source"] != "pattern"  # a pattern is one thing repeated all over
        places = f" in {counted(int(row['copies']), 'piece')}" if pieces else ""
        told.append(f"covers {percent(row['used'] / pixels)} of the frame{places}")
    if row["source"]:
        told.append(_found_by(str(row["source"])))
    if row["survives_shift"] is not None:
        told.append("still deceives" if row["survives_shift"] else "no longer deceives")
        told[-1] += " when moved by one pixel"
    return told


def _found_by(source: str) -> str:
    kind, _, number = source.partition(" ")
    if kind == "dictionary" and number:
        return f"entry {number} of the dictionary"
    known = {
        "search": "from the search",
        "draw": "a random draw",
        "pattern": "the pattern that all share",
    }
    return known.get(source, source)
