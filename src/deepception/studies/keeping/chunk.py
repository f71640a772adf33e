"""What is in a chunk: the JSON of a finished unit, which tells whether it is as it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import RunFolderError
from ..canonical import digest
from ..units import Outcome, Unit
from .npz import pack

CHUNK_FORMAT = 1
"""Version of the layout of a chunk, written into each."""


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


class Damaged(Exception):
    """A chunk that cannot be trusted; its text says why."""


def chunk_of(unit: Unit, outcome: Outcome) -> tuple[dict[str, Any], bytes, bytes]:
    """What is kept of a unit that was measured just now: its content, and that as ``.json`` and as ``.npz``."""
    data = pack(outcome.arrays)
    measured: dict[str, Any] = {
        "chunk": CHUNK_FORMAT,
        "hash": unit.hash,
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
    return chunk, json.dumps(chunk, indent=1, allow_nan=False).encode("ascii"), data


def parse(text: bytes, unit_hash: str, folder: Path) -> dict[str, Any]:
    """Read and verify the ``.json`` of a unit's chunk in a run folder.

    Raises Damaged where it cannot be trusted, RunFolderError where a newer version wrote it.
    """
    try:
        chunk = json.loads(text)
    except ValueError:
        raise Damaged("its record is cut short or altered") from None
    if not isinstance(chunk, Mapping) or not isinstance(chunk.get("chunk"), int):
        raise Damaged("its record is not that of a unit")
    if chunk["chunk"] > CHUNK_FORMAT:
        raise _newer(folder)
    measured = {key: value for key, value in chunk.items() if key not in ("content", "cost")}
    cost = chunk.get("cost")
    try:
        content = digest(measured)
    except ValueError:
        raise Damaged("its record was altered") from None
    if (
        chunk.get("hash") != unit_hash
        or content != chunk.get("content")
        or not isinstance(cost, Mapping)
        or set(cost) - {"cached"} != {"transmissions", "seconds", "finished_at"}
    ):
        raise Damaged("its record was altered")
    return dict(chunk)


def finished_unit(unit: Unit, chunk: Mapping[str, Any]) -> FinishedUnit:
    """What a chunk tells of its unit's costs."""
    cost = dict(chunk["cost"])
    return FinishedUnit(unit, chunk["content"], chunk["queries"] - cost.get("cached", 0), **cost)


def record_of(text: bytes, folder: Path) -> dict[str, Any]:
    """The record in a ``.json`` that is as it was written; RunFolderError where a newer version wrote it."""
    chunk = json.loads(text.decode("ascii"))  # of bytes it would first find out the encoding
    if chunk["chunk"] > CHUNK_FORMAT:
        raise _newer(folder)
    record: dict[str, Any] = chunk["record"]
    return record


def _newer(folder: Path) -> RunFolderError:
    return RunFolderError(
        f"'{folder}' was written by a newer version of deepception: "
        "update deepception or name another folder."
    )
