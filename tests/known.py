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


def copies(images: Images, template: Images, similar: float = 0.97) -> NDArray[np.bool_]:
    """Where exact copies of a template begin, jittered or not, on any canvas: bool [N, rows, columns]."""
    h, w, _ = template.shape
    t = template.astype(np.float32).sum(axis=2)
    t = (t - t.mean()) / np.linalg.norm(t - t.mean())
    mono = images.astype(np.float32).sum(axis=3)
    windows = np.lib.stride_tricks.sliding_window_view(mono, (h, w), axis=(1, 2)).reshape(-1, h * w)
    dot = windows @ t.reshape(-1)
    centred = np.einsum("nk,nk->n", windows, windows) - windows.sum(axis=1) ** 2 / (h * w)
    alike = dot > similar * np.sqrt(np.maximum(centred, 1.0))
    return np.asarray(alike.reshape(len(images), mono.shape[1] - h + 1, -1))


def count_copies(images: Images, template: Images) -> NDArray[np.int64]:
    """Exact copies of a template in each image."""
    return np.asarray(copies(images, template).sum(axis=(1, 2)))


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


class NullFields:
    """A null observer: every content has a smooth random field of place and of phase, one for each class.

    Fields are sums of random cosines, drawn anew for each seed and each content, so that a patch and its
    controls (scrambles, crops, other classes) are exchangeable. Contents are told apart pixel by pixel: show
    them without jitter.
    """

    def __init__(
        self, seed: int, side: int, classes: int, period: int = 0, *, scale: float = 10.0, size: float = 1.0
    ) -> None:
        self.classes = classes
        self._seed, self._side, self._period, self._scale, self._size = seed, side, period, scale, size
        self._known: dict[int, tuple[Values, Values, Values, Values, Values]] = {}

    def session(self) -> Session:
        """A session with this observer."""
        return ask(self.logits, self._side, self.classes, batch_size=256)

    def logits(self, images: Images) -> Values:
        """Logits [N, K]; an empty grey canvas has none above another."""
        box = on_grey(images)
        z = np.zeros((len(images), self.classes))
        for n in np.flatnonzero(box.there):
            content = images[n, box.y[n] : box.bottom[n], box.x[n] : box.right[n]]
            z[n] = self.at(zlib.crc32(content.tobytes()), box.y[n : n + 1], box.x[n : n + 1])[0]
        return z

    def at(self, content: int, y: NDArray[Any], x: NDArray[Any]) -> Values:
        """Logits [M, K] of one content at M places."""
        if content not in self._known:
            rng = np.random.default_rng([self._seed, content])
            self._known[content] = (
                rng.normal(size=(2, 8)) / self._scale,
                rng.uniform(0, 2 * np.pi, 8),
                self._size * LN10 / 2 * rng.normal(size=(8, self.classes)),
                rng.uniform(0, 2 * np.pi, 4),
                self._size * LN10 / 8 * rng.normal(size=(4, self.classes)),
            )
        waves, shifts, weights, turns, phase_weights = self._known[content]
        at = np.stack([y, x], axis=1).astype(np.float64)
        z = np.cos(at @ waves + shifts) @ weights
        if self._period:
            angle = 2 * np.pi * at / self._period
            z = z + np.cos(np.concatenate([angle, 2 * angle], axis=1) + turns) @ phase_weights
        return np.asarray(z)


def decades_of(z: Values, label: int = 0) -> Values:
    """ℓ of one class in decades of odds, from logits [..., K]."""
    others = np.delete(z, label, axis=-1)
    return np.asarray((z[..., label] - np.logaddexp.reduce(others, axis=-1)) / LN10)
