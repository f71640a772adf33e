"""The figures of runs as tables: columns of one type each, found out from the rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..comparison.runs import Compared

Row = Mapping[str, Any]
HEAD = ("observer", "run", "fingerprint", "photograph", "sha256")
"""The columns by which all tables can be joined."""

_ROWS = 100_000  # of one group of rows in a file


@dataclass(frozen=True)
class Table:
    """A table that is made as it is read.

    Attributes:
        name: Of its file.
        kinds: Type of each column: ``"bool"``, ``"int"``, ``"float"``, ``"text"``, ``"floats"`` (a list), or
            ``"json"`` (text of anything else).
        rows: Makes its rows, each with all or some of the columns.
    """

    name: str
    kinds: Mapping[str, str]
    rows: Callable[[], Iterator[Row]]


def tables(runs: Sequence[Compared]) -> list[Table]:
    """All tables of some runs: figures, photographs, and one a property."""
    names = list(dict.fromkeys(name for run in runs for name in run.results["properties"]))
    head = dict.fromkeys(HEAD, "text")
    long = {**head, "label": "int", "property": "text", "figure": "text", "value": "float"}
    made = [Table("figures", long, lambda: _figures(runs, names))]
    wide: dict[str, Callable[[], Iterator[Row]]] = {"photographs": lambda: _photographs(runs)}
    for name in names:
        wide[name] = lambda name=name: _property(runs, name)  # type: ignore[misc]
    return [*made, *(Table(name, {**head, **_kinds(rows())}, rows) for name, rows in wide.items())]


def write_parquet(table: Table, path: Path) -> None:
    """Write a table as a Parquet file, some rows at a time. Raises OSError where it cannot."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "floats": pa.list_(pa.float64()),
        "json": pa.string(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in table.kinds.items()])
    with pq.ParquetWriter(path, schema) as writer:
        for rows in _batches(table.rows()):
            plain = [
                {name: _plain(row.get(name), kind) for name, kind in table.kinds.items()} for row in rows
            ]
            writer.write_table(pa.Table.from_pylist(plain, schema=schema))


def write_csv(table: Table, path: Path) -> None:
    """Write a table as CSV, lists as JSON; an empty cell is a value that there is none of. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.kinds)
        for row in table.rows():
            writer.writerow([_cell(row.get(name), kind) for name, kind in table.kinds.items()])


def flat(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a row; those of a group within it are named ``group.value``."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _head(run: Compared, name: str, sha256: str) -> dict[str, Any]:
    observer = run.results["observer"]["name"]
    return dict(zip(HEAD, (observer, run.run.name, run.fingerprint, name, sha256), strict=True))


def _figures(runs: Sequence[Compared], names: Sequence[str]) -> Iterator[Row]:
    for run in runs:
        for name in names:
            for row in run.rows(name).values():
                head = {**_head(run, row["name"], row["sha256"]), "label": row["label"], "property": name}
                for figure, value in flat(row):
                    if isinstance(value, (bool, int, float)) and figure != "label":
                        yield {**head, "figure": figure, "value": float(value)}


def _property(runs: Sequence[Compared], name: str) -> Iterator[Row]:
    for run in runs:
        for row in run.rows(name).values():
            own = {key: value for key, value in flat(row) if key not in ("name", "sha256")}
            yield {**_head(run, row["name"], row["sha256"]), **own}


def _photographs(runs: Sequence[Compared]) -> Iterator[Row]:
    for run in runs:
        for photograph in run.photographs.values():
            clean = photograph["clean"] or {"top": [None], "log10_p": [None]}
            yield {
                **_head(run, photograph["name"], photograph["sha256"]),
                "label": photograph["label"],
                "class": run.class_of(photograph["sha256"]),
                "labelled": photograph["labelled"],
                "correct": photograph["correct"],
                "clean_top1": clean["top"][0],
                "clean_log10_p": clean["log10_p"][0],
                "unit": photograph["unit"],
            }


def _kinds(rows: Iterator[Row]) -> dict[str, str]:
    """The type of each column: the narrowest that holds all of its values."""
    seen: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            kinds = seen.setdefault(name, set())
            if value is not None:
                kinds.add(_kind(value))
    return {name: _common(kinds) for name, kinds in seen.items()}


def _kind(value: Any) -> str:
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "text")):
        if isinstance(value, kind):
            return name
    numbers = isinstance(value, Sequence) and all(
        entry is None or (isinstance(entry, (int, float)) and not isinstance(entry, bool)) for entry in value
    )
    return "floats" if numbers else "json"


def _common(kinds: set[str]) -> str:
    if not kinds:
        return "float"
    if len(kinds) == 1:
        return next(iter(kinds))
    return "float" if kinds == {"int", "float"} else "json"


def _plain(value: Any, kind: str) -> Any:
    if kind == "json" and value is not None:
        return json.dumps(value)
    if kind == "float" and value is not None:
        return float(value)
    return value


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if kind in ("json", "floats", "bool") else value


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
