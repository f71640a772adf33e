"""Known-answer observers: closed-form classifiers that read the pixels, with planted places, signs and doses.

Class 0 is the one that is measured. Its odds are planted in decades: ℓ of class 0 is what a test says, exactly.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepception.observers import AnswerLevel, RawAnswers
from deepception.properties import Subject
from deepception.sessions import Session
from deepception.stimuli import Frame

Images = NDArray[np.uint8]
Values = NDArray[np.float64]
LN10 = math.log(10)
GREY = 128


class Known:
    """An observer whose logits are a function of the pixels: uint8 [N, H, W, 3] to float64 [N, K]."""

    def __init__(
        self, logits: Callable[[Images], Values], side: int, classes: int, *, name: str = "known"
    ) -> None:
        self._logits = logits
        self.name = name
        self.frame = Frame(side, side)
        self.labels = tuple(f"class {k}" for k in range(classes))
        self.level = AnswerLevel.LOGITS
        self.fixed_batch: int | None = None
        self.shown = 0

    @property
    def identity(self) -> dict[str, Any]:
        return {"adapter": "known", "name": self.name}

    def answer(self, images: Images) -> RawAnswers:
        self.shown += len(images)
        return RawAnswers(AnswerLevel.LOGITS, self._logits(images))

    def close(self) -> None:
        pass


def ask(logits: Callable[[Images], Values], side: int, classes: int = 5, batch_size: int = 64) -> Session:
    """A session with a known observer."""
    return Session(Known(logits, side, classes), batch_size=batch_size)


def from_decades(decades: Values, classes: int = 5) -> Values:
    """Logits [N, K] whose class 0 has these odds [N]; the others share the rest."""
    z = np.zeros((len(decades), classes))
    z[:, 0] = decades * LN10 + math.log(classes - 1)
    return z


def plant(decades: Callable[[Images], Values], side: int, classes: int = 5) -> Session:
    """A session with an observer of these decades for class 0."""
    return ask(lambda images: from_decades(decades(images), classes), side, classes)


def picture(side: int, seed: int = 0, cells: int | None = None) -> Images:
    """A photograph of random colours, uint8 [side, side, 3]: nowhere mid grey, with room for jitter."""
    rng = np.random.default_rng([seed, 7])
    cells = cells or side
    values = rng.integers(20, 110, (cells, cells, 3)) + 125 * rng.integers(0, 2, (cells, cells, 3))
    return np.kron(values, np.ones((side // cells, side // cells, 1))).astype(np.uint8)


def subject(side: int, seed: int = 0, label: int = 0) -> Subject:
    """A subject of its own class, without a file."""
    return Subject(picture(side, seed), label, f"photo {seed}", f"{seed:064x}")


@dataclass(frozen=True)
class Box:
    """What lies on a grey canvas: whether there is anything, and its bounding box; all [N]."""

    there: NDArray[np.bool_]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    bottom: NDArray[np.int64]
    right: NDArray[np.int64]


def on_grey(images: Images) -> Box:
    """Find what is not canvas."""
    painted = (images != GREY).any(axis=3)
    rows, columns = painted.any(axis=2), painted.any(axis=1)
    side = images.shape[1]
    return Box(
        rows.any(axis=1),
        rows.argmax(axis=1),
        columns.argmax(axis=1),
        side - rows[:, ::-1].argmax(axis=1),
        side - columns[:, ::-1].argmax(axis=1),
    )


def correlation(pixels: NDArray[Any], template: Images) -> Values:
    """Correlation of windows [..., h, w, 3] with one template: 1 whatever the contrast and the brightness."""
    t = template.astype(np.float64) - template.mean()
    values = pixels.reshape(*pixels.shape[:-3], -1).astype(np.float64)
    values = values - values.mean(axis=-1, keepdims=True)
    norm = np.linalg.norm(values, axis=-1) * np.linalg.norm(t)
    return np.divide(values @ t.reshape(-1), norm, out=np.zeros(norm.shape), where=norm > 1e-9)


def count_copies(images: Images, template: Images, similar: float = 0.97) -> NDArray[np.int64]:
    """Exact copies of a template in each image, wherever they lie, jittered or not."""
    h, w, _ = template.shape
    t = template.astype(np.float32).sum(axis=2)
    t = (t - t.mean()) / np.linalg.norm(t - t.mean())
    mono = images.astype(np.float32).sum(axis=3)
    windows = np.lib.stride_tricks.sliding_window_view(mono, (h, w), axis=(1, 2)).reshape(-1, h * w)
    dot = windows @ t.reshape(-1)
    centred = np.einsum("nk,nk->n", windows, windows) - windows.sum(axis=1) ** 2 / (h * w)
    alike = dot > similar * np.sqrt(np.maximum(centred, 1.0))
    return np.asarray(alike.reshape(len(images), -1).sum(axis=1))


def same_content(images: Images, box: Box, template: Images) -> NDArray[np.bool_]:
    """Whether what lies in the box is the template, jittered or not."""
    h, w, _ = template.shape
    found = np.zeros(len(images), dtype=bool)
    fits = box.there & (box.y + h <= images.shape[1]) & (box.x + w <= images.shape[2])
    for n in np.flatnonzero(fits):
        window = images[n, box.y[n] : box.y[n] + h, box.x[n] : box.x[n] + w]
        found[n] = correlation(window, template) > 0.97
    return found


def identity(image: Images, *salt: int) -> np.random.Generator:
    """A generator that depends on the pixels alone: what a closed-form observer makes of this content."""
    return np.random.default_rng([zlib.crc32(np.ascontiguousarray(image).tobytes()), *salt])


def uniform(images: Images, salt: int = 0) -> Values:
    """A number in [0, 1) for each image, from its pixels alone."""
    return np.array([zlib.crc32(image.tobytes(), salt) / 2**32 for image in images])
