"""The four properties in words for people: titles, what was compared, and the columns of ``rows`` behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DECADES, SHARE, CORRELATION, NUMBER = "decades of odds", "share", "correlation", "number"
DECADES_P = "decades of probability"

# From labels alone.
_THRESHOLDS = {
    "recognition_rate": ("Recognition rate: showings answered with the class by themselves", SHARE),
    "not_monotone_share": ("Scans that are not monotone: the class comes, goes and comes again", SHARE),
}


@dataclass(frozen=True)
class Claim:
    """How one property is told.

    Attributes:
        title: Its name on the page.
        short: Its effect in a few words, for table heads and axes.
        compared: What the headline compares, a clause.
        holds: One sentence for a person where it holds with a positive effect.
        fails: The same where it does not hold.
        caution: The same where it is beyond its control, yet the effect itself is not above zero.
        effect: Column of ``rows`` that holds the effect.
        controls: Columns of ``rows`` by the name of the control.
        figures: Further figures: key to (what it is, its unit); others are told by their key. No words: not told.
        kinds: Names of grouped counts: key of a dictionary of counts to what it counts.
    """

    title: str
    short: str
    compared: str
    holds: str
    fails: str
    caution: str
    effect: str
    controls: Mapping[str, str]
    figures: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)


CLAIMS: Mapping[str, Claim] = {
    "local": Claim(
        title="Local",
        short="range over regions",
        compared="how far apart the regions of one photograph lie when each is shown alone",
        holds="Some regions of a photograph speak for its class much more than others, "
        "and more unequally than the controls do.",
        fails="Regions answer differently, but not demonstrably more so than their controls: the differences "
        "cannot be credited to what the regions show.",
        caution="The regions differ more than their controls do, but hardly from each other.",
        effect="range",
        controls={
            "scrambled regions": "scrambled_range",
            "the same regions of other photographs": "crops_range",
            "other classes, same regions": "other_classes_range",
        },
        figures={
            "max_minus_min": ("Largest minus smallest region (the paper quotes this)", DECADES),
            "range_log10_p": ("The same range in probabilities (the paper’s unit)", DECADES_P),
            "recognised_alone_top1": ("Regions recognised alone, as first answer", SHARE),
            "recognised_alone_top5": ("Regions recognised alone, among the first five answers", SHARE),
            "any_region_recognised": ("Photographs with at least one region recognised alone", SHARE),
            "carrying_share": (
                "Regions that carry the answer: above every control both shown alone and taken out",
                SHARE,
            ),
            "sufficiency_necessity_correlation": (
                "Rank correlation of what regions answer alone with what their absence costs",
                CORRELATION,
            ),
            **_THRESHOLDS,
            "gini": (
                "Inequality of the class’s probability over regions (Gini: 0 all equal, 1 one region has all)",
                NUMBER,
            ),
            "canvas_agreement": ("Lowest rank correlation of the maps on two canvases", CORRELATION),
            "map_depends_on_canvas": ("Photographs whose map depends on the canvas", SHARE),
            "best_region_distinguishable": (
                "Photographs whose most responsive region is told from the next, and agrees over canvases",
                SHARE,
            ),
        },
    ),
    "spatial": Claim(
        title="Spatial",
        short="range over places",
        compared="how much the answer to one and the same patch changes with its place",
        holds="The same patch speaks louder at some places than at others, and more so than its controls do.",
        fails="Moving the patch changes the answer, but not demonstrably more than it does for the controls.",
        caution="Place matters more than for the controls, but hardly at all.",
        effect="range",
        controls={
            "scrambles": "scrambled_range",
            "crops of other classes": "crops_range",
            "matched crops of other classes": "matched_crops_range",
            "other classes, same patch": "other_classes_range",
        },
        figures={
            "p95_minus_p5": ("95th minus 5th percentile over places, phases averaged", DECADES),
            "max_minus_min": ("Best minus worst place, chosen and read on the same showings", DECADES),
            "single_max_minus_min": ("Best minus worst single showing (the paper quotes this)", DECADES),
            "scrambled_single_max_minus_min": ("The same for the scrambles", DECADES),
            "range_log10_p": ("The headline’s range in probabilities (the paper’s unit)", DECADES_P),
            **_THRESHOLDS,
            "random_region_range": ("The same range for a random region of the photograph", DECADES),
            "share_place": ("Variance that belongs to the place", SHARE),
            "share_phase": ("Variance that belongs to the phase (alignment within a step)", SHARE),
            "share_interaction": ("Variance that belongs to neither alone (interaction)", SHARE),
        },
        kinds={
            "at_least_2_decades": "Photographs with two decades or more",
            "at_least_3_decades": "Photographs with three decades or more",
            "single_at_least_2_decades": "Best minus worst single showing of two decades or more",
            "single_at_least_3_decades": "Best minus worst single showing of three decades or more",
        },
    ),
    "activation": Claim(
        title="Activation–inhibition",
        short="two-sided amplitude",
        compared="whether one and the same patch raises the answer at some places and lowers it at others "
        "(the weaker of the two)",
        holds="One and the same patch activates its class at some places and inhibits it at others, "
        "more than controls do.",
        fails="No activation and inhibition by one patch is shown beyond what the controls do.",
        caution="The two sides are more balanced than for the controls, but on the typical photograph "
        "the patch acts in one direction only.",
        effect="amplitude",
        controls={
            "scrambles": "scrambled_amplitude",
            "patches of other classes": "control_patches_amplitude",
            "matched crops of other classes": "matched_crops_amplitude",
            "other classes, same patch": "other_classes_amplitude",
        },
        figures={
            "random_region_amplitude": (
                "The same amplitude for a random region, on the first canvas",
                DECADES,
            ),
            **_THRESHOLDS,
            "both_kinds": ("Photographs with an activator and an inhibitor on most canvases", SHARE),
            "both_kinds_on_photograph": ("The same on a photograph of another class", SHARE),
            "shows_both_signs": (
                "Photographs with both, beyond bands for all places at once, on most canvases",
                SHARE,
            ),
            "shows_both_signs_on_photograph": ("The same on a photograph of another class", SHARE),
            "strongest_activation": ("Largest mean effect of a place", DECADES),
            "strongest_inhibition": ("Smallest mean effect of a place (negative: inhibition)", DECADES),
            "presence": ("Presence: what the patch does wherever it lies", DECADES),
            "place_deviation": ("Place: standard deviation over places around the presence", DECADES),
            "mean_share_activator": ("Places that activate, mean over photographs", SHARE),
            "mean_share_inhibitor": ("Places that inhibit, mean over photographs", SHARE),
            "mean_share_neutral": ("Places shown to be neutral, mean over photographs", SHARE),
            "mean_share_undecided": ("Places left undecided, mean over photographs", SHARE),
            "specific_share": ("Places beyond control patches and other classes (specific)", SHARE),
        },
    ),
    "cumulative": Claim(
        title="Cumulative",
        short="slope on doublings",
        compared="what each doubling of the number of identical copies does to the answer",
        holds="Repeating the patch adds up: every doubling of identical copies raises the answer, "
        "and by more than the controls do.",
        fails="Repetition is not shown to add anything beyond its controls.",
        caution="Further copies do not raise the answer; they only lower it less than the controls do.",
        effect="slope",
        controls={
            "scrambles": "scrambles_slope",
            "different crops of the class": "crops_slope",
            "one enlarged patch": "enlarged_slope",
            "other classes, same copies": "others_slope",
        },
        figures={
            "random_region_slope": ("The same slope for a random region, on the first canvas", DECADES),
            **_THRESHOLDS,
            "onset": ("Onset: what the first copy does, apart from repetition", DECADES),
            "threshold_median": (
                "Copies at which recognition turns half-way, median photograph (Kaplan–Meier)",
                NUMBER,
            ),
        },
        kinds={
            "shapes": "Dose curves that are",
            "significant_trends": "Photographs with a significant trend (Page, draws of all canvases),",
            "thresholds": "Where recognition turns half-way",
        },
    ),
}
