"""The cache of answers: raw scores by observer and stimulus, the least recently used ones dropped first."""

from __future__ import annotations

import logging
import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..observers import AnswerLevel, RawAnswers
from ..observers.protocol import join_answers
from .cache_file import held, open_base, shrink

DEFAULT_BYTES = 2_000_000_000
"""How much a cache keeps where nothing else is said."""

LEAST_BYTES = 1_000_000
"""The smallest cache: an empty one takes 80 KB, one answer with tens of thousands of scores as much again."""

_OVERHEAD = 160  # bytes of keys and bookkeeping that a kept answer takes beside its scores, about
_VERSION = 2
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    fingerprint BLOB NOT NULL, digest BLOB NOT NULL, level TEXT NOT NULL, resolution REAL NOT NULL,
    ceiling REAL NOT NULL, kind TEXT NOT NULL, scores BLOB NOT NULL, labels BLOB, bytes INTEGER NOT NULL,
    used INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, digest)
);
CREATE INDEX IF NOT EXISTS answers_used ON answers (used);
"""


Value = TypeVar("Value")

_log = logging.getLogger(__name__)


def check_bytes(max_bytes: int) -> None:
    """Raise InputError where a cache of so many bytes could keep nothing."""
    if max_bytes < LEAST_BYTES:
        raise InputError(
            f"A cache of {max_bytes:,} bytes is too small to keep anything; give it 1 MB or more, or leave it out."
        )


class AnswerCache:
    """Raw answers by (fingerprint of the observer, digest of the stimulus), as the adapter gave them.

    A cache is a convenience, and never stops a measurement: a file that is damaged is set aside and begun anew, an
    answer that was altered counts as unknown, a file that can only be read is read, and where it cannot be written
    any more (a full disk), the cache says so once, as a warning in the log, and keeps nothing from then on.

    Args:
        path: SQLite file that keeps them, made where there is none; None keeps them in memory. Several
            processes may share a file.
        max_bytes: How much the file may hold, indexes included, 1,000,000 or more. When it would be more, the
            least recently used are dropped until a tenth of that is free.

    Raises:
        InputError: The file cannot be opened or made, or is another database; the bound is too small.
    """

    def __init__(self, path: str | Path | None = None, *, max_bytes: int = DEFAULT_BYTES) -> None:
        check_bytes(max_bytes)
        self.path = None if path is None else Path(path)
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._readable = True
        self._clock = 0
        try:
            self._base, self._writable = open_base(self.path, _VERSION, _TABLE, max_bytes)
        except sqlite3.Error as error:
            raise InputError(f"The answer cache {self._name} cannot be used: {error}.") from error
        with self._lock:
            self._clock = self._read(self._last_use, 0)
            self._write(self._bound)

    def __len__(self) -> int:
        with self._lock:
            return self._read(
                lambda: int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0]), 0
            )

    @property
    def size(self) -> int:
        """What the file holds, in bytes, indexes included; a new one holds a few pages already."""
        with self._lock:
            return self._read(lambda: held(self._base), 0)

    def find(self, fingerprint: str, digests: Sequence[bytes]) -> dict[int, RawAnswers]:
        """The kept answers to some stimuli: position in ``digests`` to raw answers of one row."""
        who = bytes.fromhex(fingerprint)
        with self._lock:
            found: dict[int, RawAnswers] = self._read(lambda: self._find(who, digests), {})
            if found:
                self._write(lambda: self._touch(who, [digests[row] for row in found]))
        return found

    def keep(self, fingerprint: str, digests: Sequence[bytes], raw: RawAnswers, rows: Sequence[int]) -> None:
        """Keep some rows of raw answers; ``digests[i]`` is the stimulus of ``rows[i]``."""
        with self._lock:
            self._write(lambda: self._keep(bytes.fromhex(fingerprint), digests, raw, rows))

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._base.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _find(self, who: bytes, digests: Sequence[bytes]) -> dict[int, RawAnswers]:
        found: dict[int, RawAnswers] = {}
        for row, digest in enumerate(digests):
            kept = self._base.execute(
                "SELECT level, resolution, ceiling, kind, scores, labels, crc FROM answers"
                " WHERE fingerprint = ? AND digest = ?",
                (who, digest),
            ).fetchone()
            if kept is None or kept[-1] != _checksum(who, digest, kept[:-1]):
                continue
            level, resolution, ceiling, kind, scores, labels, _ = kept
            listed = None if labels is None else np.frombuffer(labels, dtype=np.int64)[None]
            row_scores = np.frombuffer(scores, dtype=np.dtype(kind))[None]
            found[row] = RawAnswers(AnswerLevel(level), row_scores, listed, resolution, ceiling)
        return found

    def _touch(self, who: bytes, digests: Sequence[bytes]) -> None:
        used = [(self._tick(), who, digest) for digest in digests]
        with self._base:
            self._base.executemany("UPDATE answers SET used = ? WHERE fingerprint = ? AND digest = ?", used)

    def _keep(self, who: bytes, digests: Sequence[bytes], raw: RawAnswers, rows: Sequence[int]) -> None:
        about = (raw.level.value, float(raw.resolution), float(raw.ceiling), raw.scores.dtype.str)
        columns = []
        for digest, row in zip(digests, rows, strict=True):
            scores = raw.scores[row].tobytes()
            labels = None if raw.labels is None else np.asarray(raw.labels[row], dtype=np.int64).tobytes()
            size = len(scores) + len(labels or b"") + _OVERHEAD
            crc = _checksum(who, digest, (*about, scores, labels))
            columns.append((who, digest, *about, scores, labels, size, self._tick(), crc))
        with self._base:
            self._base.executemany("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?)", columns)
        self._bound()

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _last_use(self) -> int:
        return int(self._base.execute("SELECT coalesce(max(used), 0) FROM answers").fetchone()[0])

    def _bound(self) -> None:
        """Drop the least recently used where the file holds too much, whoever kept them."""
        if held(self._base) > self.max_bytes:
            with self._base:
                # Pages are free once all of their answers are dropped, so it may take several goes.
                while (wanted := held(self._base) - self.max_bytes * 9 // 10) > 0 and self._drop(wanted):
                    pass
        shrink(self._base, self.max_bytes)

    def _drop(self, wanted: int) -> int:
        """Drop answers of so many bytes, or all; returns how many there were."""
        last = -1
        for used, size in self._base.execute("SELECT used, bytes FROM answers ORDER BY used"):
            wanted, last = wanted - size, used
            if wanted <= 0:
                break
        return self._base.execute("DELETE FROM answers WHERE used <= ?", (last,)).rowcount

    @property
    def _name(self) -> str:
        return "in memory" if self.path is None else str(self.path)

    def _read(self, work: Callable[[], Value], otherwise: Value) -> Value:
        """Look something up in the file; ``otherwise``, from the first time on that it cannot be read."""
        if self._readable:
            try:
                return work()
            except sqlite3.Error as error:
                self._readable = self._writable = False
                _log.warning(
                    "The answer cache %s cannot be used any more (%s): it goes on without.", self._name, error
                )
        return otherwise

    def _write(self, work: Callable[[], None]) -> None:
        """Change the file; nothing, from the first time on that it cannot be written."""
        if self._writable:
            try:
                work()
            except sqlite3.Error as error:
                self._writable = False
                _log.warning(
                    "The answer cache %s cannot be written any more (%s): what it knows is used, and nothing more "
                    "is kept.",
                    *(self._name, error),
                )


def _checksum(who: bytes, digest: bytes, answer: Sequence[Any]) -> int:
    """CRC-32 of all that an answer is: SQLite's own check looks at the pages, not at what is in them."""
    level, resolution, ceiling, kind, scores, labels = answer
    about = f"{level} {resolution!r} {ceiling!r} {kind} {labels is None}".encode()
    crc = 0
    for part in (who, digest, about, scores, labels or b""):
        crc = zlib.crc32(part, crc)
    return crc


def assemble(fresh: RawAnswers | None, kept: Mapping[int, RawAnswers], count: int) -> RawAnswers:
    """Raw answers of ``count`` rows: kept ones where there are, else those of the same row in ``fresh``."""
    if fresh is None:
        return join_answers([kept[row] for row in range(count)])
    scores = np.array(fresh.scores[:count])
    labels = None if fresh.labels is None else np.array(fresh.labels[:count])
    for row, one in kept.items():
        scores[row] = one.scores[0]
        if labels is not None:
            labels[row] = _labels(one)[0]
    return RawAnswers(fresh.level, scores, labels, fresh.resolution, fresh.ceiling)


def _labels(raw: RawAnswers) -> NDArray[Any]:
    if raw.labels is None:
        raise ValueError("a kept answer lacks its labels")
    return raw.labels
