"""What ``deepception info`` finds out about an observer by asking it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import check_answers
from .fingerprint import fingerprint
from .preprocessing import frame_identity
from .protocol import AnswerLevel, Observer, RawAnswers
from .remote import is_remote
from .settings import assumed

_BATCH = 16
_FEW = 4  # images for an endpoint, where each may cost


@dataclass(frozen=True)
class ObserverReport:
    """What was understood about an observer, and what the checks found.

    Attributes:
        name: Its name.
        level: Its answer level.
        classes: K.
        labels_known: Whether its classes have names of their own.
        frame: The frame, as a dictionary.
        fixed_batch: The only batch size it takes, or ``None``.
        fingerprint: 64 hexadecimal digits.
        identity: What the fingerprint is made of.
        sources: For each setting of the preprocessing where it came from; empty where the adapter does not
            tell.
        settings: The settings themselves, JSON-able.
        deterministic: Whether the same batch got the same answers, bit for bit, twice.
        batch_difference: Largest difference between the scores of a batch of 16 and of its images alone.
        batch_tolerance: What float noise may make of that; the check failed where the difference exceeds it.
        images_per_second: Throughput in batches of 16 (or the fixed batch).
        transmissions: Images that the checks sent.
        top: For the images that were given, int64 ``[N, min(5, K)]`` classes, best first; fewer for top-k,
            one for label.
        problems: Sentences, for what should not be so and does not prevent the use.
        understood: What opening an endpoint found out, name to words; empty for others.
    """

    name: str
    level: str
    classes: int
    labels_known: bool
    frame: dict[str, Any]
    fixed_batch: int | None
    fingerprint: str
    identity: dict[str, Any]
    sources: dict[str, str]
    settings: dict[str, Any]
    deterministic: bool
    batch_difference: float
    batch_tolerance: float
    images_per_second: float
    transmissions: int
    top: NDArray[np.int64]
    problems: tuple[str, ...]
    understood: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The same content as JSON."""
        return {**asdict(self), "top": self.top.tolist(), "problems": list(self.problems)}


def inspect(
    observer: Observer,
    images: NDArray[np.uint8] | None = None,
    *,
    seconds: float = 0.5,
    ask: Callable[[NDArray[np.uint8]], RawAnswers] | None = None,
) -> ObserverReport:
    """Ask an observer a few batches and report.

    Args:
        observer: Any observer.
        images: uint8 ``[N, H, W, 3]`` in its frame, whose top classes are reported and which the checks use;
            the rest of the 16 images they need are smooth noise, the same each time.
        seconds: How long the throughput is measured, at least one batch.
        ask: How images are asked; None for the observer itself, which gives up at the first fault of a network.

    An endpoint is only asked four images, twice: each of them is a request of its own, and may cost.

    Raises ObserverError where the answers are nonsense: not finite, of the wrong number, or probabilities
    that do not sum to one.
    """
    classes = len(observer.labels)
    remote = is_remote(observer)
    count = _FEW if remote else _BATCH
    batch = probe_images(observer.frame.shape, count)
    if images is not None and len(images):
        batch[: min(count, len(images))] = images[:count]
    asked = partial(_asked, observer, ask or observer.answer)
    began = time.perf_counter()
    first = asked(batch)
    second = asked(batch)
    deterministic = _equal(first, second)
    if remote:
        difference, tolerance = 0.0, 0.0
        speed, sent = 2 * count / (time.perf_counter() - began), 2 * count
    else:
        singles = [asked(batch[i : i + 1]) for i in range(count)]
        difference, tolerance = _batch_difference(first, singles)
        speed, sent = _throughput(observer, batch, seconds)
        sent += 3 * count
    top = np.empty((0, min(5, classes)), dtype=np.int64)
    if images is not None and len(images):
        parts = [asked(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
        top = np.concatenate([best_classes(part) for part in parts])
        sent += len(images)
    settings = getattr(observer, "settings", None)
    problems = list(assumed(observer))
    problems += _problems(observer, first, deterministic, difference, tolerance)
    read: dict[str, Any] = {}
    if settings is not None:
        read = dict(settings.preprocessing.identity())
        if observer.level in (
            AnswerLevel.LOGITS,
            AnswerLevel.PROBABILITIES,
        ):  # else nothing is read as either
            read["output"] = settings.preprocessing.output
    return ObserverReport(
        name=observer.name,
        level=observer.level.value,
        classes=classes,
        labels_known=not all(label == f"class {i}" for i, label in enumerate(observer.labels)),
        frame=frame_identity(observer.frame),
        fixed_batch=observer.fixed_batch,
        fingerprint=fingerprint(observer),
        identity=observer.identity,
        sources=dict(settings.sources) if settings is not None else {},
        settings=read,
        deterministic=deterministic,
        batch_difference=difference,
        batch_tolerance=tolerance,
        images_per_second=speed,
        transmissions=sent,
        top=top,
        problems=tuple(problems),
        understood=dict(getattr(observer, "understood", {})),
    )


def best_classes(raw: RawAnswers, k: int = 5) -> NDArray[np.int64]:
    """The best classes, int64 ``[N, at most k]``, best first; ties go to the lower index."""
    if raw.labels is not None:
        return raw.labels[:, :k]
    return np.argsort(-raw.scores.astype(np.float64), axis=1, kind="stable")[:, :k].astype(np.int64)


def probe_images(shape: tuple[int, int], n: int) -> NDArray[np.uint8]:
    """Smooth coloured noise, uint8 ``[n, H, W, 3]``, the same each time."""
    height, width = shape
    coarse = np.random.default_rng(20_231_123).uniform(0, 255, size=(n, 8, 8, 3))
    rows, columns = np.linspace(0, 7, height), np.linspace(0, 7, width)
    images = np.empty((n, height, width, 3), dtype=np.uint8)
    top, left = np.minimum(rows.astype(int), 6), np.minimum(columns.astype(int), 6)
    down, right = (rows - top)[:, None, None], (columns - left)[None, :, None]
    for index, grid in enumerate(coarse):
        upper = grid[top][:, left] * (1 - right) + grid[top][:, left + 1] * right
        lower = grid[top + 1][:, left] * (1 - right) + grid[top + 1][:, left + 1] * right
        images[index] = np.rint(upper * (1 - down) + lower * down)
    return images


def _asked(
    observer: Observer, ask: Callable[[NDArray[np.uint8]], RawAnswers], images: NDArray[np.uint8]
) -> RawAnswers:
    raw = ask(images)
    check_answers(raw, len(observer.labels), len(images))
    return raw


def _equal(one: RawAnswers, other: RawAnswers) -> bool:
    labels = one.labels is None or (other.labels is not None and np.array_equal(one.labels, other.labels))
    return labels and np.array_equal(one.scores, other.scores)


def _batch_difference(whole: RawAnswers, singles: list[RawAnswers]) -> tuple[float, float]:
    """Largest difference between the batch and its images alone, and what float noise explains.

    The noise of a network grows with the size of its scores: 1e-4 of the largest for single precision, 2e-2
    for half, as the sums inside are taken in another order. Labels that differ count as an infinite
    difference.
    """
    if whole.labels is not None and not np.array_equal(
        whole.labels, np.concatenate([s.labels for s in singles])
    ):
        return float("inf"), 0.0
    alone = np.concatenate([single.scores for single in singles])
    if not whole.scores.size:
        return 0.0, 0.0
    relative = 2e-2 if whole.scores.dtype == np.float16 else 1e-4
    scale = max(float(np.abs(whole.scores).max()), 1e-3)
    return float(np.abs(whole.scores.astype(np.float64) - alone).max()), relative * scale


def _throughput(observer: Observer, batch: NDArray[np.uint8], seconds: float) -> tuple[float, int]:
    """Images per second, and how many were sent."""
    images = batch[: observer.fixed_batch] if (observer.fixed_batch or _BATCH) < _BATCH else batch
    sent, start = 0, time.perf_counter()
    while True:
        observer.answer(images)
        sent += len(images)
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return sent / elapsed, sent


def _problems(
    observer: Observer, raw: RawAnswers, deterministic: bool, difference: float, tolerance: float
) -> list[str]:
    problems = []
    if not deterministic:
        problems.append("the same images got different answers twice: the observer is not deterministic.")
    if difference > tolerance:
        problems.append(
            f"an image alone and in a batch of {_BATCH} differ by {difference:.2g}, more than float noise "
            f"({tolerance:.2g}): the images of a batch influence each other."
        )
    if raw.level is AnswerLevel.LOGITS:
        sums = raw.scores.sum(axis=1, dtype=np.float64)
        if raw.scores.min() >= 0 and np.abs(sums - 1).max() < 1e-3:
            problems.append("the logits are positive and sum to one: say that the output is probabilities.")
    if (
        raw.scores.size
        and len(observer.labels) > 1
        and raw.labels is None
        and np.ptp(raw.scores, axis=0).max() == 0
    ):
        problems.append("all images got the same answer: check the preprocessing.")
    return problems
