"""What workers of another disk noted in their journals, brought into the run folder."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ..accounting.journal import SPAN, journal_path
from ..crew.workers import WORKING, Worker
from ..files import folder_error, make_folder


class Journals:
    """The journals of one run, of workers that do not see its folder.

    Args:
        folder: The run folder.
        stack: What ends the workers' entries in it.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._numbers: dict[int, int] = {}

    def add(self, worker: int, noted: bytes) -> None:
        """Append what a worker noted, under a number of its own. Raises RunFolderError where it cannot."""
        if not noted:
            return
        if worker not in self._numbers:
            entry = self._stack.enter_context(Worker(self._folder, "a worker of a study"))
            entry.say(WORKING)
            self._numbers[worker] = entry.number
        number = self._numbers[worker]
        lines = [_moved(json.loads(line), number * SPAN) for line in noted.splitlines() if line]
        data = b"".join(json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n" for line in lines)
        path = journal_path(self._folder, number)
        make_folder(path.parent)
        try:
            with path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise folder_error(self._folder, error) from error


def _moved(line: dict[str, Any], by: int) -> dict[str, Any]:
    """A line whose sequence numbers are counted from another start."""
    if "sending" in line:
        line["sending"] += by
    for name in ("again", "noted"):
        if name in line:
            line[name] = [[number + by, *rest] for number, *rest in line[name]]
    return line
