"""The page of a fooling image: the image beside its control, what was answered, and what may be concluded."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..observers import AnswerLevel
from ..studies import RunStore
from ..studies.fooling.plan import CONTROL, SEARCH
from ..studies.fooling.results import found_in, read_fooling
from ..studies.settings import RunSettings
from .costs import cost_facts
from .drawing import data_uri
from .templating import environment
from .wording import UNKNOWN, counted, decimal, joined, percent, printable, whole

TITLES = {
    "fooling": "The image",
    "control": "Control: the same search within as many queries, every patch of the bank scrambled",
}
# As ``stimuli.grating`` and ``stimuli.uniform_patch`` call what they make.
_GRATING = re.compile(r"grating period=(\S+) orientation=([^\s,]+)")
_UNIFORM = re.compile(r"uniform \(([\d, ]+)\)")
_SHOWN = 30


@dataclass(frozen=True)
class FoolingVerdict:
    """What a person is told first.

    Attributes:
        state: ``"deceived"``, ``"fails"`` or ``"open"``, as of deceptions.
        mark: A mark beside the word.
        word: The verdict in a few words.
        sentence: What came out, and what may be concluded from it.
    """

    state: str
    mark: str
    word: str
    sentence: str


def verdict(results: Mapping[str, Any]) -> FoolingVerdict:
    """The verdict on one image and its control. One target, one seed: it never says more than that."""
    made, control, search = results["fooling"], results["control"], results["settings"]["fooling"]
    name = results["target"]["name"]
    if made is None:
        return FoolingVerdict(
            "open", "?", "Not searched yet", "The search is not finished: nothing can be said."
        )
    within = counted(search["queries"], "query", "queries")
    if not made["reached"]:
        least = "steadily" if _labels_only(results) else f"at {search['threshold']:g} or above"
        best = f"the best try: {_how_well(made)}, answered {made['top1_name']}"
        said = f"No image was found that is recognised as {name} {least} within {within} ({best})"
        beside = ""
        if control:
            beside = ", nor by the same search in a bank with every patch scrambled"
            if control["reached"]:
                beside = (
                    ", but by the same search in a bank with every patch scrambled one was: what the patches show "
                    "did not help"
                )
        return FoolingVerdict("fails", "✕", "Not reached", f"{said}{beside}.")
    said = f"{_image(made)} is recognised as {name} ({_how_well(made)}), found with {_asked(made['first'])}"
    if control is None:
        left = "without the control it is open whether what the patches show matters"
        return FoolingVerdict("open", "?", "Reached, no control", f"{said}; {left}.")
    if control["reached"]:
        beside = (
            f"the same search in a bank with every patch scrambled reaches it as well ({_how_well(control)}, "
            f"{_asked(control['first'])}): that what the patches show matters is not shown"
        )
        return FoolingVerdict("open", "?", "Reached, and so did the control", f"{said}; {beside}.")
    beside = (
        f"the same search in a bank with every patch scrambled did not reach it within {within} "
        f"({_how_well(control)}, answered {control['top1_name']}): here colours and textures alone did less. One "
        "target is one case, no rate"
    )
    return FoolingVerdict("deceived", "!", "Reached beyond its control", f"{said}; {beside}.")


def line(role: str, results: Mapping[str, Any]) -> str:
    """The image (``"fooling"``) or its control in one line."""
    image, wanted = results[role], role == "fooling" or results["settings"]["fooling"]["control"]
    about = "  control, the same search with every patch scrambled"
    if role == "fooling":
        about = f"fooling image, {results['target']['name']}"
    if image is None:
        return f"{about}: {'not searched yet' if wanted else 'not asked for'}"
    state = f"reached after {_asked(image['first'])}" if image["reached"] else "not reached"
    first = UNKNOWN if image["first_top1"] is None else f"at query {image['first_top1']:,}"
    return (
        f"{about}: {state}; {_how_well(image)}, answered {image['top1_name']}; "
        f"first answered as the target: {first}; {counted(image['queries'], 'query', 'queries')}"
        f"{_learned(image)}"
    )


def _learned(image: Mapping[str, Any]) -> str:
    """What was learned before it, and serves any target with the same bank."""
    return f", and {whole(image['learning'])} of learning before" if image["learning"] else ""


def render_fooling(folder: Path, settings: RunSettings) -> str:
    """The page of a run folder that is about a fooling image, made from its stored units alone."""
    store = RunStore(folder)
    results = read_fooling(folder, settings, store)
    found = found_in(settings, store)
    images = {
        role: data_uri(found[name].stimulus, flat=True)
        for role, name in (("fooling", SEARCH), ("control", CONTROL))
        if name in found
    }
    frame = " × ".join(str(side) for side in settings.settings["frame"])
    page = (
        environment()
        .get_template("fooling.html")
        .render(
            results=results,
            observer=results["observer"]["name"],
            target=results["target"],
            verdict=verdict(results),
            images=images,
            titles=TITLES,
            captions={role: _caption(results[role]) for role in images},
            figures=_figures(results),
            facts=_facts(results),
            warnings=results["warnings"],
            unfinished=_unfinished(results),
            patches=_patches(results),
            more=max(0, len((results["fooling"] or {"patches": ()})["patches"]) - _SHOWN),
            bank=_bank(results),
            set=_set(results, frame),
            provenance=_provenance(results),
            commands=_commands(settings, folder),
            failures=results["failures"],
        )
    )
    return printable(page)


def _image(image: Mapping[str, Any]) -> str:
    patches = counted(len(image["patches"]), "patch", "patches")
    return f"A canvas of {counted(image['copies'], 'copy', 'copies')} of {patches}"


def _how_well(image: Mapping[str, Any]) -> str:
    """With which probability, or in which share of the showings, the target was answered."""
    if image["p"] is not None:
        p = float(image["p"])
        return f"p = {decimal(p, 3)}" if p >= 0.01 else f"p = {p:.1g}"
    if image["rate"] is not None:
        return f"in {percent(image['rate'])} of 20 jittered showings"
    return "probability not known"


def _labels_only(results: Mapping[str, Any]) -> bool:
    return bool(results["settings"]["fooling"]["level"] == AnswerLevel.LABEL.value)


def _asked(query: int | None) -> str:
    return UNKNOWN if query is None else counted(query, "query", "queries")


def _caption(image: Mapping[str, Any]) -> str:
    state = "Reached" if image["reached"] else "Not reached; the best try"
    return f"{state}: answered {image['top1_name']}, target {_how_well(image)}"


def _figures(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of (what, image, control)."""
    threshold = results["settings"]["fooling"]["threshold"]

    def of(image: Mapping[str, Any] | None) -> list[str]:
        if image is None:
            return [UNKNOWN] * 8
        return [
            "yes" if image["reached"] else "no",
            _how_well(image),
            str(image["top1_name"]),
            UNKNOWN if image["first_top1"] is None else whole(image["first_top1"]),
            UNKNOWN if image["first"] is None else whole(image["first"]),
            f"{whole(image['queries'])} of {whole(image['budget'])}",
            whole(image["learning"]) if image["learning"] else "none",
            f"{whole(image['copies'])}, of {counted(len(image['patches']), 'patch', 'patches')}",
        ]

    names = [
        "Reached: the PNG, read again and shown alone",
        "The target is answered",
        "Top-1",
        "Queries to the first answer that is the target",
        "Queries to a steady answer"
        if _labels_only(results)
        else f"Queries to the target at {threshold:g} or above",
        "Queries, confirmation included",
        "Queries of learning before, what the patches answer alone: they serve any target",
        "Placements",
    ]
    return list(zip(names, of(results["fooling"]), of(results["control"]), strict=True))


def _facts(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    spent, cost = results["queries"], results["cost"]
    index = results["target"]["index"]
    return [
        ("Target", str(results["target"]["name"]), f"class {index}"),
        ("Photographs in the bank", whole(results["bank"]["used"]), ""),
        *cost_facts(cost, "" if cost.get("cached") else f"{whole(spent['clean'])} of them clean answers"),
        ("Seed", str(results["seed"]), ""),
    ]


def _unfinished(results: Mapping[str, Any]) -> str:
    if results["fooling"] is not None and (
        results["control"] is not None or not results["settings"]["fooling"]["control"]
    ):
        return ""
    return "This run is not complete: the same command continues it."


def _patches(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The patches of the image: where from, which class, how many copies."""
    made = results["fooling"]
    if made is None:
        return []
    return [
        (_source(str(patch["source"])), patch["name"] or "synthetic", whole(patch["copies"]))
        for patch in made["patches"][:_SHOWN]
    ]


def _source(text: str) -> str:
    """Where a patch is from, in words: what was made by a rule is named by its numbers."""
    text = _GRATING.sub(r"grating, \1 px a period, at \2°", text)
    return _UNIFORM.sub(r"one colour, RGB \1", text)


def _bank(results: Mapping[str, Any]) -> str:
    bank = results["bank"]
    names = [str(entry["name"]) for entry in bank["classes_left_out"]]
    kept_out = f"No patch comes from a photograph of {joined(names)}"
    if len(names) > 1:
        kept_out += " (the target and what may show it as well)"
    out = len(bank["left_out"])
    because = (
        f"; {counted(out, 'photograph')} of these {'was' if out == 1 else 'were'} left out" if out else ""
    )
    patches = "" if bank["patches"] is None else f", {whole(bank['patches'])} patches in all"
    return (
        f"The bank: crops and thumbnails of {counted(bank['used'], 'photograph')}, uniform colours and "
        f"gratings{patches}. {kept_out}{because}."
    )


def _set(results: Mapping[str, Any], frame: str) -> list[tuple[str, str]]:
    search = results["settings"]["fooling"]
    return [
        ("Queries of each search, at most", whole(search["queries"])),
        ("Queries of learning before each, at most", whole(search.get("learn_queries", 0))),
        ("Probability asked for", f"{search['threshold']:g}"),
        ("Control", "yes" if search["control"] else "no"),
        ("Frame", f"{frame} pixels"),
        (
            "Photographs",
            "taken untouched" if results["settings"]["as_is"] else "resized and cropped to the frame",
        ),
    ]


def _provenance(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    observer = results["observer"]
    identity = observer["identity"]
    facts = [
        ("Observer", observer["name"]),
        ("Opened as", observer["spec"]),
        ("Fingerprint", observer["fingerprint"]),
        ("Adapter", identity.get("adapter")),
        ("Engine", identity.get("engine")),
        ("Precision", identity.get("precision")),
        ("Device", identity.get("device")),
        ("Seed", results["seed"]),
        ("Version", f"deepception {results['version']}"),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def _commands(settings: RunSettings, folder: Path) -> list[tuple[str, str]]:
    made = [("Continue, or print it again", shlex.join(settings.command))] if settings.command else []
    again = shlex.join(["deepception", "report", folder.resolve().name])
    return [*made, ("Make this page again from the stored results", again)]
