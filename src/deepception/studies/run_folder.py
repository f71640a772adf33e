"""A run folder, opened to work in: joined or made, its store, its claims and its ledger at hand."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Cancelled, RunFolderError
from .accounting.book import Book
from .accounting.ledger import last_sitting
from .crew.claims import Claims, clear_claims
from .crew.lease import WAIT, Lease
from .crew.workers import WAITING, WORKING, Roster, Worker, WorkerInfo, forget_gone
from .files import make_folder, sweep
from .keeping.store import RunStore

if TYPE_CHECKING:
    from .settings import RunSettings


@dataclass(frozen=True)
class OpenRun:
    """A run folder that this process works in, alone or beside others.

    Attributes:
        folder: The folder.
        settings: The run as it now is, what was joined included.
        store: Its finished units.
        ledger: Its ledger, as far as this worker writes it.
        claims: Which units this worker may measure.
        lease: Who writes what all share.
        others: The workers that were there when this one joined them.
    """

    folder: Path
    settings: RunSettings
    store: RunStore
    ledger: Book
    claims: Claims
    lease: Lease
    others: tuple[WorkerInfo, ...]

    def batch_size(self, wanted: int | None, cancel: Callable[[], bool] | None = None) -> int | None:
        """The batch size of the run, chosen once: by whoever holds the lease, while the others wait for it.

        Returns what was chosen; else, to the holder of the lease, who is to choose, what is ``wanted``.

        Raises RunFolderError where another size than ``wanted`` was chosen, Cancelled where ``cancel`` says so.
        """
        from .joining import fix_batch_size
        from .settings import load_settings

        while True:
            known = load_settings(self.folder).batch_size
            if known is not None:
                return known if wanted in (None, known) else fix_batch_size(self.folder, wanted).batch_size
            if self.lease.take() is None:
                return wanted
            if cancel is not None and cancel():
                raise Cancelled("Interrupted; what was measured is kept.")
            time.sleep(WAIT)

    def settle(self, *, finished: bool, cancel: Callable[[], bool] | None = None) -> bool:
        """Whether this worker is to write the results now; if so it holds the lease, and the ledger is in order.

        Where all units are ``finished`` it waits for its turn: each writes the same, and the last one knows what
        all have cost. Where it stops before, whoever goes on will write them.
        """
        if finished:
            self.lease.wait(cancel)
        elif self.lease.take() is not None or self.lease.roster.others(self.lease.worker):
            return False
        self.ledger.align()
        return True


@contextlib.contextmanager
def open_run(folder: str | Path, settings: RunSettings, *, alone: str = "") -> Iterator[OpenRun]:
    """Make a run folder or join the run in it, and work in it until the end of ``with``.

    The first process has the lease of the run; others of the same settings join it as workers. What a run is about
    can only be extended while nobody else works on it.

    Args:
        folder: The folder.
        settings: What is asked for.
        alone: Why the run cannot be shared with other processes, as the rest of a sentence; empty: it can.

    Raises:
        RunFolderError: Others work on it and cannot be joined (they are named), it holds something else or other
            settings, it is damaged, or it cannot be written.
    """
    from .settings import check_usable

    folder = Path(folder)
    check_usable(folder)  # before anything is written into what may be somebody's folder
    make_folder(folder)
    command = shlex.join(settings.command)
    with Worker(folder, command, alone=alone, taken=lambda: last_sitting(folder)) as me:
        roster = Roster(folder)
        lease = Lease(folder, me.number, roster)
        store = RunStore(folder)
        with contextlib.closing(Book(folder, store, me, lease, roster)) as book:
            joined, others = _enter(folder, settings, me, lease, book, alone)
            yield OpenRun(folder, joined, store, book, Claims(folder, me.number, roster), lease, others)


def _enter(
    folder: Path, settings: RunSettings, me: Worker, lease: Lease, book: Book, alone: str
) -> tuple[RunSettings, tuple[WorkerInfo, ...]]:
    """Take the lease and put the run in order, or join those who work on it."""
    from .joining import create_or_join

    while True:
        holder = lease.take()
        if holder is None:
            others = tuple(lease.roster.others(me.number))
            if others:
                joined = _joined(folder, settings, others, alone)
            else:
                sweep(folder)
                clear_claims(folder)
                joined = create_or_join(folder, settings)
            book.align()
            book.open(shlex.join(settings.command))
            if not others:
                forget_gone(lease.roster, me.number)
            me.say(WORKING)
            lease.announce()
            return joined, others
        term = lease.term
        if lease.announced(term):
            joined = _joined(folder, settings, (holder,), alone)
            me.say(WORKING)
            if lease.term == term and not lease.roster.gone(holder.number):
                return joined, (holder, *(o for o in lease.roster.others(me.number) if o != holder))
            me.say(WAITING)  # whoever has it now may have thought to be alone
        time.sleep(WAIT)


def _joined(folder: Path, settings: RunSettings, others: tuple[WorkerInfo, ...], alone: str) -> RunSettings:
    """The run for one who joins others; RunFolderError, which names them, where it would have to be changed."""
    from .joining import joined_with
    from .settings import load_settings

    apart = next((f"which {other.alone}" for other in others if other.alone), "")
    if apart or alone:
        raise in_use(folder, others[0], apart or f"and this one {alone}")
    try:
        joined = joined_with(folder, settings)
    except RunFolderError as error:
        raise in_use(folder, others[0], f"and this command asks for something else: {error}") from error
    there = load_settings(folder)
    added = len(joined.observers) - len(there.observers) + len(joined.photographs) - len(there.photographs)
    if added:
        raise in_use(folder, others[0], "and this command asks for more photographs or another observer")
    # A batch size that is not chosen yet is the holder's to choose.
    return joined.model_copy(update={"batch_size": there.batch_size})


def in_use(folder: Path, other: WorkerInfo, why: str = "") -> RunFolderError:
    """What is told whoever cannot work on a run because of another process."""
    reason = f", {why.rstrip('.')}" if why else ""
    return RunFolderError(
        f"'{folder}' is in use by {other.words}{reason}: wait until it ends, stop it, or name another folder."
    )


@contextlib.contextmanager
def owner_told(folder: Path) -> Iterator[None]:
    """Whatever makes a run folder refuse a command: where somebody works in it, say who."""
    try:
        yield
    except RunFolderError as error:
        others = Roster(folder).others()
        if others:
            raise in_use(folder, others[0], f"and this command asks for something else: {error}") from error
        raise
