"""What a run has cost, for people and for other programs: a summary, and one row for each query or local unit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from .files import write_atomically
from .ledger import Ledger
from .merging import ANSWERED
from .settings import load_settings

COLUMNS = (
    *("unit", "experiment", "photograph", "sequence", "digest", "at", "seconds", "queries", "transmissions"),
    *("outcome", "cost"),
)
"""Columns of the rows. A query to an endpoint has a sequence number, a unit of a local engine has none.
``queries`` and ``transmissions`` add up to those of the run."""

# A unit of a local engine is one row; what was sent in vain for one is a row as well.
_ROWS = f"""
SELECT q.unit, u.experiment, u.photograph, q.sequence, lower(hex(q.digest)), q.at, q.latency,
       q.outcome = '{ANSWERED}', q.transmissions, q.outcome, q.cost
  FROM queries q LEFT JOIN units u ON u.hash = q.unit
UNION ALL
SELECT hash, experiment, photograph, NULL, NULL, finished_at, seconds, queries, transmissions, state, 0.0
  FROM units WHERE state = 'finished' AND hash NOT IN (SELECT unit FROM queries)
UNION ALL
SELECT f.hash, u.experiment, u.photograph, NULL, NULL, f.at, 0.0, 0, f.transmissions, f.error, 0.0
  FROM failures f LEFT JOIN units u ON u.hash = f.hash WHERE f.hash NOT IN (SELECT unit FROM queries)
"""


def rows(ledger: Ledger) -> Iterator[tuple[Any, ...]]:
    """The rows of a ledger, with ``COLUMNS``; times are UTC, ISO 8601."""
    for row in ledger.connection.execute(_ROWS):
        at = row[5]
        if isinstance(at, float):
            at = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        yield (*row[:4], row[4] or None, at, *row[6:])


def summary(folder: Path, ledger: Ledger) -> dict[str, Any]:
    """What a run has cost, in all and by experiment, as plain JSON."""
    settings = load_settings(folder)
    totals = ledger.totals()
    by_experiment: dict[str, dict[str, Any]] = {}
    everything = _nothing()
    outcomes: dict[str, int] = {}
    for _, experiment, _, sequence, _, _, seconds, queries, transmissions, outcome, cost in rows(ledger):
        for one in (everything, by_experiment.setdefault(experiment or "opening", _nothing())):
            one["queries"] += queries
            one["transmissions"] += transmissions
            one["cost"] += cost
            one["seconds"] += seconds
            if sequence is not None and outcome != "opening":
                one["retries"] += max(0, transmissions - 1)
                one["failures"] += outcome != ANSWERED
            else:
                one["failures"] += outcome not in ("finished", "opening")
        if sequence is not None:
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    finished = ledger.connection.execute("SELECT count(*) FROM units WHERE state = 'finished'").fetchone()[0]
    return {
        "observer": settings.observers[0].name if settings.observers else None,
        "queries": totals.queries,
        "transmissions": totals.transmissions,
        "retries": everything["retries"],
        "failures": everything["failures"],
        "cost": totals.cost,
        "seconds": totals.seconds,
        "units": {"finished": int(finished), "failed": len(ledger.failures())},
        "outcomes": dict(sorted(outcomes.items())),
        "experiments": by_experiment,
        "processes": [
            {"started": s.started, "ended": s.ended, "command": s.command} for s in ledger.sittings()
        ],
    }


def write_csv(ledger: Ledger, path: Path) -> int:
    """Write the rows as CSV with a line of names; returns their number. Raises InputError where it cannot."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in rows(ledger):
        writer.writerow(row)
        count += 1
    _write(path, text.getvalue().encode("utf-8"))
    return count


def write_parquet(ledger: Ledger, path: Path) -> int:
    """Write the rows as a Parquet file; returns their number. Raises InputError where it cannot."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            "Parquet files need pyarrow: pip install 'deepception[parquet]', or export with --csv."
        ) from error
    text, whole, real = pa.string(), pa.int64(), pa.float64()
    kinds = dict.fromkeys(COLUMNS, text)
    kinds |= {"sequence": whole, "queries": whole, "transmissions": whole, "seconds": real, "cost": real}
    listed = list(rows(ledger))
    columns = list(zip(*listed, strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(values, type=kinds[name]) for name, values in zip(COLUMNS, columns, strict=True)]
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(zip(COLUMNS, arrays, strict=True))), buffer)
    _write(path, buffer.getvalue())
    return len(listed)


def _write(path: Path, data: bytes) -> None:
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(f"'{path}' cannot be written: name a file in a folder that exists.")
    write_atomically(path, data)


def _nothing() -> dict[str, Any]:
    return {"queries": 0, "transmissions": 0, "retries": 0, "failures": 0, "cost": 0.0, "seconds": 0.0}
