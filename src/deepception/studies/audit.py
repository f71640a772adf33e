"""The audit: all properties on every photograph, in a run folder that resumes after an interruption."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DeepceptionError
from ..sessions import RichProgress, Session
from .assembling import assemble, plan_of, read_finished, write_results
from .engine import ExecutionReport, Progress, execute
from .joining import fix_batch_size
from .outputs import write_outputs
from .plan import plan_clean, plan_measures, plan_period
from .price import Price, price_of
from .request import AuditRequest, resolve
from .run_folder import OpenRun, open_run
from .settings import load_settings


@dataclass(frozen=True)
class AuditOutcome:
    """How an audit ended: what was assembled, the engine's report, and the exit code of DESIGN §4."""

    results: dict[str, Any]
    execution: ExecutionReport
    exit_code: int


def run_audit(
    request: AuditRequest,
    folder: Path,
    *,
    progress: RichProgress | None = None,
    on_price: Callable[[Price], None] | None = None,
    session: Session | None = None,
    cancel: threading.Event | None = None,
) -> AuditOutcome:
    """Measure what is not measured yet, and write ``results.json``, ``rows.csv``, and pictures and lessons if any.

    Setting ``cancel`` ends the measuring after the batch in flight, as Ctrl-C does; what was measured is kept.

    Raises RunFolderError and InputError before anything is asked; whatever stops it later is in the outcome.
    """
    settings, broken = resolve(request, folder)
    with open_run(folder, settings) as run:
        if on_price is not None:
            on_price(price_of(run.settings, run.store))
        spent = run.ledger.totals().transmissions
        asking = session or Session(
            request.observer,
            budget=request.budget,
            batch_size=run.settings.batch_size,
            progress=progress,
            cancel=cancel,
        )
        # The budget is that of the run: what it sent before counts.
        asking.transmissions += spent
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
        write_outputs(folder, finished)
    code = execution.exit_code
    if code == 3 and not any(results["properties"][name]["rows"] for name in request.properties):
        code = 2  # clean answers, and what comes before the properties asked for, are no result
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
    tell = Telling(progress)
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
    rows = execute(plan_period(plan, cleans, session).units, run.store, **options)
    if rows.stopped is not None:
        return joined_report(first, rows)
    made = plan_measures(plan, cleans, session, run.store.has)
    if progress is not None:
        progress.expect(sum(p for h, p in made.price.items() if not run.store.has(h)) + session.queries)
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
    """Says which unit is under way."""

    def __init__(self, progress: RichProgress | None) -> None:
        self._progress = progress

    def __call__(self, step: Progress) -> None:
        """Take note of one step."""
        if self._progress is not None and step.state == "started":
            about = step.unit.photograph_name
            self._progress.say(f"{step.unit.experiment}{f': {about}' if about else ''}")
