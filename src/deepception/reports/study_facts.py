"""What a study was about, for its page: photographs, cost, seed, and how each experiment was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .costs import cost_facts
from .method import parameters
from .stored import StoredRun
from .verdicts import title_of
from .wording import counted, duration, joined, whole

_IDENTITY = ("Observer", "Opened as", "Frame", "Fingerprint", "Settings")


@dataclass(frozen=True)
class About:
    """How one run was measured, as far as the page of its study says it.

    Attributes:
        observer: Name of the observer.
        photographs: How many it has.
        setting: Its setting, where that decided anything.
        seed: Its seed.
        cost: What it has cost, as ``results.json`` says it.
        identity: What tells it from others: name, how it was opened, frame, fingerprint, digest of the settings.
        parameters: For each property its title, and its parameters in words.
    """

    observer: str
    photographs: int
    setting: str | None
    seed: int
    cost: Mapping[str, Any]
    identity: tuple[str, ...]
    parameters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def about(run: StoredRun) -> About:
    """What is to be said of a run."""
    results, observer = run.results, run.results["observer"]
    frame = " × ".join(str(side) for side in results["settings"]["frame"])
    return About(
        observer=run.name,
        photographs=len(results["photographs"]),
        setting=run.setting,
        seed=results["seed"],
        cost=results["cost"],
        identity=(run.name, observer["spec"], frame, observer["fingerprint"], run.finished.settings.digest),
        parameters=tuple((title_of(name), tuple(parameters(run, name))) for name in results["properties"]),
    )


def facts(runs: Sequence[About]) -> list[tuple[str, str, str]]:
    """What stands at the top of the page: name, figure, and a remark."""
    cost: dict[str, Any] = {}
    for run in runs:
        for name, value in run.cost.items():
            cost[name] = cost.get(name, 0) + value
    spent = [fact for fact in cost_facts(cost, "of all runs") if fact[0] != "Time"]
    return [
        ("Photographs", _span([run.photographs for run in runs]), "of each run"),
        *spent,
        ("Time", duration(cost["seconds"]), "of measuring, of all workers together"),
        ("Seed", _span([run.seed for run in runs]), ""),
    ]


def settings_of(runs: Sequence[About]) -> str:
    """The settings of an experiment and its photographs, in one line."""
    named = list(dict.fromkeys(run.setting for run in runs if run.setting is not None))
    many = _span([run.photographs for run in runs])
    shown = counted(int(many), "photograph") if many.isdigit() else f"{many} photographs"
    return f"{shown}, setting {joined(named)}" if named else shown


def methods(runs: Sequence[About]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The parameters of each property: a caption and their rows; observers are named where theirs differ."""
    told = []
    for title in dict.fromkeys(title for run in runs for title, _ in run.parameters):
        alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for run in runs:
            for name, rows in run.parameters:
                if name == title:
                    alike.setdefault(rows, []).append(run.observer)
        for rows, observers in alike.items():
            told.append((title if len(alike) == 1 else f"{title}, {joined(observers)}", rows))
    return told


def identities(runs: Sequence[About]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table of what tells the runs of an experiment from all others: its header and its rows."""
    return _IDENTITY, [run.identity for run in runs]


def _span(numbers: Sequence[int]) -> str:
    """A number, or the least and the largest of several."""
    low, high = min(numbers), max(numbers)
    return whole(low) if low == high else f"{whole(low)} to {whole(high)}"
