"""How far a study is: a small file in its folder, which another terminal may watch."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import DeepceptionError, RunFolderError
from ..files import write_atomically

STATUS = "status.json"
"""Name of the file."""

EVERY = 1.0
"""Seconds between two writings."""


class Status:
    """Writes the file, at most once a second.

    Args:
        folder: The folder of the study.
        runs: Names of its runs, in order.
        tell: Is told as well.
        about: What else the file says: the study's ``name``, its ``command``, and the observers that were
            ``lost``, with why.
    """

    def __init__(
        self,
        folder: Path,
        runs: Sequence[str],
        tell: Callable[[Mapping[str, Any]], None] | None,
        about: Mapping[str, Any],
    ) -> None:
        self._path = folder / STATUS
        self._order = {name: i for i, name in enumerate(runs)}
        self._tell = tell
        self._about = dict(about)
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._began = time.monotonic()
        self._wrote = -EVERY

    def write(
        self,
        look: Callable[[], Sequence[Mapping[str, Any]]],
        *,
        ended: bool = False,
        stopped: DeepceptionError | None = None,
    ) -> None:
        """Say how far the runs are, which ``look`` tells, and what ``stopped`` them before their end, if anything.

        A full disk is told by what is measured, not by this.
        """
        now = time.monotonic()
        if not ended and now - self._wrote < EVERY:
            return
        self._wrote = now
        runs = look()
        state = {
            **self._about,
            "pid": os.getpid(),
            "since": self._since,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(now - self._began, 1),
            "ended": ended,
            "stopped": None if stopped is None else str(stopped),
            "runs": sorted(runs, key=lambda run: self._order[run["name"]]),
        }
        if self._tell is not None:
            self._tell(state)
        with contextlib.suppress(RunFolderError):
            write_atomically(self._path, (json.dumps(state) + "\n").encode("ascii"))


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the file says; ``None`` where there is none."""
    try:
        state = json.loads((folder / STATUS).read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and isinstance(state.get("runs"), list) else None
