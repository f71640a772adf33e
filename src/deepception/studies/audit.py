"""The audit: all properties on every photograph, in a run folder that resumes after an interruption."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DeepceptionError
from ..observers.remote import cost_of
from ..sessions import RichProgress, Session, keeps_answers
from .asking import run_session, why_alone
from .assembling import assemble, plan_of, read_finished, write_results
from .budget import afford, named_rest
from .company import Company
from .engine import ExecutionReport, Progress, execute
from .joining import fix_batch_size
from .outputs import write_outputs
from .plan import plan_clean, plan_measures, plan_period
from .price import Price, price_of
from .request import AuditRequest, resolve
from .run_folder import OpenRun, open_run, owner_told
from .settings import load_settings


@dataclass(frozen=True)
class AuditOutcome:
    """How an audit ended.

    Attributes:
        results: What was assembled.
        execution: The engine's report.
        exit_code: That of DESIGN §4.
        written: Whether this process wrote the results; where it stopped before others, those will.
    """

    results: dict[str, Any]
    execution: ExecutionReport
    exit_code: int
    written: bool = True


def run_audit(
    request: AuditRequest,
    folder: Path,
    *,
    progress: RichProgress | None = None,
    on_price: Callable[[Price], None] | None = None,
    on_company: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> AuditOutcome:
    """Measure what is not measured yet, and write ``results.json``, ``rows.csv``, and pictures and lessons if any.

    Where other processes measure the same, they share the units, and each returns when all of them are there;
    ``on_company`` is given a sentence about each of them.
    Setting ``cancel`` ends the measuring after the batch in flight, as Ctrl-C does; what was measured is kept.

    Raises RunFolderError, InputError, and BudgetError where the price is exact and the budget below it, before
    anything is asked; whatever stops it later is in the outcome.
    """
    with owner_told(folder):
        settings, broken = resolve(request, folder)
    cached = keeps_answers(request.observer, request.cache)
    cancelled = None if cancel is None else cancel.is_set
    with open_run(folder, settings, alone=why_alone(request.budget)) as run:
        company = Company(run, on_company)
        company.greet()
        price = price_of(run.settings, run.store, cached=cached)
        if on_price is not None:
            on_price(price)
        afford(request, price, run.ledger.totals().transmissions)
        size = run.batch_size(request.batch_size, cancelled)
        with run_session(
            run,
            request.observer,
            batch_size=size,
            budget=request.budget,
            cache=request.cache,
            progress=progress,
            cancel=cancel,
        ) as session:
            execution = _measure(run, session, progress, company, cancelled)
            price = price_of(run.settings, run.store, cached=cached)
            execution = named_rest(execution, request, price, session.transmissions)
        written = run.settle(finished=execution.stopped is None, cancel=cancelled)
        # What joined later may not be what this process asked for: the folder's own settings tell.
        finished = read_finished(load_settings(folder), run.store)
        results = assemble(finished, run.ledger.failures(), broken)
        results["cost"] = run.ledger.totals().as_cost(priced=cost_of(request.observer) is not None)
        if written:
            write_results(folder, results)
            write_outputs(folder, finished)
    code = execution.exit_code
    if code == 3 and not any(results["properties"][name]["rows"] for name in request.properties):
        code = 2  # clean answers, and what comes before the properties asked for, are no result
    return AuditOutcome(results, execution, 3 if code == 0 and broken else code, written)


def _measure(
    run: OpenRun,
    session: Session,
    progress: RichProgress | None,
    company: Company,
    cancelled: Callable[[], bool] | None,
) -> ExecutionReport:
    plan = plan_of(run.settings, fingerprint=session.fingerprint)
    try:
        if run.lease.held:
            fix_batch_size(run.folder, session.batch_size)
    except DeepceptionError as error:
        return ExecutionReport((), (), (), (), error)
    tell = company.watching(Telling(progress))
    if progress is not None:
        progress.expect(price_of(run.settings).total)
    options: dict[str, Any] = {
        "ledger": run.ledger,
        "on_progress": tell,
        "cancel": cancelled,
        "spent": lambda: session.transmissions,
        "claims": run.claims,
    }
    first = execute(plan_clean(plan, session), run.store, **options)
    if first.stopped is not None:
        return first
    cleans = {}
    for photograph in plan.everyone:
        unit_hash = plan.clean_unit(photograph).hash
        if run.store.has(unit_hash):
            cleans[photograph.sha256] = int(run.store.load(unit_hash).record["top"][0])
    rows = execute(plan_period(plan, cleans, session).units, run.store, **options)
    if rows.stopped is not None:
        return joined_report(first, rows)
    made = plan_measures(plan, cleans, session, run.store.has)
    left = {h: p for h, p in made.price.items() if not run.store.has(h)}
    options["on_progress"] = company.watching(Telling(progress, left))
    if progress is not None:
        progress.expect(sum(left.values()) + session.answered)
    # A row that has just failed is not asked for again.
    lost = {failed.unit.hash for failed in rows.failed}
    units = [entry for entry in made.units if entry.unit.hash not in lost]
    return joined_report(first, rows, execute(units, run.store, **options))


def joined_report(*stages: ExecutionReport) -> ExecutionReport:
    """One report over stages that followed each other; a unit that two of them met is told once."""
    finished = tuple(dict.fromkeys(h for stage in stages for h in stage.finished))
    failed = {f.unit.hash: f for stage in stages for f in stage.failed}
    return ExecutionReport(
        finished,
        tuple(dict.fromkeys(h for stage in stages for h in stage.skipped if h not in finished)),
        tuple(failed.values()),
        tuple({b.unit.hash: b for stage in stages for b in stage.blocked}.values()),
        stages[-1].stopped,
    )


class Telling:
    """Says which unit is under way, and counts what others have measured of the units of some ``prices``."""

    def __init__(self, progress: RichProgress | None, prices: Mapping[str, int] | None = None) -> None:
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
