"""The four properties in words where only labels are told: thresholds and recognition rates (METHODS §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..properties.scale import OPACITY
from .claims import CLAIMS, SHARE, Claim


def claim_of(name: str, scale: str) -> Claim:
    """How one of the four properties is told on a scale, or in a unit that begins with it."""
    return THRESHOLD_CLAIMS[name] if scale.startswith(OPACITY) else CLAIMS[name]


def _figures(name: str, **words: str) -> dict[str, tuple[str, str]]:
    """The figures of a claim, some of them in other words."""
    figures = CLAIMS[name].figures
    return {key: (words.get(key, told), unit) for key, (told, unit) in figures.items()}


_LOCAL = _figures(
    "local",
    max_minus_min="Largest minus smallest region",
    recognised_alone_top1="",  # it is the recognition rate
    any_region_recognised="Photographs with a region that is answered with the class by itself",
    sufficiency_necessity_correlation="Rank correlation of what regions save with what their absence costs",
    carrying_share="Regions that carry the class: above every control both in what they save and taken out",
    best_region_distinguishable=(
        "Photographs whose most helpful region is told from the next, and agrees over canvases"
    ),
)

THRESHOLD_CLAIMS: Mapping[str, Claim] = {
    "local": replace(
        CLAIMS["local"],
        compared="how far apart the thresholds of a photograph’s regions lie, each region on the canvas by itself",
        holds="Some regions of a photograph lower the threshold of its class much more than others, "
        "and more unequally than the controls do.",
        fails="Regions differ in their thresholds, but not demonstrably more so than their controls: the "
        "differences cannot be credited to what the regions show.",
        figures=_LOCAL,
    ),
    "spatial": replace(
        CLAIMS["spatial"],
        compared="how much the threshold over one and the same patch changes with its place",
        holds="The same patch lowers the threshold more at some places than at others, and more so than its "
        "controls do.",
        fails="Moving the patch changes the threshold, but not demonstrably more than it does for the controls.",
        figures=_figures(
            "spatial",
            single_max_minus_min="Best minus worst single showing",
        ),
    ),
    "activation": replace(
        CLAIMS["activation"],
        compared="whether one and the same patch lowers the threshold of its class at some places and raises it "
        "at others (the weaker of the two)",
        holds="One and the same patch lowers the threshold of its class at some places and raises it at others, "
        "more than controls do.",
        fails="It is not shown that one patch both lowers and raises the threshold beyond what the controls do.",
        figures=_figures(
            "activation",
            strongest_activation="Largest mean effect of a place (the threshold falls)",
            strongest_inhibition="Smallest mean effect of a place (negative: the threshold rises)",
        ),
    ),
    "cumulative": replace(
        CLAIMS["cumulative"],
        compared="by how much each doubling of the number of identical copies lowers the threshold",
        holds="Repeating the patch adds up: every doubling of identical copies lowers the threshold of the class, "
        "and by more than the controls do.",
        caution="Further copies do not lower the threshold; they only raise it less than the controls do.",
        figures={
            **_figures("cumulative"),
            "recognition_rate": (
                "Recognition rate: arrangements answered with the class by themselves",
                SHARE,
            ),
        },
        kinds={
            **CLAIMS["cumulative"].kinds,
            "thresholds": "Number of copies at which the recognition rate turns half-way",
        },
    ),
}
"""The words of ``CLAIMS`` for figures in points of opacity."""
