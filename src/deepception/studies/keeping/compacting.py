"""Compacting: the loose chunks of many units become one pack, and nothing is lost or counted twice on the way."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..files import folder_error, make_folder, sync_folder
from .chunk import Damaged
from .pack_file import SUFFIX, Found, PackWriter
from .pack_index import index_of, merged, to_merge
from .packs import Packs, without_index
from .store import RunStore

LEAST = 1_000
"""Units that a pack holds at least."""

ENOUGH = 1 << 30
"""Bytes after which a pack with enough units is closed and the next one begun."""


def compact(store: RunStore, least: int = LEAST, *, held: Callable[[], bool] = lambda: True) -> int:
    """Move the loose chunks of a run into packs, where there are enough of them; only for the holder of its lease.

    A pack reaches the disk whole before it gets its name, then its index does, and only then its loose chunks go:
    whenever the process dies, every unit is there, loose or packed. What a dead one has left over, the next one
    removes. Other processes may read and save meanwhile.

    Args:
        store: The finished units of the run.
        least: Units that are put into a pack at least; with fewer loose ones they stay as they are.
        held: Asked before each pack and before anything is removed, whether the lease is still held.

    Returns:
        How many units were packed.

    Raises:
        RunFolderError: The disk is full or cannot be written; nothing is lost.
    """
    packs = store.packs
    packs.refresh()
    _mend(packs)
    waiting = [unit_hash for unit_hash in store.loose() if not _is_leftover(store, unit_hash)]
    for unit_hash in store.arrays_alone():
        if packs.has(unit_hash):
            _remove(store, unit_hash)
    packed, at = 0, 0
    while len(waiting) - at >= least and held():
        chunks = _Chunks(store, waiting[at:], least)
        found = write_pack(packs, chunks, least)
        at += chunks.taken
        if not found or not held():
            break
        for record in found:
            _remove(store, record.key.hex())
        packed += len(found)
    if packed and held():
        merge_indexes(packs)
    return packed


def write_pack(packs: Packs, records: Iterable[tuple[bytes, bytes, bytes]], least: int = 1) -> list[Found]:
    """Write records (hash, JSON, ``.npz``) as a new pack with its index, unless there are fewer than ``least``.

    Returns where they lie in it. Raises RunFolderError where that fails; what was there stays.
    """
    folder = packs.folder
    make_folder(folder)
    # Numbered, so that the newest is known; and unlike any other, should somebody else believe to have the lease.
    numbers = [name.partition("-")[0] for index in packs.indexes.values() for name in index.names]
    number = max((int(number) for number in numbers if number.isdecimal()), default=0)
    name = f"{number + 1:08d}-{secrets.token_hex(4)}"
    temporary = folder / f".{name}{SUFFIX}.tmp"
    try:
        with temporary.open("wb") as file:
            writer = PackWriter(file)
            for record in records:
                writer.write_record(*record)
            writer.finish()
        if len(writer.records) < least:
            return []
        os.replace(temporary, folder / f"{name}{SUFFIX}")
        sync_folder(folder)
    except OSError as error:
        raise folder_error(folder, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    index_of(name, writer.size, writer.records).write(folder)
    packs.refresh()
    return writer.records


class _Chunks:
    """The sound ones among the first of some loose chunks, until there is ENOUGH; ``taken`` counts what it saw."""

    def __init__(self, store: RunStore, hashes: Sequence[str], least: int) -> None:
        self._store, self._hashes, self._least = store, hashes, least
        self.taken = 0

    def __iter__(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        given, size = 0, 0
        for unit_hash in self._hashes:
            if given >= self._least and size >= ENOUGH:
                return
            self.taken += 1
            try:
                _, text, data = self._store.read_loose(unit_hash)
            except (KeyError, Damaged):
                continue
            given, size = given + 1, size + len(text) + len(data)
            yield bytes.fromhex(unit_hash), text, data


def _is_leftover(store: RunStore, unit_hash: str) -> bool:
    """Whether a loose chunk is packed already, and is removed now; one that was measured anew since is not."""
    if not store.packs.has(unit_hash):
        return False
    packed = store.read_packed(unit_hash)
    if packed is None:
        return False
    try:
        _, text, _ = store.read_loose(unit_hash)
        if text != packed[1]:
            return False
    except (KeyError, Damaged):
        pass
    _remove(store, unit_hash)
    return True


def _remove(store: RunStore, unit_hash: str) -> None:
    # The mark first: arrays without a mark are nothing.
    for path in reversed(store.loose_files(unit_hash)):
        with contextlib.suppress(OSError):  # the next compaction removes it
            path.unlink(missing_ok=True)


def _mend(packs: Packs) -> None:
    """Write the indexes that are missing, and remove those that are damaged, or whose packs are in another one."""
    missing = without_index(packs)
    if missing:
        merged([packs.indexes[name] for name in missing], packs.dead).write(packs.folder)
        packs.refresh()
    covered = {name: set(index.names) for name, index in packs.indexes.items()}
    spare = [
        name
        for name, names in covered.items()
        if any((names, name) < (others, other) and names <= others for other, others in covered.items())
    ]
    _remove_indexes(packs, [*packs.useless, *spare])


def merge_indexes(packs: Packs) -> None:
    """Merge indexes of about equal size where there are too many."""
    names = list(packs.indexes)
    chosen = [names[n] for n in to_merge([len(packs.indexes[name]) for name in names])]
    if chosen:
        merged([packs.indexes[name] for name in chosen], packs.dead).write(packs.folder)
        _remove_indexes(packs, chosen)


def _remove_indexes(packs: Packs, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):  # another system does not remove what is open: the next time then
            (packs.folder / name).unlink(missing_ok=True)
    packs.refresh()
