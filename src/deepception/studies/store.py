"""The chunks of a run: one ``.npz`` and one ``.json`` for each finished unit, there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import RunFolderError
from .canonical import digest
from .files import folder_error, make_folder, write_atomically
from .npz import pack, unpack
from .units import Outcome, Unit

CHUNK_FORMAT = 1
"""Version of the layout of a chunk, written into each."""

_HASH = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedUnit:
    """A finished unit and what it cost, without its results.

    Attributes:
        unit: The unit, as it was planned.
        content: SHA-256 of all that was measured, arrays included; equal for equal results whenever measured.
        queries: Stimuli whose answers were accepted; those that were known from a cache are none.
        transmissions: Images sent.
        seconds: Wall time.
        finished_at: UTC time, ISO 8601.
        cached: Answers that were known from a cache.
    """

    unit: Unit
    content: str
    queries: int
    transmissions: int
    seconds: float
    finished_at: str
    cached: int = 0


class _Damaged(Exception):
    """A chunk that cannot be trusted; its text says why."""


class RunStore:
    """The finished units of one run folder, under ``chunks/``.

    The ``.json`` is written last and carries the digests of itself and of the ``.npz``: a unit is finished
    when all of them agree. A chunk that does not agree (cut short, altered, half copied) counts as absent, is
    reported in the log, and is replaced when the unit is measured again.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._chunks = self.folder / "chunks"
        self._verified: set[str] = set()
        self._told: set[str] = set()

    def has(self, unit_hash: str) -> bool:
        """Whether a unit is finished and its chunk sound. Raises RunFolderError where it cannot be read."""
        if unit_hash in self._verified:
            return True
        try:
            self._read(unit_hash)
        except _Damaged as damage:
            if unit_hash not in self._told:
                self._told.add(unit_hash)
                _log.warning(
                    "The chunk %s is damaged (%s): the command that made the run measures it again.",
                    *(unit_hash[:12], damage),
                )
            return False
        except KeyError:
            return False
        return True

    def load(self, unit_hash: str) -> Outcome:
        """Read the outcome of a finished unit. Raises RunFolderError where it is absent or damaged."""
        chunk, data = self._read_sound(unit_hash)
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
        chunk, _ = self._read_sound(unit_hash)
        return _finished(Unit.from_json(chunk["unit"]), chunk)

    def save(self, unit_hash: str, unit: Unit, outcome: Outcome) -> FinishedUnit:
        """Keep the outcome of a unit. When this returns, it is on the disk, and no crash can lose it.

        Raises RunFolderError where the disk is full or cannot be written; what was there before stays.
        """
        if unit.hash != unit_hash:
            raise ValueError("the hash is not that of the unit")
        data = pack(outcome.arrays)
        measured: dict[str, Any] = {
            "chunk": CHUNK_FORMAT,
            "hash": unit_hash,
            "unit": unit.to_json(),
            "record": dict(outcome.record),
            "queries": outcome.queries,
            "arrays": {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)},
        }
        # What differs from one run to the next stays outside the content and its digest.
        cost: dict[str, Any] = {
            "transmissions": outcome.transmissions,
            "seconds": outcome.seconds,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **({"cached": outcome.cached} if outcome.cached else {}),
        }
        chunk = {**measured, "content": digest(measured), "cost": cost}
        arrays, mark = self._paths(unit_hash)
        make_folder(mark.parent)
        self._verified.discard(unit_hash)
        write_atomically(arrays, data)
        write_atomically(mark, json.dumps(chunk, indent=1, allow_nan=False).encode("ascii"))
        self._verified.add(unit_hash)
        return _finished(unit, chunk)

    def finished(self) -> set[str]:
        """Hashes of all finished units whose chunks are sound."""
        try:
            marks = [path.stem for path in self._chunks.glob("??/*.json")]
        except OSError as error:
            raise folder_error(self.folder, error) from error
        return {unit_hash for unit_hash in marks if _HASH.fullmatch(unit_hash) and self.has(unit_hash)}

    def _paths(self, unit_hash: str) -> tuple[Path, Path]:
        if not _HASH.fullmatch(unit_hash):
            raise ValueError(f"{unit_hash!r} is not a unit's hash")
        stem = self._chunks / unit_hash[:2] / unit_hash
        return stem.with_suffix(".npz"), stem.with_suffix(".json")

    def _read_sound(self, unit_hash: str) -> tuple[dict[str, Any], bytes]:
        self._verified.discard(unit_hash)
        try:
            return self._read(unit_hash)
        except KeyError:
            raise RunFolderError(
                f"'{self.folder}' holds no result of the unit {unit_hash[:12]}: run it again to measure it."
            ) from None
        except _Damaged as damage:
            raise RunFolderError(
                f"The result of the unit {unit_hash[:12]} in '{self.folder}' is damaged ({damage}): "
                "run the study again to measure it again."
            ) from damage

    def _read(self, unit_hash: str) -> tuple[dict[str, Any], bytes]:
        """Read and verify a chunk; KeyError where there is none, _Damaged where it cannot be trusted."""
        arrays, mark = self._paths(unit_hash)
        try:
            text = mark.read_bytes()
        except FileNotFoundError:
            raise KeyError(unit_hash) from None
        except OSError as error:
            raise folder_error(self.folder, error) from error
        chunk = self._parse(text, unit_hash)
        try:
            data = arrays.read_bytes()
        except FileNotFoundError:
            raise _Damaged("its arrays are missing") from None
        except OSError as error:
            raise folder_error(self.folder, error) from error
        if hashlib.sha256(data).hexdigest() != chunk["arrays"]["sha256"]:
            raise _Damaged("its arrays are not those that were written")
        self._verified.add(unit_hash)
        return chunk, data

    def _parse(self, text: bytes, unit_hash: str) -> dict[str, Any]:
        try:
            chunk = json.loads(text)
        except ValueError:
            raise _Damaged("its record is cut short or altered") from None
        if not isinstance(chunk, Mapping) or not isinstance(chunk.get("chunk"), int):
            raise _Damaged("its record is not that of a unit")
        if chunk["chunk"] > CHUNK_FORMAT:
            raise RunFolderError(
                f"'{self.folder}' was written by a newer version of deepception: "
                "update deepception or name another folder."
            )
        measured = {key: value for key, value in chunk.items() if key not in ("content", "cost")}
        cost = chunk.get("cost")
        try:
            content = digest(measured)
        except ValueError:
            raise _Damaged("its record was altered") from None
        if (
            chunk.get("hash") != unit_hash
            or content != chunk.get("content")
            or not isinstance(cost, Mapping)
            or set(cost) - {"cached"} != {"transmissions", "seconds", "finished_at"}
        ):
            raise _Damaged("its record was altered")
        return dict(chunk)


def _finished(unit: Unit, chunk: Mapping[str, Any]) -> FinishedUnit:
    cost = dict(chunk["cost"])
    return FinishedUnit(unit, chunk["content"], chunk["queries"] - cost.get("cached", 0), **cost)
