"""The figures of one photograph that runs are compared by: effect minus best control, right or wrong, deceived."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .alike import ACCURACY, DECEPTION
from .runs import Compared

Reader = Callable[[str], tuple[float, str]]

UNLABELLED = "without a label"
DIFFERENCE, ACCURATE, DECEIVED = "effect − best control", "share answered right", "fooling ratio"


@dataclass(frozen=True)
class Columns:
    """The columns of ``rows`` behind a property's headline (``properties.summaries``).

    Attributes:
        effect: Column of the effect.
        controls: Column of each control by its name.
        alike: Column of the effect as a control was measured, for controls that were measured otherwise.
        places: Column that must be equal for ranges over places to be compared.
    """

    effect: str
    controls: Mapping[str, str]
    alike: Mapping[str, str] = field(default_factory=dict)
    places: str = ""


COLUMNS: Mapping[str, Columns] = {
    "local": Columns(
        "range",
        {
            "scrambled regions": "scrambled_range",
            "the same regions of other photographs": "crops_range",
            "other classes, same regions": "other_classes_range",
        },
        places="regions",
    ),
    "spatial": Columns(
        "range",
        {
            "scrambles": "scrambled_range",
            "crops of other classes": "crops_range",
            "matched crops of other classes": "matched_crops_range",
            "other classes, same patch": "other_classes_range",
        },
        {"crops of other classes": "range_on_first_canvas"},
        places="places",
    ),
    "activation": Columns(
        "amplitude",
        {
            "scrambles": "scrambled_amplitude",
            "patches of other classes": "control_patches_amplitude",
            "matched crops of other classes": "matched_crops_amplitude",
            "other classes, same patch": "other_classes_amplitude",
        },
        {"patches of other classes": "amplitude_as_controls"},
        places="places",
    ),
    "cumulative": Columns(
        "slope",
        {
            "scrambles": "scrambles_slope",
            "different crops of the class": "crops_slope",
            "one enlarged patch": "enlarged_slope",
            "other classes, same copies": "others_slope",
        },
    ),
}
"""The properties whose photographs can be compared; of others only the headline is known."""


def comparable(measure: str) -> bool:
    """Whether the figure of each photograph is known for a measure."""
    return measure in COLUMNS or measure in (ACCURACY, DECEPTION)


def quantity(measure: str) -> str:
    """What is compared, in words."""
    return {ACCURACY: ACCURATE, DECEPTION: DECEIVED}.get(measure, DIFFERENCE)


def unit_of(run: Compared, measure: str) -> str:
    """The unit of a measure's figures."""
    if measure in (ACCURACY, DECEPTION):
        return "share of photographs"
    headline = run.results["properties"][measure]["headline"]
    return run.scale if headline is None else str(headline["unit"])


def reader_of(run: Compared, measure: str) -> Reader:
    """What gives, by SHA-256, a photograph's figure and an empty text, or NaN and why there is none."""
    rows = run.rows(measure)
    effect, control = _columns_of(run, measure) if measure in COLUMNS else ("", "")

    def read(sha256: str) -> tuple[float, str]:
        photograph = run.photographs.get(sha256)
        if photograph is None:
            return math.nan, "not among its photographs"
        if measure == ACCURACY:
            return _right(photograph)
        row = rows.get(sha256)
        if row is None:
            return math.nan, "not measured: unfinished or failed"
        if measure == DECEPTION:
            attacked, reached = row["attacked"], float(row["reached"])
            return (reached, "") if attacked else (math.nan, "not attacked: the target is its own class")
        if not control:
            return math.nan, "no control measured"
        values = row.get(effect), row.get(control)
        if values[0] is None or values[1] is None:
            return math.nan, "no effect or no control that can be measured on it"
        return float(values[0]) - float(values[1]), ""

    return read


def best_control(run: Compared, measure: str) -> str:
    """The control that the run's own headline names as the best; empty where it names none."""
    headline = run.results["properties"][measure]["headline"]
    return "" if headline is None else str(headline["best_control"])


def _right(photograph: Mapping[str, Any]) -> tuple[float, str]:
    if not photograph["labelled"]:
        return math.nan, UNLABELLED
    known = photograph["correct"]
    return (math.nan, "not shown: unfinished or failed") if known is None else (float(known), "")


def _columns_of(run: Compared, measure: str) -> tuple[str, str]:
    """The columns whose difference the run's headline is about; empty where it names no control."""
    columns, best = COLUMNS[measure], best_control(run, measure)
    if best not in columns.controls:
        return "", ""
    alike = dict(columns.alike)
    if measure == "spatial" and not any(
        row.get("crops_range") is not None for row in run.rows(measure).values()
    ):
        # Then the photograph's own crops are those that were shown on the first canvas only.
        alike["matched crops of other classes"] = columns.alike["crops of other classes"]
    return alike.get(best, columns.effect), columns.controls[best]
