"""From results to figures over photographs: one row a photograph, then headlines with controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..statistics import bca, benjamini_hochberg
from .activation_result import ActivationControls, ActivationResult
from .columns import (
    Row,
    by_opacity,
    column,
    counts,
    finite,
    known_share,
    left_open,
    median_of,
    scale_of,
    threshold_figures,
    threshold_median,
    usable,
    without,
)
from .cumulative_result import CumulativeResult
from .experiment import PropertySummary
from .headline import Selection, make_headline, share
from .local_result import LocalControls, LocalResult
from .quantities import quantity_of
from .result import jsonable
from .spatial_result import SpatialControls, SpatialResult

Summarise = Callable[[list[Row], int], PropertySummary]


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
    of_control = [(c, usable(c.labels, c.sha256s, result.label, result.sha256)) for c in controls]
    read = [c for c, others in of_control if others]
    ranges = [c.ranges(result.label, others) for c, others in of_control if others]
    carrying = result.carries(read)
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "crops_range": float(np.median(ranges)) if ranges else None,
        "crops": len(read),
        # Above one scramble alone is a matter of chance: without other photographs nothing is said.
        "carrying_share": float(carrying.mean()) if read else None,
        "carrying": np.flatnonzero(carrying).tolist() if read else None,
    }
    return without(row, "range", "scrambled_range")


def _summarise_local(rows: list[Row], queries: int) -> PropertySummary:
    """Is the range over regions larger than that of their controls?"""
    headline = make_headline(
        "local",
        quantity_of("local", scale_of(rows)),
        column(rows, "range"),
        {
            "scrambled regions": column(rows, "scrambled_range"),
            "the same regions of other photographs": column(rows, "crops_range"),
            "other classes, same regions": column(rows, "other_classes_range"),
        },
        queries=queries,
        unit=scale_of(rows),
        bounded=column(rows, "bounded_share"),
    )
    figures = {
        name: median_of(rows, name)
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
    figures["map_depends_on_canvas"] = known_share(rows, "depends_on_canvas")
    figures["best_region_distinguishable"] = share([bool(row["best_distinguishable"]) for row in rows])
    figures |= threshold_figures(rows)
    return PropertySummary(
        "local", headline, figures, rows, queries, left_open(rows, "crops", "crops of other classes")
    )


def spatial_row(result: SpatialResult, controls: Sequence[SpatialControls]) -> Row:
    """The figures of one photograph, its shared controls read for its class."""
    ranges = [
        c.for_class(result.label, rows)
        for c in controls
        if (rows := usable(c.labels, c.sha256s, result.label, result.sha256))
    ]
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "crops_range": float(np.median(ranges)) if ranges else None,
        # From labels alone no crops are shared: those of this photograph count.
        "crops": len(result.crops) if result.by_opacity else len(ranges),
    }
    return without(row, "range", "scrambled_range", "matched_crops_range")


def _summarise_spatial(rows: list[Row], queries: int) -> PropertySummary:
    """Is the range over places larger than that of scrambles, crops and other classes?"""
    controls = {
        "scrambles": column(rows, "scrambled_range"),
        "crops of other classes": column(rows, "crops_range"),
        "matched crops of other classes": column(rows, "matched_crops_range"),
        "other classes, same patch": column(rows, "other_classes_range"),
    }
    effect = column(rows, "range")
    # Shared crops, else those of each photograph: both were shown on the first canvas only.
    crops = "crops of other classes"
    if not np.isfinite(controls[crops]).any():
        crops = "matched crops of other classes"
    headline = make_headline(
        "spatial",
        quantity_of("spatial", scale_of(rows)),
        effect,
        controls,
        queries=queries,
        unit=scale_of(rows),
        bounded=column(rows, "bounded_share"),
        alike={crops: column(rows, "range_on_first_canvas")},
        selection=Selection(column(rows, "random_region_range"), {crops: controls[crops]}),
    )
    figures: dict[str, Any] = {
        name: median_of(rows, name)
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
    figures |= threshold_figures(rows)
    for decades in () if by_opacity(rows) else (2, 3):
        figures[f"at_least_{decades}_decades"] = {
            "patch": share(effect >= decades),
            **{k: share(v[np.isfinite(v)] >= decades) for k, v in controls.items() if np.isfinite(v).any()},
        }
        single = {"patch": "single_max_minus_min", "scrambles": "scrambled_single_max_minus_min"}
        figures[f"single_at_least_{decades}_decades"] = {
            k: share(v[np.isfinite(v)] >= decades)
            for k, name in single.items()
            if np.isfinite(v := column(rows, name)).any()
        }
    figures["period"] = rows[0]["period"] if rows else None
    figures["places"] = sorted({row["places"] for row in rows})
    left = left_open(rows, "crops", "crops of other classes")
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
        "control_patches_amplitude_on_first_canvas": finite(first),
        # From labels alone no patches are shared: the crops of this photograph count.
        "crops": result.crops.shape[1] if result.by_opacity else len(known),
        "matched_crops_amplitude_on_first_canvas": finite(result.crops_amplitude_on_first_canvas),
        "specific_share": float(specific.mean()) if known else None,
        **{f"share_{name}": value for name, value in result.shares().items()},
    }
    return without(row, "amplitude", "scrambled_amplitude", "matched_crops_amplitude")


def _summarise_activation(rows: list[Row], queries: int) -> PropertySummary:
    """Do activation and inhibition exceed those of control patches and of other classes?"""
    beside = {"patches of other classes": column(rows, "control_patches_amplitude_on_first_canvas")}
    if not np.isfinite(beside["patches of other classes"]).any():
        name = "matched crops of other classes"
        beside = {name: column(rows, "matched_crops_amplitude_on_first_canvas")}
    headline = make_headline(
        "activation",
        quantity_of("activation", scale_of(rows)),
        column(rows, "amplitude"),
        {
            "scrambles": column(rows, "scrambled_amplitude"),
            "patches of other classes": column(rows, "control_patches_amplitude"),
            "matched crops of other classes": column(rows, "matched_crops_amplitude"),
            "other classes, same patch": column(rows, "other_classes_amplitude"),
        },
        queries=queries,
        unit=scale_of(rows),
        bounded=column(rows, "bounded_share"),
        # Control patches were shown twice, the patch many times.
        alike={"patches of other classes": column(rows, "amplitude_as_controls")},
        selection=Selection(column(rows, "random_region_amplitude"), beside),
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
    figures: dict[str, Any] = {name: median_of(rows, name) for name in names}
    for name in ("activator", "inhibitor", "neutral", "undecided"):
        values = column(rows, f"share_{name}")
        figures[f"mean_share_{name}"] = dict(bca(values, "mean").to_json()) if values.size else None
    figures["both_kinds"] = share([bool(row["both_kinds"]) for row in rows])
    figures["shows_both_signs"] = share([bool(row["shows_both_signs"]) for row in rows])
    figures |= threshold_figures(rows)
    for name in ("both_kinds_on_photograph", "shows_both_signs_on_photograph"):
        figures[name] = known_share(rows, name)
    return PropertySummary(
        "activation", headline, figures, rows, queries, left_open(rows, "crops", "control patches")
    )


def cumulative_row(result: CumulativeResult, controls: Sequence[Any]) -> Row:
    """The figures of one photograph."""
    slopes, random = result.control_slopes(), result.random_slopes()
    row = {
        **_header(result),
        **jsonable(result.summary()),
        "scrambles_slope": finite(slopes["scrambles"]),
        "crops_slope": finite(slopes["different crops"]),
        "enlarged_slope": finite(slopes["one enlarged patch"]),
        "others_slope": finite(slopes["other classes"]),
        "random_region_slope": finite(random["copies"]),
        "random_region_scrambles_slope": finite(random["scrambles"]),
        "crops_slope_on_first_canvas": finite(random["different crops of the class"]),
        "best_first_gain": float(result.best_first[-1] - result.best_first[0])
        if result.best_first.size
        else None,
        "worst_first_gain": float(result.worst_first[-1] - result.worst_first[0])
        if result.worst_first.size
        else None,
    }
    return without(row, "slope", "scrambles_slope", "crops_slope", "enlarged_slope")


def _summarise_cumulative(rows: list[Row], queries: int) -> PropertySummary:
    """Does repeating identical copies do more than its controls?"""
    headline = make_headline(
        "cumulative",
        quantity_of("cumulative", scale_of(rows)),
        column(rows, "slope"),
        {
            "scrambles": column(rows, "scrambles_slope"),
            "different crops of the class": column(rows, "crops_slope"),
            "one enlarged patch": column(rows, "enlarged_slope"),
            "other classes, same copies": column(rows, "others_slope"),
        },
        queries=queries,
        bounded=column(rows, "bounded_share"),
        unit=f"{scale_of(rows)} per doubling",
        selection=Selection(
            column(rows, "random_region_slope"),
            {
                "scrambles": column(rows, "random_region_scrambles_slope"),
                "different crops of the class": column(rows, "crops_slope_on_first_canvas"),
            },
        ),
    )
    figures: dict[str, Any] = {
        name: median_of(rows, name) for name in ("onset", "slope", "random_region_slope")
    }
    figures |= threshold_figures(rows)
    shapes = [row["shape"] for row in rows]
    figures["shapes"] = {
        name: share([s == name for s in shapes]) for name in ("rising", "falling", "peaked", "flat", "mixed")
    }
    trends = {}
    for direction in ("rising", "falling"):
        p = column(rows, f"page_p_{direction}")
        trends[direction] = share(benjamini_hochberg(p, rows[0]["q"])[0]) if p.size else None
    figures["significant_trends"] = trends
    figures["thresholds"] = counts([row["threshold"]["kind"] for row in rows])
    figures["threshold_median"] = threshold_median([row["threshold"] for row in rows])
    # A sign-flip test over d draws cannot give a p below 2^-d.
    draws = min(row["draws"] * len(row["shapes"]) for row in rows)
    left = (
        []
        if draws >= 5
        else [f"With {draws} draws a photograph, no trend within one photograph can be found."]
    )
    return PropertySummary("cumulative", headline, figures, rows, queries, left)


summarise_local = _of_measurable("local", _summarise_local)
summarise_spatial = _of_measurable("spatial", _summarise_spatial)
summarise_activation = _of_measurable("activation", _summarise_activation)
summarise_cumulative = _of_measurable("cumulative", _summarise_cumulative)
