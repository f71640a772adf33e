"""What the driver of a study orders from a worker, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import DeepceptionError
from ..keeping.store import FinishedUnit

if TYPE_CHECKING:
    from ..engines import Good


_LENGTH = 8


def framed(chunk: tuple[bytes, bytes]) -> bytes:
    """A unit's record and arrays as the content of one file."""
    record, arrays = chunk
    return len(record).to_bytes(_LENGTH, "big") + record + arrays


def unframed(content: bytes) -> tuple[bytes, bytes]:
    """What ``framed`` was given."""
    end = _LENGTH + int.from_bytes(content[:_LENGTH], "big")
    return content[_LENGTH:end], content[end:]


@dataclass(frozen=True)
class Known:
    """What decides which units a run has, besides its settings; it grows in two steps and is then fixed.

    Attributes:
        cleans: Clean top-1, by SHA-256, of the photographs that all others depend on.
        rows: Hashes of the rows over which the period is judged; ``None`` while they are being measured.
    """

    cleans: Mapping[str, int] = field(default_factory=dict)
    rows: frozenset[str] | None = None


@dataclass(frozen=True)
class UnitOrder:
    """One unit to be measured.

    Attributes:
        run: Name of the run that it belongs to.
        unit: Its hash.
        photograph: SHA-256 of the photograph in whose plan it is; ``None`` where all photographs share it.
        top: Clean top-1 of that photograph; ``None`` where the unit is to find it.
        known: What else the plan follows from.
        allowance: Most images that may be sent for it; ``None`` for no limit.
        supplies: Chunks of units of its photograph that it depends on, for workers that do not see the run folder.
        shared: Files with the chunks of others that it depends on, by their hashes, for the same.
        goods: Files that it needs, by their path at the driver, for the same.
    """

    run: str
    unit: str
    photograph: str | None
    top: int | None
    known: Known
    allowance: int | None = None
    supplies: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    shared: Mapping[str, Good] = field(default_factory=dict)
    goods: Mapping[str, Good] = field(default_factory=dict)


@dataclass(frozen=True)
class UnitReply:
    """What became of it.

    Attributes:
        finished: The unit and what it cost; ``None`` where it could not be measured.
        error: Why not.
        transmissions: Images that were sent for it in vain.
        chunk: Its chunk, from workers that do not see the run folder.
        journal: What they noted in their journal, sequence numbers counted from 0.
    """

    finished: FinishedUnit | None = None
    error: DeepceptionError | None = None
    transmissions: int = 0
    chunk: tuple[bytes, bytes] | None = None
    journal: bytes = b""
