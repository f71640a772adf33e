"""From finished units to ``results.json`` and ``rows.csv``: made from the run folder alone."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..properties import Beforehand, Experiment, Learning, Result, with_needs
from ..properties.result import jsonable
from ..sessions.conversion import TOP
from .accounting.ledger import Failure
from .files import write_atomically
from .keeping.store import RunStore
from .planning.counting import count_units
from .planning.measuring import PlannedPhotograph, file_names, result_of
from .planning.plan import AuditPlan, MeasurePlan, plan_measures
from .pool import embedded_by_sha256
from .settings import RunSettings, load_settings

SCHEMA = 1
"""Version of the layout of ``results.json``."""

REPEATABLE = 1e-3
"""Decades of odds by which float noise may move an answer: half-precision engines stay below."""


@dataclass(frozen=True)
class Finished:
    """What a run folder holds: its settings, its plan, and its store.

    Attributes:
        settings: The run.
        plan: What was to be measured.
        measures: The units that follow from the clean answers that are there.
        store: Finished units.
        clean: Clean record of each photograph that was shown, by SHA-256.
    """

    settings: RunSettings
    plan: AuditPlan
    measures: MeasurePlan
    store: RunStore
    clean: Mapping[str, Mapping[str, Any]]

    @property
    def tops(self) -> dict[str, int]:
        """Clean top-1 of each photograph that was shown, by SHA-256."""
        return {sha256: int(record["top"][0]) for sha256, record in self.clean.items()}

    @property
    def units(self) -> dict[str, int]:
        """How many units are ``planned``, those that wait for others included, and how many are ``finished``."""
        done = sum(self.store.has(entry.unit.hash) for entry in self.measures.units)
        return {
            "planned": count_units(self.plan, self.measures, self.tops),
            "finished": done + len(self.clean),
        }


def plan_of(settings: RunSettings, *, fingerprint: str | None = None) -> AuditPlan:
    """The plan that ``run.json`` describes."""
    from pydantic import TypeAdapter

    chosen = settings.settings
    experiments = with_needs(chosen["properties"])
    kinds: dict[str, type] = {e.name: type(e.for_setting("standard")) for e in experiments}
    from ..properties import PeriodParameters

    kinds["period"] = PeriodParameters
    parameters: dict[str, Any] = {
        name: TypeAdapter(kind).validate_python(chosen["parameters"][name]) for name, kind in kinds.items()
    }
    paths = {sha256: str(path) for sha256, path in embedded_by_sha256().items()}
    paths |= {p.sha256: p.path for p in (*settings.learning, *settings.photographs)}
    learned = chosen.get("learning", {}).get("photographs", [])
    return AuditPlan(
        fingerprint=fingerprint or settings.observers[0].fingerprint,
        shape=tuple(chosen["frame"]),
        photographs=[PlannedPhotograph(p.name, p.path, p.sha256, p.label) for p in settings.photographs],
        pool=[PlannedPhotograph(path=paths.get(p["sha256"], p["name"]), **p) for p in chosen["pool"]],
        period_photographs=chosen["period_photographs"],
        experiments=experiments,
        parameters=parameters,
        seed=settings.seed,
        learning=[PlannedPhotograph(path=paths.get(p["sha256"], p["name"]), **p) for p in learned],
        files={file.sha256: file.path for file in settings.files},
        as_is=chosen["as_is"],
        max_pixels=chosen["max_pixels"],
        labels_only=chosen.get("answers") == "label",
    )


def read_finished(settings: RunSettings, store: RunStore) -> Finished:
    """Plan the run again from its folder, and see what is finished."""
    plan = plan_of(settings)
    clean = {}
    for photograph in plan.everyone:
        unit_hash = plan.clean_unit(photograph).hash
        if store.has(unit_hash):
            clean[photograph.sha256] = dict(store.load(unit_hash).record)
    tops = {sha256: int(record["top"][0]) for sha256, record in clean.items()}
    return Finished(settings, plan, plan_measures(plan, tops, None, store.has), store, clean)


def label_of(finished: Finished, photograph: PlannedPhotograph) -> int | None:
    """The class that is measured on a photograph; ``None`` where it could not be shown."""
    if photograph.label is not None:
        return photograph.label
    record = finished.clean.get(photograph.sha256)
    return None if record is None else int(record["top"][0])


def assemble(
    finished: Finished, failures: Sequence[Failure] = (), broken: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything that the report says, plain JSON; the same for the same units, whenever they were measured."""
    settings, plan = finished.settings, finished.plan
    properties = {}
    for experiment in plan.experiments:
        properties[experiment.name] = jsonable(_summarise(finished, experiment))
    return {
        "schema": SCHEMA,
        "version": settings.version,
        "observer": jsonable(settings.observers[0].model_dump()),
        "labels": _labels(finished),
        "settings": settings.settings,
        "seed": settings.seed,
        "batch_size": settings.batch_size,
        "photographs": [_photograph(finished, p) for p in plan.photographs],
        "accuracy": _accuracy(finished),
        "period": _period(finished),
        **({"learning": _learning(finished)} if plan.learning else {}),
        "warnings": _warnings(finished),
        "properties": properties,
        "failures": [
            *(
                {"photograph": name, "experiment": "photograph", "error": why}
                for name, why in (broken or {}).items()
            ),
            *({"photograph": f.photograph, "experiment": f.experiment, "error": f.error} for f in failures),
        ],
        "units": finished.units,
    }


def _summarise(finished: Finished, experiment: Experiment) -> Any:
    store, measures = finished.store, finished.measures
    control_hashes = [h for h in measures.controls.get(experiment.name, []) if store.has(h)]
    controls = []
    if experiment.control_result is not None:
        controls = [result_of(experiment.control_result, store.load(h)) for h in control_hashes]
    queries = sum(c.queries for c in controls)
    names = file_names(finished.plan.photographs)
    rows = []
    for photograph in finished.plan.photographs:
        unit_hash = measures.of_photograph.get(photograph.sha256, {}).get(experiment.name)
        if unit_hash is None or not store.has(unit_hash):
            continue
        result = result_of(experiment.result, store.load(unit_hash))
        queries += result.queries
        row = {**experiment.row(result, controls), "unit": unit_hash}
        if experiment.pictures:
            shown = experiment.picture(result) is not None
            path = f"{experiment.pictures}/{names[photograph.sha256]}"
            row["file"] = f"{path}.png" if shown else None
            row["pattern"] = f"{path}.npz" if experiment.kept(result) else None
        rows.append(row)
    if not rows:
        return {
            "name": experiment.name,
            "headline": None,
            "figures": {},
            "rows": [],
            "queries": queries,
            "open_questions": ["Nothing was measured yet."],
        }
    summary = experiment.summarise(rows, queries)
    if experiment.learning is None:
        return summary
    return experiment.learning.add(summary, _beforehand(finished, experiment, experiment.learning, rows))


def _beforehand(
    finished: Finished, experiment: Experiment, learning: Learning, rows: Sequence[Mapping[str, Any]]
) -> Beforehand:
    """What went before the measuring of the photographs that have a row."""
    store, plan = finished.store, finished.plan
    stages = [h for h in finished.measures.stages.get(experiment.name, []) if store.has(h)]
    shown = finished.clean.keys() - {row["sha256"] for row in rows}
    others = [plan.clean_unit(p).hash for p in plan.everyone if p.sha256 in shown]
    return Beforehand(
        parameters=plan.parameters[experiment.name],
        identity=finished.settings.observers[0].identity,
        lesson=lesson_of(finished, experiment),
        stages=[result_of(learning.stage, store.load(h)) for h in stages],
        clean_others=sum(store.load(h).queries for h in others),
    )


def lesson_of(finished: Finished, experiment: Experiment) -> Result | None:
    """What an experiment has learned, or was brought; ``None`` where there is nothing, or not yet."""
    unit_hash = finished.measures.lesson.get(experiment.name)
    if experiment.learning is None or unit_hash is None or not finished.store.has(unit_hash):
        return None
    return result_of(experiment.learning.lesson, finished.store.load(unit_hash))


def _learning(finished: Finished) -> dict[str, Any]:
    """Which photographs were learned on; no figure is about them."""
    plan, store = finished.plan, finished.store
    stages = [h for hashes in finished.measures.stages.values() for h in hashes if store.has(h)]
    ours, theirs = ({p.label for p in side} - {None} for side in (plan.learning, plan.photographs))
    return {
        "rule": finished.settings.settings["learning"]["rule"],
        "learned_on": len(plan.learning),
        "reported": len(plan.photographs),
        "shared_classes": len(ours & theirs),
        "queries": sum(store.load(h).queries for h in stages),
        "clean": sum(p.sha256 in finished.clean for p in plan.learning),
        "photographs": [p.name for p in plan.learning],
    }


def _labels(finished: Finished) -> dict[str, str]:
    names = finished.settings.settings["labels"]
    wanted = {label_of(finished, p) for p in finished.plan.everyone}
    wanted |= {int(c) for record in finished.clean.values() for c in record["top"]}
    return {str(c): names[c] for c in sorted(w for w in wanted if w is not None)}


def _photograph(finished: Finished, photograph: PlannedPhotograph) -> dict[str, Any]:
    record = finished.clean.get(photograph.sha256)
    label = label_of(finished, photograph)
    return {
        "name": photograph.name,
        "sha256": photograph.sha256,
        "label": label,
        "labelled": photograph.label is not None,
        "clean": None if record is None else {"top": record["top"], "log10_p": record["log10_p"]},
        "correct": None if record is None or photograph.label is None else record["top"][0] == label,
        "unit": finished.plan.clean_unit(photograph).hash,
    }


def _accuracy(finished: Finished) -> dict[str, Any] | None:
    from ..properties.headline import share

    known = [p for p in finished.plan.photographs if p.label is not None and p.sha256 in finished.clean]
    if not known:
        return None
    tops = [finished.clean[p.sha256]["top"] for p in known]
    return {
        "top1": share([top[0] == p.label for top, p in zip(tops, known, strict=True)]),
        # An observer that tells fewer than five classes does not tell this.
        "top5": share([p.label in top for top, p in zip(tops, known, strict=True)])
        if min(map(len, tops)) >= min(TOP, len(finished.settings.settings["labels"]))
        else None,
    }


def _warnings(finished: Finished) -> list[str]:
    """What a reader must know before any figure: what was assumed, and whether answers are repeatable."""
    told = list(finished.settings.observers[0].assumed)
    worst = 0.0
    for photograph in finished.plan.photographs:
        local = finished.measures.of_photograph.get(photograph.sha256, {}).get("local")
        label = label_of(finished, photograph)
        if local is None or label is None or not finished.store.has(local):
            continue
        again = finished.store.load(local).record["clean"]
        first = finished.store.load(finished.plan.clean_unit(photograph).hash).arrays["log_odds"][label]
        if again is not None and np.isfinite(first):
            worst = max(worst, abs(float(first) / math.log(10) - again))
    if worst <= REPEATABLE:
        return told
    return [
        *told,
        f"The same photograph was answered differently twice, by up to {worst:.2g} decades of odds: the observer "
        "is not deterministic, or the images of a batch influence each other, and no interval here contains that.",
    ]


def _period(finished: Finished) -> dict[str, Any]:
    plan, measures = finished.plan, finished.measures
    asked = [u for u in measures.units if u.unit.experiment == "period rows"]
    queries = sum(finished.store.load(u.unit.hash).queries for u in asked if finished.store.has(u.unit.hash))
    if measures.period is None or not finished.store.has(measures.period):
        needed = plan.parameters["period"].photographs
        if needed == 0:
            reason = "These settings do not measure the period."
        elif len(plan.period_photographs) < needed:
            have = len(plan.period_photographs)
            reason = (
                f"The period is judged over {needed} photographs; the run began with {have} that can be read."
            )
        else:
            reason = "The period is not measured yet."
        return {"period": None, "reason": reason, "queries": queries}
    return {**finished.store.load(measures.period).record, "queries": queries}


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write ``results.json`` and ``rows.csv``: one row a photograph and property, scalars only."""
    write_atomically(folder / "results.json", json.dumps(results, indent=1, allow_nan=False).encode("utf-8"))
    write_atomically(folder / "rows.csv", _csv(results).encode("utf-8"))


def _csv(results: Mapping[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("photograph", "sha256", "label", "property", "figure", "value"))
    for name, summary in results["properties"].items():
        for row in summary["rows"]:
            for figure, value in row.items():
                if isinstance(value, (int, float, bool)) and figure != "label":
                    writer.writerow((row["name"], row["sha256"], row["label"], name, figure, value))
    return text.getvalue()


def stored_results(folder: Path, name: str) -> list[Result]:
    """The finished results of one experiment in a run folder, one a photograph, in the run's order."""
    finished = read_finished(load_settings(folder), RunStore(folder))
    kind = {e.name: e.result for e in finished.plan.experiments}[name]
    hashes = [finished.measures.of_photograph.get(p.sha256, {}).get(name) for p in finished.plan.photographs]
    return [result_of(kind, finished.store.load(h)) for h in hashes if h and finished.store.has(h)]
