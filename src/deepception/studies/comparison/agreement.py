"""Do observers look at the same places? Rank correlations of their maps, beside those of other photographs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...properties import ActivationResult, LocalResult, SpatialResult
from ...properties.headline import FEWEST_PHOTOGRAPHS
from ...properties.scale import MOSTLY
from ...properties.streams import stream
from ...statistics import bca, holm, paired_median, sign_test, spearman
from .pairs import SURE
from .runs import Compared

MAPS = {
    "local": "what each region answers alone",
    "spatial": "what the patch answers at each place",
    "activation": "what the patch adds or takes at each place",
}
"""The maps that are compared, and what they are of."""

# Half a cell of the default grid: the most by which two places of equal number may lie apart, of the frame's side.
_APART = 1 / 14


@dataclass(frozen=True, eq=False)
class _Map:
    """One map of a photograph.

    Attributes:
        values: ``[n]``.
        middles: The middle of each as a share of the frame, ``[n, 2]``.
        bounds: Share of the values that are only bounds.
    """

    values: NDArray[np.float64]
    middles: NDArray[np.float64]
    bounds: float = 0.0


def agreement(runs: Sequence[Compared], measure: str, seed: int) -> list[dict[str, Any]]:
    """The rank correlation of two runs' maps, for every pair of a group of runs, JSON values.

    ``same``: median over photographs of the correlation of both observers' maps of the same photograph. ``other``:
    the same where each map is held against the other observer's map of another photograph, drawn with ``seed`` (of
    another class where there is one): what a habit that is common to all photographs gives, such as a liking for
    the middle. ``beyond``: the paired median of the first minus the second, with ``p`` of the exact sign test;
    ``p_holm`` and ``agree`` are filled in by ``correct_agreement``. ``left_out``: photographs by why.
    """
    maps = {run.key: _maps(run, measure) for run in runs}
    return [
        {"first": a.key, "second": b.key, "measure": measure}
        | _agreement(a, maps[a.key], maps[b.key], measure, seed)
        for a, b in combinations(runs, 2)
    ]


def _agreement(
    run: Compared, first: dict[str, _Map], second: dict[str, _Map], measure: str, seed: int
) -> dict[str, Any]:
    left: Counter[str] = Counter()
    kept = []
    for sha256 in dict.fromkeys([*first, *second]):
        if sha256 not in first or sha256 not in second:
            left["not measured by both"] += 1
        elif not _same_grid(first[sha256], second[sha256]):
            left["other regions or places"] += 1
        elif max(first[sha256].bounds, second[sha256].bounds) > MOSTLY:
            left["maps that are mostly bounds, which rank nothing"] += 1
        elif np.isnan(spearman(first[sha256].values, second[sha256].values)):
            left["a map without any difference"] += 1
        else:
            kept.append(sha256)
    same, other = [], []
    for sha256, another in _others(run, kept, seed):
        crossed = [
            spearman(a[i].values, b[j].values)
            for a, b, i, j in ((first, second, sha256, another), (second, first, sha256, another))
            if _same_grid(a[i], b[j])
        ]
        if len(crossed) < 2:
            left["no other photograph with the same regions or places"] += 1
            continue
        same.append(spearman(first[sha256].values, second[sha256].values))
        other.append(float(np.mean(crossed)))
    enough = len(same) >= FEWEST_PHOTOGRAPHS
    return {
        "n": len(same),
        "same": bca(same, seed=seed).to_json(),
        "other": bca(other, seed=seed).to_json(),
        "beyond": paired_median(same, other, seed=seed).to_json(),
        "p": sign_test(np.subtract(same, other)) if enough else None,
        "p_holm": None,
        "agree": None,
        "left_out": dict(left),
        "reason": "" if enough else f"{len(same)} photographs; {FEWEST_PHOTOGRAPHS} are needed",
    }


def correct_agreement(pairs: Sequence[dict[str, Any]]) -> int:
    """Fill in ``p_holm`` and ``agree``, with Holm over all these pairs; returns how many were tested."""
    tested = [pair for pair in pairs if pair["p"] is not None]
    for pair, p in zip(tested, holm([pair["p"] for pair in tested]), strict=True):
        pair["p_holm"] = float(p)
        pair["agree"] = bool(p < SURE) and pair["beyond"]["value"] > 0
    return len(tested)


def _others(run: Compared, sha256s: Sequence[str], seed: int) -> list[tuple[str, str]]:
    """Each photograph with another one, of another class where there is one: a seeded order, gone round."""
    ordered = sorted(sha256s)
    drawn = [ordered[i] for i in stream(seed, "comparison", "other photograph").permutation(len(ordered))]
    made = []
    for i, sha256 in enumerate(drawn):
        following = [drawn[(i + step) % len(drawn)] for step in range(1, len(drawn))]
        if following:
            of_others = [other for other in following if run.class_of(other) != run.class_of(sha256)]
            made.append((sha256, (of_others or following)[0]))
    return made


def _maps(run: Compared, measure: str) -> dict[str, _Map]:
    found = {}
    for sha256, row in run.rows(measure).items():
        if row.get("measurable", True) is False:
            continue
        result = run.run.result(measure, sha256)
        frame = np.array(run.settings["frame"], dtype=np.float64)
        if isinstance(result, LocalResult):
            boxes = result.boxes.astype(np.float64)
            found[sha256] = _Map(
                result.map,
                (boxes[:, :2] + boxes[:, 2:] / 2) / frame,
                float(result.bound_regions.mean()),
            )
        elif isinstance(result, (SpatialResult, ActivationResult)):
            patch = np.array(result.patch_shape, dtype=np.float64)
            found[sha256] = _Map(
                result.map, (result.places + patch / 2) / frame, float(result.bound_places.mean())
            )
    return found


def _same_grid(a: _Map, b: _Map) -> bool:
    """Whether two maps have as many values, at the same places of their frames."""
    return len(a.values) == len(b.values) and bool((np.abs(a.middles - b.middles) <= _APART).all())
