"""The pictures of each property, made from the stored arrays of a few photographs at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..plots import effect_vs_control, forest, period_spectrum
from .choosing import Chosen, choose
from .claims import CLAIMS
from .curves import cumulative_pictures
from .drawing import Picture, picture
from .maps import activation_pictures, local_pictures, spatial_pictures
from .stored import StoredRun
from .verdicts import difference_rows
from .wording import as_float, or_nan


def verdict_forest(properties: Mapping[str, Mapping[str, Any]], scale: str) -> Picture | None:
    """Effect minus best control of every property, with its interval."""
    rows = difference_rows(properties)
    if not rows:
        return None
    figure = forest(rows, unit=f"effect minus best control, {scale}")
    caption = (
        "Effect minus best control, paired by photograph, with its 95 % interval. A property holds where the "
        "whole interval lies right of zero, and those of the effect itself and of a random region do too. "
        f"Cumulative: {scale.split()[0]} per doubling of the copies."
    )
    return picture(figure, "verdict", "The verdict in one picture", caption)


def pictures_of(run: StoredRun, name: str) -> tuple[list[Picture], list[Chosen]]:
    """All pictures of one property, and the photographs that were chosen for them."""
    summary = run.results["properties"][name]
    if name not in CLAIMS or not summary["rows"]:
        return [], []
    # From labels alone nothing is known of a photograph that is not answered with its class.
    summary = {**summary, "rows": [row for row in summary["rows"] if row.get("measurable", True)]}
    if not summary["rows"]:
        return [], []
    chosen = choose(summary["rows"], CLAIMS[name].effect)
    draw: Callable[[StoredRun, Sequence[Chosen], Mapping[str, Any]], Iterator[Picture]] = {
        "local": local_pictures,
        "spatial": spatial_pictures,
        "activation": activation_pictures,
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
        [or_nan(row.get(column)) for row in summary["rows"]]
        for column in (claim.effect, claim.controls[best])
    )
    figure = effect_vs_control(effect, control, unit=headline["unit"], names=("effect", "best control"))
    caption = f"One line a photograph, from its best control ({best}) to its {claim.short}."
    return picture(figure, f"{name} pairs", "Every photograph beside its control", caption)


def period_picture(period: Mapping[str, Any]) -> Picture | None:
    """The spectrum behind the period, where it was measured."""
    if not period.get("lags") or not any(as_float(v) is not None for v in period["d"]):
        return None
    figure = period_spectrum(
        period["lags"],
        [or_nan(v) for v in period["d"]],
        chosen=period["period"],
        nested=period["nested"],
    )
    caption = (
        "D(T) says how unlike itself the answer is when a patch moves on by T pixels: 0 where it repeats "
        "itself, about 1 where it does not."
    )
    return picture(figure, "period", "How the answer repeats as a patch moves", caption)
