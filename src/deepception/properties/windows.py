"""Seeded windows of photographs: crops that serve as controls."""

from __future__ import annotations

from ..stimuli import Patch, crop
from .streams import stream
from .subject import Subject


def random_crop(subject: Subject, shape: tuple[int, int], seed: int, purpose: str, index: int = 0) -> Patch:
    """A window of ``shape`` (height, width) at a random place of the subject, seeded by photograph and purpose."""
    rng = stream(seed, subject.sha256, purpose, index)
    height, width = subject.pixels.shape[:2]
    y = int(rng.integers(height - shape[0] + 1))
    x = int(rng.integers(width - shape[1] + 1))
    return crop(subject.pixels, y, x, shape[0], shape[1], source=subject.name)
