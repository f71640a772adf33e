"""The pictures of each property, made from the stored arrays of a few photographs at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plots import (
    distribution,
    effect_vs_control,
    forest,
    period_spectrum,
    place_map,
    region_map,
    shares_bar,
    variance_bars,
)
from ..properties import ActivationResult, LocalResult, SpatialResult
from .choosing import Chosen, choose
from .claims import CLAIMS
from .curves import cumulative_pictures
from .drawing import Picture, picture, spread_of
from .stored import StoredRun
from .verdicts import difference_rows
from .wording import as_float, decimal, percent, signed

_MAP_UNIT = "decades of odds"


def verdict_forest(properties: Mapping[str, Mapping[str, Any]]) -> Picture | None:
    """Effect minus best control of every property, with its interval."""
    rows = difference_rows(properties)
    if not rows:
        return None
    figure = forest(rows, unit="effect minus best control, decades of odds")
    caption = (
        "Effect minus best control, paired by photograph, with its 95 % interval. A property holds where the "
        "whole interval lies right of zero. Cumulative: decades per doubling of the copies."
    )
    return picture(figure, "verdict", "The verdict in one picture", caption)


def pictures_of(run: StoredRun, name: str) -> tuple[list[Picture], list[Chosen]]:
    """All pictures of one property, and the photographs that were chosen for them."""
    summary = run.results["properties"][name]
    if name not in CLAIMS or not summary["rows"]:
        return [], []
    chosen = choose(summary["rows"], CLAIMS[name].effect)
    draw: Callable[[StoredRun, Sequence[Chosen], Mapping[str, Any]], Iterator[Picture]] = {
        "local": _local,
        "spatial": _spatial,
        "activation": _activation,
        "cumulative": cumulative_pictures,
    }[name]
    return list(draw(run, chosen, summary)), chosen


def paired(name: str, summary: Mapping[str, Any]) -> Picture | None:
    """Every photograph from its best control to its effect; ``None`` without a control."""
    headline = summary["headline"]
    if name not in CLAIMS or headline is None or headline["best_control"] not in CLAIMS[name].controls:
        return None
    claim, best = CLAIMS[name], headline["best_control"]
    effect, control = (
        [_number(row.get(column)) for row in summary["rows"]]
        for column in (claim.effect, claim.controls[best])
    )
    figure = effect_vs_control(effect, control, unit=headline["unit"], names=("effect", "best control"))
    caption = f"One line a photograph, from its best control ({best}) to its {claim.short}."
    return picture(figure, f"{name} pairs", "Every photograph beside its control", caption)


def _number(value: Any) -> float:
    number = as_float(value)
    return float("nan") if number is None else number


def _named(run: StoredRun, chosen: Chosen) -> str:
    return f"{chosen.name}, {run.label(chosen.label)}"


def _local(run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]) -> Iterator[Picture]:
    found = [(c, r) for c in chosen if isinstance(r := run.result("local", c.sha256), LocalResult)]
    limits = spread_of([r.map for _, r in found])
    for c, result in found:
        frame = run.frame(c.sha256)
        if frame is None:
            continue
        row = next(row for row in summary["rows"] if row["sha256"] == c.sha256)
        distinguishable = bool(row["best_distinguishable"])
        figure = region_map(
            frame,
            result.map,
            result.boxes,
            masks=region_masks(result),
            signed=True,
            unit=_MAP_UNIT,
            limits=limits,
            mark=result.best.index if distinguishable else None,
            names=("photograph", "each region shown alone"),
        )
        if row["depends_on_canvas"]:
            note = (
                "The map depends on the canvas (lowest rank correlation between two canvases "
                f"{decimal(row['canvas_agreement'])}), so no best region is named."
            )
        elif distinguishable:
            note = (
                "Outlined: the most responsive region, chosen in "
                f"{percent(row['best_same_choice'])} of resamples; on showings that did not choose it, "
                f"it is worth {signed(row['best_value'])} decades."
            )
        else:
            note = "No single best region: it is not distinguishable from others."
        caption = f"Range {decimal(c.value)} decades, {c.why}. {note}"
        yield picture(figure, f"local {c.sha256}", _named(run, c), caption)
    if found:
        c, result = found[len(found) // 2]
        frame = run.frame(c.sha256)
        assert frame is not None
        figure = region_map(
            frame,
            result.necessity_map,
            result.boxes,
            masks=region_masks(result),
            signed=True,
            unit=_MAP_UNIT,
            names=("photograph", "what each region’s absence costs"),
        )
        caption = (
            "The other side of the same regions: how far the answer falls when one region is taken out of the "
            "whole photograph. Rank correlation with what the regions answer alone: "
            f"{decimal(result.summary()['sufficiency_necessity_correlation'])}."
        )
        yield picture(figure, f"necessity {c.sha256}", f"{_named(run, c)}: necessity", caption)


def region_masks(result: LocalResult) -> list[NDArray[np.bool_]] | None:
    """The mask of each region in its box, for superpixels; else ``None``."""
    if not result.label_map.size:
        return None
    return [
        result.label_map[y : y + h, x : x + w] == i
        for i, (y, x, h, w) in enumerate(result.boxes.astype(int).tolist())
    ]


def _spatial(run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]) -> Iterator[Picture]:
    found = [(c, r) for c in chosen if isinstance(r := run.result("spatial", c.sha256), SpatialResult)]
    limits = spread_of([r.map for _, r in found])
    for c, result in found:
        figure = place_map(
            _grey(run),
            result.map,
            result.places + result.step // 2,
            result.patch_shape,
            signed=True,
            unit=_MAP_UNIT,
            limits=limits,
            patch=run.patch(c.sha256),
        )
        caption = (
            f"What the patch adds to the empty canvas at {len(result.places)} places, mean over "
            f"{len(result.phases)} phases, median over canvases. Range {decimal(c.value)} decades, {c.why}."
        )
        yield picture(figure, f"spatial {c.sha256}", _named(run, c), caption)
    if found:
        parts = np.array([_variance(r) for _, r in found])
        figure = variance_bars(*parts.T, rows=[c.name for c, _ in found])
        caption = (
            "How the variance of the answer divides for the same photographs. Place: where the patch lies; "
            "phase: how it is aligned within one step; interaction: what belongs to neither alone."
        )
        yield picture(figure, "spatial variance", "Place or alignment?", caption)


def _variance(result: SpatialResult) -> tuple[float, float, float]:
    """σ² of place, phase and interaction on the canvas whose share of place is the median one."""
    parts = np.array([[v.place, v.phase, v.interaction] for v in result.variances])
    clipped = parts.clip(min=0)
    total = clipped.sum(axis=1)
    share = np.divide(clipped[:, 0], total, out=np.zeros(len(parts)), where=total > 0)
    place, phase, interaction = parts[np.argsort(share, kind="stable")[len(share) // 2]]
    return float(place), float(phase), float(interaction)


def _activation(run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]) -> Iterator[Picture]:
    found = [(c, r) for c in chosen if isinstance(r := run.result("activation", c.sha256), ActivationResult)]
    limits = spread_of([r.canvas_maps[k] for _, r in found for k, _ in _backgrounds(r)])
    for c, result in found:
        patch = run.patch(c.sha256)
        for k, canvas in _backgrounds(result):
            behind = run.frame(result.background_sha256) if canvas == "photograph" else _grey(run)
            on = f"on {result.background_name}" if canvas == "photograph" else f"on the {canvas} canvas"
            figure = place_map(
                behind,
                result.canvas_maps[k],
                result.places + result.step // 2,
                result.patch_shape,
                signed=True,
                unit=_MAP_UNIT,
                classes=result.classes[k],
                limits=limits,
                patch=patch,
                name=on,
            )
            both = "both signs beyond doubt" if result.both_signs[k] else "not both signs beyond doubt"
            caption = (
                f"Patch of this photograph {on}: {both}; amplitude {signed(result.amplitudes[k])} decades."
            )
            if k == 0:
                caption += f" The photograph is {c.why} of the amplitude."
            yield picture(figure, f"activation {c.sha256} {canvas}", _named(run, c), caption)
    counts = _class_counts(run, summary["rows"])
    if sum(counts):
        figure = shares_bar(["activator", "inhibitor", "neutral", "undecided"], counts, things="places")
        caption = "All places of all photographs on all canvases, each judged by its own tests."
        yield picture(figure, "activation shares", "What the places do", caption)
    ends = {
        words: [_number(row.get(column)) for row in summary["rows"]]
        for words, column in (
            ("strongest activation", "strongest_activation"),
            ("strongest inhibition", "strongest_inhibition"),
        )
    }
    caption = (
        "One dot a photograph: the largest and the smallest mean effect over places, median over canvases. "
        "Inhibition needs the second below zero."
    )
    yield picture(distribution(ends), "activation ends", "How far both ways", caption)


def _backgrounds(result: ActivationResult) -> list[tuple[int, str]]:
    """The first canvas, and the photograph where there is one."""
    return [(k, n) for k, n in enumerate(result.canvases) if k == 0 or n == "photograph"]


def _class_counts(run: StoredRun, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    names = run.results["settings"]["parameters"]["activation"]["canvases"]
    canvases = sum(name != "photograph" for name in names)
    return [
        float(round(sum(row["shares"][kind] * row["places"] * canvases for row in rows)))
        for kind in ("activator", "inhibitor", "neutral", "undecided")
    ]


def _grey(run: StoredRun) -> NDArray[np.uint8]:
    return np.full((*run.finished.plan.shape, 3), 128, dtype=np.uint8)


def period_picture(period: Mapping[str, Any]) -> Picture | None:
    """The spectrum behind the period, where it was measured."""
    if not period.get("lags") or not any(as_float(v) is not None for v in period["d"]):
        return None
    figure = period_spectrum(
        period["lags"],
        [_number(v) for v in period["d"]],
        chosen=period["period"],
        nested=period["nested"],
    )
    caption = (
        "D(T) says how unlike itself the answer is when a patch moves on by T pixels: 0 where it repeats "
        "itself, about 1 where it does not."
    )
    return picture(figure, "period", "How the answer repeats as a patch moves", caption)
