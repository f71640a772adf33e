"""A run folder, opened to work in: locked, its settings joined, its store and its ledger at hand."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RunFolderError
from .files import make_folder, sweep
from .ledger import Ledger
from .lock import RunLock
from .store import RunStore

if TYPE_CHECKING:
    from .settings import RunSettings


@dataclass(frozen=True)
class OpenRun:
    """A run folder that this process owns.

    Attributes:
        folder: The folder.
        settings: The run as it now is, what was joined included.
        store: Its finished units.
        ledger: Its ledger.
    """

    folder: Path
    settings: RunSettings
    store: RunStore
    ledger: Ledger


@contextlib.contextmanager
def open_run(folder: str | Path, settings: RunSettings) -> Iterator[OpenRun]:
    """Make a run folder or join the run in it, and own it until the end of ``with``.

    Raises RunFolderError where another process owns it, it holds something else or other settings, it is
    damaged, or it cannot be written.
    """
    from .joining import create_or_join
    from .settings import check_usable

    folder = Path(folder)
    check_usable(folder)  # before anything is written into what may be somebody's folder
    make_folder(folder)
    with RunLock(folder):
        sweep(folder)
        joined = create_or_join(folder, settings)
        store = RunStore(folder)
        with Ledger.open(folder, store) as ledger:
            sitting = ledger.begin(shlex.join(settings.command))
            try:
                yield OpenRun(folder, joined, store, ledger)
            except BaseException:
                with contextlib.suppress(RunFolderError):  # what went wrong first is what must be told
                    ledger.end(sitting)
                raise
            ledger.end(sitting)
