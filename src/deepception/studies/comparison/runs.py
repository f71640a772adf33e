"""The runs of a comparison: what is known of each, and the name by which it is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ...errors import InputError
from ...properties import Result
from ...properties.scale import DECADES, OPACITY

Row = Mapping[str, Any]


class Run(Protocol):
    """A run that was read: its results, and the stored result of each measurement."""

    @property
    def name(self) -> str:
        """Name of its folder."""

    @property
    def results(self) -> Mapping[str, Any]:
        """Content of ``results.json``."""

    @property
    def pending(self) -> int:
        """Units that are planned and neither finished nor failed."""

    def result(self, experiment: str, sha256: str) -> Result | None:
        """The result of an experiment on a photograph, ``None`` where it is not measured."""


@dataclass(frozen=True)
class Compared:
    """One run of a comparison.

    Attributes:
        key: What it is called: the observer's name; where two runs share that, with another folder's behind it.
        run: The run.
    """

    key: str
    run: Run

    @property
    def results(self) -> Mapping[str, Any]:
        """Content of ``results.json``."""
        return self.run.results

    @property
    def settings(self) -> Mapping[str, Any]:
        """The resolved settings of the run."""
        settings: Mapping[str, Any] = self.results["settings"]
        return settings

    @property
    def fingerprint(self) -> str:
        """What tells its observer from others."""
        return str(self.results["observer"]["fingerprint"])

    @property
    def scale(self) -> str:
        """The unit of its properties."""
        return OPACITY if self.settings.get("answers") == "label" else DECADES

    @property
    def told(self) -> str:
        """What the observer tells: ``"all scores"``, or less, e.g. ``"top-5@0.01"`` or ``"label"``."""
        observer = self.results["observer"]
        level = str(observer.get("identity", {}).get("knowledge") or observer.get("level") or "")
        if self.settings.get("answers") == "label":
            return "label"
        return "all scores" if level in ("", "logits", "probabilities") else level

    @property
    def failed(self) -> int:
        """Failures that the run tells of."""
        return len(self.results["failures"])

    @property
    def complete(self) -> bool:
        """Whether nothing is pending, and nothing failed."""
        return not self.run.pending and not self.failed

    @cached_property
    def photographs(self) -> dict[str, Mapping[str, Any]]:
        """The photographs by SHA-256."""
        return {p["sha256"]: p for p in self.results["photographs"]}

    @cached_property
    def _rows(self) -> dict[str, dict[str, Row]]:
        properties = self.results["properties"]
        return {name: {row["sha256"]: row for row in summary["rows"]} for name, summary in properties.items()}

    def rows(self, measure: str) -> dict[str, Row]:
        """The rows of a property by SHA-256; none where it was not measured."""
        return self._rows.get(measure, {})

    def class_of(self, sha256: str) -> str | None:
        """The name of the class that is measured on a photograph, ``None`` where it is not known yet."""
        index = self.photographs[sha256]["label"]
        names = self.settings.get("labels", ())
        if index is None:
            return None
        return str(names[index]) if 0 <= index < len(names) else f"class {index}"


def gather(runs: Sequence[Run]) -> list[Compared]:
    """The runs with names that tell them apart, in the order given.

    Raises InputError where there are fewer than two.
    """
    if len(runs) < 2:
        raise InputError("one run cannot be compared: name two run folders or more.")
    return name_runs(runs)


def name_runs(runs: Sequence[Run]) -> list[Compared]:
    """The runs with names that tell them apart, in the order given."""
    names = [str(run.results["observer"]["name"]) for run in runs]
    often = Counter(names)
    keys: list[str] = []
    for name, run in zip(names, runs, strict=True):
        wanted = name if often[name] == 1 or run.name == name else f"{name}@{run.name}"
        key, number = wanted, 1
        while key in keys:
            number += 1
            key = f"{wanted}-{number}"
        keys.append(key)
    return [Compared(key, run) for key, run in zip(keys, runs, strict=True)]
