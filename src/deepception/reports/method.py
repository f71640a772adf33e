"""The method box: everything that was set, printed from the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..properties.fading import HALVINGS, SCAN
from ..properties.scale import OPACITY
from .claims import CLAIMS
from .stored import StoredRun
from .wording import whole

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
    "margin": "margin around zero",
    "q": "false discovery rate",
    "doses": "numbers of copies",
    "draws": "random arrangements",
    "enlarged": "one enlarged patch of equal area",
    "jitter contrast": "jitter of the patch’s contrast, ±",
    "jitter brightness": "jitter of the patch’s brightness, ± grey levels",
    "patch": "patch, as a share of the shorter side",
    "canvas": "canvas",
    "photographs": "photographs needed",
    "area": "area, share of the frame",
    "linf": "L∞ bound",
    "target": "target",
    "queries": "queries for a photograph, at most",
    "prune": "what is not needed is taken away",
    "universal": "one pattern for all photographs",
    "learn_queries": "queries for learning",
    "applied": "file that was applied, SHA-256",
}

_OF_EXPERIMENT = {
    "local": {"crops": "photographs for the same regions"},
    "spatial": {"crops": "matched crops of other classes"},
    "activation": {"crops": "matched crops of other classes"},
    "cumulative": {"crops": "different crops of the photograph"},
    "deception": {"crops": "photographs whose pixels fill the found mask", "controls": "controls"},
}


def parameters(run: StoredRun, name: str) -> list[tuple[str, str]]:
    """The resolved parameters of an experiment, in words."""
    chosen = run.results["settings"]["parameters"].get(name, {})
    names = {**_NAMES, **_OF_EXPERIMENT.get(name, {})}
    if run.scale == OPACITY and name in CLAIMS:  # a label tells of no other class
        chosen = {key: value for key, value in chosen.items() if key != "others"}
    said = [(names.get(key, key.replace("_", " ")), value) for key, value in _flat(chosen)]
    if run.scale == OPACITY and name in CLAIMS:
        said.append(("opacities of each scan, halvings after it", f"{SCAN}, {HALVINGS}"))
    return said


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


def _preprocessing(known: Any) -> str | None:
    """Mean, deviation and scale of the pixels that the observer was given; ``None`` where it tells nothing."""
    if not isinstance(known, dict) or "mean" not in known:
        return None
    mean, std = (", ".join(f"{number:g}" for number in known[name]) for name in ("mean", "std"))
    return f"(x − [{mean}]) / [{std}] of pixels {known['pixel_range']}, {known['colour_order']}"


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
        ("Protocol", identity.get("protocol")),
        ("Stated version", identity.get("version")),
        ("Answers used", identity.get("knowledge")),
        ("Preprocessing", _preprocessing(identity.get("preprocessing"))),
        ("Frame", f"{frame} pixels"),
        (
            "Photographs",
            "shown untouched" if settings["as_is"] else "resized and cropped as the observer asks",
        ),
        ("Setting", run.setting),
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
