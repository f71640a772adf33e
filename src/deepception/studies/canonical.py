"""Canonical JSON: one value, one text, one digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Write dicts with text keys, lists, tuples, text, numbers, booleans and None as canonical JSON.

    Keys are sorted, no spaces, ASCII only; floats are written so that they read back to the same bits. Raises
    ValueError for anything else, for NaN and for infinities.
    """
    _check_keys(value)
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a value of plain JSON: {error}") from error
    return text.encode("ascii")


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical JSON of a value; raises ValueError as ``canonical_json`` does."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _check_keys(value: Any) -> None:
    # json.dumps would quietly turn 1 into "1", and two settings into one.
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError(f"not a value of plain JSON: the key {key!r} is not text")
            _check_keys(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check_keys(inner)
