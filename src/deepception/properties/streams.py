"""Random streams: from seed, photograph, experiment and purpose, never from the observer."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, *keys: str | int) -> np.random.Generator:
    """A generator that depends on ``seed`` and ``keys`` alone, so that observers see the same stimuli."""
    digest = hashlib.sha256(json.dumps([seed, *keys]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def stream_seed(seed: int, *keys: str | int) -> int:
    """A 32-bit seed for libraries that take a number; same dependence as ``stream``."""
    return int(stream(seed, *keys).integers(2**32))


def other_classes(classes: int, label: int, count: int, seed: int) -> NDArray[np.int64]:
    """Up to ``count`` random classes other than ``label``, int64; the same order for every photograph of a run."""
    order = stream(seed, "other classes").permutation(classes)
    return np.asarray(order[order != label][:count], dtype=np.int64)


def classes_read(classes: int, label: int, count: int, seed: int) -> NDArray[np.int64]:
    """The class itself, then the other classes that are read from the same showings, int64 ``[1 + count]``."""
    return np.concatenate([[label], other_classes(classes, label, count, seed)])
