"""The SQLite file under a ledger: opening it, distrusting it, and saying what the disk answered."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ...errors import RunFolderError
from ...sessions.cache_file import blames_disk
from ..files import folder_error

LEDGER_NAME = "ledger.sqlite"
VERSION = 3
"""Version of the tables, kept in the file. Earlier ones, which lack tables or ``cached``, are brought up to it."""

# What SQLite may need beside the ledger for a step: a write-ahead log and its index.
_LEAST_ROOM = 1 << 16

_TABLES = {
    "units": "hash TEXT PRIMARY KEY, experiment TEXT NOT NULL, photograph TEXT, state TEXT NOT NULL, "
    "queries INTEGER NOT NULL, transmissions INTEGER NOT NULL, seconds REAL NOT NULL, "
    "finished_at TEXT NOT NULL, cached INTEGER NOT NULL DEFAULT 0",
    "failures": "hash TEXT NOT NULL, error TEXT NOT NULL, at TEXT NOT NULL, transmissions INTEGER NOT NULL",
    "sessions": "id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT, command TEXT NOT NULL",
    "queries": "unit TEXT NOT NULL, sequence INTEGER NOT NULL, digest BLOB, at REAL NOT NULL, "
    "latency REAL NOT NULL, transmissions INTEGER NOT NULL, outcome TEXT NOT NULL, cost REAL NOT NULL",
    "journals": "worker INTEGER PRIMARY KEY, offset INTEGER NOT NULL",
}
_KEYS = {"queries": ", PRIMARY KEY (unit, sequence)) WITHOUT ROWID"}


def connect(folder: Path) -> sqlite3.Connection | None:
    """Open or make the ledger of a run folder; ``None`` where what is there is no sound ledger.

    Raises RunFolderError where the disk does not let it be opened or made, or a newer version wrote it.
    """
    try:
        connection = sqlite3.connect(
            folder / LEDGER_NAME, timeout=30, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise ledger_error(folder, error) from error
    try:
        if _is_sound(connection):
            refuse_newer(connection, folder)
            make_tables(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            return connection
    except sqlite3.Error as error:
        if blames_disk(error):
            connection.close()
            raise ledger_error(folder, error) from error
    connection.close()
    return None


def _is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the file is whole: half a million queries take a tenth of a second to check."""
    return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def refuse_newer(connection: sqlite3.Connection, folder: Path) -> None:
    """Raise RunFolderError where a newer version made the ledger."""
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) > VERSION:
        connection.close()
        raise RunFolderError(
            f"{LEDGER_NAME} in '{folder}' was written by a newer version of deepception: "
            "update deepception or name another folder."
        )


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing, all or none; sqlite3.Error where one is there that is another's."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    of_units = {row[1] for row in connection.execute("PRAGMA table_info(units)")}
    if not there.issuperset(_TABLES) or "cached" not in of_units:
        connection.execute("BEGIN IMMEDIATE")
        for table, columns in _TABLES.items():
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns}{_KEYS.get(table, ')')}")
        if of_units and "cached" not in of_units:
            connection.execute("ALTER TABLE units ADD COLUMN cached INTEGER NOT NULL DEFAULT 0")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    for table, columns in _TABLES.items():
        names = ", ".join(column.split()[0] for column in columns.split(", "))
        connection.execute(f"SELECT {names} FROM {table} LIMIT 1").fetchone()


def connect_copy(folder: Path) -> sqlite3.Connection:
    """A copy of a ledger in memory, of this version, whoever works on the ledger itself.

    Raises RunFolderError where it cannot be read, or a newer version wrote it.
    """
    path = folder / LEDGER_NAME
    if is_lost(folder):
        raise lost(folder, "is empty" if path.is_file() else "is missing")
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _copy(path, copy)
        refuse_newer(copy, folder)
        make_tables(copy)
    except sqlite3.Error as error:
        copy.close()
        if blames_disk(error):
            raise ledger_error(folder, error) from error
        raise lost(folder, f"cannot be read ({error})") from error
    return copy


def _copy(path: Path, copy: sqlite3.Connection) -> None:
    """Copy what a ledger holds now, and leave nothing beside it."""
    address = path.resolve().as_uri()
    before = _at_rest(path)
    if (
        before is not None
    ):  # then the file has it all, and may be read without the log, which reading would make
        try:
            with contextlib.closing(sqlite3.connect(f"{address}?immutable=1", uri=True)) as connection:
                connection.backup(copy)
        except sqlite3.Error:
            if _at_rest(path) == before:
                raise
        if _at_rest(path) == before:
            return
    with contextlib.closing(sqlite3.connect(f"{address}?mode=ro", uri=True)) as connection:
        connection.backup(copy)


def _at_rest(path: Path) -> tuple[int, int] | None:
    """What tells whether a ledger has changed, while nothing waits in the log beside it; else ``None``."""
    log = path.with_name(f"{LEDGER_NAME}-wal")
    with contextlib.suppress(OSError):
        if log.exists() and log.stat().st_size:
            return None
        about = path.stat()
        return about.st_size, about.st_mtime_ns
    return None


def is_lost(folder: Path) -> bool:
    """Whether there is no ledger, or an empty file in its place."""
    path = folder / LEDGER_NAME
    return not path.is_file() or path.stat().st_size == 0


def lost(folder: Path, why: str) -> RunFolderError:
    """What is told where the ledger is of no use, but the disk is: the chunks and the journals suffice."""
    return RunFolderError(
        f"{LEDGER_NAME} in '{folder}' {why}: start the command that made the run again, which makes it anew."
    )


def set_aside(folder: Path) -> None:
    """Keep a damaged ledger under another name, and drop the log beside it, which belongs to it."""
    path = folder / LEDGER_NAME
    try:
        path.replace(path.with_name(f"{LEDGER_NAME}.damaged"))
        for suffix in ("-wal", "-shm"):
            path.with_name(LEDGER_NAME + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise folder_error(folder, error) from error


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Turn what SQLite raises inside into a RunFolderError."""
    try:
        yield
    except sqlite3.Error as error:
        raise ledger_error(folder, error) from error


def ledger_error(folder: Path, error: sqlite3.Error) -> RunFolderError:
    """Say in one sentence what SQLite answered."""
    if "full" in str(error) or _no_room(folder):
        return RunFolderError(
            f"The disk of '{folder}' is full: free some space and run the same command again "
            "(what was measured so far is kept)."
        )
    return RunFolderError(
        f"{LEDGER_NAME} in '{folder}' cannot be used ({error}): check its permissions and its disk, or name "
        "another folder."
    )


def _no_room(folder: Path) -> bool:
    """Whether the disk is all but full: SQLite then calls it an input/output error as often as not."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < _LEAST_ROOM
    return False
