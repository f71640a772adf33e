"""From what a study asks for to its runs: observers opened, photographs found, settings resolved."""

from __future__ import annotations

import dataclasses
import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...errors import DeepceptionError, InputError
from ...observers import AnswerLevel, Observer, open_observer, restrict
from ...observers.remote import cost_of, is_remote
from ...properties import Experiment, with_needs
from ...sessions import CacheChoice, Session
from ...sessions.remote import BATCH
from ...stimuli.regions import require_superpixels
from ..inputs import PhotographRef, find_photographs
from ..joining import joined_with
from ..keeping.store import RunStore
from ..price import Price, price_of
from ..request import AuditRequest, resolve
from .before import photographs_of_before
from .bench import RunKit
from .course import StudyRun
from .fetching import is_address, read_address
from .tomls import ExperimentTable, ObserverTable, StudyFile, fit_for_folders, where

_PATHS = ("labels", "preprocessing", "weights", "protocol")
_BESIDE = (".json", ".txt")
_LARGEST_BESIDE = 16_000_000


@dataclass(frozen=True)
class Source:
    """Where a study was written down, to say where something is wrong in it.

    Attributes:
        base: Folder to which its paths are relative.
        path: The file; ``None`` where it was made in Python.
        text: Its text.
    """

    base: Path
    path: Path | None = None
    text: str = ""

    def where(self, place: Sequence[str | int]) -> str:
        """What a place of the study is called: file and line, or its keys."""
        if self.path is not None:
            return where(self.path, self.text, place)
        return ".".join(str(part) for part in place)

    def wrong(self, place: Sequence[str | int], what: str) -> InputError:
        """What is wrong at a place of the study."""
        return InputError(f"{self.where(place)}: {what}")


@dataclass(frozen=True)
class Prepared:
    """A study that can be measured.

    Attributes:
        runs: Its runs, observer by observer within each experiment.
        prices: What each costs at most, by name.
        assumed: What was assumed about observers, what is kept from before, and what is broken, as sentences.
        lost: Observers that could not be opened, by name, with why.
        seconds: Seconds that one image takes, by name of the run, where it can be told.
    """

    runs: tuple[StudyRun, ...]
    prices: Mapping[str, Price]
    assumed: tuple[str, ...]
    lost: Mapping[str, DeepceptionError]
    seconds: Mapping[str, float]


def prepare(
    study: StudyFile, source: Source, out: Path, command: tuple[str, ...] = (), *, timed: bool = False
) -> Prepared:
    """Open the observers one after the other, and resolve their runs.

    Nothing is asked, and nothing written but photographs that had to be fetched. With ``timed`` observers on this
    machine are shown some grey images.

    Raises InputError, naming the line, for what is wrong in the study.
    """
    for i, measured in enumerate(study.experiments):
        check_experiment(measured, source, ["experiments", i])
    _refuse_twins([t.name for t in study.experiments], "experiments", "name", source)
    photographs = _photographs(study, source, out, "images")
    if study.photographs.limit is not None:
        photographs = evenly(photographs, study.photographs.limit)
    learn_on = None
    if study.photographs.learn_on:
        learn_on = _photographs(study, source, out, "learn_on")
    runs: list[StudyRun] = []
    prices: dict[str, Price] = {}
    told: list[str] = []
    lost: dict[str, DeepceptionError] = {}
    seconds: dict[str, float] = {}
    names: list[str] = []
    for i, table in enumerate(study.observers):
        try:
            observer, model, options = _opened(table, source, ["observers", i])
        except InputError:
            raise
        except DeepceptionError as error:  # the others go on without it
            lost[table.name or table.model] = error
            names.append(table.name or table.model)
            continue
        try:
            name = table.name or _folder_name(observer.name)
            names.append(name)
            for experiment in study.experiments:
                run, price = _run(
                    study,
                    experiment,
                    name,
                    observer,
                    model,
                    options,
                    table,
                    photographs,
                    learn_on,
                    out,
                    command,
                )
                runs.append(run)
                prices[run.name] = price
            try:
                took = seconds_an_image(observer, study.study.batch_size) if timed else None
            except DeepceptionError as error:  # such as answers that are none: its units will say so
                took = None
                told.append(f"{name}: it cannot be timed: {error}")
            if took is not None:
                seconds |= {f"{experiment.name}/{name}": took for experiment in study.experiments}
            told += [f"{name}: {sentence}" for sentence in runs[-1].settings.observers[0].assumed]
        finally:
            observer.close()
    _refuse_twins(names, "observers", "name", source)
    broken = {why for run in runs for why in run.broken.values()}
    # Experiments outside, so that one of them is whole for all observers before the next begins.
    order = {table.name: i for i, table in enumerate(study.experiments)}
    runs.sort(key=lambda run: order[run.name.partition("/")[0]])
    told += photographs_of_before(runs, prices)
    return Prepared(tuple(runs), prices, (*told, *sorted(broken)), lost, seconds)


def seconds_an_image(observer: Observer, batch_size: int) -> float | None:
    """Seconds that an observer takes for an image, from a few batches of grey ones; of an endpoint, its rate."""
    if is_remote(observer):
        return None if observer.limits.rate is None else 1 / observer.limits.rate
    size = observer.fixed_batch or batch_size
    grey = np.full((size, *observer.frame.shape, 3), 128, dtype=np.uint8)
    with Session(observer, batch_size=size) as session:
        session.ask_images(grey)  # the first one warms up
        began = time.perf_counter()
        session.ask_images(grey)
        session.ask_images(grey)
        return (time.perf_counter() - began) / (2 * size)


def evenly(photographs: Sequence[PhotographRef], limit: int) -> list[PhotographRef]:
    """At most so many of them, evenly spread."""
    if len(photographs) <= limit:
        return list(photographs)
    return [photographs[i * len(photographs) // limit] for i in range(limit)]


def check_experiment(table: ExperimentTable, source: Source, place: Sequence[str | int]) -> None:
    """Raise InputError where an experiment names what there is not."""
    try:
        wanted = with_needs(table.measure)
    except InputError as error:
        raise source.wrong([*place, "measure"], str(error)) from error
    if table.regions == "superpixels":
        try:
            require_superpixels()
        except InputError as error:
            raise source.wrong([*place, "regions"], str(error)) from error
    known = {experiment.name: experiment for experiment in wanted}
    for name, given in table.parameters.items():
        if name not in known:
            what = f"{name} is not measured here, which measures {', '.join(known)}."
            raise source.wrong([*place, "parameters", name], what)
        _parameters(known[name], table, given, False, source, [*place, "parameters", name])


def _run(
    study: StudyFile,
    experiment: ExperimentTable,
    name: str,
    observer: Observer,
    model: str,
    options: Mapping[str, Any],
    table: ObserverTable,
    photographs: Sequence[PhotographRef],
    learn_on: Sequence[PhotographRef] | None,
    out: Path,
    command: tuple[str, ...],
) -> tuple[StudyRun, Price]:
    labels_only = observer.level is AnswerLevel.LABEL
    nowhere = Source(Path())
    chosen = {
        e.name: _parameters(e, experiment, experiment.parameters[e.name], labels_only, nowhere, [e.name])
        for e in with_needs(experiment.measure)
        if e.name in experiment.parameters
    }
    full = f"{experiment.name}/{name}"
    folder = out / "runs" / full
    request = AuditRequest(
        observer,
        model,
        photographs,
        setting=experiment.setting,
        properties=experiment.measure,
        seed=study.study.seed,
        regions=experiment.regions,
        as_is=study.photographs.as_is,
        max_pixels=study.photographs.max_pixels,
        parameters=chosen,
        learn_on=learn_on,
        command=command,
    )
    settings, broken = resolve(request, folder if folder.exists() else None)
    if table.name is not None:  # by which comparisons, conditions and exports know it, too
        observers = tuple(entry.model_copy(update={"name": name}) for entry in settings.observers)
        settings = settings.model_copy(update={"observers": observers})
    kit = RunKit(
        folder="",
        settings="",
        model=model,
        options=options,
        knowledge=table.knowledge,
        files=_files(model, options),
        cache=CacheChoice(),
    )
    joined, store = (
        (settings, None) if not folder.exists() else (joined_with(folder, settings), RunStore(folder))
    )
    price = price_of(joined, store)
    run = StudyRun(
        name=full,
        settings=settings,
        kit=kit,
        broken=broken,
        budget=study.study.budget,
        price=cost_of(observer),
        batch_size=observer.fixed_batch or (BATCH if is_remote(observer) else study.study.batch_size),
        units=price.units,
    )
    return run, price


def _parameters(
    experiment: Experiment,
    table: ExperimentTable,
    given: Mapping[str, Any],
    labels_only: bool,
    source: Source,
    place: Sequence[str | int],
) -> Any:
    """The parameters of an experiment: those of its setting, and over them what is given."""
    from pydantic import TypeAdapter, ValidationError

    base = experiment.for_setting(table.setting, labels_only=labels_only)
    known = [field.name for field in dataclasses.fields(base)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(known)}."
            raise source.wrong([*place, name], f"{experiment.name} has no parameter {name}: {hint}")
    values = {name: getattr(base, name) for name in known} | dict(given)
    try:
        made = TypeAdapter(type(base)).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = [str(part) for part in first["loc"][:1]]
        message = f"{experiment.name}.{'.'.join(where)}: {first['msg'].lower()}."
        raise source.wrong([*place, *where], message) from error
    try:
        # Such as a bound that is none, which only reading it tells.
        experiment.cost(made, (224, 224), True, labels_only=labels_only)
    except (InputError, ValueError) as error:
        raise source.wrong(place, str(error)) from error
    return made


def _photographs(
    study: StudyFile, source: Source, out: Path, key: Literal["images", "learn_on"]
) -> list[PhotographRef]:
    named = []
    for text in getattr(study.photographs, key):
        if is_address(text):
            named.append(str(read_address(text, out / "photographs")))
        else:
            named.append(str(source.base / Path(text).expanduser()))
    try:
        said = source.where(["photographs", "label"])
        return find_photographs(named, label=study.photographs.label, where=said)
    except InputError as error:
        raise source.wrong(["photographs", key], str(error)) from error


def _opened(
    table: ObserverTable, source: Source, place: Sequence[str | int]
) -> tuple[Observer, str, dict[str, Any]]:
    """An observer, and the spec and options that open it anywhere on this machine."""
    model = located(table.model, source.base)
    options = {
        name: located(value, source.base) if name in _PATHS and isinstance(value, str) else value
        for name, value in table.options.items()
    }
    try:
        observer = open_observer(model, **options)
    except InputError as error:
        raise source.wrong([*place, "model"], str(error)) from error
    if "process" in observer.identity:
        observer.close()
        raise source.wrong(
            [*place, "model"],
            "a Python function without a version is another observer in each worker: give it one, as in "
            'options = { version = "1" }, and another whenever its answers change.',
        )
    try:
        return (observer if table.knowledge is None else restrict(observer, table.knowledge)), model, options
    except InputError as error:
        observer.close()
        raise source.wrong([*place, "knowledge"], str(error)) from error


def located(spec: str, base: Path) -> str:
    """A spec whose file, if it names one, is given by its absolute path."""
    if is_address(spec):
        return spec
    scheme, colon, rest = spec.partition(":")
    if (base / spec).exists():
        return str((base / spec).resolve())
    if colon and len(scheme) > 1 and rest and (base / rest).exists():
        return f"{scheme}:{(base / rest).resolve()}"
    return spec


def _files(model: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Files that opening an observer needs: the model, what may describe it beside it, what options name."""
    from ...observers.onnx_file import read_onnx_file

    path = Path(model)
    if not path.is_file():
        path = Path(model.partition(":")[2] or model)
    files: list[Path] = []
    if path.is_file():
        files.append(path)
        for beside in sorted(path.parent.iterdir()):
            small = beside.suffix in _BESIDE and beside.is_file() and beside.stat().st_size < _LARGEST_BESIDE
            if small and beside != path:
                files.append(beside)
        if path.suffix == ".onnx":
            files += [path.parent / name for name in read_onnx_file(path).external]
    files += [Path(v) for n, v in options.items() if n in _PATHS and isinstance(v, str) and Path(v).is_file()]
    return tuple(dict.fromkeys(str(file) for file in files))


def _folder_name(name: str) -> str:
    """An observer's name as that of a folder."""
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).strip("-._")[:60]
    return fit_for_folders(plain or "observer")


def _refuse_twins(names: Sequence[str], table: str, field: str, source: Source) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise source.wrong([table, i], f"{field} {name!r} is given twice: give each its own.")
