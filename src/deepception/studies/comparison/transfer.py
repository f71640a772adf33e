"""The transfer matrix: what was learned on one observer and shown to another, from the runs that did so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .alike import DECEPTION
from .runs import Compared


def transfer(runs: Sequence[Compared]) -> list[dict[str, Any]]:
    """A matrix for each kind of what was learned, with its bound and goal, JSON values.

    ``cells``: ``learned_on``, ``shown_to``, ``fooling_ratio`` and ``n`` of each run whose universal pattern or
    dictionary was learned on an observer, here (``brought`` is false) or before. ``learned_on`` and ``shown_to``
    list rows and columns. A matrix of one observer alone tells nothing of transfer and is left out.
    ``same_photographs``: whether all cells are about the same ones.
    """
    found: dict[tuple[str, str, str, int], list[dict[str, Any]]] = {}
    names = _names(runs)
    for run in runs:
        summary = run.results["properties"].get(DECEPTION)
        learned = None if summary is None else summary["figures"].get("learned")
        if summary is None or learned is None or not learned["facts"].get("observer"):
            continue
        figures = summary["figures"]
        cell = {
            "learned_on": names.get(
                str(learned["facts"].get("fingerprint")), str(learned["facts"]["observer"])
            ),
            "shown_to": names[run.fingerprint],
            "brought": learned["brought"],
            "run": run.key,
            "fooling_ratio": figures["fooling_ratio"],
            "n": figures["fooling_ratio"]["n"],
            "photographs": sorted(row["sha256"] for row in summary["rows"] if row["attacked"]),
        }
        budget = max((int(row["budget"]) for row in summary["rows"]), default=0)
        found.setdefault((learned["kind"], figures["bound"], figures["goal"], budget), []).append(cell)
    made = []
    for (kind, bound, goal, budget), cells in found.items():
        rows, columns = (list(dict.fromkeys(c[key] for c in cells)) for key in ("learned_on", "shown_to"))
        if len({*rows, *columns}) < 2:
            continue
        alike = len({tuple(cell.pop("photographs")) for cell in cells}) == 1
        about: dict[str, Any] = {"kind": kind, "bound": bound, "goal": goal, "budget": budget}
        made.append(
            about | {"learned_on": rows, "shown_to": columns, "cells": cells, "same_photographs": alike}
        )
    return made


def _names(runs: Sequence[Compared]) -> dict[str, str]:
    """A name for each observer by its fingerprint: the observer's, or where two share it that of its first run."""
    names: dict[str, str] = {}
    for run in runs:
        name = str(run.results["observer"]["name"])
        taken = {n for fingerprint, n in names.items() if fingerprint != run.fingerprint}
        names.setdefault(run.fingerprint, run.key if name in taken else name)
    return names
