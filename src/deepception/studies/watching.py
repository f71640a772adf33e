"""Looking at a study or a run from outside: how far it is, how fast, and what failed. Nothing is written."""

from __future__ import annotations

import shlex
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RunFolderError, without_kind
from .accounting.ledger import Ledger
from .crew.workers import Roster
from .price import price_of
from .settings import RUN_NAME, load_settings
from .study.status import STATUS, read_status

_SILENT = 15.0  # seconds after which a driver that writes nothing is asked for


class Rate:
    """Units in a second over the last minutes.

    Args:
        span: Seconds that it looks back.
    """

    def __init__(self, span: float = 120.0) -> None:
        self._span = span
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, done: int, now: float | None = None) -> float | None:
        """Take note that so many are done; ``None`` until the second look."""
        now = time.monotonic() if now is None else now
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > self._span:
            self._seen.popleft()
        then, before = self._seen[0]
        return None if now - then < 1e-9 else max(0, done - before) / (now - then)


class Watcher:
    """Looks at the folder of a study or of a run, again and again."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._rate = Rate()
        self._planned: int | None = None

    def look(self) -> dict[str, Any]:
        """How far it is, plain JSON: see ``summed``. Raises RunFolderError where the folder is neither."""
        if (self._folder / RUN_NAME).exists():
            return self._single()
        status = read_status(self._folder)
        if status is None:
            raise RunFolderError(
                f"'{self._folder}' holds no run, and no study that has begun ({STATUS} is missing): name the "
                "folder of one."
            )
        if not status["ended"] and not self._driven(status):
            status = {**status, "ended": True, "stopped": "Its driver is gone."}
        return summed(status, self._rate)

    def _driven(self, status: Mapping[str, Any]) -> bool:
        """Whether the driver is alive: it works in its runs."""
        for run in status["runs"]:
            roster = Roster(self._folder / "runs" / run["name"])
            if any(other.pid == status["pid"] for other in roster.others()):
                return True
        return False

    def _single(self) -> dict[str, Any]:
        settings = load_settings(self._folder)
        with Ledger.read(self._folder) as ledger:
            totals, failures = ledger.totals(), ledger.failures()
            done = int(
                ledger.connection.execute("SELECT count(*) FROM units WHERE state = 'finished'").fetchone()[0]
            )
        if self._planned is None:
            # Runs of other kinds have another plan.
            self._planned = price_of(settings).units if "properties" in settings.settings else 0
        run = {
            "name": self._folder.resolve().name,
            "units": max(self._planned, done),
            "finished": done,
            "skipped": 0,
            "failed": len(failures),
            "blocked": 0,
            "under_way": 0,
            "sent": totals.transmissions,
            "price": None,
            "stopped": None,
            "failures": [
                {"experiment": f.experiment, "photograph": f.photograph, "error": without_kind(f.error)}
                for f in failures[-3:]
            ],
        }
        working = bool(Roster(self._folder).others())
        state = summed({"runs": [run], "ended": not working, "command": settings.command}, self._rate)
        return {**state, "cost": totals.cost or None}


def summed(status: Mapping[str, Any], rate: Rate) -> dict[str, Any]:
    """A status with what follows from it.

    Returns:
        ``runs`` (each with ``units``, ``done``, ``failed``, ``sent``, ``stopped`` and its last ``failures``) and
        their sums; ``rate``, units in a second, and ``left``, seconds, where they can be told; ``cost`` where
        something is charged; ``at_work``; and ``ended``, a sentence for when it is not.
    """
    runs = []
    for run in status["runs"]:
        done = run["finished"] + run["skipped"]
        lost = run["failed"] + run["blocked"]
        runs.append({**run, "done": done, "failed": lost, "units": max(run["units"], done + lost)})
    done = sum(run["done"] for run in runs)
    units, failed = sum(run["units"] for run in runs), sum(run["failed"] for run in runs)
    speed = rate(done)
    open_units = sum(run["units"] - run["done"] - run["failed"] for run in runs if not run["stopped"])
    prices = [run["sent"] * run["price"] for run in runs if run["price"]]
    return {
        "runs": runs,
        "done": done,
        "units": units,
        "failed": failed,
        "sent": sum(run["sent"] for run in runs),
        "rate": speed,
        "left": open_units / speed if speed else None,
        "cost": sum(prices) if prices else None,
        "at_work": not status["ended"],
        "ended": _ending(status, units - done) if status["ended"] else "",
    }


def _ending(status: Mapping[str, Any], left: int) -> str:
    """How it ended, how many units are left, and how to go on with them."""
    words = [status.get("stopped") or "It has ended."]
    if left:
        are, them = ("1 unit is", "it") if left == 1 else (f"{left:,} units are", "them")
        on = f"{are} not measured; the same command goes on with {them}"
        command = shlex.join(status.get("command") or ())
        words.append(f"{on}: {command}" if command else f"{on}.")
    return " ".join(words)
