"""The session of a run: its budget, its cache and its journal."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ..observers import Observer
from ..observers.remote import is_remote
from ..sessions import AnswerCache, CacheChoice, Progress, Session, chosen_cache
from .run_folder import OpenRun


@contextlib.contextmanager
def run_session(
    run: OpenRun,
    observer: Observer,
    *,
    batch_size: int | None,
    budget: int | None,
    cache: AnswerCache | CacheChoice,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> Iterator[Session]:
    """The session that measures a run, closed at the end of ``with``.

    The budget is that of the run: what it sent before counts. Queries to an endpoint go into the run's journal.
    """
    journal = run.ledger.journal
    spent = 0 if budget is None else run.ledger.totals().transmissions
    if is_remote(observer):
        journal.price = observer.limits.cost or 0.0
        journal.opened(observer.sent_before)
    with contextlib.ExitStack() as stack:
        kept = cache if isinstance(cache, AnswerCache) else chosen_cache(observer, cache)
        if kept is not None and kept is not cache:
            stack.enter_context(kept)
        session = stack.enter_context(
            Session(
                observer,
                budget=budget,
                batch_size=batch_size,
                cache=kept,
                progress=progress,
                cancel=cancel,
                journal=journal,
            )
        )
        session.transmissions += spent
        yield session


def why_alone(budget: int | None) -> str:
    """Why a run cannot be shared with other processes, for ``open_run``."""
    return "" if budget is None else "has a budget, which one process alone can keep"
