"""Asking: batches, prefetch, cache, budget, ledger and progress. The only floor that calls an observer."""

from __future__ import annotations

from .answers import Answers
from .cache import AnswerCache
from .conversion import convert
from .default_cache import CacheChoice, chosen_cache, default_cache, keeps_answers
from .digest import stimulus_digest, stimulus_digests
from .ledger import Entry, Ledger
from .progress import Progress, RichProgress, Step, amount, duration
from .remote import raw_answers
from .session import PROBE_PURPOSE, Session

__all__ = [
    "PROBE_PURPOSE",
    "AnswerCache",
    "Answers",
    "CacheChoice",
    "Entry",
    "Ledger",
    "Progress",
    "RichProgress",
    "Session",
    "Step",
    "amount",
    "chosen_cache",
    "convert",
    "default_cache",
    "duration",
    "keeps_answers",
    "raw_answers",
    "stimulus_digest",
    "stimulus_digests",
]
