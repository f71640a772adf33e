"""From results to figures over photographs: one row a photograph, then headlines with controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import bca, benjamini_hochberg, kaplan_meier_median
from .activation_result import ActivationControls, ActivationResult
from .cumulative_result import CumulativeResult
from .experiment import PropertySummary
from .headline import Selection, make_headline, share
from .local_result import LocalControls, LocalResult
from .quantities import quantity_of
from .result import jsonable
from .scale import DECADES, OPACITY
from .spatial_result import SpatialControls, SpatialResult

Row = dict[str, Any]
Summarise = Callable[[list[Row], int], PropertySummary]

_THRESHOLDS = ("recognition_rate", "not_monotone_share")


def _usable(labels: Sequence[int], sha256s: Sequence[str], label: int, sha256: str) -> list[int]:
    """Control photographs that are neither this one nor of its class."""
    return [i for i, (c, s) in enumerate(zip(labels, sha256s, strict=True)) if c != label and s != sha256]


def _column(rows: Sequence[Row], name: str) -> NDArray[np.float64]:
    """One figure of every photograph, NaN where it is missing."""
    return np.array([np.nan if row.get(name) is None else float(row[name]) for row in rows])


def _median(rows: Sequence[Row], name: str) -> dict[str, Any] | None:
    values = _column(rows, name)
    values = values[np.isfinite(values)]
    return None if not values.size else dict(bca(values).to_json())


def _known_share(rows: Sequence[Row], name: str) -> dict[str, Any] | None:
    """Share of the photographs that have a property, over those on which it was measured."""
    known = [bool(row[name]) for row in rows if row[name] is not None]
    return share(known) if known else None


def _scale(rows: Sequence[Row]) -> str:
    """The unit of the effects: one for all photographs of an observer."""
    return str(rows[0].get("scale", DECADES)) if rows else DECADES


def _by_opacity(rows: Sequence[Row]) -> bool:
    return _scale(rows) == OPACITY


def _threshold_figures(rows: Sequence[Row]) -> dict[str, Any]:
    """What is told beside the figures where they are thresholds."""
    return {name: _median(rows, name) for name in _THRESHOLDS} if _by_opacity(rows) else {}


def _without(row: Row, *columns: str) -> Row:
    """The row with the effect and its controls taken out where there was nothing to measure."""
    if row.get("measurable", True):
        return row
    limits = {"bounded_share": None, "range_touches_limit": False, "values_touch_limit": False}
    return {**row, **dict.fromkeys(columns), **{k: v for k, v in limits.items() if k in row}}


def _of_measurable(name: str, summarise: Summarise) -> Summarise:
    """The summary over the photographs that have thresholds; a sentence counts the others."""

    def over_those(rows: list[Row], queries: int) -> PropertySummary:
        told = [row for row in rows if row.get("measurable", True)]
        if len(told) == len(rows):
            return summarise(rows, queries)
        left = (
            f"{len(rows) - len(told)} of {len(rows)} photographs are not answered with their class even when they "
            "are shown whole: from labels alone nothing can be measured on them."
        )
        if not told:
            return PropertySummary(name, None, {}, rows, queries, [left])
        made = summarise(told, queries)
        return replace(made, rows=rows, open_questions=[*made.open_questions, left])

    return over_those


def _header(result: Any) -> Row:
    return {"name": result.name, "sha256": result.sha256, "label": result.label, "queries": result.queries}


def local_row(result: LocalResult, controls: Sequence[LocalControls]) -> Row:
    """The figures of one photograph, its shared controls read for its class."""
    of_control = [(c, _usable(c.labels, c.sha256s, result.label, result.sha256)) for c in controls]
    usable = [c for c, others in of_control if others]
    ranges = [c.ranges(result.label, others) for c, others in of_control if others]
    carrying = result.carries(usable)
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "crops_range": float(np.median(ranges)) if ranges else None,
        "crops": len(usable),
        # Above one scramble alone is a matter of chance: without other photographs nothing is said.
        "carrying_share": float(carrying.mean()) if usable else None,
        "carrying": np.flatnonzero(carrying).tolist() if usable else None,
    }
    return _without(row, "range", "scrambled_range")


def _summarise_local(rows: list[Row], queries: int) -> PropertySummary:
    """Is the range over regions larger than that of their controls?"""
    headline = make_headline(
        "local",
        quantity_of("local", _scale(rows)),
        _column(rows, "range"),
        {
            "scrambled regions": _column(rows, "scrambled_range"),
            "the same regions of other photographs": _column(rows, "crops_range"),
            "other classes, same regions": _column(rows, "other_classes_range"),
        },
        queries=queries,
        unit=_scale(rows),
        bounded=_column(rows, "bounded_share"),
    )
    figures = {
        name: _median(rows, name)
        for name in (
            "range",
            "max_minus_min",
            "range_log10_p",
            "recognised_alone_top1",
            "recognised_alone_top5",
            "gini",
            "canvas_agreement",
            "sufficiency_necessity_correlation",
            "carrying_share",
        )
    }
    figures["any_region_recognised"] = share([row["recognised_alone_top1"] > 0 for row in rows])
    figures["map_depends_on_canvas"] = _known_share(rows, "depends_on_canvas")
    figures["best_region_distinguishable"] = share([bool(row["best_distinguishable"]) for row in rows])
    figures |= _threshold_figures(rows)
    return PropertySummary(
        "local", headline, figures, rows, queries, _open(rows, "crops", "crops of other classes")
    )


def spatial_row(result: SpatialResult, controls: Sequence[SpatialControls]) -> Row:
    """The figures of one photograph, its shared controls read for its class."""
    ranges = [
        c.for_class(result.label, rows)
        for c in controls
        if (rows := _usable(c.labels, c.sha256s, result.label, result.sha256))
    ]
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "crops_range": float(np.median(ranges)) if ranges else None,
        # From labels alone no crops are shared: those of this photograph count.
        "crops": len(result.crops) if result.by_opacity else len(ranges),
    }
    return _without(row, "range", "scrambled_range", "matched_crops_range")


def _summarise_spatial(rows: list[Row], queries: int) -> PropertySummary:
    """Is the range over places larger than that of scrambles, crops and other classes?"""
    controls = {
        "scrambles": _column(rows, "scrambled_range"),
        "crops of other classes": _column(rows, "crops_range"),
        "matched crops of other classes": _column(rows, "matched_crops_range"),
        "other classes, same patch": _column(rows, "other_classes_range"),
    }
    effect = _column(rows, "range")
    # Shared crops, else those of each photograph: both were shown on the first canvas only.
    crops = "crops of other classes"
    if not np.isfinite(controls[crops]).any():
        crops = "matched crops of other classes"
    headline = make_headline(
        "spatial",
        quantity_of("spatial", _scale(rows)),
        effect,
        controls,
        queries=queries,
        unit=_scale(rows),
        bounded=_column(rows, "bounded_share"),
        alike={crops: _column(rows, "range_on_first_canvas")},
        selection=Selection(_column(rows, "random_region_range"), {crops: controls[crops]}),
    )
    figures: dict[str, Any] = {
        name: _median(rows, name)
        for name in (
            "range",
            "range_log10_p",
            "p95_minus_p5",
            "max_minus_min",
            "single_max_minus_min",
            "scrambled_single_max_minus_min",
            "random_region_range",
            "share_place",
            "share_phase",
            "share_interaction",
        )
    }
    figures |= _threshold_figures(rows)
    for decades in () if _by_opacity(rows) else (2, 3):
        figures[f"at_least_{decades}_decades"] = {
            "patch": share(effect >= decades),
            **{k: share(v[np.isfinite(v)] >= decades) for k, v in controls.items() if np.isfinite(v).any()},
        }
        single = {"patch": "single_max_minus_min", "scrambles": "scrambled_single_max_minus_min"}
        figures[f"single_at_least_{decades}_decades"] = {
            k: share(v[np.isfinite(v)] >= decades)
            for k, name in single.items()
            if np.isfinite(v := _column(rows, name)).any()
        }
    figures["period"] = rows[0]["period"] if rows else None
    figures["places"] = sorted({row["places"] for row in rows})
    left = _open(rows, "crops", "crops of other classes")
    if figures["period"] is None:
        left.append(
            "No period is known, so place and alignment with the network's stride are not told apart by it."
        )
    return PropertySummary("spatial", headline, figures, rows, queries, left)


def activation_row(result: ActivationResult, controls: Sequence[ActivationControls]) -> Row:
    """The figures of one photograph, its shared controls read for its class."""
    of_canvas = {
        c.canvas: c.amplitude(result.label, result.sha256) for c in controls if c.canvas != "photograph"
    }
    known = [v for v in of_canvas.values() if np.isfinite(v)]
    first = of_canvas.get(result.canvases[0], float("nan"))
    specific = result.specific(controls)
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "control_patches_amplitude": float(np.median(known)) if known else None,
        "control_patches_amplitude_on_first_canvas": _finite(first),
        # From labels alone no patches are shared: the crops of this photograph count.
        "crops": result.crops.shape[1] if result.by_opacity else len(known),
        "matched_crops_amplitude_on_first_canvas": _finite(result.crops_amplitude_on_first_canvas),
        "specific_share": float(specific.mean()) if known else None,
        **{f"share_{name}": value for name, value in result.shares().items()},
    }
    return _without(row, "amplitude", "scrambled_amplitude", "matched_crops_amplitude")


def _summarise_activation(rows: list[Row], queries: int) -> PropertySummary:
    """Do activation and inhibition exceed those of control patches and of other classes?"""
    beside = {"patches of other classes": _column(rows, "control_patches_amplitude_on_first_canvas")}
    if not np.isfinite(beside["patches of other classes"]).any():
        name = "matched crops of other classes"
        beside = {name: _column(rows, "matched_crops_amplitude_on_first_canvas")}
    headline = make_headline(
        "activation",
        quantity_of("activation", _scale(rows)),
        _column(rows, "amplitude"),
        {
            "scrambles": _column(rows, "scrambled_amplitude"),
            "patches of other classes": _column(rows, "control_patches_amplitude"),
            "matched crops of other classes": _column(rows, "matched_crops_amplitude"),
            "other classes, same patch": _column(rows, "other_classes_amplitude"),
        },
        queries=queries,
        unit=_scale(rows),
        bounded=_column(rows, "bounded_share"),
        # Control patches were shown twice, the patch many times.
        alike={"patches of other classes": _column(rows, "amplitude_as_controls")},
        selection=Selection(_column(rows, "random_region_amplitude"), beside),
    )
    names = (
        "amplitude",
        "random_region_amplitude",
        "strongest_activation",
        "strongest_inhibition",
        "presence",
        "place_deviation",
        "share_activator",
        "share_inhibitor",
        "share_neutral",
        "share_undecided",
        "specific_share",
    )
    figures: dict[str, Any] = {name: _median(rows, name) for name in names}
    for name in ("activator", "inhibitor", "neutral", "undecided"):
        values = _column(rows, f"share_{name}")
        figures[f"mean_share_{name}"] = dict(bca(values, "mean").to_json()) if values.size else None
    figures["both_kinds"] = share([bool(row["both_kinds"]) for row in rows])
    figures["shows_both_signs"] = share([bool(row["shows_both_signs"]) for row in rows])
    figures |= _threshold_figures(rows)
    for name in ("both_kinds_on_photograph", "shows_both_signs_on_photograph"):
        figures[name] = _known_share(rows, name)
    return PropertySummary(
        "activation", headline, figures, rows, queries, _open(rows, "crops", "control patches")
    )


def cumulative_row(result: CumulativeResult, controls: Sequence[Any]) -> Row:
    """The figures of one photograph."""
    slopes, random = result.control_slopes(), result.random_slopes()
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "scrambles_slope": _finite(slopes["scrambles"]),
        "crops_slope": _finite(slopes["different crops"]),
        "enlarged_slope": _finite(slopes["one enlarged patch"]),
        "others_slope": _finite(slopes["other classes"]),
        "random_region_slope": _finite(random["copies"]),
        "random_region_scrambles_slope": _finite(random["scrambles"]),
        "crops_slope_on_first_canvas": _finite(random["different crops of the class"]),
        "best_first_gain": float(result.best_first[-1] - result.best_first[0])
        if result.best_first.size
        else None,
        "worst_first_gain": float(result.worst_first[-1] - result.worst_first[0])
        if result.worst_first.size
        else None,
    }
    return _without(row, "slope", "scrambles_slope", "crops_slope", "enlarged_slope")


def _summarise_cumulative(rows: list[Row], queries: int) -> PropertySummary:
    """Does repeating identical copies do more than its controls?"""
    headline = make_headline(
        "cumulative",
        quantity_of("cumulative", _scale(rows)),
        _column(rows, "slope"),
        {
            "scrambles": _column(rows, "scrambles_slope"),
            "different crops of the class": _column(rows, "crops_slope"),
            "one enlarged patch": _column(rows, "enlarged_slope"),
            "other classes, same copies": _column(rows, "others_slope"),
        },
        queries=queries,
        bounded=_column(rows, "bounded_share"),
        unit=f"{_scale(rows)} per doubling",
        selection=Selection(
            _column(rows, "random_region_slope"),
            {
                "scrambles": _column(rows, "random_region_scrambles_slope"),
                "different crops of the class": _column(rows, "crops_slope_on_first_canvas"),
            },
        ),
    )
    figures: dict[str, Any] = {
        name: _median(rows, name) for name in ("onset", "slope", "random_region_slope")
    }
    figures |= _threshold_figures(rows)
    shapes = [row["shape"] for row in rows]
    figures["shapes"] = {
        name: share([s == name for s in shapes]) for name in ("rising", "falling", "peaked", "flat", "mixed")
    }
    trends = {}
    for direction in ("rising", "falling"):
        p = _column(rows, f"page_p_{direction}")
        trends[direction] = share(benjamini_hochberg(p, rows[0]["q"])[0]) if p.size else None
    figures["significant_trends"] = trends
    figures["thresholds"] = _counts([row["threshold"]["kind"] for row in rows])
    figures["threshold_median"] = _threshold_median([row["threshold"] for row in rows])
    # A sign-flip test over d draws cannot give a p below 2^-d.
    draws = min(row["draws"] * len(row["shapes"]) for row in rows)
    left = (
        []
        if draws >= 5
        else [f"With {draws} draws a photograph, no trend within one photograph can be found."]
    )
    return PropertySummary("cumulative", headline, figures, rows, queries, left)


def _threshold_median(thresholds: Sequence[Row]) -> dict[str, Any] | None:
    """Kaplan–Meier median number of copies; "> N" is censored, "< 1" counts as 1, "none" and falling are out."""
    known = [t for t in thresholds if t["kind"] != "none" and not t["falling"]]
    if not known:
        return None
    median = kaplan_meier_median([t["value"] for t in known], [t["kind"] == "> N" for t in known])
    return dict(median.to_json())


def _counts(values: Sequence[str]) -> dict[str, int]:
    return {name: values.count(name) for name in sorted(set(values))}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _open(rows: Sequence[Row], counted: str, what: str) -> list[str]:
    short = sum(1 for row in rows if not row.get(counted))
    if not short:
        return []
    have = "has" if short == 1 else "have"
    return [f"{short} of {len(rows)} photographs {have} no {what} as a control with these settings."]


summarise_local = _of_measurable("local", _summarise_local)
summarise_spatial = _of_measurable("spatial", _summarise_spatial)
summarise_activation = _of_measurable("activation", _summarise_activation)
summarise_cumulative = _of_measurable("cumulative", _summarise_cumulative)
