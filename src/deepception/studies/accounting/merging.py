"""From the journals of a run's workers into its ledger: each line once, whatever is killed on the way."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .journal import journals, read_journal

UNKNOWN = "unknown"
"""What became of a query that is under way, or whose process died before it could tell: it counts as sent, and as
charged."""

ANSWERED = "answered"
OPENING = "opening"

_log = logging.getLogger(__name__)


def merge_journals(connection: sqlite3.Connection, folder: Path) -> int:
    """Merge what the journals of a run folder have more than the ledger; returns the number of lines.

    How far each was read is kept in the same transaction as what was read, so that nothing is merged twice; a
    query that is there already is brought up to date by (unit, sequence).

    Raises sqlite3.Error where the ledger cannot be written, RunFolderError where a journal cannot be read.
    """
    merged = 0
    for worker, path in journals(folder):
        known = connection.execute("SELECT offset FROM journals WHERE worker = ?", (worker,)).fetchone()
        lines, offset = read_journal(path, 0 if known is None else int(known[0]))
        if not lines:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            for line in lines:
                try:
                    _merge(connection, line)
                except (KeyError, TypeError, ValueError) as error:
                    _log.warning("A line of %s cannot be read (%r) and is left out.", path, error)
            connection.execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", (worker, offset))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        merged += len(lines)
    return merged


def _merge(connection: sqlite3.Connection, line: Mapping[str, Any]) -> None:
    unit = line["unit"]
    if "experiment" in line:
        connection.execute(
            "INSERT OR IGNORE INTO units VALUES (?, ?, ?, 'started', 0, 0, 0, '', 0)",
            (unit, line["experiment"], line["photograph"]),
        )
    if "sending" in line:
        connection.executemany(
            "INSERT OR IGNORE INTO queries VALUES (?, ?, ?, ?, 0, 1, ?, ?)",
            [
                (unit, line["sending"] + n, bytes.fromhex(digest), line["at"], UNKNOWN, line["cost"])
                for n, digest in enumerate(line["digests"])
            ],
        )
    for sequence, transmissions, cost in line.get("again", ()):
        connection.execute(
            "UPDATE queries SET transmissions = ?, cost = ? WHERE unit = ? AND sequence = ? AND outcome = ?",
            (transmissions, cost, unit, sequence, UNKNOWN),
        )
    for sequence, outcome, at, latency, transmissions, cost in line.get("noted", ()):
        connection.execute(
            "INSERT INTO queries VALUES (?, ?, NULL, ?, ?, ?, ?, ?) ON CONFLICT (unit, sequence) DO UPDATE SET "
            "at = excluded.at, latency = excluded.latency, transmissions = excluded.transmissions, "
            "outcome = excluded.outcome, cost = excluded.cost",
            (unit, sequence, at, latency, transmissions, outcome, cost),
        )
    if "failed" in line:
        connection.execute(
            "UPDATE units SET state = 'failed', finished_at = ? WHERE hash = ? AND state != 'finished'",
            (line["at"], unit),
        )
    if "failed" in line or "stopped" in line:
        text = line.get("failed", line.get("stopped"))
        connection.execute(
            "INSERT INTO failures VALUES (?, ?, ?, ?)", (unit, text, line["at"], line["transmissions"])
        )
