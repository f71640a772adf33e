"""Control patches: crops of other photographs, and scrambles of the patch itself."""

from __future__ import annotations

from collections.abc import Sequence

from ..stimuli import Patch, crop, match, scramble
from .streams import stream
from .subject import Subject, of_other_classes


def random_crop(subject: Subject, shape: tuple[int, int], seed: int, purpose: str, index: int = 0) -> Patch:
    """A window of ``shape`` (height, width) at a random place of the subject, seeded by photograph and purpose."""
    rng = stream(seed, subject.sha256, purpose, index)
    height, width = subject.pixels.shape[:2]
    y = int(rng.integers(height - shape[0] + 1))
    x = int(rng.integers(width - shape[1] + 1))
    return crop(subject.pixels, y, x, shape[0], shape[1], source=subject.name)


def matched_crops(
    pool: Sequence[Subject], subject: Subject, patch: Patch, count: int, seed: int, purpose: str
) -> list[Patch]:
    """Up to ``count`` crops of other classes, matched to the patch in mean and contrast."""
    sources = [pool[i] for i in of_other_classes(pool, subject)[:count]]
    return [match(random_crop(s, patch.shape, seed, f"{purpose} crop"), patch) for s in sources]


def scrambles_of(
    patch: Patch, subject: Subject, canvases: int, count: int, seed: int, purpose: str
) -> list[list[Patch]]:
    """``count`` phase scrambles of the patch for each canvas, all different."""
    return [
        [scramble(patch, stream(seed, subject.sha256, purpose, "scramble", k, s)) for s in range(count)]
        for k in range(canvases)
    ]
