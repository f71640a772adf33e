"""From finished units to the results of a fooling image: made from the run folder alone."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ...deceive.fooling import FoolingImage
from ...stimuli import save_stimulus
from ...stimuli.patches import UInt8
from ..accounting.book import Book
from ..accounting.ledger import Ledger
from ..files import write_atomically
from ..keeping.store import RunStore
from ..outputs import put
from ..planning.measuring import result_of
from ..settings import RunSettings
from .plan import CONTROL, KIND, SEARCH, FoolingPlan, fooling_plan

SCHEMA = 2
"""Version of the layout of ``results.json``."""

_log = logging.getLogger(__name__)

PICTURES = {SEARCH: "fooling.png", CONTROL: "control.png"}
"""Files of a run folder: what was shown, pixel by pixel."""


def is_fooling(settings: RunSettings) -> bool:
    """Whether a run folder is about a fooling image."""
    return KIND in settings.settings


def found_in(settings: RunSettings, store: RunStore) -> dict[str, FoolingImage]:
    """The images that are finished: SEARCH, CONTROL, or neither yet."""
    plan = fooling_plan(settings)
    return {
        unit.experiment: cast(FoolingImage, result_of(FoolingImage, store.load(unit.hash)))
        for unit in _searches(plan, store)
        if store.has(unit.hash)
    }


def assemble_fooling(
    settings: RunSettings, store: RunStore, ledger: Ledger | Book, broken: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything that the report says, plain JSON."""
    plan, found = fooling_plan(settings), found_in(settings, store)
    totals = ledger.totals()
    labels: list[str] = settings.settings["labels"]
    target = int(plan.search["target"])
    search, control = found.get(SEARCH), found.get(CONTROL)
    units = [plan.photograph_unit(p).hash for p in plan.shown]
    clean = sum(store.load(h).queries for h in units if store.has(h))
    searched = 0 if search is None else search.queries
    scrambled = 0 if control is None else control.queries
    learning = sum(image.learning for image in (search, control) if image is not None)
    return {
        "schema": SCHEMA,
        "version": settings.version,
        "observer": settings.observers[0].model_dump(),
        "settings": settings.settings,
        "seed": settings.seed,
        "batch_size": settings.batch_size,
        "target": {"index": target, "name": labels[target]},
        "fooling": None if search is None else _told(search, labels),
        "control": None if control is None else _told(control, labels),
        "beyond_control": beyond_control(search, control),
        "bank": _bank(plan, store),
        "queries": {
            "clean": clean,
            "search": searched,
            "control": scrambled,
            "learning": learning,
            "total": clean + searched + scrambled + learning,
        },
        "warnings": list(settings.observers[0].assumed),
        "failures": [
            *(
                {"photograph": name, "experiment": "photograph", "error": why}
                for name, why in (broken or {}).items()
            ),
            *(
                {"photograph": f.photograph, "experiment": f.experiment, "error": f.error}
                for f in ledger.failures()
            ),
        ],
        "units": _units(plan, store),
        "cost": totals.as_cost(),
    }


def read_fooling(folder: Path, settings: RunSettings, store: RunStore) -> dict[str, Any]:
    """What ``results.json`` says, or where that is missing, damaged or not about all units, what they say now."""
    try:
        stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        if stored["schema"] == SCHEMA and stored["units"] == _units(fooling_plan(settings), store):
            return dict(stored)
        broken = {f["photograph"]: f["error"] for f in stored["failures"] if f["experiment"] == "photograph"}
    except FileNotFoundError:
        broken = {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("results.json cannot be read (%s): its figures are made again from the chunks.", error)
        broken = {}
    with Ledger.read(folder) as ledger:
        return assemble_fooling(settings, store, ledger, broken)


def beyond_control(search: FoolingImage | None, control: FoolingImage | None) -> bool | None:
    """Whether the target was reached and the scrambled patches did not reach it; ``None`` where that is open."""
    if search is None or control is None or not search.reached:
        return None
    return not control.reached


def write_fooling(folder: Path, settings: RunSettings, store: RunStore, results: Mapping[str, Any]) -> None:
    """Write ``results.json``, a PNG of each image, also of one that is only the best try, and its patches."""
    write_atomically(folder / "results.json", json.dumps(results, indent=1, allow_nan=False).encode("utf-8"))
    for name, image in found_in(settings, store).items():
        file = io.BytesIO()
        save_stimulus(file, image.stimulus)
        put(folder / PICTURES[name], file.getvalue())
        if not image.scrambled:
            for number, pixels in enumerate(image.pieces):
                put(folder / _piece(number), _plain_png(pixels))


def _piece(number: int) -> str:
    """The file of a patch, by its number in the image."""
    return f"patches/{number + 1:03d}.png"


def _plain_png(pixels: UInt8) -> bytes:
    """A PNG without the mark of a stimulus: a patch has no frame, and may be given as a photograph."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def _units(plan: FoolingPlan, store: RunStore) -> dict[str, int]:
    photographs = sum(store.has(plan.photograph_unit(p).hash) for p in plan.shown)
    searches = [store.has(unit.hash) for unit in _searches(plan, store)]
    return {"planned": len(plan.shown) + len(searches), "finished": photographs + sum(searches)}


def _searches(plan: FoolingPlan, store: RunStore) -> list[Any]:
    units = [plan.photograph_unit(p).hash for p in plan.shown]
    return plan.search_units([h for h in units if store.has(h)])


def _told(image: FoolingImage, labels: list[str]) -> dict[str, Any]:
    """One image: what was found, what was answered, and what it is made of."""
    name = PICTURES[CONTROL if image.scrambled else SEARCH]
    patches = [
        {
            **patch,
            "name": labels[patch["class"]] if patch["class"] >= 0 else None,
            "file": None if image.scrambled else _piece(number),
        }
        for number, patch in enumerate(image.patches)
    ]
    return {
        **{key: getattr(image, key) for key in ("reached", "p", "rate", "top1")},
        "top1_name": labels[image.top1],
        "first_top1": image.first_top1,
        "first": image.first,
        "queries": image.queries,
        "learning": image.learning,
        "budget": image.budget,
        "source": image.source,
        "copies": image.copies,
        "patches": sorted(patches, key=lambda patch: -patch["copies"]),
        "file": name,
    }


def _bank(plan: FoolingPlan, store: RunStore) -> dict[str, Any]:
    """Which photographs patches were cut from, and which show the target or a near-synonym."""
    labels = plan.chosen["labels"]
    out = [p.name for p in plan.photographs if p.label in plan.left_out]
    used = 0
    for photograph in plan.shown:
        unit_hash = plan.photograph_unit(photograph).hash
        if not store.has(unit_hash):
            continue
        if int(store.load(unit_hash).record["label"]) in plan.left_out:
            out.append(photograph.name)
        else:
            used += 1
    searched = [unit.hash for unit in _searches(plan, store) if store.has(unit.hash)]
    return {
        "photographs": len(plan.photographs),
        "used": used,
        "patches": int(store.load(searched[0]).record["bank"]) if searched else None,
        "left_out": out,
        "classes_left_out": [{"index": c, "name": labels[c]} for c in sorted(plan.left_out)],
    }
