"""A budget that does not suffice: said before anything is sent where that is sure, else with what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ..errors import BudgetError
from ..observers import Observer
from ..observers.remote import is_remote
from .accounting.journal import journals
from .accounting.ledger import Ledger
from .accounting.ledger_file import is_lost
from .engine import CutUnit, ExecutionReport


class Request(Protocol):
    """What is asked for, as far as money goes."""

    @property
    def observer(self) -> Observer:
        """Who is asked."""

    @property
    def budget(self) -> int | None:
        """Most images that the run may send in all, or ``None``."""


class Bill(Protocol):
    """A price, as far as a budget goes."""

    @property
    def left(self) -> int:
        """Queries of what is not measured yet."""

    @property
    def exact(self) -> bool:
        """Whether that is what it costs, and not only the most that it may cost."""


def afford(request: Request, price: Bill, sent: int) -> None:
    """Raise BudgetError where what is left costs more, for sure, than the budget after ``sent`` images allows."""
    if is_remote(request.observer):
        sent += request.observer.sent_before
    if request.budget is not None and price.exact and sent + price.left > request.budget:
        raise _too_little(request, price, sent)


def sent_before(folder: Path | None) -> int:
    """Images that a run has sent already; none where there is no run.

    Raises RunFolderError where the ledger cannot tell.
    """
    if folder is None or (is_lost(folder) and not any(journals(folder))):
        return 0
    with Ledger.read(folder) as ledger:
        return ledger.totals().transmissions


def named_rest(
    execution: ExecutionReport, request: Request, price: Callable[[], Bill], sent: int, *, cached: bool
) -> ExecutionReport:
    """The execution; where its budget ended it, the sentence says what all that is left takes.

    The price is only asked for then: it looks at every unit of the run. Unless answers are ``cached``, what was
    sent for the unit that was under way is sent again, which is told.
    """
    if not isinstance(execution.stopped, BudgetError) or request.budget is None:
        return execution
    error = _too_little(request, price(), sent, None if cached else execution.cut)
    error.__cause__ = execution.stopped
    return replace(execution, stopped=error)


def _too_little(request: Request, price: Bill, sent: int, cut: CutUnit | None = None) -> BudgetError:
    bound = "" if price.exact else "at most "
    again = ", requests that fail not counted" if is_remote(request.observer) else ""
    queries = "1 query" if price.left == 1 else f"{price.left:,} queries"
    twice = ""
    if cut is not None and cut.transmissions:
        about = f" of {cut.unit.photograph_name}" if cut.unit.photograph_name else ""
        one = cut.transmissions == 1
        images, are = ("1 image", "is") if one else (f"{cut.transmissions:,} images", "are")
        twice = f" ({images} sent for {cut.unit.experiment}{about}, cut short here, {are} asked again)"
    return BudgetError(
        f"The budget of {request.budget:,} images does not suffice: {sent:,} were sent, and what is left takes "
        f"{bound}{queries}{again}{twice}; raise it to {sent + price.left:,} or more."
    )
