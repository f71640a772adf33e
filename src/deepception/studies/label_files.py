"""CSVs that name photographs and their classes: ``labels.csv`` in a folder, or a CSV given as IMAGES."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from ..errors import InputError

LABELS_NAME = "labels.csv"

Label: TypeAlias = int | str
"""Index of a class, or its name as a person wrote it."""


def read_label_file(path: Path) -> dict[str, Label | None]:
    """Read a CSV with a header: column ``file``, and ``index`` or else ``label`` or else ``name``.

    Returns the class of each file, by its absolute path (relative ones are relative to the CSV), in the order
    of the rows; ``None`` where the cell is empty or no such column is there. Raises InputError where the CSV
    cannot be read, lacks the column ``file`` or a row, or gives one file two classes.
    """
    try:
        # utf-8-sig: spreadsheets put a byte order mark first.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
            if "file" not in columns:
                raise InputError(f"'{path}' has no column 'file': its first line must name the columns.")
            labels: dict[str, Label | None] = {}
            for row in rows:
                line = rows.line_num
                name = (row[columns["file"]] or "").strip()
                if not name:
                    raise InputError(f"'{path}' names no file in line {line}.")
                key = os.path.abspath(path.parent / name)
                label = _label(row, columns, path, line)
                if labels.setdefault(key, label) != label:
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


def _label(row: Mapping[str, str | None], columns: Mapping[str, str], path: Path, line: int) -> Label | None:
    index = _cell(row, columns, "index")
    if index is None:
        return _cell(row, columns, "label") or _cell(row, columns, "name")
    if not (index.isascii() and index.isdigit()):
        raise InputError(
            f"'{path}' has the index '{index}' in line {line}: it must be a whole number from 0."
        )
    return int(index)


def _cell(row: Mapping[str, str | None], columns: Mapping[str, str], column: str) -> str | None:
    if column not in columns:
        return None
    return (row[columns[column]] or "").strip() or None
