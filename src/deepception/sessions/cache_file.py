"""The SQLite file under an answer cache: opening it, distrusting it, and where it lies by default."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from pathlib import Path

from ..errors import InputError

VARIABLE = "DEEPCEPTION_CACHE"
"""Environment variable that names the default cache's file."""

_MAGIC = b"SQLite format 3\x00"
_log = logging.getLogger(__name__)


def default_path() -> Path:
    """The file of the default cache: what DEEPCEPTION_CACHE names, else in the user's cache folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "deepception" / "answers.sqlite"


def open_base(path: Path | None, version: int, tables: str) -> sqlite3.Connection:
    """Open or make the file of a cache, ``None`` for one in memory; a damaged one is set aside, with a warning.

    Raises InputError where it is another database, sqlite3.Error where it cannot be opened or is no database.
    """
    if path is not None and _is_database(path):
        which = path.stat().st_ino
        try:
            return _open(path, version, tables)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # the disk is to blame, or another process
                raise
            if path.stat().st_ino == which:  # else another process has just done it
                _set_aside(path, str(error))
    return _open(path, version, tables)


def shrink(base: sqlite3.Connection) -> None:
    """Give the disk back what was dropped."""
    # One step of this pragma frees one page, and only a script is stepped to its end.
    base.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")


def _open(path: Path | None, version: int, tables: str) -> sqlite3.Connection:
    base = sqlite3.connect(":memory:" if path is None else path, timeout=60, check_same_thread=False)
    try:
        found = base.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        known = int(base.execute("PRAGMA user_version").fetchone()[0])
        names = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if known > version or (names and (known == 0 or names != {"answers"})):
            raise InputError(f"{path} is no answer cache of this version; name another file.")
        base.execute("PRAGMA page_size = 16384")  # a row of 1,000 scores fits in a page
        base.execute("PRAGMA auto_vacuum = INCREMENTAL")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        if 0 < known < version:
            _log.warning("The answers in %s were kept by an earlier version: they are forgotten.", path)
            base.execute("DROP TABLE answers")
        base.executescript(f"{tables} PRAGMA user_version = {version};")
    except BaseException:
        base.close()
        raise
    return base


def _is_database(path: Path) -> bool:
    """Whether a file is an SQLite database, be it a damaged one: only such a file is ever set aside."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _set_aside(path: Path, why: str) -> None:
    """Keep a damaged cache under another name. Raises InputError where that cannot be."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"The damaged answer cache {path} cannot be set aside ({reason}): remove it."
        ) from error
    _log.warning(
        "The answer cache %s was damaged (%s): it is kept as %s, and begun anew.", path, why, aside.name
    )
