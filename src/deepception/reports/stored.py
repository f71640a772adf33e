"""What a run folder holds, read for a page: its results, and arrays one unit at a time."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..properties import LocalResult, Result
from ..properties.result import jsonable
from ..properties.scale import DECADES, OPACITY
from ..studies import Ledger, RunStore, load_settings
from ..studies.assembling import SCHEMA, Finished, assemble, read_finished
from ..studies.planning.counting import foreseen
from ..studies.planning.plan import PlannedPhotograph, result_of

UInt8 = NDArray[np.uint8]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredRun:
    """A run folder, finished or not.

    Attributes:
        name: Name of the folder.
        results: Content of ``results.json``, made anew where the chunks hold something else.
        finished: The plan of the run, and the store with its arrays.
    """

    name: str
    results: Mapping[str, Any]
    finished: Finished

    @property
    def scale(self) -> str:
        """The unit of the four properties: decades of odds, or points of opacity where only labels are told."""
        return OPACITY if self.results["settings"].get("answers") == "label" else DECADES

    @property
    def setting(self) -> str | None:
        """The setting (quick, standard, full), ``None`` where it decided nothing: `deceive` has none."""
        chosen = self.results["settings"]
        experiments = self.finished.plan.experiments
        if [e.name for e in experiments] != ["deception"]:
            return str(chosen["setting"])
        labels_only = chosen.get("answers") == "label"
        usual = jsonable(experiments[0].for_setting(chosen["setting"], labels_only=labels_only))
        return str(chosen["setting"]) if usual == chosen["parameters"]["deception"] else None

    @property
    def short_scale(self) -> str:
        """The unit in one word."""
        return self.scale.split()[0]

    @cached_property
    def _by_sha256(self) -> dict[str, PlannedPhotograph]:
        return {p.sha256: p for p in self.finished.plan.everyone}

    @cached_property
    def photographs(self) -> dict[str, Mapping[str, Any]]:
        """The entries of the measured photographs in ``results``, by SHA-256."""
        return {p["sha256"]: p for p in self.results["photographs"]}

    @cached_property
    def pending(self) -> int:
        """Units that running again measures: not finished, not failed, not waiting for one that failed."""
        finished, plan = self.finished, self.finished.plan
        failed = {(f["experiment"], f["photograph"]) for f in self.results["failures"]}
        unshown = [p for p in plan.everyone if p.sha256 not in finished.clean]
        dark = [p for p in unshown if ("clean", p.name) in failed]
        lost = {plan.clean_unit(p).hash for p in dark}
        pending, measures = len(unshown) - len(dark), finished.measures
        if pending:
            measures = foreseen(plan, finished.tops, [p.sha256 for p in dark], finished.store.has)
        for entry in measures.units:  # in order: what a unit depends on comes before it
            unit = entry.unit
            if finished.store.has(unit.hash):
                continue
            if (unit.experiment, unit.photograph_name) in failed or lost.intersection(unit.depends):
                lost.add(unit.hash)
            else:
                pending += 1
        return pending

    def frame(self, sha256: str) -> UInt8 | None:
        """A photograph as the observer saw it, uint8 ``[H, W, 3]``; ``None`` where it was not shown."""
        photograph = self._by_sha256.get(sha256)
        if photograph is None or sha256 not in self.finished.clean:
            return None
        unit_hash = self.finished.plan.clean_unit(photograph).hash
        return np.asarray(self.finished.store.load(unit_hash).arrays["pixels"], dtype=np.uint8)

    def result(self, experiment: str, sha256: str) -> Result | None:
        """The result of an experiment on a photograph; ``None`` where it is not measured."""
        unit_hash = self.finished.measures.of_photograph.get(sha256, {}).get(experiment)
        if unit_hash is None or not self.finished.store.has(unit_hash):
            return None
        kind = next(e.result for e in self.finished.plan.experiments if e.name == experiment)
        return result_of(kind, self.finished.store.load(unit_hash))

    def patch(self, sha256: str) -> UInt8 | None:
        """The most responsive local region of a photograph, which the other properties show as their patch."""
        local, pixels = self.result("local", sha256), self.frame(sha256)
        if pixels is None or not isinstance(local, LocalResult):
            return None
        return local.patch(pixels).pixels

    def label(self, index: int | None) -> str:
        """The name of a class."""
        if index is None:
            return "unknown"
        told = self.results["labels"].get(str(index))
        if told is None:  # these are classes of clean answers; a deception may be answered as any
            every = self.results["settings"].get("labels", ())
            told = every[index] if 0 <= index < len(every) else f"class {index}"
        return str(told)


def read_run(folder: str | Path) -> StoredRun:
    """Read a run folder, without asking any observer.

    Raises RunFolderError where it is no run folder, or is damaged.
    """
    folder = Path(folder)
    finished = read_finished(load_settings(folder), RunStore(folder))
    stored = _stored(folder)
    if stored is None or not _is_current(stored, finished):
        stored = _assembled(folder, finished, stored)
    return StoredRun(folder.resolve().name, stored, finished)


def _stored(folder: Path) -> dict[str, Any] | None:
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("results.json cannot be read (%s): its figures are made again from the chunks.", error)
        return None
    return results if isinstance(results, dict) and results.get("schema") == SCHEMA else None


def _is_current(stored: Mapping[str, Any], finished: Finished) -> bool:
    """Whether the stored results are about all that the chunks now hold."""
    names = [(p["name"], p["sha256"], p["label"]) for p in stored["photographs"] if p["labelled"]]
    known = [(p.name, p.sha256, p.label) for p in finished.plan.photographs if p.label is not None]
    return stored["units"] == finished.units and names == known and "cost" in stored


def _assembled(folder: Path, finished: Finished, stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """The results of what is finished so far, with failures and cost from the ledger."""
    # Photographs that could not even be read are in no chunk: only an earlier results.json knows them.
    broken = {
        f["photograph"]: f["error"]
        for f in (stored or {}).get("failures", [])
        if f["experiment"] == "photograph"
    }
    with Ledger.read(folder) as ledger:
        results = assemble(finished, ledger.failures(), broken)
        results["cost"] = ledger.totals().as_cost()
    return results
