"""The ledger of a session: what was asked, for which purpose, and what it took."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields


@dataclass
class Entry:
    """Sums over everything asked for one purpose.

    Attributes:
        queries: Stimuli whose answers were accepted.
        transmissions: Images sent, probes and failed batches included.
        cached: Stimuli answered from the cache; neither queries nor transmissions.
        observer_seconds: Wall time in the observer.
        render_seconds: Wall time rendering, most of it beside the observer's.
    """

    queries: int = 0
    transmissions: int = 0
    cached: int = 0
    observer_seconds: float = 0.0
    render_seconds: float = 0.0


class Ledger:
    """Entries by purpose, in the order in which purposes were first named."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __getitem__(self, purpose: str) -> Entry:
        """The entry of a purpose, opened empty where there is none."""
        return self._entries.setdefault(purpose, Entry())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def total(self) -> Entry:
        """The sums over all purposes."""
        rows = [astuple(entry) for entry in self._entries.values()]
        return Entry(*(sum(column) for column in zip(*rows, strict=True))) if rows else Entry()

    def columns(self) -> dict[str, list[str] | list[int] | list[float]]:
        """The ledger in columns of one row per purpose: ``purpose`` and the attributes of an entry."""
        columns: dict[str, list[str] | list[int] | list[float]] = {"purpose": list(self._entries)}
        for field in fields(Entry):
            columns[field.name] = [getattr(entry, field.name) for entry in self._entries.values()]
        return columns
