"""Comparing runs: from results that were read to one JSON document, of which page, table and gate are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import __version__
from ...properties import experiments
from ...statistics import bca, wilson
from .agreement import MAPS, agreement, correct_agreement
from .alike import ACCURACY, DECEPTION, differences, groups, same_measurement, unequal
from .figures import collect_figures
from .measures import comparable
from .observers import about, own_figures
from .pairs import Pair, correct, pairs_of
from .ranking import leaderboard
from .runs import Compared, Run, gather
from .shared import Shared, overview, share_photographs
from .transfer import transfer

SCHEMA = 1
"""Version of the layout of ``comparison.json``."""


def compare(runs: Sequence[Run], *, seed: int = 0) -> dict[str, Any]:
    """Compare two runs or more, finished or not, from what they hold; no observer is asked.

    Args:
        runs: The runs.
        seed: Seed of bootstrap intervals, and of the other photographs that maps are held against.

    Returns:
        Plain JSON values: ``schema``, ``version``, ``seed``; ``runs``, what each is; ``same_observer``, keys of
        runs of one observer; ``photographs``; ``differences``, the settings that differ; ``measures``, one for
        each property, accuracy and deception, with ``observers`` (each run's own figures), ``groups`` (runs that
        were measured alike, with the photographs that they share), ``pairs``, ``leaderboards`` and
        ``not_compared`` (sentences); ``agreement`` of maps, and ``agreement_tests``, those that a correction of
        their own is over; ``transfer`` matrices; ``tests``, the paired tests
        that Holm's correction is over, and ``told_apart`` of them; ``figures``, every figure under its name.

    Raises InputError for fewer than two runs.
    """
    compared = gather(runs)
    grouped = {
        name: groups(_observers(compared) if name == ACCURACY else compared, name)
        for name in _measures(compared)
    }
    shared = {
        name: [share_photographs(group, name) if comparable(name) else None for group in found]
        for name, found in grouped.items()
    }
    pairs: dict[str, list[list[Pair]]] = {
        name: [
            pairs_of(group, name, held, seed) if held is not None and len(group) > 1 else []
            for group, held in zip(found, shared[name], strict=True)
        ]
        for name, found in grouped.items()
    }
    every = [pair for of_groups in pairs.values() for of_group in of_groups for pair in of_group]
    tests = correct(every)
    alike: list[dict[str, Any]] = [
        {"measure": name, "of": words, "pairs": made}
        for name, words in MAPS.items()
        if (made := [p for g in grouped.get(name, ()) for p in agreement(g, name, seed)])
    ]
    alike_tests = correct_agreement([pair for maps in alike for pair in maps["pairs"]])
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "seed": seed,
        "runs": [about(run) for run in compared],
        "same_observer": _same_observer(compared),
        "photographs": overview(compared),
        "differences": differences(compared),
        "measures": [
            _measure(name, found, shared[name], pairs[name], seed) for name, found in grouped.items()
        ],
        "agreement": alike,
        "agreement_tests": alike_tests,
        "transfer": transfer(compared),
        "tests": tests,
        "told_apart": sum(bool(pair["told_apart"]) for pair in every),
    }
    document["figures"] = [figure.to_json() for figure in collect_figures(document)]
    return document


def _measures(runs: Sequence[Compared]) -> list[str]:
    """What at least one run has, in the order in which it is told: properties, accuracy, deception."""
    named = {name for run in runs for name, summary in run.results["properties"].items() if summary["rows"]}
    known = [name for name in experiments() if name in named and name != DECEPTION]
    accuracy = [ACCURACY] if any(run.results["accuracy"] is not None for run in runs) else []
    return [*known, *accuracy, *([DECEPTION] if DECEPTION in named else [])]


def _measure(
    name: str,
    found: Sequence[Sequence[Compared]],
    shared: Sequence[Shared | None],
    pairs: Sequence[Sequence[Pair]],
    seed: int,
) -> dict[str, Any]:
    """All that is said of one measure."""
    everyone = [run for group in found for run in group]
    own = {run.key: own_figures(run, name) for run in everyone}
    boards = []
    # Each bound and budget is a contest of its own; of a property all runs make one table.
    for group, held, tested in zip(found, shared, pairs, strict=True):
        if held is not None and len(group) > 1 and (name == DECEPTION or len(found) == 1):
            figures = {run.key: _on_shared(name, held, i, seed) for i, run in enumerate(group)}
            boards.append(leaderboard(group, name, held, figures, tested))
    if not boards and len(everyone) > 1 and comparable(name):
        none = share_photographs([], name)
        boards.append(leaderboard(everyone, name, none, {k: _own(name, v) for k, v in own.items()}, []))
    return {
        "measure": name,
        "observers": list(own.values()),
        "groups": [
            {"runs": [run.key for run in group]} | _told(held)
            for group, held in zip(found, shared, strict=True)
            if len(group) > 1
        ],
        "pairs": [pair for of_group in pairs for pair in of_group],
        "leaderboards": boards,
        "not_compared": _not_compared(name, found),
    }


def _told(shared: Shared | None) -> dict[str, Any]:
    if shared is None:
        return {"n": 0, "left_out": {}, "other_class": 0}
    return {"n": shared.n, "left_out": shared.left_out, "other_class": shared.other_class}


def _on_shared(name: str, shared: Shared, index: int, seed: int) -> dict[str, Any]:
    """The figure of one run over the photographs that all share."""
    values = shared.values[index]
    if name in (ACCURACY, DECEPTION):
        return wilson(int(values.sum()), values.size).to_json()
    return bca(values, seed=seed).to_json()


def _own(name: str, own: dict[str, Any]) -> dict[str, Any]:
    """The figure of one run over its own photographs."""
    figure = own["top1"] if name == ACCURACY else own["fooling_ratio" if name == DECEPTION else "difference"]
    return dict(figure) if figure is not None else dict.fromkeys(("value", "low", "high")) | {"n": 0}


def _not_compared(name: str, found: Sequence[Sequence[Compared]]) -> list[str]:
    """Which runs cannot be set side by side for a measure, and why: sentences."""
    told = []
    if not comparable(name):
        told.append("The figure of each photograph is not known here, so observers are not compared by it.")
    if len(found) < 2:
        return told
    differing = unequal([same_measurement(group[0], name) for group in found])
    scales = dict.fromkeys(group[0].scale for group in found)
    why = f"they were measured otherwise ({', '.join(differing)})"
    if len(scales) > 1:
        why = f"figures in {' and '.join(scales)} are on different scales, and {why}"
    sides = "; ".join(", ".join(run.key for run in group) for group in found)
    told.append(f"Not compared with each other: {sides}; {why}.")
    return told


def _observers(runs: Sequence[Compared]) -> list[Compared]:
    """The first labelled run of each observer: what it answers to clean photographs, no other run changes."""
    found: dict[str, Compared] = {}
    for run in runs:
        if run.results["accuracy"] is not None:
            found.setdefault(run.fingerprint, run)
    return list(found.values())


def _same_observer(runs: Sequence[Compared]) -> list[list[str]]:
    """Keys of runs that are about one observer, where there are several."""
    found: dict[str, list[str]] = {}
    for run in runs:
        found.setdefault(run.fingerprint, []).append(run.key)
    return [keys for keys in found.values() if len(keys) > 1]
