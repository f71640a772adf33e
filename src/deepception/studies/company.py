"""Saying who else works on a run: on joining it, and of each process that joins later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .engine import Progress
from .run_folder import OpenRun
from .settings import RunSettings


class Company:
    """Tells of the other processes of a run, of each once.

    Args:
        run: The run.
        tell: What a sentence is given to; ``None`` where nobody listens.
    """

    def __init__(self, run: OpenRun, tell: Callable[[str], None] | None) -> None:
        self._run, self._tell = run, tell
        self._known = {other.number for other in run.others}

    def greet(self) -> None:
        """Where others were there before, say so: this process takes its units from the same run."""
        if not self._run.others or self._tell is None:
            return
        first, *more = self._run.others
        beside = "" if not more else f", beside {len(more)} other process{'' if len(more) == 1 else 'es'}"
        role = "shared with" if self._run.lease.held else "owned by"
        self._tell(
            f"Joined the run '{self._run.folder}', {role} {first.words}, to take units from it{beside}."
        )

    def tell_more(self, asked: RunSettings) -> None:
        """Where the run has photographs that were not asked for, say so: all are measured, and all are shown."""
        more = {p.sha256 for p in self._run.settings.photographs} - {p.sha256 for p in asked.photographs}
        if not more or self._tell is None:
            return
        others = "1 other photograph" if len(more) == 1 else f"{len(more):,} other photographs"
        named = len(self._run.settings.photographs) - len(more)
        self._tell(
            f"The run '{self._run.folder}' has {others} beside the {named:,} named here: its price, results and "
            "report are about all of them."
        )

    def watching(self, following: Callable[[Progress], Any]) -> Callable[[Progress], None]:
        """What an execution is to call: looks for newcomers as a unit begins, then does what follows."""

        def step(progress: Progress) -> None:
            if progress.state == "started":
                self._look()
            following(progress)

        return step

    def _look(self) -> None:
        if self._tell is None:
            return
        for other in self._run.lease.roster.others(self._run.lease.worker):
            if other.number not in self._known:
                self._known.add(other.number)
                self._tell(f"Process {other.pid} on {other.host} joined the run and takes units from it.")
