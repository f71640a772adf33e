"""The words of the page, each in a sentence or two; a run is told those that it needs."""

from __future__ import annotations

from ..properties.scale import DECADES, OPACITY

Entries = tuple[tuple[str, str], ...]

OPACITY_BASICS: Entries = (
    (
        "Threshold (opacity)",
        "The observer tells labels only. So the photograph is laid over a showing, and the threshold is the "
        "smallest opacity of it at which the label is the class. What helps the class lowers the threshold, what "
        "hinders it raises it. A showing that has the class by itself, or not even under the whole photograph, "
        "has a bound only.",
    ),
    (
        "Point of opacity",
        "The unit of effects: a hundredth of full opacity. An effect of 5 points means that 5 points less of the "
        "photograph are needed than over the empty canvas. Points of opacity are neither probabilities nor odds.",
    ),
    (
        "Recognition rate",
        "The share of jittered showings that are answered with the class by themselves. It is no probability.",
    ),
)

OPACITY_WORDS: dict[str, str] = {
    "Sufficiency": "What a region saves: by how many points the threshold is lower (below zero: higher) when "
    "this region, in its own place, lies on the canvas, than when the canvas is empty.",
    "Necessity": "What the absence of a region costs: by how many points the threshold rises when this region "
    "stays covered while the rest of the photograph fades in.",
    "Local range": "How far the regions of a photograph lie apart in sufficiency: from the 5th to the 95th "
    "percentile, in points.",
    "Effect Δ of a place": "By how many points the threshold falls (below zero: rises) when the patch is put at "
    "that place of the background. A place is an activator, an inhibitor or neutral only where a test says so, "
    "with a margin around zero; else undecided.",
    "Patch": "The region of each photograph that lowers the threshold most. It was selected for that, so its own "
    "level is no finding, and what changes with place and number is credited only where a random region shows it "
    "too.",
    "Phase": "How a patch is aligned within one step of the lattice of places: the observer’s period where one "
    "was found. Networks look at a picture in strides, so a shift of a few pixels alone can change a threshold.",
    "Two-sided amplitude": "The weaker of the strongest fall and the strongest rise of the threshold by one "
    "patch, chosen on one repeat and read on another, over all pairs. It is above zero only where both occur.",
    "Control of a property": "The same showing with something that should not carry the class: a scramble of the "
    "same patch (its frequencies, without its shape) or a crop from another class. The best control is the one "
    "that the effect exceeds least surely.",
    "Slope": "By how many points the threshold falls with each doubling of the number of identical copies, from "
    "one copy on. The step from no copy to one is the onset and does not count as repetition.",
}
"""Words that mean something else where only labels are told."""

BASICS: Entries = (
    (
        "Decade of odds",
        "The unit of effects. The odds of a class are its probability over that of all other classes "
        "together; one decade more is ten times the odds, 0.3 decades are twice the odds.",
    ),
    (
        "Class",
        "The label of a photograph where it is known, else the observer’s first answer to the clean photograph.",
    ),
)

PROPERTIES: Entries = (
    (
        "Sufficiency",
        "What a region answers alone: by how many decades the odds of the class are higher (below zero: lower) "
        "when the canvas shows nothing but this region, in its own place, than when it is empty.",
    ),
    (
        "Necessity",
        "What the absence of a region costs: by how many decades the odds of the class fall when this region is "
        "taken out of the photograph.",
    ),
    (
        "Local range",
        "How far the regions of a photograph lie apart in sufficiency: from the 5th to the 95th percentile, in "
        "decades.",
    ),
    (
        "Patch",
        "The most responsive region of each photograph. It was selected for being responsive, so its own level is "
        "no finding, and what changes with place and number is credited only where a random region shows it too.",
    ),
    (
        "Spatial range",
        "The patch is shown at several places, at each with the same small shifts (phases). The best and the "
        "worst place are chosen on half of the phases and their difference is read on the other half, both ways.",
    ),
    (
        "Phase",
        "How a patch is aligned within one step of the lattice of places: the observer’s period where one was "
        "found. Networks look at a picture in strides, so a shift of a few pixels alone can change the answer.",
    ),
    (
        "Effect Δ of a place",
        "By how many decades the odds of the class rise (below zero: fall) when the patch is put at that place "
        "of the background. A place is an activator, an inhibitor or neutral only where a test says so, with a "
        "margin around zero; else undecided.",
    ),
    (
        "Class-specific part",
        "The effect Δ of a place on the class, less the median of what the same showings do to other classes: a "
        "patch that moves all answers alike has none.",
    ),
    (
        "Two-sided amplitude",
        "The weaker of the strongest activation and the strongest inhibition of one patch, chosen on one "
        "repeat and read on another, over all pairs. It is above zero only where both signs occur.",
    ),
    (
        "Slope",
        "By how many decades the odds of the class change with each doubling of the number of identical copies, "
        "from one copy on. The step from no copy to one is the onset and does not count as repetition.",
    ),
    (
        "Control of a property",
        "The same showing with something that should not carry the class: a scramble of the same patch (its "
        "frequencies, without its shape), a crop from another class, or the same answers read for other classes. "
        "The best control is the one that the effect exceeds least surely.",
    ),
    (
        "Holds",
        "The whole 95 % interval of the effect lies above zero, and so does that of its difference from the best "
        "control, photograph by photograph; where the patch was selected, also that of the difference between a "
        "random region and its best control. At least 6 photographs are needed.",
    ),
)

DECEPTION: Entries = (
    (
        "Deception",
        "A picture within a stated bound of the photograph that is answered wrong on purpose: neither with the "
        "clean answer nor with the true class or, where there is a target, with that. It counts only where the "
        "PNG, written and read again, is shown alone and answered so.",
    ),
    (
        "Fooling ratio",
        "The share of all attacked photographs that are deceived, whether they were answered right or wrong "
        "before.",
    ),
    (
        "Success rate",
        "The share deceived among the photographs that were answered right before. Without a label the clean "
        "answer counts as right.",
    ),
    (
        "Robust error",
        "The share of photographs that are answered wrong in the end: those wrong before, and those right before "
        "that are deceived.",
    ),
    (
        "Area",
        "The bound of a patch: the pixels of the frame on which anything is put, overlaps counted once, as a "
        "share of all its pixels.",
    ),
    (
        "L∞",
        "The bound of a veil, which lies over the whole photograph: the most by which any value of any pixel may "
        "change. 10/255 means 10 of the 255 grey levels.",
    ),
    (
        "Control of a deception",
        "Something within the same bound that was not found by looking for weaknesses: the found pixels "
        "covered with grey or put in random order (is it covering that does it?), and noise or grey on as many "
        "pixels, drawn as often as there were queries (is it chance?). The best control is the one that deceives "
        "most.",
    ),
    (
        "Margin over the best control",
        "The deception’s fooling ratio minus the best control’s on the same photographs, in points: of 100 "
        "photographs, so many more. Its p is McNemar’s exact test on those that only one of the two deceives.",
    ),
    (
        "Queries of a photograph",
        "Every showing of search, pruning and confirmation counts; the clean answer is one more and told apart. "
        "In the median a photograph that was not deceived counts as more than the budget, in the mean as the "
        "whole budget. Both are over the photographs that were right before.",
    ),
    (
        "Dictionary",
        "Patches that were found potent before, on other photographs, in the order in which they are tried first.",
    ),
)

SHARED: Entries = (
    (
        "Interval",
        "95 %, by bootstrap over whole photographs (BCa) for medians and means, Wilson’s for numbers of "
        "photographs. Where all photographs gave the same figure, a bootstrap says nothing and “all equal” stands "
        "instead. n counts photographs; one photograph gives one number, however often it was shown.",
    ),
    (
        "Query",
        "One picture whose answer was accepted. A transmission is one picture sent, retries and probes included.",
    ),
)


def definitions(*, properties: bool, deception: bool, scale: str = DECADES) -> Entries:
    """The words of a page about properties, about deceptions, or both, for effects on one of the two scales."""
    if scale == OPACITY and not properties:  # a deception by labels has neither decades nor thresholds
        return BASICS[1:] + (DECEPTION if deception else ()) + SHARED
    if scale == OPACITY:
        named = tuple((name, OPACITY_WORDS.get(name, words)) for name, words in PROPERTIES)
        told = tuple(entry for entry in named if entry[0] != "Class-specific part")
        return (
            OPACITY_BASICS
            + BASICS[1:]
            + (told if properties else ())
            + (DECEPTION if deception else ())
            + SHARED
        )
    return BASICS + (PROPERTIES if properties else ()) + (DECEPTION if deception else ()) + SHARED
