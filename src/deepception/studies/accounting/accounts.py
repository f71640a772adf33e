"""What a run has cost, for people and for other programs: a summary, and one row for each query or local unit."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..files import write_atomically
from ..settings import load_settings
from .ledger import Ledger, money
from .merging import ANSWERED, OPENING, UNKNOWN

COLUMNS = (
    *("unit", "experiment", "photograph", "sequence", "digest", "at", "seconds", "queries", "transmissions"),
    *("outcome", "cost"),
)
"""Columns of the rows. A query to an endpoint has a sequence number, a unit of a local engine has none.
``queries`` and ``transmissions`` add up to those of the run."""

# A unit of a local engine is one row; what was sent in vain for one is a row as well.
_ROWS = f"""
SELECT q.unit, u.experiment, u.photograph, q.sequence, lower(hex(q.digest)), iif(q.transmissions, q.at, NULL),
       q.latency, q.outcome = '{ANSWERED}', q.transmissions, q.outcome, q.cost, 0
  FROM queries q LEFT JOIN units u ON u.hash = q.unit
UNION ALL
SELECT hash, experiment, photograph, NULL, NULL, finished_at, seconds, queries, transmissions, state, 0.0, rowid
  FROM units WHERE state = 'finished' AND hash NOT IN (SELECT unit FROM queries)
UNION ALL
SELECT f.hash, u.experiment, u.photograph, NULL, NULL, f.at, 0.0, 0, f.transmissions, f.error, 0.0, f.rowid
  FROM failures f LEFT JOIN units u ON u.hash = f.hash WHERE f.hash NOT IN (SELECT unit FROM queries)
 ORDER BY 4, 6, 12
"""
# Of the units themselves; these have no row of a query.
_UNITS = (
    "SELECT experiment, sum(seconds), sum(cached) FROM units WHERE state = 'finished' GROUP BY experiment"
)

_SUMS = (
    "queries",
    "cached",
    "transmissions",
    "retries",
    "failures",
    "unknown",
    "not_sent",
    "cost",
    "seconds",
)


def rows(ledger: Ledger) -> Iterator[tuple[Any, ...]]:
    """The rows of a ledger, with ``COLUMNS``, in the order of their sequence numbers or else of their times.

    Times are UTC, ISO 8601; ``None`` for what was never sent.
    """
    for row in ledger.connection.execute(_ROWS):
        at = row[5]
        if isinstance(at, float):
            at = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        yield (*row[:4], row[4] or None, at, *row[6:-1])


def summary(folder: Path, ledger: Ledger) -> dict[str, Any]:
    """What a run has cost, in all and by experiment, as plain JSON.

    For an endpoint each image is counted in one of four ways: as a query (it was answered), a failure (it was sent
    and gave no answer), ``unknown`` (it is under way, or its process died) or ``not_sent``. The first three, the
    retries, and what opening the endpoint took add up to the transmissions.
    """
    settings = load_settings(folder)
    totals = ledger.totals()
    by_experiment: dict[str, dict[str, Any]] = {}
    everything = _nothing()
    outcomes: Counter[str] = Counter()
    for _, experiment, _, sequence, _, _, _, queries, transmissions, outcome, cost in rows(ledger):
        for one in (everything, by_experiment.setdefault(experiment or OPENING, _nothing())):
            one["queries"] += queries
            one["transmissions"] += transmissions
            one["cost"] += cost
            if outcome == OPENING and sequence is not None:
                continue
            if sequence is not None:
                one["retries"] += max(0, transmissions - 1)
            kind = _kind(outcome, transmissions if sequence is not None else None)
            if kind is not None:
                one[kind] += 1
        if sequence is not None:
            outcomes[outcome] += 1
    for experiment, seconds, cached in ledger.connection.execute(_UNITS):
        for one in (everything, by_experiment[experiment]):
            one["seconds"] += seconds
            one["cached"] += cached
    for one in by_experiment.values():
        one["cost"] = money(one["cost"])
    finished = ledger.connection.execute("SELECT count(*) FROM units WHERE state = 'finished'").fetchone()[0]
    return {
        "observer": settings.observers[0].name if settings.observers else None,
        **everything,
        "queries": totals.queries,
        "transmissions": totals.transmissions,
        "cost": totals.cost,
        "seconds": totals.seconds,
        "units": {"finished": int(finished), "failed": len(ledger.failures())},
        "outcomes": dict(outcomes.most_common()),
        "experiments": by_experiment,
        "processes": [
            {"started": s.started, "ended": s.ended, "command": s.command} for s in ledger.sittings()
        ],
    }


def _kind(outcome: str, transmissions: int | None) -> str | None:
    """What a row counts as beside a query; ``transmissions`` is ``None`` for a unit of a local engine."""
    if outcome in (ANSWERED, "finished"):
        return None
    if transmissions == 0:
        return "not_sent"
    return "unknown" if outcome == UNKNOWN and transmissions is not None else "failures"


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
    return {name: 0.0 if name in ("cost", "seconds") else 0 for name in _SUMS}
