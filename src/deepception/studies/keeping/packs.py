"""The packs of a run: finished units whose chunks were put together, found through indexes."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..files import folder_error
from .pack_file import SUFFIX, DamagedRecord, Found, read_mark, read_record
from .pack_index import SUFFIX as INDEX_SUFFIX
from .pack_index import DamagedIndex, PackIndex, read_index, scanned

DEAD = ".damaged"
_OPEN = 16  # packs that are kept open
_BLOCK = 4096  # units that are looked up together
_SETTLED = 2.0  # seconds after which no file system gives another change of a folder the same time
_log = logging.getLogger(__name__)


class Packs:
    """The packed units of one run folder, as they are read; ``compact`` writes them.

    A pack never changes once it has its name. Indexes only say where its units are: a pack that no sound index
    knows is read through, header by header, so that a lost index loses nothing. Where a unit is in several packs
    the newest counts.

    That an index names a unit is all that ``has`` asks; its bytes are checked when they are read. A unit whose
    bytes turn out to be damaged counts as absent from then on, in all processes: a file tells them.

    Attributes:
        folder: The folder of the packs.
        useless: Names of the indexes that are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: tuple[int, bool] | None = None
        self._names: frozenset[str] = frozenset()
        self._indexes: dict[str, PackIndex] = {}
        self.useless: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._dead: set[tuple[bytes, str]] = set()
        self._open: OrderedDict[str, BinaryIO] = OrderedDict()

    def refresh(self) -> bool:
        """Look at the folder again; whether it had changed. Raises RunFolderError where it cannot be read."""
        try:
            return self._refresh()
        except OSError as error:
            raise folder_error(self.folder, error) from error

    @property
    def indexes(self) -> dict[str, PackIndex]:
        """What is known of the packs, by the name of the index, or of the pack that has none."""
        if self._listed is None:
            self.refresh()
        return self._indexes

    @property
    def dead(self) -> Collection[tuple[bytes, str]]:
        """Hash and pack of the records that are known to be damaged."""
        return self._dead

    def has(self, unit_hash: str) -> bool:
        """Whether an index names a unit of which no damage is known; nothing of the unit is read."""
        return next(self._records(bytes.fromhex(unit_hash)), None) is not None

    def read(self, unit_hash: str, *, arrays: bool = True) -> Iterator[tuple[str, bytes, bytes]]:
        """Pack, JSON and ``.npz`` of the records of a unit, the newest first; damaged ones are told and noted."""
        key = bytes.fromhex(unit_hash)
        for name, found in self._records(key):
            try:
                mark, data = read_record(self._opened(name), found, arrays=arrays)
            except DamagedRecord as damage:
                self.mark_dead(key, name, str(damage))
            except FileNotFoundError:
                self.mark_dead(key, name, "its pack is gone")
            except OSError as error:
                raise folder_error(self.folder, error) from error
            else:
                yield name, mark, data

    def mark_dead(self, key: bytes, name: str, why: str) -> None:
        """Note that the record of a unit in a pack is damaged: it counts as absent, and is measured again."""
        _log.warning(
            "The packed chunk %s is damaged (%s): the command that made the run measures it again.",
            *(key.hex()[:12], why),
        )
        self._dead.add((key, name))
        with contextlib.suppress(
            OSError
        ):  # a folder that can only be read: the next process finds it out itself
            (self.folder / f"{key.hex()}.{name}{DEAD}").touch()

    def hashes(self) -> set[str]:
        """Hashes of all packed units, in hex."""
        found: set[str] = set()
        for index in self.indexes.values():
            digits = index.columns["keys"].tobytes().hex()
            found.update(digits[at : at + 64] for at in range(0, len(digits), 64))
        return found - {key.hex() for key, _ in self._dead if not self.has(key.hex())}

    def marks(self, keys: NDArray[np.bytes_]) -> Iterator[tuple[str, bytes]]:
        """Hash (hex) and JSON of those of some hashes (``S32``) that are packed, in the order of the packs."""
        number = {name: n for n, name in enumerate(sorted(self._sizes))}
        pack = np.full(len(keys), -1, dtype=np.int64)
        offset = np.zeros(len(keys), dtype=np.uint64)
        length = np.zeros(len(keys), dtype=np.uint64)
        for index in self.indexes.values():
            rows = index.where(keys)
            here = np.flatnonzero(rows >= 0)
            mine = np.array([number.get(name, -1) for name in index.names], dtype=np.int64)
            mine = mine[index.columns["packs"][rows[here]]]
            newer = here[mine > pack[here]]
            pack[newer] = mine[mine > pack[here]]
            offset[newer] = index.columns["offsets"][rows[newer]]
            length[newer] = index.columns["marks"][rows[newer]]
        names = list(number)
        order = np.lexsort((offset, pack))[np.count_nonzero(pack < 0) :]
        for first in range(0, len(order), _BLOCK):  # lists are read faster than arrays, and take more memory
            block = order[first : first + _BLOCK]
            columns = (
                keys[block].tolist(),
                pack[block].tolist(),
                offset[block].tolist(),
                length[block].tolist(),
            )
            for short, n, at, size in zip(*columns, strict=True):
                # numpy takes the zeros at the end of bytes for padding.
                key, name = short.ljust(32, b"\0"), names[n]
                try:
                    if self._dead and (key, name) in self._dead:
                        raise DamagedRecord("it was found damaged before")
                    yield key.hex(), read_mark(self._opened(name), key, at, size)
                except (DamagedRecord, OSError):
                    # Slower: tells what there is to tell, and finds an older one, if there is any.
                    for _, mark, _ in self.read(key.hex(), arrays=False):
                        yield key.hex(), mark
                        break

    def close(self) -> None:
        """Close the packs that are kept open."""
        while self._open:
            self._open.popitem()[1].close()

    def __del__(self) -> None:
        self.close()

    def _records(self, key: bytes) -> Iterator[tuple[str, Found]]:
        found = [record for index in self.indexes.values() for record in index.find(key)]
        if len(found) > 1:
            found = sorted(dict(found).items(), key=lambda record: record[0], reverse=True)
        return (record for record in found if (key, record[0]) not in self._dead)

    def _opened(self, name: str) -> BinaryIO:
        file = self._open.get(name)
        if file is not None:
            self._open.move_to_end(name)
            return file
        self._open[name] = file = (self.folder / f"{name}{SUFFIX}").open("rb")
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)[1].close()
        return file

    def _refresh(self) -> bool:
        try:
            changed = os.stat(self.folder).st_mtime_ns
        except FileNotFoundError:
            self._listed = (0, False)
            return False
        # A folder that changed this very moment may change once more without telling.
        settled = abs(time.time() - changed / 1e9) > _SETTLED
        if self._listed == (changed, True):
            return False
        while True:
            names = frozenset(os.listdir(self.folder))
            if self._listed is not None and names == self._names:
                self._listed = (changed, settled)
                return False
            if self._take(names):
                break
        self._listed, self._names = (changed, settled), names
        return True

    def _take(self, names: Iterable[str]) -> bool:
        """Know what a listing of the folder names; false where that has changed meanwhile."""
        packs = sorted(name.removesuffix(SUFFIX) for name in names if _visible(name, SUFFIX))
        for name in packs:
            if name not in self._sizes:
                self._sizes[name] = (self.folder / f"{name}{SUFFIX}").stat().st_size
        sizes = {name: self._sizes[name] for name in packs}
        known: dict[str, PackIndex] = {}
        for name in sorted(name for name in names if _visible(name, INDEX_SUFFIX)):
            if name in self._indexes:
                known[name] = self._indexes[name]
                continue
            try:
                known[name] = read_index(self.folder / name).within(sizes)
            except FileNotFoundError:
                return False
            except (DamagedIndex, ValueError, KeyError, TypeError) as damage:
                if name not in self.useless:
                    self.useless.add(name)
                    _log.warning(
                        "The index %s is damaged (%s): it is made again from its packs.", name, damage
                    )
        indexed = {name for index in known.values() for name in index.names}
        for name in packs:
            if name not in indexed:
                known[name] = self._indexes.get(name) or scanned(self.folder / f"{name}{SUFFIX}")
        self._sizes, self._indexes = sizes, known
        for name in names:
            if _visible(name, DEAD):
                with contextlib.suppress(ValueError):  # somebody else's file
                    unit, pack, _ = name.split(".", 2)
                    self._dead.add((bytes.fromhex(unit), pack))
        return True


def without_index(packs: Packs) -> Sequence[str]:
    """The packs that no sound index of the folder knows."""
    return [name for name in packs.indexes if not name.endswith(INDEX_SUFFIX)]


def _visible(name: str, suffix: str) -> bool:
    return name.endswith(suffix) and not name.startswith(".")
