"""Curves: success against queries, a small picture for each network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np

from .comparing import Floats, Results, curve
from .methods import METHODS
from .tables import network_title

# Okabe and Ito's colours; controls are grey and dashed.
COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#d55e00", "#e69f00", "#cc79a7")
DASHES = ("--", ":", "-.")
COLUMNS = 3
POINTS = 40
"""Points of a curve at most: the pictures are kept small."""


def draw(path: Path, networks: Mapping[str, Sequence[Results]]) -> None:
    """Write an SVG; the same figures give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = 2 if len(networks) == 4 else min(COLUMNS, len(networks))
    rows = math.ceil(len(networks) / columns)
    names = list(dict.fromkeys(r.method for results in networks.values() for r in results))
    names = [name for name in METHODS if name in names]
    searches = [name for name in names if not METHODS[name].control]
    controls = [name for name in names if METHODS[name].control]
    looks = {name: (COLOURS[i % len(COLOURS)], "-", 1.6) for i, name in enumerate(searches)}
    looks |= {name: ("#8b95a1", DASHES[i % len(DASHES)], 1.1) for i, name in enumerate(controls)}
    with matplotlib.rc_context({"svg.hashsalt": "deepception", "font.size": 8, "svg.fonttype": "none"}):
        figure = Figure(figsize=(3.2 * columns, 2.5 * rows + 0.7), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, (network, results) in zip(grid.ravel(), networks.items(), strict=False):
            for one in sorted(results, key=lambda r: names.index(r.method)):
                colour, dash, width = looks[one.method]
                label = METHODS[one.method].title.replace("*", "")
                axes.plot(
                    *_sampled(one), color=colour, ls=dash, lw=width, label=label, drawstyle="steps-post"
                )
            axes.set(xscale="log", ylim=(0, 1.02), title=network_title(network))
            axes.grid(color="#e9edf1")
            axes.tick_params(labelbottom=True)
            axes.minorticks_off()
            axes.xaxis.set_major_formatter("{x:,.0f}")
        for axes in grid.ravel()[len(networks) :]:
            axes.set_axis_off()
        figure.supxlabel("queries")
        figure.supylabel("deceived, of those correct before")
        entries = {
            label: handle
            for axes in grid.ravel()[: len(networks)]
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=3, frameon=False)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    # Hundredths of a point are more than anyone sees, and half of the file.
    text = re.sub(r"(\d+\.\d\d)\d+", r"\1", drawn.getvalue())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _sampled(results: Results) -> tuple[Floats, Floats]:
    """The curve at few numbers of queries, evenly spread on a logarithmic axis."""
    at, shares = curve(results)
    grid = np.unique(np.geomspace(1, results.queries, POINTS).round())
    return grid, shares[np.searchsorted(at, grid, side="right") - 1]
