"""The method box: definitions in brief, and everything that was set, printed from the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from .stored import StoredRun
from .wording import whole

DEFINITIONS: tuple[tuple[str, str], ...] = (
    (
        "Decade of odds",
        "The unit of every effect. The odds of a class are its probability over that of all other classes "
        "together; one decade more is ten times the odds, 0.3 decades are twice the odds.",
    ),
    (
        "Class",
        "The label of a photograph where it is known, else the observer’s first answer to the clean photograph.",
    ),
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
        "Control",
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

_NAMES = {
    "regions": "kind of regions",
    "count": "regions along a side",
    "canvases": "canvases",
    "repeats": "jittered repeats",
    "scrambles": "scrambles",
    "crops": "crops of other classes",
    "shared_crops": "crops shared by all photographs",
    "others": "other classes read from the same answers",
    "random_region": "a random region beside the patch",
    "places": "places along a side",
    "phases": "phases at each place",
    "control_patches": "control patches, shared by all photographs",
    "margin": "margin around zero, decades",
    "q": "false discovery rate",
    "doses": "numbers of copies",
    "draws": "random arrangements",
    "enlarged": "one enlarged patch of equal area",
    "jitter contrast": "jitter of the patch’s contrast, ±",
    "jitter brightness": "jitter of the patch’s brightness, ± grey levels",
    "patch": "patch, as a share of the shorter side",
    "canvas": "canvas",
    "photographs": "photographs needed",
}

_OF_EXPERIMENT = {
    "local": {"crops": "photographs for the same regions"},
    "spatial": {"crops": "matched crops of other classes"},
    "activation": {"crops": "matched crops of other classes"},
    "cumulative": {"crops": "different crops of the photograph"},
}


def parameters(run: StoredRun, name: str) -> list[tuple[str, str]]:
    """The resolved parameters of an experiment, in words."""
    chosen = run.results["settings"]["parameters"].get(name, {})
    names = {**_NAMES, **_OF_EXPERIMENT.get(name, {})}
    return [(names.get(key, key.replace("_", " ")), said) for key, said in _flat(chosen)]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key} ")
        else:
            yield f"{before}{key}", _said(value)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_said(v) for v in value) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return whole(value)
    return "none" if value is None else str(value)


def provenance(run: StoredRun) -> list[tuple[str, str]]:
    """Who answered, what was set, and with which version: what makes the figures reproducible."""
    results = run.results
    observer, settings = results["observer"], results["settings"]
    identity = observer["identity"]
    frame = " × ".join(str(side) for side in settings["frame"])
    facts = [
        ("Observer", observer["name"]),
        ("Opened as", observer["spec"]),
        ("Fingerprint", observer["fingerprint"]),
        ("Adapter", identity.get("adapter")),
        ("Engine", identity.get("engine")),
        ("Precision", identity.get("precision")),
        ("Device", identity.get("device")),
        ("Frame", f"{frame} pixels"),
        (
            "Photographs",
            "shown untouched" if settings["as_is"] else "resized and cropped as the observer asks",
        ),
        ("Setting", settings["setting"]),
        ("Seed", str(results["seed"])),
        ("Batch size", _said(results["batch_size"])),
        ("Version", f"deepception {results['version']}"),
    ]
    return [(name, _said(value)) for name, value in facts if value is not None]


def commands(run: StoredRun) -> list[tuple[str, str]]:
    """What resumes the run and what makes this page again."""
    made = run.finished.settings.command
    told = [("Continue, or measure more photographs", shlex.join(made))] if made else []
    again = shlex.join(["deepception", "report", run.name])
    return [*told, ("Make this page again from the stored results", again)]
