"""What a person asks of an audit, and the settings of the run that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError, PhotographError, RunFolderError
from ..observers import AnswerLevel, Observer, fingerprint
from ..observers.fingerprint import file_sha256
from ..observers.protocol import resolution_of
from ..observers.settings import assumed
from ..properties import PeriodParameters, with_needs
from ..properties.catalogue import POOL
from ..properties.experiment import SETTINGS
from ..properties.result import jsonable
from ..properties.subject import not_among
from ..sessions import AnswerCache, CacheChoice
from ..stimuli.regions import require_superpixels
from .inputs import PhotographRef, class_of
from .pool import Usable, choose_controls, uses_pool
from .settings import FileEntry, ObserverEntry, PhotographEntry, RunSettings, load_settings
from .splitting import GIVEN, split

PERIOD_PHOTOGRAPHS = {"quick": 0, "standard": 12, "full": 12}

LEAST_SIDE = 14
"""Pixels of the smallest frame: a patch of a seventh of its side then has four."""


@dataclass(frozen=True)
class AuditRequest:
    """What a person asks for.

    Attributes:
        observer: Who is audited; ``spec`` is how it was named.
        photographs: Where the photographs are and what is known of their classes.
        setting: quick, standard or full.
        properties: Names of the properties; what they need is measured too.
        seed: Seed of everything random.
        budget: Most images that the run may send in all, or ``None``.
        batch_size: Images at once; found by a probe where ``None``.
        regions: Kind of regions: grid, windows or superpixels.
        as_is: Photographs are shown untouched and must have the frame's size.
        max_pixels: Largest photograph that is decoded in full.
        command: The command line, kept in the run.
        parameters: Parameters of properties, by name, instead of those of the setting.
        learn_on: What to learn on, where something is learned; ``None``: a half of ``photographs``.
        files: Files that parameters name by the SHA-256 of their bytes.
        leave_out: What the SHA-256 of photographs begins with that are not to be measured, all of one length.
        cache: Where answers are kept: a cache, or what is said of it; in the user's cache folder if an endpoint is
            asked, else nowhere.
    """

    observer: Observer
    spec: str
    photographs: Sequence[PhotographRef]
    setting: str = "standard"
    properties: tuple[str, ...] = ("local", "spatial", "activation", "cumulative")
    seed: int = 0
    budget: int | None = None
    batch_size: int | None = None
    regions: str = "grid"
    as_is: bool = False
    max_pixels: int = 100_000_000
    command: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    learn_on: Sequence[PhotographRef] | None = None
    files: Sequence[Path] = ()
    leave_out: frozenset[str] = frozenset()
    cache: AnswerCache | CacheChoice = field(default_factory=CacheChoice)


def resolve(request: AuditRequest, folder: Path | None = None) -> tuple[RunSettings, dict[str, str]]:
    """The settings of the run, and the photographs that cannot even be read, with why.

    Joining a run takes its control photographs from ``run.json``, so that more photographs change nothing.
    """
    if request.setting not in SETTINGS:
        raise InputError(f"there is no setting {request.setting!r}: choose among {', '.join(SETTINGS)}.")
    check_frame(request.observer.frame.shape)
    if request.regions == "superpixels":
        require_superpixels()
    entries, broken = read_entries(request.photographs, request.observer.labels)
    kept = not_among(
        [entry.sha256 for entry in entries], request.leave_out, "the pattern or dictionary shown first"
    )
    entries = [entries[i] for i in kept]
    usable = Usable(request.observer.frame, as_is=request.as_is, max_pixels=request.max_pixels)
    if not any(usable(entry.path) for entry in entries):
        raise PhotographError(next(iter([*broken.values(), *usable.reasons.values()])))
    wanted = with_needs(request.properties)
    labels_only = request.observer.level is AnswerLevel.LABEL
    parameters: dict[str, Any] = {
        e.name: request.parameters.get(e.name, e.for_setting(request.setting, labels_only=labels_only))
        for e in wanted
    }
    if "local" in parameters:
        parameters["local"] = replace(parameters["local"], regions=request.regions)
    parameters["period"] = PeriodParameters(photographs=PERIOD_PHOTOGRAPHS[request.setting])
    observer = request.observer
    there = load_settings(folder) if folder and (folder / "run.json").exists() else None
    if there is not None:
        refuse_other_observer(folder, there, observer)
    parted = None
    learning = [(e.learning, parameters[e.name]) for e in wanted if e.learning is not None]
    if any(taught.stages(given) for taught, given in learning):
        parted = split(entries, _learn_on(request, broken), request.seed, there)
        halved = None if parted.rule == GIVEN else len({entry.sha256 for entry in entries})
        entries = list(parted.measured)
        for taught, given in learning:
            if taught.stages(given):
                taught.require(given, len(parted.learning), halved)
    if there is not None and {"pool", "period_photographs"} <= there.settings.keys():
        pool, period = there.settings["pool"], there.settings["period_photographs"]
    else:
        size = POOL if any(uses_pool(e, parameters[e.name], observer) for e in wanted) else 0
        pool, period = choose_controls(entries, request.seed, size, parameters["period"].photographs, usable)
    settings = {
        "setting": request.setting,
        "properties": [e.name for e in wanted],
        "parameters": jsonable(parameters),
        "frame": list(observer.frame.shape),
        "labels": list(observer.labels),
        "pool": pool,
        "period_photographs": period,
        "as_is": request.as_is,
        "max_pixels": request.max_pixels,
        **({} if parted is None else {"learning": parted.settings()}),
        # Decides what is measured and what it costs; runs whose answers have scores do not state it.
        **({"answers": "label"} if labels_only else {}),
    }
    made = RunSettings(
        version=__version__,
        settings=settings,
        seed=request.seed,
        batch_size=request.batch_size,
        observers=(entry_of(observer, request.spec),),
        photographs=tuple(entries),
        learning=() if parted is None else parted.learning,
        files=tuple(FileEntry(path=str(p.absolute()), sha256=_sha256(p)) for p in request.files),
        command=request.command,
    )
    return made, broken


def _learn_on(request: AuditRequest, broken: dict[str, str]) -> list[PhotographEntry] | None:
    """The photographs to learn on that were named; what cannot be read joins ``broken``."""
    if request.learn_on is None:
        return None
    # Another folder may hold the same names.
    named = [replace(ref, name=f"learn-on/{ref.name}") for ref in request.learn_on]
    entries, unreadable = read_entries(named, request.observer.labels)
    broken.update(unreadable)
    return entries


def read_entries(
    photographs: Sequence[PhotographRef], labels: Sequence[str]
) -> tuple[list[PhotographEntry], dict[str, str]]:
    """The photographs with SHA-256 and class among ``labels``, and why the others cannot be read, by name."""
    entries: list[PhotographEntry] = []
    broken: dict[str, str] = {}
    for ref in photographs:
        label = class_of(ref, labels)
        path = str(ref.path)
        readable = path.encode("utf-8", "replace").decode("utf-8")
        if path != readable:  # no text file could hold it
            broken[ref.name] = f"{readable} has a name that is not UTF-8: rename it."
            continue
        try:
            digest = file_sha256(ref.path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            broken[ref.name] = f"{path} cannot be read ({reason}): check the path of the photograph."
            continue
        entries.append(PhotographEntry(name=ref.name, path=path, sha256=digest, label=label))
    return entries, broken


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path} cannot be read ({reason}): check the path.") from error


def check_frame(shape: tuple[int, int]) -> None:
    """Raise InputError where a frame, (height, width), is too small to be divided into regions."""
    if min(shape) < LEAST_SIDE:
        raise InputError(
            f"the observer's frame of {shape[0]}x{shape[1]} pixels is too small for a grid of regions and a "
            f"patch: it needs {LEAST_SIDE} pixels a side or more."
        )


def entry_of(observer: Observer, spec: str) -> ObserverEntry:
    """What a run keeps about its observer, which was opened as ``spec``."""
    return ObserverEntry(
        name=observer.name,
        spec=spec,
        fingerprint=fingerprint(observer),
        identity=observer.identity,
        assumed=assumed(observer),
        level=observer.level.value,
        resolution=resolution_of(observer),
    )


def refuse_other_observer(folder: Path | None, there: RunSettings, observer: Observer) -> None:
    """Raise RunFolderError where a run is about another observer: its page has no room for another's figures."""
    known = there.observers[0]
    if known.fingerprint == fingerprint(observer):
        return
    if "process" in observer.identity:
        advice = (
            "a Python function without a version is another observer in each process: give it one "
            "(--observer-version, or version= in Python) and name another folder"
        )
    else:
        advice = "name another folder"
    raise RunFolderError(
        f"'{folder}' is a run of another observer ({known.name}, fingerprint {known.fingerprint[:12]}; now "
        f"it is {observer.name}, {fingerprint(observer)[:12]}): {advice}."
    )
