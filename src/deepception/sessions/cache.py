"""The cache of answers: raw scores by observer and stimulus, the least recently used ones dropped first."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..observers import AnswerLevel, RawAnswers

DEFAULT_BYTES = 2_000_000_000
"""How much a cache keeps where nothing else is said."""

_OVERHEAD = 160  # bytes of keys and bookkeeping that a kept answer takes beside its scores
_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    fingerprint BLOB NOT NULL, digest BLOB NOT NULL, level TEXT NOT NULL, resolution REAL NOT NULL,
    kind TEXT NOT NULL, scores BLOB NOT NULL, labels BLOB, bytes INTEGER NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, digest)
);
CREATE INDEX IF NOT EXISTS answers_used ON answers (used);
"""


class AnswerCache:
    """Raw answers by (fingerprint of the observer, digest of the stimulus), as the adapter gave them.

    Args:
        path: SQLite file that keeps them, made where there is none; None keeps them in memory. Several
            processes may share a file.
        max_bytes: When the answers and their keys exceed this, the least recently used tenth is dropped.

    Raises:
        InputError: The file cannot be opened, or is no cache of this version. Later: it cannot be written.
    """

    def __init__(self, path: str | Path | None = None, *, max_bytes: int = DEFAULT_BYTES) -> None:
        if max_bytes < 1:
            raise InputError(f"A cache of {max_bytes} bytes keeps nothing; give it more, or leave it out.")
        self.path = None if path is None else Path(path)
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        with self._explained():
            self._base = sqlite3.connect(
                ":memory:" if self.path is None else self.path, timeout=60, check_same_thread=False
            )
            self._base.execute("PRAGMA page_size = 16384")  # a row of 1,000 scores fits in a page
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            tables = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version != _VERSION and (version or tables):
                self._base.close()
                raise InputError(f"{self.path} is no answer cache of this version; name another file.")
            self._base.executescript(f"{_TABLE} PRAGMA user_version = {_VERSION};")
            self._bytes, self._clock = self._measure()

    def __len__(self) -> int:
        with self._lock, self._explained():
            return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    @property
    def size(self) -> int:
        """What the answers kept take, in bytes, keys included."""
        with self._lock, self._explained():
            return self._measure()[0]

    def find(self, fingerprint: str, digests: Sequence[bytes]) -> dict[int, RawAnswers]:
        """The kept answers to some stimuli: position in ``digests`` to raw answers of one row."""
        who = bytes.fromhex(fingerprint)
        found: dict[int, RawAnswers] = {}
        used: list[tuple[int, bytes, bytes]] = []
        with self._lock, self._explained(), self._base:
            for row, digest in enumerate(digests):
                kept = self._base.execute(
                    "SELECT level, resolution, kind, scores, labels FROM answers"
                    " WHERE fingerprint = ? AND digest = ?",
                    (who, digest),
                ).fetchone()
                if kept is not None:
                    level, resolution, kind, scores, labels = kept
                    listed = None if labels is None else np.frombuffer(labels, dtype=np.int64)[None]
                    row_scores = np.frombuffer(scores, dtype=np.dtype(kind))[None]
                    found[row] = RawAnswers(AnswerLevel(level), row_scores, listed, resolution)
                    self._clock += 1
                    used.append((self._clock, who, digest))
            self._base.executemany("UPDATE answers SET used = ? WHERE fingerprint = ? AND digest = ?", used)
        return found

    def keep(self, fingerprint: str, digests: Sequence[bytes], raw: RawAnswers, rows: Sequence[int]) -> None:
        """Keep some rows of raw answers; ``digests[i]`` is the stimulus of ``rows[i]``."""
        who = bytes.fromhex(fingerprint)
        kind = raw.scores.dtype.str
        columns = []
        for digest, row in zip(digests, rows, strict=True):
            scores = raw.scores[row].tobytes()
            labels = None if raw.labels is None else np.asarray(raw.labels[row], dtype=np.int64).tobytes()
            size = len(scores) + len(labels or b"") + _OVERHEAD
            self._clock += 1
            self._bytes += size
            columns.append(
                (who, digest, raw.level.value, raw.resolution, kind, scores, labels, size, self._clock)
            )
        with self._lock, self._explained(), self._base:
            self._base.executemany("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?,?,?,?,?)", columns)
            if self._bytes > self.max_bytes:
                self._drop()

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._base.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            where = "in memory" if self.path is None else self.path
            raise InputError(f"The answer cache {where} cannot be used: {error}.") from error


def assemble(fresh: RawAnswers | None, kept: Mapping[int, RawAnswers], count: int) -> RawAnswers:
    """Raw answers of ``count`` rows: kept ones where there are, else those of the same row in ``fresh``."""
    if fresh is None:
        rows = [kept[row] for row in range(count)]
        first = rows[0]
        scores = np.concatenate([row.scores for row in rows])
        labels = None if first.labels is None else np.concatenate([_labels(row) for row in rows])
        return RawAnswers(first.level, scores, labels, first.resolution)
    scores = np.array(fresh.scores[:count])
    labels = None if fresh.labels is None else np.array(fresh.labels[:count])
    for row, one in kept.items():
        scores[row] = one.scores[0]
        if labels is not None:
            labels[row] = _labels(one)[0]
    return RawAnswers(fresh.level, scores, labels, fresh.resolution)


def _labels(raw: RawAnswers) -> NDArray[Any]:
    if raw.labels is None:
        raise ValueError("a kept answer lacks its labels")
    return raw.labels
