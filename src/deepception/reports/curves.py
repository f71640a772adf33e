"""The pictures of repetition: dose curves over photographs and of single ones, and their shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plots import distribution, dose_curve, shares_bar
from ..properties import CumulativeResult
from ..statistics import wilson
from .choosing import Chosen
from .claims import CLAIMS
from .drawing import Picture, picture
from .stored import StoredRun
from .wording import decimal, or_nan, signed

Float = NDArray[np.float64]
_SHAPES = ("rising", "falling", "peaked", "flat", "mixed")


def cumulative_pictures(
    run: StoredRun, chosen: Sequence[Chosen], summary: Mapping[str, Any]
) -> Iterator[Picture]:
    """The curve over all photographs, those of the chosen ones, and how many have which shape."""
    rows = summary["rows"]
    doses, curves, recognised = _over_photographs(run, rows)
    if doses.size:
        figure = dose_curve(doses, curves, recognition=recognised, onset=None, unit=run.scale)
        caption = (
            "Median over photographs, the band spans their quartiles; below, the mean share of arrangements "
            "that are recognised (for single photographs with Wilson’s 95 % interval). The dotted line from no "
            "copy to one is the onset: it is no repetition."
        )
        yield picture(figure, "cumulative all", "All photographs", caption)
    for c in chosen:
        result = run.result("cumulative", c.sha256)
        if not isinstance(result, CumulativeResult):
            continue
        row = next(row for row in rows if row["sha256"] == c.sha256)
        draws = {
            name: _from_zero(values.reshape(-1, values.shape[-1])) for name, values in _curves(result).items()
        }
        figure = dose_curve(
            _doses(result),
            draws,
            recognition=_recognition(result),
            onset=float(np.median(result.onset)),
            unit=run.scale,
        )
        caption = (
            f"Slope {signed(c.value)} {run.short_scale} per doubling, {c.why}; shape: {row['shape']}; "
            f"{_threshold(row)}."
        )
        yield picture(figure, f"cumulative {c.sha256}", f"{c.name}, {run.label(c.label)}", caption)
    counts = [sum(row["shape"] == shape for row in rows) for shape in _SHAPES]
    figure = shares_bar(_SHAPES, counts)
    caption = (
        "Shape of each photograph’s curve from one copy on, chosen by cross-validation and never forced; "
        "mixed: its canvases disagree."
    )
    yield picture(figure, "cumulative shapes", "Shapes of the dose curves", caption)
    columns = {"identical copies": "slope", **CLAIMS["cumulative"].controls}
    slopes = {name: [or_nan(row.get(column)) for row in rows] for name, column in columns.items()}
    known = {name: values for name, values in slopes.items() if np.isfinite(values).any()}
    caption = "One dot a photograph: what a doubling does, for identical copies and for each control."
    figure = distribution(known, unit=f"{run.scale} per doubling")
    yield picture(figure, "cumulative slopes", "Slopes of all photographs", caption)


def _threshold(row: Mapping[str, Any]) -> str:
    """Where recognition turns half-way, in words."""
    threshold = row["threshold"]
    kind, value = threshold["kind"], decimal(threshold["value"], 0)
    if kind == "> N":
        return f"not recognised half of the time with up to {value} copies"
    if kind == "< 1":
        return "recognised at least half of the time from the first copy on"
    if kind == "none":
        return "recognition crosses half-way without a trend"
    turns = "falls below" if threshold["falling"] else "reaches"
    return f"recognition {turns} half-way at {threshold['text']} copies"


def _curves(result: CumulativeResult) -> dict[str, Float]:
    """Identical copies and their controls, ``[K, A, D]``, those that were measured."""
    every = {
        "identical copies": result.copies,
        "scrambles": result.scrambled,
        "different crops": result.crops,
        "one enlarged patch": result.enlarged,
    }
    return {name: values for name, values in every.items() if values.size}


def _recognition(result: CumulativeResult) -> tuple[Float, Float, Float]:
    """Share of showings recognised at each dose from none, with its Wilson interval: ``[D]`` each.

    The empty canvases of several arrangements are the same few pictures, so their share has no interval (NaN).
    """
    rates = [wilson(int(f.sum()), f.size) for f in result.recognised.reshape(-1, len(result.doses)).T]
    empty = [float(result.empty_recognised.mean()), np.nan, np.nan]
    value, low, high = np.array([empty, *([r.value, r.low, r.high] for r in rates)]).T
    return value, low, high


def _doses(result: CumulativeResult) -> Float:
    return np.concatenate([[0.0], result.doses.astype(np.float64)])


def _from_zero(values: Float) -> Float:
    """Values over their own empty canvas, with that canvas, which is zero, in front."""
    return np.concatenate([np.zeros((len(values), 1)), values], axis=1)


def _over_photographs(
    run: StoredRun, rows: Sequence[Mapping[str, Any]]
) -> tuple[Float, dict[str, Float], Float]:
    """Doses, one mean curve a photograph ``[n, D]`` by name, and the mean share recognised ``[D]``."""
    means: dict[str, list[dict[float, float]]] = {}
    shares: list[dict[float, float]] = []
    for row in rows:
        result = run.result("cumulative", row["sha256"])
        if not isinstance(result, CumulativeResult):
            continue
        doses = _doses(result).tolist()
        for name, values in _curves(result).items():
            curve = np.median(values.mean(axis=1), axis=0)  # as slopes: mean over draws, median over canvases
            means.setdefault(name, []).append(dict(zip(doses, [0.0, *curve.tolist()], strict=True)))
        share = [float(result.empty_recognised.mean()), *result.recognised.mean(axis=(0, 1)).tolist()]
        shares.append(dict(zip(doses, share, strict=True)))
    every = sorted({dose for share in shares for dose in share})
    curves = {name: _table(values, every) for name, values in means.items()}
    if not every:
        return np.empty(0), {}, np.empty(0)
    return np.array(every), curves, np.nanmean(_table(shares, every), axis=0)


def _table(curves: Sequence[Mapping[float, float]], doses: Sequence[float]) -> Float:
    """Curves at all doses, NaN where one was not shown."""
    return np.array([[curve.get(dose, np.nan) for dose in doses] for curve in curves])
