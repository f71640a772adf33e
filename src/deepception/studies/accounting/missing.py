"""What a ledger cannot know any more: journals that were cut, and queries of finished units that they lack."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ..crew.workers import Roster
from ..files import folder_error
from .journal import journals
from .merging import ANSWERED

# Finished units with fewer answers in the ledger than they took. Of a local engine no unit has any.
_LACKING = f"""
SELECT count(*) FROM units WHERE state = 'finished' AND EXISTS (SELECT 1 FROM queries WHERE unit != '')
   AND queries > (SELECT count(*) FROM queries q WHERE q.unit = units.hash AND q.outcome = '{ANSWERED}')
"""


def missing(connection: sqlite3.Connection, folder: Path) -> list[str]:
    """One sentence for each thing that is known to be missing in a ledger into which the journals were merged.

    Raises sqlite3.Error where the ledger cannot be read, RunFolderError where a journal cannot.
    """
    told = [
        f"The last line of {path} is cut short: the process that wrote it was killed or the disk is damaged, and "
        "what the line told is in no sum."
        for path in _cut(folder)
    ]
    lacking = int(connection.execute(_LACKING).fetchone()[0])
    if lacking:
        units = "1 finished unit has" if lacking == 1 else f"{lacking:,} finished units have"
        told.append(
            f"{units} fewer queries in '{folder / 'journal'}' than they took: a part of it is lost, and what that "
            "cost is in no sum."
        )
    return told


def _cut(folder: Path) -> Iterator[Path]:
    """The journals without an end; the last line of a living process is only on its way."""
    roster = Roster(folder)
    for worker, path in journals(folder):
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - 1))
                whole = file.read(1) in (b"", b"\n")
        except OSError as error:
            raise folder_error(folder, error) from error
        if not whole and roster.gone(worker):
            yield path
