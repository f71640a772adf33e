"""A fooling image in a run folder: the search and its control, each measured once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ... import __version__
from ...deceive.fooling import fewest_queries
from ...errors import PhotographError
from ...observers import Observer
from ...properties.limits import at_least
from ...sessions import AnswerCache, CacheChoice
from ..engine import ExecutionReport, joined_report
from ..inputs import PhotographRef
from ..joining import joined_with
from ..keeping.store import RunStore
from ..pool import Usable
from ..request import check_frame, entry_of, read_entries, refuse_other_observer
from ..run_folder import owner_told
from ..runner import Listeners, RunKind, Runner, RunOutcome, carry_out
from ..settings import RunSettings, load_settings
from .plan import KIND, FoolingPlan, fooling_plan, nothing_to_show, plan_photographs, plan_searches
from .results import assemble_fooling, write_fooling

QUERIES = 2_000
"""Most queries of a search, where nothing else is said (METHODS §5)."""


@dataclass(frozen=True)
class FoolingRequest:
    """What a person asks for.

    Attributes:
        observer: Who is to be fooled; ``spec`` is how it was named.
        photographs: Whose patches the image may be made of, and what is known of their classes.
        target: The class that is to be recognised.
        queries: Most queries of the search, and of the control.
        threshold: Probability of the target that is asked for.
        control: Whether the same is tried with the patches scrambled.
        learn_queries: Most queries, beside those of the search, with which it is learned what the patches answer
            alone; of the control as well. 0: nothing is learned.
        seed: Seed of everything random.
        budget: Most images that the run may send in all, or ``None``.
        as_is: Photographs are taken untouched and must have the frame's size.
        max_pixels: Largest photograph that is decoded in full.
        command: The command line, kept in the run.
        cache: Where answers are kept, as for an AuditRequest.
    """

    observer: Observer
    spec: str
    photographs: Sequence[PhotographRef]
    target: int
    queries: int = QUERIES
    threshold: float = 0.9
    control: bool = True
    learn_queries: int = 0
    seed: int = 0
    budget: int | None = None
    as_is: bool = False
    max_pixels: int = 100_000_000
    command: tuple[str, ...] = ()
    cache: AnswerCache | CacheChoice = field(default_factory=CacheChoice)


@dataclass(frozen=True)
class FoolingPrice:
    """What a run costs, in queries: exactly for the clean answers, at most for the rest.

    Attributes:
        photographs: Photographs that patches are cut from.
        clean: Clean answers of those of no known class.
        search: The search.
        control: Its control.
        learning: What is learned before them, and is no part of these.
        total: All of it.
        left: What is not measured yet, of a run that is gone on with; else all of it.
        exact: False: what is reached early ends early.
        cached: Whether answers may be known from a cache, which costs nothing.
    """

    photographs: int
    clean: int
    search: int
    control: int
    learning: int
    total: int
    left: int
    exact: bool = False
    cached: bool = False


def resolve_fooling(
    request: FoolingRequest, folder: Path | None = None
) -> tuple[RunSettings, dict[str, str]]:
    """The settings of the run, and the photographs that cannot even be read, with why.

    Raises InputError for a request that cannot be met, RunFolderError where the folder holds another run.
    """
    observer = request.observer
    check_frame(observer.frame.shape)
    at_least("queries", request.queries, fewest_queries(observer))
    entries, broken = read_entries(request.photographs, observer.labels)
    usable = Usable(observer.frame, as_is=request.as_is, max_pixels=request.max_pixels)
    if not any(usable(entry.path) for entry in entries):
        raise PhotographError(next(iter([*broken.values(), *usable.reasons.values()])))
    if folder and (folder / "run.json").exists():
        refuse_other_observer(folder, load_settings(folder), observer)
    settings = {
        KIND: {
            "target": request.target,
            "queries": request.queries,
            "threshold": request.threshold,
            "control": request.control,
            "level": observer.level.value,
            **({"learn_queries": request.learn_queries} if request.learn_queries else {}),
        },
        "frame": list(observer.frame.shape),
        "labels": list(observer.labels),
        # The bank decides what is found: other photographs are another run.
        "bank": list(
            {e.sha256: {"name": e.name, "sha256": e.sha256, "label": e.label} for e in entries}.values()
        ),
        "as_is": request.as_is,
        "max_pixels": request.max_pixels,
    }
    made = RunSettings(
        version=__version__,
        settings=settings,
        seed=request.seed,
        batch_size=observer.fixed_batch or 1,  # each answer is needed before the next stimulus is made
        observers=(entry_of(observer, request.spec),),
        photographs=tuple(entries),
        command=request.command,
    )
    if not fooling_plan(made).shown:
        raise nothing_to_show()
    return (made if folder is None else joined_with(folder, made)), broken


def price_fooling(
    settings: RunSettings, store: RunStore | None = None, *, cached: bool = False
) -> FoolingPrice:
    """What a run costs, before anything is asked; ``store`` has what is measured already."""
    plan = fooling_plan(settings)
    clean = sum(plan.price(p) for p in plan.shown)
    controls = int(bool(plan.search["control"]))
    search, learning = plan.search["queries"], plan.learning_price * (1 + controls)
    total = clean + search * (1 + controls) + learning
    left = total if store is None else _left(plan, store)
    parts = (clean, search, search * controls, learning)
    return FoolingPrice(len(plan.shown), *parts, total, left, cached=cached)


def run_fooling(
    request: FoolingRequest,
    folder: Path,
    *,
    on_price: Callable[[FoolingPrice], None] | None = None,
    listeners: Listeners | None = None,
) -> RunOutcome:
    """Search what is not searched yet, and write ``results.json`` and the pictures.

    An interrupted search begins anew; photographs and searches that were finished are not asked for again. Other
    processes may share the run.

    Args:
        request: What is asked for.
        folder: The run folder.
        on_price: Is told the price before anything is asked.
        listeners: Who is told what happens, and may end the run after the showing in flight.

    Raises RunFolderError and InputError before anything is asked; whatever stops it later is in the outcome.
    """
    with owner_told(folder):
        settings, broken = resolve_fooling(request, folder)
    kind = RunKind(
        batch_size=lambda run: run.settings.batch_size,
        measure=_measure,
        conclude=lambda run: (
            assemble_fooling(run.settings, run.store, run.ledger, broken),
            lambda found: write_fooling(folder, run.settings, run.store, found),
        ),
        empty=lambda found: found["fooling"] is None,
    )
    return carry_out(
        folder,
        settings,
        request,
        kind,
        price=lambda run, cached: price_fooling(run.settings, run.store, cached=cached),
        on_price=on_price,
        listeners=listeners or Listeners(),
        broken=broken,
    )


def _measure(runner: Runner) -> ExecutionReport:
    run, session = runner.run, runner.session
    if runner.listeners.progress is not None:
        runner.listeners.progress.expect(price_fooling(run.settings, run.store).left)
    plan = fooling_plan(run.settings, fingerprint=session.fingerprint)
    first = runner.execute(plan_photographs(plan, session))
    if first.stopped is not None:
        return first
    return joined_report(first, runner.execute(list(plan_searches(plan, run.store.has, session))))


def _left(plan: FoolingPlan, store: RunStore) -> int:
    """Queries of the units that are not finished."""
    units = {plan.photograph_unit(p).hash: plan.price(p) for p in plan.shown}
    there = [h for h in units if store.has(h)]
    searches = plan.search_units(there)
    waiting = sum(not store.has(unit.hash) for unit in searches) * (
        plan.search["queries"] + plan.learning_price
    )
    return sum(price for h, price in units.items() if h not in there) + int(waiting)
