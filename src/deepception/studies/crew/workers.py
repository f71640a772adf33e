"""Who works on a run: one small file for each process in the run folder, with its heartbeat."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ..files import folder_error, make_folder
from .processes import here, is_alive, this_process

WORKERS = ".workers"
"""Hidden folder of a run: its workers, its lease and their claims."""

BEAT = 5.0
"""Seconds between two heartbeats."""

STALE = 60.0
"""Seconds for which a heartbeat is watched without change before its process counts as dead."""

WAITING, WORKING, ENDED = "waiting", "working", "ended"
"""What a worker's file says of its state: not let in yet, at work, gone in good order."""

_WIDTH = 40  # state and heartbeat are rewritten in place, of one length, which even a full disk allows


@dataclass(frozen=True)
class WorkerInfo:
    """What a process says of itself.

    Attributes:
        number: Its number in the run, never given twice.
        pid: Its process number.
        host: Its computer's name.
        machine: What its process number is unique in; empty where that is not known.
        process: What tells it from a later process of the same number; empty where that is not known.
        since: UTC time at which it began, ISO 8601.
        command: Its command line.
        alone: Why it shares the run with nobody; empty where it does.
        state: WAITING, WORKING or ENDED.
        beat: Its last heartbeat, a count, or the UTC time at which it ended.
    """

    number: int
    pid: int
    host: str
    machine: str
    process: str
    since: str
    command: str
    alone: str
    state: str
    beat: str

    @property
    def ended(self) -> str | None:
        """UTC time at which it said that it ends; ``None`` where it did not."""
        return self.beat if self.state == ENDED else None

    @property
    def words(self) -> str:
        """Who it is, for people."""
        return f"process {self.pid} on {self.host} since {self.since}"


class Worker:
    """This process as a worker of a run; in ``with`` its heart beats, in a thread of its own.

    Args:
        folder: The run folder, which exists.
        command: The command line.
        alone: Why nobody else may work on the run meanwhile, as the rest of a sentence; empty: others may.
        taken: The highest number that was ever given, asked for where no worker's file is there.
        beat: Seconds between two heartbeats.

    Raises:
        RunFolderError: The folder cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        command: str = "",
        *,
        alone: str = "",
        taken: Callable[[], int] = lambda: 0,
        beat: float = BEAT,
    ) -> None:
        self.folder = Path(folder)
        self.number = 0
        self._command, self._alone, self._taken, self._every = command, alone, taken, beat
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: Any = None
        self._writing = threading.Lock()
        self._state, self._beats = WAITING, 0

    @property
    def path(self) -> Path:
        """Its file."""
        return worker_path(self.folder, self.number)

    def say(self, state: str) -> None:
        """Tell the others whether it works on the run: WORKING or WAITING. Raises RunFolderError if it cannot."""
        self._state = state
        try:
            self._write(str(self._beats))
        except OSError as error:
            raise folder_error(self.folder, error) from error

    def __enter__(self) -> Worker:
        make_folder(self.folder / WORKERS)
        try:
            self._register()
        except OSError as error:
            raise folder_error(self.folder, error) from error
        self._thread = threading.Thread(target=self._live, name="deepception-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._file is not None:
            with contextlib.suppress(OSError):  # others then see that the heartbeat has stopped
                self._state = ENDED
                self._write(datetime.now(UTC).isoformat(timespec="seconds"))
            self._file.close()
            self._file = None

    def _register(self) -> None:
        """Take a number above all others: exclusive creation gives each to one process only."""
        number = max(numbers(self.folder), default=0) or self._taken()
        number += 1
        while True:
            try:
                self._file = worker_path(self.folder, number).open("x+b", buffering=0)
            except FileExistsError:
                number += 1
                continue
            # A number below another one may have been somebody's whose file is cleared away already.
            highest = max(numbers(self.folder), default=number)
            if highest <= number:
                break
            self._file.close()
            worker_path(self.folder, number).unlink(missing_ok=True)
            number = highest + 1
        self.number = number
        about = {
            **here(),
            "process": this_process(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": self._command.encode("utf-8", "replace").decode("utf-8"),
            "alone": self._alone,
        }
        self._file.write(b" " * _WIDTH + b"\n" + json.dumps(about).encode("ascii") + b"\n")
        self._write("0")

    def _live(self) -> None:
        while not self._stop.wait(self._every):
            self._beats += 1
            with contextlib.suppress(OSError):  # one beat less; too many of them, and others take over
                self._write(str(self._beats))

    def _write(self, beat: str) -> None:
        with self._writing:
            self._file.seek(0)
            self._file.write(f"{self._state} {beat}".ljust(_WIDTH).encode("ascii"))


class Roster:
    """Tells which workers of a run are alive, without trusting any clock but this process's own.

    A process that said its end is gone at once; so is one of this machine whose process is no more. Any other is
    gone when its heartbeat was watched for ``stale`` seconds and did not change.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        stale: float = STALE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = Path(folder)
        self._stale, self._clock = stale, clock
        self._seen: dict[int, tuple[str, float]] = {}
        self._gone: set[int] = set()

    def gone(self, number: int) -> bool:
        """Whether a worker has ended or died. Who is gone once stays gone."""
        if number not in self._gone and self._has_gone(number):
            self._gone.add(number)
        return number in self._gone

    def others(self, me: int = 0) -> Sequence[WorkerInfo]:
        """Who is at work, ``me`` left out, in the order in which they came."""
        living = [self.about(n) for n in sorted(numbers(self.folder)) if n != me and not self.gone(n)]
        return [info for info in living if info is not None and info.state == WORKING]

    def about(self, number: int) -> WorkerInfo | None:
        """What a worker says of itself; ``None`` where its file is gone or only half written."""
        return read_worker(self.folder, number)

    def _has_gone(self, number: int) -> bool:
        path = worker_path(self.folder, number)
        info = self.about(number)
        if info is None and not path.exists():
            return True
        if info is not None:
            if info.ended is not None:
                return True
            if is_alive(info.pid, info.machine, info.process) is False:
                return True
        now, beat = self._clock(), "" if info is None else info.beat
        last, since = self._seen.get(number, (None, now))
        if last != beat:
            self._seen[number] = (beat, now)
            return False
        return now - since >= self._stale


def worker_path(folder: Path, number: int) -> Path:
    """The file of a worker."""
    return folder / WORKERS / f"{number}.worker"


def numbers(folder: Path) -> list[int]:
    """The numbers of all workers whose files are there, unsorted."""
    return [int(path.stem) for path in (folder / WORKERS).glob("*.worker") if path.stem.isdecimal()]


def forget_gone(roster: Roster, me: int) -> None:
    """Remove the files of workers that are gone, the highest excepted, so that no number is given again."""
    known = numbers(roster.folder)
    for number in known:
        if number != me and number < max(known) and roster.gone(number):
            with contextlib.suppress(OSError):
                worker_path(roster.folder, number).unlink(missing_ok=True)


def read_worker(folder: Path, number: int) -> WorkerInfo | None:
    """Read a worker's file; ``None`` where there is none, or only a part of it."""
    try:
        first, about, _ = worker_path(folder, number).read_bytes().split(b"\n")
        state, _, beat = first.decode("ascii").strip().partition(" ")
        return WorkerInfo(number=number, state=state, beat=beat, **json.loads(about))
    except (OSError, ValueError, TypeError):
        return None
