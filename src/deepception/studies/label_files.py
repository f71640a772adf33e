"""CSVs that name photographs and their classes: ``labels.csv`` in a folder, or a CSV given as IMAGES."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..errors import InputError

LABELS_NAME = "labels.csv"

Label: TypeAlias = int | str
"""Index of a class, or its name as a person wrote it."""


@dataclass(frozen=True)
class Said:
    """What is said of the class of one photograph, and where.

    Attributes:
        label: Index of the class, or its name as it was written; ``None`` where nothing is said.
        name: The name that stands beside an index, for both must mean one class.
        where: ``"'photos.csv', line 3"`` or the option; empty where nothing is said.
    """

    label: Label | None = None
    name: str | None = None
    where: str = ""


def read_label_file(path: Path) -> dict[str, Said]:
    """Read a CSV with a header: column ``file``, and ``index`` or else ``label`` or else ``name``.

    Returns what is said of each file, by its absolute path (relative ones are relative to the CSV), in the order
    of the rows; no class where the cell is empty or no such column is there. Raises InputError where the CSV
    cannot be read, lacks the column ``file`` or a row, or gives one file two classes.
    """
    try:
        # utf-8-sig: spreadsheets put a byte order mark first.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
            if "file" not in columns:
                raise InputError(f"'{path}' has no column 'file': its first line must name the columns.")
            labels: dict[str, Said] = {}
            for row in rows:
                line = rows.line_num
                name = (row[columns["file"]] or "").strip()
                if not name:
                    raise InputError(f"'{path}' names no file in line {line}.")
                key = os.path.abspath(path.parent / name)
                said = _said(row, columns, path, line)
                if labels.setdefault(key, said).label != said.label:
                    raise InputError(f"'{path}' gives '{name}' another class in line {line} than before.")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({(error.strerror or str(error)).lower()}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not a text file in UTF-8: save it as a CSV in UTF-8.") from error
    except csv.Error as error:
        raise InputError(f"'{path}' is not a CSV that can be read ({error}).") from error
    if not labels:
        raise InputError(f"'{path}' names no photographs.")
    return labels


def _said(row: Mapping[str, str | None], columns: Mapping[str, str], path: Path, line: int) -> Said:
    index, name = _cell(row, columns, "index"), _cell(row, columns, "label") or _cell(row, columns, "name")
    where = f"'{path}', line {line}"
    if index is None:
        return Said() if name is None else Said(name, None, where)
    if not (index.isascii() and index.isdigit()):
        raise InputError(
            f"'{path}' has the index '{index}' in line {line}: it must be a whole number from 0."
        )
    return Said(int(index), name, where)


def _cell(row: Mapping[str, str | None], columns: Mapping[str, str], column: str) -> str | None:
    if column not in columns:
        return None
    return (row[columns[column]] or "").strip() or None
