"""Maps over a few photographs: what regions answer, where a patch speaks, what activates and what inhibits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..plots import distribution, place_map, region_map, shares_bar, variance_bars
from ..properties import ActivationResult, LocalResult, SpatialResult
from .bound_words import map_note
from .choosing import Chosen
from .drawing import Picture, picture, spread_of
from .stored import StoredRun
from .wording import counted, decimal, or_nan, percent, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _named(run: StoredRun, chosen: Chosen) -> str:
    return f"{chosen.name}, {run.label(chosen.label)}"


def local_pictures(run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]) -> Iterator[Picture]:
    """Each chosen photograph with what its regions answer alone, and the necessity map of the middle one."""
    found = [
        (c, r, frame)
        for c in chosen
        if isinstance(r := run.result("local", c.sha256), LocalResult)
        and (frame := run.frame(c.sha256)) is not None
    ]
    limits = spread_of([r.map for _, r, _ in found])
    for c, result, frame in found:
        row = next(row for row in summary["rows"] if row["sha256"] == c.sha256)
        distinguishable = bool(row["best_distinguishable"])
        figure = region_map(
            frame,
            result.map,
            result.boxes,
            masks=region_masks(result),
            signed=True,
            unit=result.scale,
            limits=limits,
            mark=result.best.index if distinguishable else None,
            bounded=result.bound_regions,
            names=(
                "photograph",
                "what each region saves" if result.by_opacity else "each region shown alone",
            ),
        )
        if row["canvas_agreement"] is None and len(result.canvases) == 1:
            note = "Shown on one canvas only, so no best region is named."
        elif row["canvas_agreement"] is None:
            note = "All regions answer alike on a canvas, or are known as bounds only, so no best region is named."
        elif row["depends_on_canvas"]:
            note = (
                "The map depends on the canvas (lowest rank correlation between two canvases "
                f"{decimal(row['canvas_agreement'])}), so no best region is named."
            )
        elif distinguishable:
            note = (
                "Outlined: the most responsive region, chosen in "
                f"{percent(row['best_same_choice'])} of resamples; on showings that did not choose it, "
                f"it is worth {signed(row['best_value'])} {run.short_scale}."
            )
        else:
            note = "No single best region: it is not distinguishable from others."
        bound = "≥ " if row.get("range_touches_limit") else ""
        limits_told = map_note(
            result.bound_regions,
            "regions",
            empty=result.bounds.get("empty", 0.0),
            by_opacity=result.by_opacity,
        )
        caption = f"Range {bound}{decimal(c.value)} {run.short_scale}, {c.why}. {note}{limits_told}"
        yield picture(figure, f"local {c.sha256}", _named(run, c), caption)
    if found:
        c, result, frame = found[len(found) // 2]
        figure = region_map(
            frame,
            result.necessity_map,
            result.boxes,
            masks=region_masks(result),
            signed=True,
            unit=result.scale,
            bounded=result.bound_absences,
            names=("photograph", "what each region’s absence costs"),
        )
        costs = (
            "by how many points the threshold rises when one region stays covered while the rest fades in"
            if result.by_opacity
            else "how far the answer falls when one region is taken out of the whole photograph"
        )
        bounds = map_note(result.bound_absences, "regions", by_opacity=result.by_opacity)
        caption = f"The other side of the same regions: {costs}.{bounds} {_correlation(result)}"
        yield picture(figure, f"necessity {c.sha256}", f"{_named(run, c)}: necessity", caption)


def _correlation(result: LocalResult) -> str:
    """The rank correlation of both maps of regions in a sentence, or why there is none."""
    what = "Rank correlation with what the regions " + ("save" if result.by_opacity else "answer alone")
    bounded = int((result.bound_regions | result.bound_absences).sum())
    if np.isfinite(result.correlation):
        ties = f" ({counted(bounded, 'region')} of {len(result.boxes)} known as bounds, which rank as ties)"
        return f"{what}: {decimal(result.correlation)}{ties if bounded else ''}."
    if bounded:
        of = f"{bounded} of {len(result.boxes)}"
        return f"{what}: not told, because {of} regions are bounds, which rank nothing."
    return f"{what}: none, because one of the maps has no differences."


def region_masks(result: LocalResult) -> list[NDArray[np.bool_]] | None:
    """The mask of each region in its box, for superpixels; else ``None``."""
    if not result.label_map.size:
        return None
    return [
        result.label_map[y : y + h, x : x + w] == i
        for i, (y, x, h, w) in enumerate(result.boxes.astype(int).tolist())
    ]


def spatial_pictures(
    run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]
) -> Iterator[Picture]:
    """What the patch of each chosen photograph answers at its places, and how its variance divides."""
    found = [(c, r) for c in chosen if isinstance(r := run.result("spatial", c.sha256), SpatialResult)]
    limits = spread_of([r.map for _, r in found])
    for c, result in found:
        figure = _placed(
            result,
            result.map,
            _grey(run),
            limits=limits,
            patch=run.patch(c.sha256),
            bounded=result.bound_places,
        )
        row = next(row for row in summary["rows"] if row["sha256"] == c.sha256)
        bound = "≥ " if row.get("range_touches_limit") else ""
        caption = (
            f"{_adds(result)} at {len(result.places)} places, mean over "
            f"{len(result.phases)} phases, median over canvases. "
            f"Range {bound}{decimal(c.value)} {run.short_scale}, {c.why}."
            + map_note(
                result.bound_places,
                "places",
                empty=result.bounds.get("empty", 0.0),
                by_opacity=result.by_opacity,
            )
        )
        yield picture(figure, f"spatial {c.sha256}", _named(run, c), caption)
    if found:
        parts = np.array([_variance(r) for _, r in found])
        unit = "points² of opacity" if found[0][1].by_opacity else "decades² of odds"
        varying = "threshold" if found[0][1].by_opacity else "answer"
        figure = variance_bars(*parts.T, rows=[c.name for c, _ in found], unit=unit)
        caption = (
            f"How the variance of the {varying} divides for the same photographs. Place: where the patch lies; "
            "phase: how it is aligned within one step; interaction: what belongs to neither alone."
        )
        yield picture(figure, "spatial variance", "Place or alignment?", caption)


def _adds(result: SpatialResult) -> str:
    """What the map of a patch shows, the beginning of a sentence."""
    if result.by_opacity:
        return "By how many points the patch lowers the threshold of the empty canvas"
    return "What the patch adds to the empty canvas"


def _variance(result: SpatialResult) -> tuple[float, float, float]:
    """σ² of place, phase and interaction on the canvas whose share of place is the median one."""
    parts = np.array([[v.place, v.phase, v.interaction] for v in result.variances])
    clipped = parts.clip(min=0)
    total = clipped.sum(axis=1)
    share = np.divide(clipped[:, 0], total, out=np.zeros(len(parts)), where=total > 0)
    place, phase, interaction = parts[np.argsort(share, kind="stable")[len(share) // 2]]
    return float(place), float(phase), float(interaction)


def activation_pictures(
    run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]
) -> Iterator[Picture]:
    """Signed maps of each chosen photograph on a canvas and on a photograph, and the places of all."""
    found = [(c, r) for c in chosen if isinstance(r := run.result("activation", c.sha256), ActivationResult)]
    limits = spread_of(
        [m[k] for _, r in found for k, _ in _backgrounds(r) for m in (r.canvas_maps, r.specific_map)]
    )
    for c, result in found:
        alike: dict[str, Any] = {"limits": limits, "patch": run.patch(c.sha256)}
        for k, canvas in _backgrounds(result):
            behind = run.frame(result.background_sha256) if canvas == "photograph" else _grey(run)
            on = f"on {result.background_name}" if canvas == "photograph" else f"on the {canvas} canvas"
            figure = _placed(
                result,
                result.canvas_maps[k],
                behind,
                classes=result.classes[k],
                name=on,
                bounded=result.bound_places_on(k),
                **alike,
            )
            sides = "a fall and a rise of the threshold" if result.by_opacity else "activation and inhibition"
            both = f"{sides} are {'' if result.both_signs[k] else 'not '}both demonstrated"
            amplitude = f"{signed(result.amplitudes[k])} {run.short_scale}"
            caption = f"Patch of this photograph {on}: {both}; amplitude {amplitude}."
            caption += map_note(result.bound_places_on(k), "places", by_opacity=result.by_opacity)
            if k == 0:
                caption += f" The photograph is {c.why} of the amplitude."
            yield picture(figure, f"activation {c.sha256} {canvas}", _named(run, c), caption)
            others = result.others_delta.shape[-1]
            if others:
                figure = _placed(
                    result,
                    result.specific_map[k],
                    behind,
                    name=f"class-specific, {on}",
                    bounded=result.bound_places_on(k),
                    **alike,
                )
                caption = (
                    f"The same showings {on}, less the median of what the patch does to {others} other classes at "
                    "each place: what concerns this class alone. Same colours as in the map before it."
                )
                title = f"{_named(run, c)}: class-specific part"
                yield picture(figure, f"activation {c.sha256} {canvas} specific", title, caption)
    counts = _class_counts(run, summary["rows"])
    if sum(counts):
        figure = shares_bar(["activator", "inhibitor", "neutral", "undecided"], counts, things="places")
        caption = "All places of all photographs on all canvases, each judged by its own tests."
        yield picture(figure, "activation shares", "What the places do", caption)
    ends = {
        words: [or_nan(row.get(column)) for row in summary["rows"]]
        for words, column in (
            ("strongest activation", "strongest_activation"),
            ("strongest inhibition", "strongest_inhibition"),
        )
    }
    caption = (
        "One dot a photograph: the largest and the smallest mean effect over places, median over canvases. "
        "The patch inhibits somewhere only where the second lies below zero."
    )
    yield picture(distribution(ends, unit=run.scale), "activation ends", "How far both ways", caption)


def _placed(
    result: SpatialResult | ActivationResult,
    values: NDArray[np.float64],
    behind: NDArray[np.uint8] | None,
    **drawn: Any,
) -> Figure:
    """A signed map over the places of a patch, each drawn in the middle of its phases."""
    places = result.places + result.step // 2
    return place_map(behind, values, places, result.patch_shape, signed=True, unit=result.scale, **drawn)


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
