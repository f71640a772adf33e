"""Walking through folders: in an order that a person expects, and never round a loop."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError


def natural(path: Path) -> tuple[tuple[str | int, ...], str]:
    """Sort key that puts ``cat2.jpg`` before ``cat10.jpg``, and does not mind case."""
    text = str(path)
    return tuple(
        int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text.casefold())
    ), text


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder: its own first, then those of its subfolders, in natural order.

    Hidden files and folders are skipped. Symbolic links are followed, but each real folder is entered once.
    Raises InputError where a folder cannot be read.
    """
    entered: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
            # A link in a loop with itself answers is_dir() with an error, unlike a broken one.
            folders = [Path(entry.path) for entry in visible if Path(entry.path).is_dir()]
        except OSError as error:
            raise InputError(
                f"The folder '{here}' cannot be read ({(error.strerror or str(error)).lower()})."
            ) from error
        inside = set(folders)
        files = [Path(entry.path) for entry in visible if Path(entry.path) not in inside]
        yield from sorted(files, key=natural)
        waiting.extend(sorted(folders, key=natural, reverse=True))
