"""The fingerprint of an observer: who answered, so that its answers can be kept and found again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .preprocessing import frame_identity

if TYPE_CHECKING:
    from .protocol import Observer


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(observer: Observer) -> str:
    """SHA-256, 64 hexadecimal digits, of the canonical JSON of what decides an observer's answers.

    It covers ``observer.identity``, the frame, the answer level and the number of classes; the names of the
    classes and of the observer are no part of it, so that renaming a file keeps its answers.

    Raises ValueError where the identity is not JSON.
    """
    content = {
        "identity": observer.identity,
        "frame": frame_identity(observer.frame),
        "level": observer.level.value,
        "classes": len(observer.labels),
    }
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the identity of the observer {observer.name!r} is not JSON: {error}") from error
    return hashlib.sha256(text.encode("ascii")).hexdigest()
