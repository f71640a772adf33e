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
from .cache_file import open_base, shrink

DEFAULT_BYTES = 2_000_000_000
"""How much a cache keeps where nothing else is said."""

_OVERHEAD = 160  # bytes of keys and bookkeeping that a kept answer takes beside its scores
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


class AnswerCache:
    """Raw answers by (fingerprint of the observer, digest of the stimulus), as the adapter gave them.

    A cache is a convenience, and never stops a measurement: a file that is damaged is set aside and begun anew, an
    answer that was altered counts as unknown, and where the file cannot be used any more (a full disk), the cache
    says so once, as a warning in the log, and keeps and finds nothing from then on.

    Args:
        path: SQLite file that keeps them, made where there is none; None keeps them in memory. Several
            processes may share a file.
        max_bytes: When the answers and their keys exceed this, the least recently used tenth is dropped.

    Raises:
        InputError: The file cannot be opened or made, or is something else than an answer cache.
    """

    def __init__(self, path: str | Path | None = None, *, max_bytes: int = DEFAULT_BYTES) -> None:
        if max_bytes < 1:
            raise InputError(f"A cache of {max_bytes} bytes keeps nothing; give it more, or leave it out.")
        self.path = None if path is None else Path(path)
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._usable = True
        self._bytes = self._clock = 0
        try:
            self._base = open_base(self.path, _VERSION, _TABLE)
        except sqlite3.Error as error:
            raise InputError(f"The answer cache {self._name} cannot be used: {error}.") from error
        with self._lock:
            self._try(self._begin, None)

    def __len__(self) -> int:
        with self._lock:
            return self._try(lambda: int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0]), 0)

    @property
    def size(self) -> int:
        """What the answers kept take, in bytes, keys included."""
        with self._lock:
            return self._try(self._measure, (0, 0))[0]

    def find(self, fingerprint: str, digests: Sequence[bytes]) -> dict[int, RawAnswers]:
        """The kept answers to some stimuli: position in ``digests`` to raw answers of one row."""
        with self._lock:
            return self._try(lambda: self._find(bytes.fromhex(fingerprint), digests), {})

    def keep(self, fingerprint: str, digests: Sequence[bytes], raw: RawAnswers, rows: Sequence[int]) -> None:
        """Keep some rows of raw answers; ``digests[i]`` is the stimulus of ``rows[i]``."""
        with self._lock:
            self._try(lambda: self._keep(bytes.fromhex(fingerprint), digests, raw, rows), None)

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._base.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _begin(self) -> None:
        self._bytes, self._clock = self._measure()
        if self._bytes > self.max_bytes:
            with self._base:
                self._drop()
            shrink(self._base)

    def _find(self, who: bytes, digests: Sequence[bytes]) -> dict[int, RawAnswers]:
        found: dict[int, RawAnswers] = {}
        used: list[tuple[int, bytes, bytes]] = []
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
            self._clock += 1
            used.append((self._clock, who, digest))
        if used:
            with self._base:
                self._base.executemany(
                    "UPDATE answers SET used = ? WHERE fingerprint = ? AND digest = ?", used
                )
        return found

    def _keep(self, who: bytes, digests: Sequence[bytes], raw: RawAnswers, rows: Sequence[int]) -> None:
        about = (raw.level.value, float(raw.resolution), float(raw.ceiling), raw.scores.dtype.str)
        columns = []
        for digest, row in zip(digests, rows, strict=True):
            scores = raw.scores[row].tobytes()
            labels = None if raw.labels is None else np.asarray(raw.labels[row], dtype=np.int64).tobytes()
            size = len(scores) + len(labels or b"") + _OVERHEAD
            self._clock += 1
            self._bytes += size
            crc = _checksum(who, digest, (*about, scores, labels))
            columns.append((who, digest, *about, scores, labels, size, self._clock, crc))
        with self._base:
            self._base.executemany("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?)", columns)
            if self._bytes > self.max_bytes:
                self._drop()

    def _measure(self) -> tuple[int, int]:
        size, clock = self._base.execute(
            "SELECT total(bytes), coalesce(max(used), 0) FROM answers"
        ).fetchone()
        return int(size), int(clock)

    def _drop(self) -> None:
        """Drop the least recently used until nine tenths are left; what other processes kept counts too."""
        self._bytes, self._clock = self._measure()
        wanted, last = self._bytes - self.max_bytes * 9 // 10, None
        if self._bytes <= self.max_bytes:
            return
        for used, size in self._base.execute("SELECT used, bytes FROM answers ORDER BY used"):
            if wanted <= 0:
                break
            wanted, last = wanted - size, used
            self._bytes -= size
        self._base.execute("DELETE FROM answers WHERE used <= ?", (last,))

    @property
    def _name(self) -> str:
        return "in memory" if self.path is None else str(self.path)

    def _try(self, work: Callable[[], Value], otherwise: Value) -> Value:
        """Do something with the file; ``otherwise``, from the first time on that it cannot be used."""
        if self._usable:
            try:
                return work()
            except sqlite3.Error as error:
                self._usable = False
                _log.warning(
                    "The answer cache %s cannot be used any more (%s): it goes on without.", self._name, error
                )
        return otherwise


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
