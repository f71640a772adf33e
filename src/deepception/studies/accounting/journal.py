"""The journal of a worker: what it sends to an endpoint, and what fails, on the disk at once."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import RunFolderError
from ...sessions.journal import QueryRow
from ..files import folder_error, make_folder
from ..units import Unit

JOURNALS = "journal"
"""Folder of a run: one file for each worker that had something to note, kept with the run."""

SPAN = 1_000_000_000
"""Sequence numbers of one worker: worker 3 counts from 3,000,000,000 on, so no two give the same."""

_log = logging.getLogger(__name__)


class FileJournal:
    """An append-only file of JSON lines; whatever is noted has reached the disk when the call returns.

    Use it in one thread at a time; ``repeating`` may be called from others meanwhile. The file is made with its
    first line, so a run that needs none has none.

    Args:
        folder: The run folder.
        worker: The number of the worker, which no other has in this run.

    Attributes:
        price: What one transmission costs.
    """

    def __init__(self, folder: str | Path, worker: int) -> None:
        self.price = 0.0
        self._folder = Path(folder)
        self._path = journal_path(self._folder, worker)
        self._next = worker * SPAN
        self._unit: Unit | None = None
        self._told: str | None = None
        self._units: dict[int, str] = {}
        self._file: BinaryIO | None = None
        self._torn = False
        self._lock = threading.Lock()

    def start(self, unit: Unit | None) -> None:
        """From now on queries belong to this unit, or to none."""
        self._unit = unit

    def sending(self, digests: Sequence[bytes]) -> int:
        """Note stimuli, by their digests, that are about to be sent; see ``sessions.journal.Journal``."""
        unit = self._of_unit()
        first = self._next
        self._next += len(digests)
        self._units.update(dict.fromkeys(range(first, self._next), unit))
        self._write(
            {
                "unit": unit,
                "sending": first,
                "digests": [digest.hex() for digest in digests],
                "at": time.time(),
                "cost": self.price,
            }
        )
        return first

    def repeating(self, transmissions: Mapping[int, int]) -> None:
        """Note that some of them are about to be sent again; see ``sessions.journal.Journal``."""
        by_unit: dict[str, list[Any]] = {}
        for number, times in transmissions.items():
            listed = by_unit.setdefault(self._units.get(number, ""), [])
            listed.append([number, times, times * self.price])
        for unit, listed in by_unit.items():
            self._write({"unit": unit, "again": listed})

    def noted(self, rows: Mapping[int, QueryRow]) -> None:
        """Note what became of some of them, by number; see ``sessions.journal.Journal``."""
        by_unit: dict[str, list[Any]] = {}
        for number, row in rows.items():
            unit = self._units.get(number, "")
            by_unit.setdefault(unit, []).append([number, *astuple(row)])
        for unit, listed in by_unit.items():
            self._write({"unit": unit, "noted": listed})
        for number in rows:
            self._units.pop(number, None)

    def opened(self, transmissions: int) -> None:
        """Note the images that were sent before there was a session, to see what the endpoint is."""
        if transmissions:
            row = QueryRow("opening", time.time(), 0.0, transmissions, transmissions * self.price)
            self._write({"unit": "", "noted": [[self._next, *astuple(row)]]})
            self._next += 1

    def failed(self, unit: Unit, error: BaseException, transmissions: int, *, final: bool) -> None:
        """Note a unit that failed (``final``) or was stopped half-way, and the images sent for it in vain."""
        text = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode("utf-8")
        self._write(
            {
                **_about(unit),
                "failed" if final else "stopped": text,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "transmissions": transmissions,
            }
        )

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _of_unit(self) -> str:
        """The hash of the unit under way; with its first query, what it is goes before it."""
        if self._unit is None:
            return ""
        if self._told != self._unit.hash:
            self._told = self._unit.hash
            self._write(_about(self._unit))
        return self._unit.hash

    def _write(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
        with self._lock:
            try:
                if self._file is None:
                    make_folder(self._path.parent)
                    self._file = self._path.open("ab", buffering=0)
                # What a full disk cut short must not run into what follows.
                whole = b"\n" + data if self._torn else data
                self._torn = True
                _write_all(self._file, whole)
                os.fsync(self._file.fileno())
                self._torn = False
            except OSError as error:
                raise folder_error(self._folder, error) from error


def journal_path(folder: Path, worker: int) -> Path:
    """The journal of a worker."""
    return folder / JOURNALS / f"{worker}.jsonl"


def journals(folder: Path) -> Iterator[tuple[int, Path]]:
    """The journals of a run folder with the numbers of their workers, in order."""
    found = [path for path in (folder / JOURNALS).glob("*.jsonl") if path.stem.isdecimal()]
    yield from sorted((int(path.stem), path) for path in found)


def read_journal(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The lines of a journal from ``offset`` on, and the offset behind the last whole one.

    A last line that is not whole was never acted upon: its writer died or waits for the disk. Lines that cannot be
    read are told of and left out. Raises RunFolderError where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except OSError as error:
        raise folder_error(path.parent, error) from error
    whole = data[: data.rfind(b"\n") + 1]
    lines, bad = [], 0
    for text in whole.splitlines():
        if not text:
            continue
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if isinstance(line, dict):
            lines.append(line)
        else:
            bad += 1
    if bad:
        _log.warning("%d line(s) of %s cannot be read and are left out.", bad, path)
    return lines, offset + len(whole)


def _about(unit: Unit) -> dict[str, Any]:
    name = unit.photograph_name
    return {
        "unit": unit.hash,
        "experiment": unit.experiment,
        "photograph": None if name is None else name.encode("utf-8", "replace").decode("utf-8"),
    }


def _write_all(file: BinaryIO, data: bytes) -> None:
    done = 0
    while done < len(data):
        written = file.write(data[done:])
        if not written:
            raise RunFolderError("a journal took nothing")
        done += written
