"""Where the units of packs lie: sorted columns in a file, searched where they are on the disk."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import write_atomically
from .pack_file import Found, scan

SUFFIX = ".index"
_MAGIC = b"DPindex1"
_DIGEST = slice(len(_MAGIC), len(_MAGIC) + 32)
_START = _DIGEST.stop
# Wide columns first, so that each begins at a multiple of eight.
_COLUMNS = {"keys": "S32", "offsets": "<u8", "arrays": "<u8", "marks": "<u4", "packs": "<u4"}
BYTES = sum(np.dtype(kind).itemsize for kind in _COLUMNS.values())
"""Bytes that a unit takes in an index."""

MOST = 8
"""Indexes of one folder above which those of about equal size are merged."""


class DamagedIndex(Exception):
    """A file that is no index as it was written; its text says why."""


@dataclass(frozen=True, eq=False)
class PackIndex:
    """The units of some packs, sorted by hash, then from the oldest pack to the newest.

    Attributes:
        names: The packs, without suffix, in their order.
        sizes: Bytes that each had when it was indexed.
        columns: ``keys`` (32 bytes each), ``packs`` (number in ``names``), ``offsets``, ``marks`` and ``arrays``
            (bytes, see ``Found``), ``[n]`` each.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["keys"])

    def find(self, key: bytes) -> Iterator[tuple[str, Found]]:
        """The records of a unit with the names of their packs, oldest first."""
        keys = self.columns["keys"]
        wanted = np.array([key], dtype="S32")
        at = int(keys.searchsorted(wanted)[0])
        while at < len(keys) and keys[at] == wanted[0]:
            yield self.names[self.columns["packs"][at]], self._at(at, key)
            at += 1

    def where(self, keys: NDArray[Any]) -> NDArray[np.int64]:
        """For each of some hashes (``S32``) the row of its newest record; −1 where there is none."""
        mine = self.columns["keys"]
        if not len(mine):
            return np.full(len(keys), -1, dtype=np.int64)
        rows = mine.searchsorted(keys, side="right") - 1
        return np.where((rows >= 0) & (mine[rows] == keys), rows, -1)

    def at(self, row: int) -> tuple[str, Found]:
        """The record of a row, with the name of its pack."""
        # numpy takes the zeros at the end of bytes for padding.
        key = bytes(self.columns["keys"][row]).ljust(32, b"\0")
        return self.names[self.columns["packs"][row]], self._at(row, key)

    def _at(self, row: int, key: bytes) -> Found:
        offset, mark, arrays = (int(self.columns[name][row]) for name in ("offsets", "marks", "arrays"))
        return Found(key, offset, mark, arrays)

    def within(self, sizes: Mapping[str, int]) -> PackIndex:
        """The same for packs of which some are gone, or shorter than they were: without what is lost."""
        there = np.array([sizes.get(name, 0) for name in self.names], dtype=np.int64)
        if all(there >= np.array(self.sizes)):
            return self
        from .pack_file import HEADER

        columns = {name: np.asarray(column) for name, column in self.columns.items()}
        ends = columns["offsets"] + columns["marks"] + columns["arrays"] + np.uint64(HEADER)
        kept = ends <= there.astype(np.uint64)[columns["packs"]]
        return PackIndex(self.names, self.sizes, {name: column[kept] for name, column in columns.items()})

    def write(self, folder: Path) -> Path:
        """Write it as a new file of a folder; raises RunFolderError where that fails."""
        told = json.dumps([self.names, self.sizes, len(self)]).encode("ascii")
        told += b" " * (-(len(told) + 8) % 8)
        body = len(told).to_bytes(8, "little") + told
        body += b"".join(np.ascontiguousarray(self.columns[name]).tobytes() for name in _COLUMNS)
        path = folder / f"{self.names[-1] if self.names else 0}-{secrets.token_hex(4)}{SUFFIX}"
        write_atomically(path, _MAGIC + hashlib.sha256(body).digest() + body)
        return path


def read_index(path: Path) -> PackIndex:
    """Open an index without reading it into memory; it is checked once against its own SHA-256.

    Raises DamagedIndex, FileNotFoundError where it has just been merged into another, else OSError.
    """
    if path.stat().st_size < _START + 8:
        raise DamagedIndex("it is cut short")
    data = np.memmap(path, mode="r", dtype=np.uint8)
    if bytes(data[: len(_MAGIC)]) != _MAGIC:
        raise DamagedIndex("it is no index")
    if hashlib.sha256(data[_START:].data).digest() != bytes(data[_DIGEST]):
        raise DamagedIndex("it is not what was written")
    length = int.from_bytes(bytes(data[_START : _START + 8]), "little")
    at = _START + 8 + length
    names, sizes, units = json.loads(bytes(data[_START + 8 : at]))
    columns = {}
    for name, kind in _COLUMNS.items():
        end = at + units * np.dtype(kind).itemsize
        columns[name] = np.asarray(data[at:end]).view(kind)
        at = end
    return PackIndex(tuple(names), tuple(sizes), columns)


def index_of(name: str, size: int, records: Sequence[Found]) -> PackIndex:
    """The index of one pack."""
    numbers = {
        "packs": [0] * len(records),
        "offsets": [r.offset for r in records],
        "marks": [r.mark for r in records],
        "arrays": [r.arrays for r in records],
    }
    columns: dict[str, NDArray[Any]] = {
        column: np.array(values, dtype=_COLUMNS[column]) for column, values in numbers.items()
    }
    columns["keys"] = np.array([r.key for r in records], dtype="S32")
    return _sorted((name,), (size,), columns)


def scanned(path: Path) -> PackIndex:
    """The index of a pack, made again from its records; raises as ``scan`` does."""
    return index_of(path.stem, path.stat().st_size, list(scan(path)))


def merged(indexes: Iterable[PackIndex], dead: Iterable[tuple[bytes, str]] = ()) -> PackIndex:
    """One index for all; of a unit with several records the newest is kept that is not among ``dead``.

    Args:
        indexes: What is merged; of a pack that is in several, either may be used.
        dead: Hash and pack of records that are known to be damaged.
    """
    indexes = list(indexes)
    sizes = {name: size for index in indexes for name, size in zip(index.names, index.sizes, strict=True)}
    names = tuple(sorted(sizes))
    number = {name: n for n, name in enumerate(names)}
    columns: dict[str, NDArray[Any]] = {
        name: np.concatenate([index.columns[name] for index in indexes])
        for name in _COLUMNS
        if name != "packs"
    }
    renamed = [
        np.array([number[name] for name in index.names], dtype="<u4")[index.columns["packs"]]
        for index in indexes
    ]
    columns["packs"] = np.concatenate(renamed)
    alive = np.ones(len(columns["keys"]), dtype=bool)
    for key, name in dead:
        if name in number:
            alive &= (columns["keys"] != np.bytes_(key)) | (columns["packs"] != number[name])
    whole = _sorted(names, tuple(sizes[name] for name in names), {k: v[alive] for k, v in columns.items()})
    keys = whole.columns["keys"]
    newest = np.append(keys[1:] != keys[:-1], np.ones(min(len(keys), 1), dtype=bool))
    return PackIndex(whole.names, whole.sizes, {k: v[newest] for k, v in whole.columns.items()})


def to_merge(lengths: Sequence[int]) -> list[int]:
    """Which of a folder's indexes, by number, are to be merged now; mostly none.

    Above MOST of them, the smallest, as long as the next is not more than twice as large as all before it: so few
    remain, and a thousand new units never rewrite a million.
    """
    if len(lengths) <= MOST:
        return []
    order = sorted(range(len(lengths)), key=lambda n: lengths[n])
    chosen, total = [order[0]], lengths[order[0]]
    for n in order[1:]:
        if lengths[n] > 2 * total:
            break
        chosen.append(n)
        total += lengths[n]
    return chosen if len(chosen) > 1 else []


def _sorted(names: tuple[str, ...], sizes: tuple[int, ...], columns: Mapping[str, NDArray[Any]]) -> PackIndex:
    order = np.lexsort((columns["packs"], columns["keys"]))
    return PackIndex(names, sizes, {name: column[order] for name, column in columns.items()})
