"""Carrying out a run of any kind: open, price, measure in one session, settle, write the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..observers.remote import cost_of
from ..sessions import AnswerCache, CacheChoice, RichProgress, Session, keeps_answers
from .asking import run_session, why_alone
from .budget import Bill, Request, afford, named_rest
from .company import Company
from .engine import ExecutionReport, PlannedUnit, Progress, execute
from .run_folder import OpenRun, open_run
from .settings import RunSettings

Priced = TypeVar("Priced", bound=Bill)


class RunRequest(Request, Protocol):
    """What every kind of run is asked with."""

    @property
    def cache(self) -> AnswerCache | CacheChoice:
        """Where answers are kept."""


@dataclass(frozen=True)
class Listeners:
    """Who is told what happens, and may end it.

    Attributes:
        progress: Shows what is under way.
        on_company: Is given a sentence about each other process at the run.
        cancel: Set, it ends the measuring after the batch in flight, as Ctrl-C does.
    """

    progress: RichProgress | None = None
    on_company: Callable[[str], None] | None = None
    cancel: threading.Event | None = None

    @property
    def cancelled(self) -> Callable[[], bool] | None:
        """Asks whether it is cancelled; ``None`` where it cannot be."""
        return None if self.cancel is None else self.cancel.is_set


@dataclass(frozen=True)
class Runner:
    """A run under way.

    Attributes:
        run: The open run.
        session: Who is asked.
        company: Tells of other processes.
        listeners: Who is told.
    """

    run: OpenRun
    session: Session
    company: Company
    listeners: Listeners

    def execute(
        self, plan: Sequence[PlannedUnit], prices: Mapping[str, int] | None = None
    ) -> ExecutionReport:
        """Measure units that are not finished; those others measure count on the progress by their ``prices``."""
        return execute(
            plan,
            self.run.store,
            ledger=self.run.ledger,
            on_progress=self.company.watching(_Telling(self.listeners.progress, prices)),
            cancel=self.listeners.cancelled,
            spent=lambda: self.session.transmissions,
            claims=self.run.claims,
        )


@dataclass(frozen=True)
class RunOutcome:
    """How it ended.

    Attributes:
        results: What was found, and what it cost.
        execution: The engine's report.
        exit_code: That of DESIGN §4.
        written: Whether this process wrote the results; where it stopped before others, those will.
    """

    results: dict[str, Any]
    execution: ExecutionReport
    exit_code: int
    written: bool = True


@dataclass(frozen=True)
class RunKind:
    """What one kind of run does at each step.

    Attributes:
        batch_size: The rows of a batch, chosen before the session is opened; ``None`` lets it be found.
        measure: Measures what is left.
        conclude: What was found, plain JSON, and what writes that, with its cost added, and files for people.
        empty: Whether such results are none: clean answers, and what comes first, are no result.
    """

    batch_size: Callable[[OpenRun], int | None]
    measure: Callable[[Runner], ExecutionReport]
    conclude: Callable[[OpenRun], tuple[dict[str, Any], Callable[[dict[str, Any]], None]]]
    empty: Callable[[dict[str, Any]], bool]


def carry_out(
    folder: Path,
    settings: RunSettings,
    request: RunRequest,
    kind: RunKind,
    *,
    price: Callable[[OpenRun, bool], Priced],
    on_price: Callable[[Priced], None] | None,
    listeners: Listeners,
    broken: Mapping[str, str],
) -> RunOutcome:
    """Measure what a run still lacks.

    Args:
        folder: The run folder.
        settings: What the run is about.
        request: Who is asked, with which budget and cache.
        kind: What the run does.
        price: What is left costs; the flag says whether answers may be known from a cache.
        on_price: Is told the price before anything is asked.
        listeners: Who is told, and may end it.
        broken: Photographs that cannot even be read, with why.

    Raises:
        RunFolderError: The folder cannot be used.
        BudgetError: The price is exact and the budget below it; nothing was asked.
    """
    cached = keeps_answers(request.observer, request.cache)
    with open_run(folder, settings, alone=why_alone(request.budget)) as run:
        company = Company(run, listeners.on_company)
        company.greet()
        company.tell_more(settings)
        first = price(run, cached)
        if on_price is not None:
            on_price(first)
        afford(request, first, run.ledger.totals().transmissions)
        size = kind.batch_size(run)
        with run_session(
            run,
            request.observer,
            batch_size=size,
            budget=request.budget,
            cache=request.cache,
            progress=listeners.progress,
            cancel=listeners.cancel,
        ) as session:
            execution = kind.measure(Runner(run, session, company, listeners))
            execution = named_rest(
                execution, request, lambda: price(run, cached), session.transmissions, cached=cached
            )
        written = run.settle(finished=execution.stopped is None, cancel=listeners.cancelled)
        results, write = kind.conclude(run)
        results["cost"] = run.ledger.totals().as_cost(priced=cost_of(request.observer) is not None)
        if written:
            write(results)
    code = execution.exit_code
    if code == 3 and kind.empty(results):
        code = 2
    return RunOutcome(results, execution, 3 if code == 0 and broken else code, written)


class _Telling:
    """Says which unit is under way, and counts what others have measured of the units of some ``prices``."""

    def __init__(self, progress: RichProgress | None, prices: Mapping[str, int] | None) -> None:
        self._progress, self._prices = progress, prices or {}

    def __call__(self, step: Progress) -> None:
        """Take note of one step."""
        if self._progress is None:
            return
        if step.state == "started":
            about = step.unit.photograph_name
            self._progress.say(f"{step.unit.experiment}{f': {about}' if about else ''}")
        elif step.state == "skipped" and step.unit.hash in self._prices:
            self._progress.advance(self._prices[step.unit.hash])
