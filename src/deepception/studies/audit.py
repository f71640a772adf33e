"""The audit: all properties on every photograph, in a run folder that resumes after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import DeepceptionError
from .assembling import assemble, plan_of, read_finished, write_results
from .engine import ExecutionReport, joined_report
from .joining import fix_batch_size
from .outputs import write_outputs
from .planning.plan import plan_clean, plan_measures, plan_period
from .price import Price, price_of
from .request import AuditRequest, resolve
from .run_folder import OpenRun, owner_told
from .runner import Listeners, RunKind, Runner, RunOutcome, carry_out
from .settings import load_settings


def run_audit(
    request: AuditRequest,
    folder: Path,
    *,
    on_price: Callable[[Price], None] | None = None,
    listeners: Listeners | None = None,
) -> RunOutcome:
    """Measure what is not measured yet, and write ``results.json``, ``rows.csv``, and pictures and lessons if any.

    Where other processes measure the same, they share the units, and each returns when all of them are there.

    Args:
        request: What is asked for.
        folder: The run folder.
        on_price: Is told the price before anything is asked.
        listeners: Who is told what happens, and may end the measuring; what was measured is kept.

    Raises RunFolderError, InputError, and BudgetError where the price is exact and the budget below it, before
    anything is asked; whatever stops it later is in the outcome.
    """
    listeners = listeners or Listeners()
    with owner_told(folder):
        settings, broken = resolve(request, folder)

    def conclude(run: OpenRun) -> tuple[dict[str, Any], Callable[[dict[str, Any]], None]]:
        # What joined later may not be what this process asked for: the folder's own settings tell.
        finished = read_finished(load_settings(folder), run.store)

        def write(found: dict[str, Any]) -> None:
            write_results(folder, found)
            write_outputs(folder, finished)

        return assemble(finished, run.ledger.failures(), broken), write

    kind = RunKind(
        batch_size=lambda run: run.batch_size(request.batch_size, listeners.cancelled),
        measure=_measure,
        conclude=conclude,
        empty=lambda found: not any(found["properties"][name]["rows"] for name in request.properties),
    )
    return carry_out(
        folder,
        settings,
        request,
        kind,
        price=lambda run, cached: price_of(run.settings, run.store, cached=cached),
        on_price=on_price,
        listeners=listeners,
        broken=broken,
    )


def _measure(runner: Runner) -> ExecutionReport:
    run, session, progress = runner.run, runner.session, runner.listeners.progress
    plan = plan_of(run.settings, fingerprint=session.fingerprint)
    try:
        if run.lease.held:
            fix_batch_size(run.folder, session.batch_size)
    except DeepceptionError as error:
        return ExecutionReport((), (), (), (), error)
    if progress is not None:
        progress.expect(price_of(run.settings).total)
    first = runner.execute(plan_clean(plan, session))
    if first.stopped is not None:
        return first
    cleans = {}
    for photograph in plan.everyone:
        unit_hash = plan.clean_unit(photograph).hash
        if run.store.has(unit_hash):
            cleans[photograph.sha256] = int(run.store.load(unit_hash).record["top"][0])
    rows = runner.execute(plan_period(plan, cleans, session).units)
    if rows.stopped is not None:
        return joined_report(first, rows)
    made = plan_measures(plan, cleans, session, run.store.has)
    left = {h: p for h, p in made.price.items() if not run.store.has(h)}
    if progress is not None:
        progress.expect(sum(left.values()) + session.answered)
    # A row that has just failed is not asked for again.
    lost = {failed.unit.hash for failed in rows.failed}
    units = [entry for entry in made.units if entry.unit.hash not in lost]
    return joined_report(first, rows, runner.execute(units, left))
