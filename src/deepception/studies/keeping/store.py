"""The finished units of a run: each a ``.npz`` and a ``.json``, loose or packed, there whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunFolderError
from ..files import folder_error, make_folder, write_in_order
from ..units import Outcome, Unit
from .chunk import CHUNK_FORMAT, Damaged, FinishedUnit, chunk_of, finished_unit, parse, record_of
from .npz import unpack
from .packs import Packs

_HASH = re.compile(r"[0-9a-f]{64}")
__all__ = ["CHUNK_FORMAT", "FinishedUnit", "RunStore"]

_log = logging.getLogger(__name__)


class RunStore:
    """The finished units of one run folder, under ``chunks/``.

    A *loose* chunk is a ``.json`` and a ``.npz``. The ``.json`` is written last and carries the digests of itself
    and of the ``.npz``: a unit is finished when all of them agree. A chunk that does not agree (cut short,
    altered, half copied) counts as absent, is told in the log, and is replaced when the unit is measured again.

    ``compact`` moves chunks into packs, which are read the same. A loose chunk wins over a packed one. The bytes
    of a packed unit are checked when they are read, not when it is counted: ``has`` and ``finished`` believe the
    index, which has a checksum of its own; what is then found damaged counts as absent from there on, in every
    process.

    Attributes:
        folder: The run folder.
        packs: Its packs.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._chunks = self.folder / "chunks"
        self.packs = Packs(self._chunks / "packs")
        self._verified: set[str] = set()
        self._told: set[str] = set()

    def has(self, unit_hash: str) -> bool:
        """Whether a unit is finished: its loose chunk is sound, or an index names it.

        Raises RunFolderError where that cannot be read.
        """
        if unit_hash in self._verified or self.packs.has(_checked(unit_hash)):
            return True
        try:
            self.read_loose(unit_hash)
        except (KeyError, Damaged) as absent:
            # Another process may just have packed it, which takes the loose one away.
            if self.packs.refresh() and self.packs.has(unit_hash):
                return True
            if isinstance(absent, Damaged) and unit_hash not in self._told:
                self._told.add(unit_hash)
                _log.warning(
                    "The chunk %s is damaged (%s): the command that made the run measures it again.",
                    *(unit_hash[:12], absent),
                )
            return False
        return True

    def load(self, unit_hash: str) -> Outcome:
        """Read the outcome of a finished unit. Raises RunFolderError where it is absent or damaged."""
        chunk, _, data = self._read_sound(unit_hash)
        cost = chunk["cost"]
        return Outcome(
            arrays=unpack(data),
            record=chunk["record"],
            queries=chunk["queries"],
            transmissions=cost["transmissions"],
            seconds=cost["seconds"],
            cached=cost.get("cached", 0),
        )

    def describe(self, unit_hash: str) -> FinishedUnit:
        """Read which unit a chunk holds and what it cost. Raises RunFolderError where ``load`` does."""
        chunk, _, _ = self._read_sound(unit_hash)
        return finished_unit(Unit.from_json(chunk["unit"]), chunk)

    def save(self, unit_hash: str, unit: Unit, outcome: Outcome) -> FinishedUnit:
        """Keep the outcome of a unit. When this returns, it is on the disk, and no crash can lose it.

        Raises RunFolderError where the disk is full or cannot be written; what was there before stays.
        """
        if unit.hash != unit_hash:
            raise ValueError("the hash is not that of the unit")
        chunk, text, data = chunk_of(unit, outcome)
        arrays, mark = self.loose_files(unit_hash)
        make_folder(mark.parent)
        self._verified.discard(unit_hash)
        write_in_order({arrays: data, mark: text})
        self._verified.add(unit_hash)
        return finished_unit(unit, chunk)

    def export(self, unit_hash: str) -> tuple[bytes, bytes]:
        """The record and the arrays of a finished unit as they are kept, for ``adopt`` of another store.

        Raises RunFolderError where ``load`` does.
        """
        _, text, data = self._read_sound(unit_hash)
        return text, data

    def adopt(self, unit_hash: str, record: bytes, arrays: bytes) -> FinishedUnit:
        """Keep a unit that another store exported. Raises RunFolderError as ``save``, or where it is damaged."""
        data, mark = self.loose_files(unit_hash)
        make_folder(mark.parent)
        self._verified.discard(unit_hash)
        write_in_order({data: arrays, mark: record})
        return self.describe(unit_hash)

    def forget(self, unit_hash: str) -> None:
        """Remove the loose chunk of a unit; nothing where there is none."""
        self._verified.discard(unit_hash)
        for path in self.loose_files(unit_hash):
            path.unlink(missing_ok=True)

    def finished(self) -> set[str]:
        """Hashes of all finished units, as ``has`` tells them."""
        loose = self.loose()  # first: what is packed meanwhile is then found there
        self.packs.refresh()
        packed = self.packs.hashes()
        return packed | {unit_hash for unit_hash in loose if unit_hash in packed or self.has(unit_hash)}

    def records(self, hashes: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read the records of many units, not their arrays: packed ones as they lie, then the loose ones.

        Yields hash and record of those that are finished; of the others nothing. Of packed ones the arrays are not
        checked. Raises RunFolderError where it cannot be read.
        """
        loose = set(self.loose()).intersection(hashes)
        self.packs.refresh()
        keys = np.frombuffer(bytes.fromhex("".join(h for h in hashes if h not in loose)), dtype="S32")
        for unit_hash, text in self.packs.marks(keys):
            yield unit_hash, record_of(text, self.folder)
        for unit_hash in sorted(loose):
            if self.has(unit_hash):
                yield unit_hash, self._read_sound(unit_hash)[0]["record"]

    def loose(self) -> list[str]:
        """Hashes of the chunks that lie loose, sound or not, sorted."""
        return self._listed("json")

    def arrays_alone(self) -> list[str]:
        """Hashes of the units of which only the ``.npz`` lies loose, sorted."""
        return sorted(set(self._listed("npz")).difference(self.loose()))

    def _listed(self, suffix: str) -> list[str]:
        try:
            stems = [path.stem for path in self._chunks.glob(f"??/*.{suffix}")]
        except OSError as error:
            raise folder_error(self.folder, error) from error
        return sorted(unit_hash for unit_hash in stems if _HASH.fullmatch(unit_hash))

    def loose_files(self, unit_hash: str) -> tuple[Path, Path]:
        """Where the ``.npz`` and the ``.json`` of a unit lie, if they are loose."""
        stem = self._chunks / unit_hash[:2] / _checked(unit_hash)
        return stem.with_suffix(".npz"), stem.with_suffix(".json")

    def _read_sound(self, unit_hash: str) -> tuple[dict[str, Any], bytes, bytes]:
        self._verified.discard(unit_hash)
        try:
            return self.read_loose(unit_hash)
        except KeyError:
            damage = None
        except Damaged as damaged:
            damage = damaged
        packed = self.read_packed(unit_hash)
        if packed is None and self.packs.refresh():
            packed = self.read_packed(unit_hash)
        if packed is not None:
            return packed
        if damage is None and any(key.hex() == unit_hash for key, _ in self.packs.dead):
            damage = Damaged("its pack is not what was written")
        if damage is None:
            raise RunFolderError(
                f"'{self.folder}' holds no result of the unit {unit_hash[:12]}: run it again to measure it."
            )
        raise RunFolderError(
            f"The result of the unit {unit_hash[:12]} in '{self.folder}' is damaged ({damage}): "
            "run the study again to measure it again."
        ) from damage

    def read_packed(self, unit_hash: str) -> tuple[dict[str, Any], bytes, bytes] | None:
        """What ``read_loose`` gives, of the newest sound packed chunk; ``None`` where there is none."""
        for name, text, data in self.packs.read(_checked(unit_hash)):
            try:
                chunk = parse(text, unit_hash, self.folder)
                _check_arrays(chunk, data)
            except Damaged as damage:
                self.packs.mark_dead(bytes.fromhex(unit_hash), name, str(damage))
            else:
                return chunk, text, data
        return None

    def read_loose(self, unit_hash: str) -> tuple[dict[str, Any], bytes, bytes]:
        """Read and verify a loose chunk: its content, its ``.json`` and its ``.npz``.

        Raises KeyError where there is none, Damaged where it cannot be trusted, RunFolderError where it cannot be
        read or a newer version wrote it.
        """
        arrays, mark = self.loose_files(unit_hash)
        try:
            text = mark.read_bytes()
        except FileNotFoundError:
            raise KeyError(unit_hash) from None
        except OSError as error:
            raise folder_error(self.folder, error) from error
        chunk = parse(text, unit_hash, self.folder)
        try:
            data = arrays.read_bytes()
        except FileNotFoundError:
            raise Damaged("its arrays are missing") from None
        except OSError as error:
            raise folder_error(self.folder, error) from error
        _check_arrays(chunk, data)
        self._verified.add(unit_hash)
        return chunk, text, data


def _check_arrays(chunk: Mapping[str, Any], data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != chunk["arrays"]["sha256"]:
        raise Damaged("its arrays are not those that were written")


def _checked(unit_hash: str) -> str:
    if not _HASH.fullmatch(unit_hash):
        raise ValueError(f"{unit_hash!r} is not a unit's hash")
    return unit_hash
