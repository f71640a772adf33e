"""What a session tells of every query to an endpoint, so that what was billed is never lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class QueryRow:
    """What became of one query to an endpoint.

    Attributes:
        outcome: ``"answered"``, or what went wrong at last, e.g. ``"timeout"`` or ``"http 503"``.
        at: When it was first transmitted, seconds of UTC since 1970.
        latency: Seconds of the last transmission.
        transmissions: How often it was sent, the first time included.
        cost: What all its transmissions cost, in the currency of the limits; 0 where none was stated.
    """

    outcome: str
    at: float
    latency: float
    transmissions: int
    cost: float


class Journal(Protocol):
    """Where a session notes its queries; each call is on the disk when it returns."""

    def sending(self, digests: Sequence[bytes]) -> int:
        """Note stimuli, by their digests, that are about to be sent; returns the number of the first one.

        The others follow it without gaps. Called from one thread.
        """

    def repeating(self, transmissions: Mapping[int, int]) -> None:
        """Note that some of them, by number, are about to be sent again, for the how-many-th time.

        Called from any thread, before ``noted`` tells of them.
        """

    def noted(self, rows: Mapping[int, QueryRow]) -> None:
        """Note what became of some of them, by number."""
