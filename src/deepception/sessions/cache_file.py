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

PAGE = 16_384
"""Bytes of a page: a row of 1,000 scores fits in one."""

_LONGEST_LOG = 1_000  # pages of a write-ahead log, as SQLite has it

# The kinds of SQLite errors for which the disk is to blame, or somebody who works on it, and not the content.
_DISK = ("FULL", "READONLY", "BUSY", "LOCKED", "IOERR", "CANTOPEN", "PERM", "NOMEM", "INTERRUPT")
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


def blames_disk(error: sqlite3.Error) -> bool:
    """Whether the disk does not let a file be read or written, whatever is in it."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return name.startswith(tuple(f"SQLITE_{kind}" for kind in _DISK))


def open_base(
    path: Path | None, version: int, tables: str, max_bytes: int
) -> tuple[sqlite3.Connection, bool]:
    """Open or make the file of a cache, ``None`` for one in memory; returns it, and whether it can be written.

    What is no sound database is set aside and begun anew, what can only be read is opened for that, each with a
    warning.

    Raises InputError where it is another database, sqlite3.Error where it can neither be written nor read.
    """
    if path is None:
        return _open(None, version, tables, max_bytes), True
    which = _inode(path)
    try:
        return _open(path, version, tables, max_bytes), True
    except sqlite3.Error as error:
        if blames_disk(error):
            base = _open_to_read(path, version)
            if base is None:
                raise
            _log.warning(
                "The answer cache %s cannot be written (%s): what it knows is used, and nothing is kept.",
                *(path, error),
            )
            return base, False
        if _inode(path) == which:  # else another process has just done it
            _set_aside(path, str(error))
    return _open(path, version, tables, max_bytes), True


def held(base: sqlite3.Connection) -> int:
    """What the file really holds, in bytes: indexes and all that is filled of its pages, free ones left out."""
    pages, free = (
        int(base.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count")
    )
    return (pages - free) * PAGE


def shrink(base: sqlite3.Connection, max_bytes: int) -> None:
    """Give the disk back what was dropped, as far as the file is larger than it may be."""
    over = int(base.execute("PRAGMA page_count").fetchone()[0]) - max_bytes // PAGE
    if over > 0:
        # One step of this pragma frees one page, and only a script is stepped to its end.
        base.executescript(f"PRAGMA incremental_vacuum({over});")


def _open(path: Path | None, version: int, tables: str, max_bytes: int) -> sqlite3.Connection:
    base = sqlite3.connect(":memory:" if path is None else path, timeout=60, check_same_thread=False)
    try:
        known = _version(base, path, version)
        base.execute(f"PRAGMA page_size = {PAGE}")
        base.execute("PRAGMA auto_vacuum = INCREMENTAL")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        # The log beside the file is to be small beside it.
        base.execute(f"PRAGMA wal_autocheckpoint = {min(_LONGEST_LOG, max_bytes // PAGE // 10 or 1)}")
        base.execute("BEGIN IMMEDIATE")  # which only a file that can be written allows
        base.rollback()
        if 0 < known < version:
            _log.warning("The answers in %s were kept by an earlier version: they are forgotten.", path)
            base.execute("DROP TABLE answers")
        if known < version:
            base.executescript(f"{tables} PRAGMA user_version = {version};")
    except BaseException:
        base.close()
        raise
    return base


def _open_to_read(path: Path, version: int) -> sqlite3.Connection | None:
    """Open a file that cannot be written; ``None`` where it holds nothing that could be read."""
    # The second way needs no log beside the file, which a folder that cannot be written may not allow.
    for way in ("mode=ro", "immutable=1"):
        base = None
        try:
            address = f"{path.resolve().as_uri()}?{way}"
            base = sqlite3.connect(address, uri=True, timeout=60, check_same_thread=False)
            if _version(base, path, version) == version:
                return base
        except sqlite3.Error:
            pass  # the caller says what came of writing it
        if base is not None:
            base.close()
    return None


def _version(base: sqlite3.Connection, path: Path | None, version: int) -> int:
    """The version of a cache, 0 for a new one.

    Raises InputError for another database, sqlite3.Error for a damaged one.
    """
    found = base.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    known = int(base.execute("PRAGMA user_version").fetchone()[0])
    names = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if known > version or (names and (known == 0 or names != {"answers"})):
        raise InputError(f"{path} is no answer cache of this version; name another file.")
    return known


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


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
