"""The table of docs/observers.md, from the figures alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deepception.properties.summaries import (
    summarise_activation,
    summarise_cumulative,
    summarise_local,
    summarise_spatial,
)
from deepception.reports.wording import decimal, percent, whole
from deepception.statistics import bca, spearman

from .keeping import Figures, read
from .settings import FULL, LEVELS, MAPS, NETWORKS, PROPERTIES, TITLES

BEGIN, END = "<!-- answer levels:begin -->", "<!-- answer levels:end -->"
_SUMMARISE: Any = {
    "local": summarise_local,
    "spatial": summarise_spatial,
    "activation": summarise_activation,
    "cumulative": summarise_cumulative,
}
_HEADS = ("regions alone", "regions taken out", "places", "activation", "doses")


def verdicts(figures: Figures) -> dict[str, bool | None]:
    """Whether each property holds, ``None`` where it cannot be judged."""
    found: dict[str, bool | None] = {}
    for name in PROPERTIES:
        rows = [entry["rows"][name] for entry in figures.photographs.values()]
        headline = _SUMMARISE[name](rows, 0).headline if rows else None
        found[name] = None if headline is None else headline.holds
    return found


def correlations(figures: Figures, full: Figures, name: str) -> list[float]:
    """Rank correlation of one map with full knowledge's, one a photograph that both have."""
    found = []
    for photograph, entry in figures.photographs.items():
        if photograph not in full.photographs:
            continue
        found.append(spearman(entry["maps"][name], full.photographs[photograph]["maps"][name]))
    return found


def _said(values: list[float]) -> str:
    """Median with its interval; photographs whose map is constant have no ranks and are counted."""
    known = np.array([v for v in values if np.isfinite(v)])
    if not known.size:
        return "no ranks"
    interval = bca(known)
    ends = "" if np.isnan(interval.low) else f" [{decimal(interval.low)}, {decimal(interval.high)}]"
    missing = len(values) - known.size
    return decimal(interval.value) + ends + (f" (no ranks: {missing})" if missing else "")


def _agreement(figures: Figures, full: Figures) -> str:
    """How many properties get the verdict that full knowledge gives them on the same photographs."""
    both = {name: entry for name, entry in full.photographs.items() if name in figures.photographs}
    mine, theirs = verdicts(figures), verdicts(replace(full, photographs=both))
    judged = [name for name in PROPERTIES if mine[name] is not None and theirs[name] is not None]
    same = sum(mine[name] == theirs[name] for name in judged)
    left = len(PROPERTIES) - len(judged)
    return f"{same} of {len(judged)}" + (f" ({left} not judged)" if left else "")


def _bounds(figures: Figures) -> str:
    shares = [
        entry["rows"][name]["bounded_share"] or 0.0
        for entry in figures.photographs.values()
        for name in PROPERTIES
    ]
    return percent(float(np.mean(shares)))


def render(folder: Path, networks: tuple[str, ...] = NETWORKS) -> str:
    """The table, in Markdown; what is not measured yet has no row."""
    lines = [
        f"| network, answers | n | {' | '.join(_HEADS)} | same verdict | only bounds | queries a photograph |",
        "| --- |" + " --: |" * (len(_HEADS) + 4),
    ]
    for network in networks:
        full = read(folder, network, FULL)
        if full is None:
            continue
        for level in LEVELS:
            figures = full if level == FULL else read(folder, network, level)
            if figures is None or not figures.photographs:
                continue
            asked = np.median([entry["queries"] for entry in figures.photographs.values()])
            cells = ["1" if level == FULL else _said(correlations(figures, full, name)) for name in MAPS]
            same = "–" if level == FULL else _agreement(figures, full)
            count = str(len(figures.photographs))
            row = [f"{TITLES[network]}, {level}", count, *cells, same, _bounds(figures), whole(asked)]
            lines.append(f"| {' | '.join(row)} |")
    if len(lines) == 2:
        return "Nothing is measured yet."
    return "\n".join([*lines, "", "n: photographs of the develop split."])


def write_between_marks(page: Path, text: str) -> None:
    """Put the table between its marks; SystemExit where the page has none."""
    content = page.read_text(encoding="utf-8")
    if BEGIN not in content or END not in content:
        raise SystemExit(f"{page.name} has no marks {BEGIN} and {END}.")
    before, rest = content.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
