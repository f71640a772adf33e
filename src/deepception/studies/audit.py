"""The audit: all properties on every photograph, in a run folder that resumes after an interruption."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import DeepceptionError, InputError, PhotographError, RunFolderError
from ..observers import Observer, fingerprint, resolve_label
from ..properties import Experiment, PeriodParameters, Subject, experiments, with_needs
from ..properties.catalogue import POOL
from ..properties.experiment import SETTINGS
from ..properties.result import jsonable
from ..properties.streams import stream
from ..sessions import RichProgress, Session
from ..stimuli import fit_frame, load_photograph
from .assembling import assemble, plan_of, read_finished, write_results
from .engine import ExecutionReport, Progress, execute
from .inputs import PhotographRef
from .joining import fix_batch_size
from .plan import plan_clean, plan_measures
from .run_folder import OpenRun, open_run
from .settings import ObserverEntry, PhotographEntry, RunSettings, load_settings

LEAST_SIDE = 14
"""Pixels of the smallest frame: a patch of a seventh of its side then has four."""

PERIOD_PHOTOGRAPHS = {"quick": 0, "standard": 12, "full": 12}


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


@dataclass(frozen=True)
class Price:
    """What an audit costs, in queries; all are upper bounds unless ``exact``.

    Attributes:
        photographs: Number of photographs.
        each: Queries of one photograph.
        shared: Queries of shared controls and of the period, once for the observer.
        total: All of it.
        exact: Whether the audit costs exactly that.
    """

    photographs: int
    each: int
    shared: int
    total: int
    exact: bool


@dataclass(frozen=True)
class AuditOutcome:
    """How an audit ended: what was assembled, the engine's report, and the exit code of DESIGN §4."""

    results: dict[str, Any]
    execution: ExecutionReport
    exit_code: int


def resolve(request: AuditRequest, folder: Path | None = None) -> tuple[RunSettings, dict[str, str]]:
    """The settings of the run, and the photographs that cannot even be read, with why.

    Joining a run takes its control photographs from ``run.json``, so that more photographs change nothing.
    """
    if request.setting not in SETTINGS:
        raise InputError(f"there is no setting {request.setting!r}: choose among {', '.join(SETTINGS)}.")
    check_frame(request.observer.frame.shape)
    entries, broken = _entries(request)
    usable = _Usable(request)
    if not any(usable(entry.path) for entry in entries):
        raise PhotographError(next(iter([*broken.values(), *usable.reasons.values()])))
    wanted = with_needs(request.properties)
    parameters: dict[str, Any] = {e.name: e.for_setting(request.setting) for e in wanted}
    if "local" in parameters:
        parameters["local"] = replace(parameters["local"], regions=request.regions)
    parameters["period"] = PeriodParameters(photographs=PERIOD_PHOTOGRAPHS[request.setting])
    observer = request.observer
    there = load_settings(folder) if folder and (folder / "run.json").exists() else None
    if there is not None:
        _refuse_other_observer(folder, there, observer)
    if there is not None and {"pool", "period_photographs"} <= there.settings.keys():
        pool, period = there.settings["pool"], there.settings["period_photographs"]
    else:
        size = POOL if any(_uses_pool(e, parameters[e.name], observer) for e in wanted) else 0
        pool, period = _controls(entries, request.seed, size, parameters["period"].photographs, usable)
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
    }
    made = RunSettings(
        version=__version__,
        settings=settings,
        seed=request.seed,
        batch_size=request.batch_size,
        observers=(
            ObserverEntry(
                name=observer.name,
                spec=request.spec,
                fingerprint=fingerprint(observer),
                identity=observer.identity,
            ),
        ),
        photographs=tuple(entries),
        command=request.command,
    )
    return made, broken


def _entries(request: AuditRequest) -> tuple[list[PhotographEntry], dict[str, str]]:
    entries: list[PhotographEntry] = []
    broken: dict[str, str] = {}
    for ref in request.photographs:
        label = None if ref.label is None else resolve_label(ref.label, request.observer.labels)
        path = str(ref.path)
        readable = path.encode("utf-8", "replace").decode("utf-8")
        if path != readable:  # no text file could hold it
            broken[ref.name] = f"{readable} has a name that is not UTF-8: rename it."
            continue
        try:
            with ref.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            broken[ref.name] = f"{path} cannot be read ({reason}): check the path of the photograph."
            continue
        entries.append(PhotographEntry(name=ref.name, path=path, sha256=digest, label=label))
    return entries, broken


def embedded_photographs() -> list[Path]:
    """The photographs that the package carries."""
    folder = Path(str(resources.files("deepception") / "data" / "photos"))
    return sorted(folder.glob("*.jpg"))


def check_frame(shape: tuple[int, int]) -> None:
    """Raise InputError where a frame, (height, width), is too small to be divided into regions."""
    if min(shape) < LEAST_SIDE:
        raise InputError(
            f"the observer's frame of {shape[0]}x{shape[1]} pixels is too small for a grid of regions and a "
            f"patch: it needs {LEAST_SIDE} pixels a side or more."
        )


class _Usable:
    """Whether a photograph can be shown at all; each is opened once."""

    def __init__(self, request: AuditRequest) -> None:
        self._request = request
        self._known: dict[str, bool] = {}
        self.reasons: dict[str, str] = {}

    def __call__(self, path: str) -> bool:
        if path not in self._known:
            request = self._request
            try:
                loaded = load_photograph(path, max_pixels=request.max_pixels)
                fit_frame(loaded, request.observer.frame, as_is=request.as_is)
            except PhotographError as error:  # it is reported when its own unit fails
                self.reasons[path] = str(error)
            self._known[path] = path not in self.reasons
        return self._known[path]


def _refuse_other_observer(folder: Path | None, there: RunSettings, observer: Observer) -> None:
    """An audit is about one observer: its page has no room for another's figures."""
    known = there.observers[0]
    if known.fingerprint == fingerprint(observer):
        return
    if "process" in observer.identity:
        advice = "a Python function without a version is another observer in each process: give it one"
    else:
        advice = "name another folder"
    raise RunFolderError(
        f"'{folder}' is the audit of another observer ({known.name}, fingerprint {known.fingerprint[:12]}; now "
        f"it is {observer.name}, {fingerprint(observer)[:12]}): {advice}."
    )


def _uses_pool(experiment: Experiment, parameters: Any, observer: Observer) -> bool:
    """Whether an experiment shows control photographs with these parameters."""
    nothing = np.zeros((0, 0, 3), dtype=np.uint8)
    pool = [Subject(nothing, -1 - i, "", str(i)) for i in range(POOL)]
    tasks = experiment.controls(parameters, pool, observer.frame.shape)
    return bool(tasks or getattr(parameters, "crops", 0) or experiment.needs_background(parameters))


def _controls(
    entries: Sequence[PhotographEntry], seed: int, size: int, period: int, usable: Callable[[str], bool]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The control pool and the photographs of the period: the first that can be shown, in a seeded order."""
    order = stream(seed, "control photographs").permutation(len(entries))
    pool: list[dict[str, Any]] = []
    rows: list[str] = []
    classes: set[int] = set()
    for index in order:
        entry = entries[int(index)]
        distinct = entry.label is None or entry.label not in classes
        if entry.sha256 in rows or ((len(pool) >= size or not distinct) and len(rows) >= period):
            continue
        if not usable(entry.path):
            continue
        if len(rows) < period:
            rows.append(entry.sha256)
        if len(pool) < size and distinct:
            pool.append(_pooled(entry.name, entry.path, entry.sha256, entry.label))
            classes.update([] if entry.label is None else [entry.label])
    known = {p["sha256"] for p in pool} | {e.sha256 for e in entries}
    for path in embedded_photographs():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if len(pool) < size and digest not in known and usable(str(path)):
            pool.append(_pooled(f"embedded/{path.name}", str(path), digest, None))
    return pool, rows


def _pooled(name: str, path: str, sha256: str, label: int | None) -> dict[str, Any]:
    return {"name": name, "path": path, "sha256": sha256, "label": label}


def price_of(settings: RunSettings) -> Price:
    """What a run costs, before anything is asked."""
    plan = plan_of(settings)
    # Which class each photograph has decides nothing about the price but whether there is a background.
    tops = {p.sha256: -1 - i for i, p in enumerate(plan.everyone)}
    made = plan_measures(plan, tops, None)
    per_photograph = [sum(made.price[h] for h in units.values()) + 1 for units in made.of_photograph.values()]
    total = sum(made.price.values()) + len(plan.everyone)
    exact = all(e.exact_price(plan.parameters[e.name]) for e in plan.experiments)
    each = max(per_photograph, default=0)
    return Price(len(plan.photographs), each, total - sum(per_photograph), total, exact)


def run_audit(
    request: AuditRequest,
    folder: Path,
    *,
    progress: RichProgress | None = None,
    on_price: Callable[[Price], None] | None = None,
    session: Session | None = None,
    cancel: threading.Event | None = None,
) -> AuditOutcome:
    """Measure what is not measured yet, and write ``results.json`` and ``rows.csv``.

    Setting ``cancel`` ends the measuring after the batch in flight, as Ctrl-C does; what was measured is kept.

    Raises RunFolderError and InputError before anything is asked; whatever stops it later is in the outcome.
    """
    settings, broken = resolve(request, folder)
    with open_run(folder, settings) as run:
        if on_price is not None:
            on_price(price_of(run.settings))
        spent = run.ledger.totals().transmissions
        budget = None if request.budget is None else max(0, request.budget - spent)
        asking = session or Session(
            request.observer,
            budget=budget,
            batch_size=run.settings.batch_size,
            progress=progress,
            cancel=cancel,
        )
        try:
            execution = _measure(run, asking, progress, cancel)
        finally:
            asking.close()
        # What joined later may not be what this process asked for: the folder's own settings tell.
        finished = read_finished(load_settings(folder), run.store)
        results = assemble(finished, run.ledger.failures(), broken)
        totals = run.ledger.totals()
        results["cost"] = {
            "queries": totals.queries,
            "transmissions": totals.transmissions,
            "seconds": totals.seconds,
        }
        write_results(folder, results)
    code = execution.exit_code
    if code == 3 and not any(summary["rows"] for summary in results["properties"].values()):
        code = 2  # clean answers alone are no result
    return AuditOutcome(results, execution, 3 if code == 0 and broken else code)


def _measure(
    run: OpenRun, session: Session, progress: RichProgress | None, cancel: threading.Event | None
) -> ExecutionReport:
    plan = plan_of(run.settings, fingerprint=session.fingerprint)
    try:
        if run.settings.batch_size is None:
            fix_batch_size(run.folder, session.batch_size)
    except DeepceptionError as error:
        return ExecutionReport((), (), (), (), error)
    tell = _Telling(progress)
    if progress is not None:
        progress.expect(price_of(run.settings).total)
    options: dict[str, Any] = {
        "ledger": run.ledger,
        "on_progress": tell,
        "cancel": None if cancel is None else cancel.is_set,
        "spent": lambda: session.transmissions,
    }
    first = execute(plan_clean(plan, session), run.store, **options)
    if first.stopped is not None:
        return first
    cleans = {}
    for photograph in plan.everyone:
        unit_hash = plan.clean_unit(photograph).hash
        if run.store.has(unit_hash):
            cleans[photograph.sha256] = int(run.store.load(unit_hash).record["top"][0])
    made = plan_measures(plan, cleans, session)
    if progress is not None:
        progress.expect(sum(p for h, p in made.price.items() if not run.store.has(h)) + session.queries)
    second = execute(made.units, run.store, **options)
    return ExecutionReport(
        first.finished + second.finished,
        first.skipped + second.skipped,
        first.failed + second.failed,
        first.blocked + second.blocked,
        second.stopped,
    )


class _Telling:
    """Says which unit is under way."""

    def __init__(self, progress: RichProgress | None) -> None:
        self._progress = progress

    def __call__(self, step: Progress) -> None:
        if self._progress is not None and step.state == "started":
            about = step.unit.photograph_name
            self._progress.say(f"{step.unit.experiment}{f': {about}' if about else ''}")


def known_properties() -> tuple[str, ...]:
    """Names of the installed properties."""
    return tuple(experiments())
