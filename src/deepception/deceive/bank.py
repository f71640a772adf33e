"""Banks: the patches that a fooling image may be made of, each with the class that it was taken from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..properties.streams import stream
from ..properties.subject import Subject, all_subjects
from ..stimuli import Patch, crop, enlarge, grating, scramble, uniform_patch

SYNTHETIC = -1
"""Class of patches that come from no photograph."""

# Sizes as fractions of the frame's sides, and how many crops of each are cut from one photograph.
_CROPS = ((1 / 7, 4), (1 / 4, 3), (1 / 2, 2))
_THUMBNAILS = (1 / 2, 1 / 4, 1 / 7)
# Shapes of uniform patches: squares and bars.
_UNIFORM = ((1 / 7, 1 / 7), (1 / 14, 1 / 14), (1 / 28, 1 / 4), (1 / 4, 1 / 28))
_COLOURS = (*product((0, 255), repeat=3), (128, 128, 128))
_RANDOM_COLOURS = 7
_GRATINGS = 32
_GRATING_SIZES = (1 / 7, 1 / 2)
_PERIODS = (1 / 56, 1 / 28, 1 / 14, 1 / 7)  # fractions of the shorter side
_LEAST_PERIOD = 2.0


@dataclass(frozen=True, eq=False)
class Bank:
    """P patches for one frame.

    Attributes:
        patches: The patches, none larger than the frame.
        classes: int64 ``[P]``, the class of the photograph that each was cut from, or ``SYNTHETIC``.
        groups: int64 ``[P]``; patches of one photograph, of one colour or one grating, share a number.
        shape: (height, width) of the frame.
        scrambled: Whether it is a control, see ``scramble``.
    """

    patches: tuple[Patch, ...]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    shape: tuple[int, int]
    scrambled: bool = False

    def __len__(self) -> int:
        return len(self.patches)

    def kept(self, classes: Collection[int]) -> NDArray[np.int64]:
        """Indices of the patches that ``without`` keeps, rising."""
        return np.flatnonzero(~np.isin(self.classes, [c for c in classes if c != SYNTHETIC]))

    def without(self, classes: Collection[int]) -> Bank:
        """The bank without the patches that were cut from photographs of some classes."""
        kept = self.kept(classes)
        patches = tuple(self.patches[i] for i in kept)
        return Bank(patches, self.classes[kept], self.groups[kept], self.shape, self.scrambled)

    def scramble(self, seed: int = 0) -> Bank:
        """The same patches scrambled: every spatial frequency kept, its phase drawn anew (METHODS §0).

        What a fooling image owes to the objects and not to colours and texture, this control lacks. What a patch
        becomes does not depend on the others.
        """
        patches = tuple(
            scramble(patch, stream(seed, hashlib.sha256(patch.pixels.tobytes()).hexdigest(), "scramble"))
            for patch in self.patches
        )
        return Bank(patches, self.classes, self.groups, self.shape, scrambled=True)


def make_bank(subjects: Sequence[Subject], shape: tuple[int, int], seed: int = 0) -> Bank:
    """Cut a bank from photographs, and add synthetic patches.

    From each photograph: crops of 1/7, 1/4 and 1/2 of the frame's sides at random places (four, three and two),
    and the whole of it at 1/2, 1/4 and 1/7 of its size. Beside them uniform colours (squares and bars) and
    random coloured gratings. The class of a patch is its subject's; a subject without a label has the observer's
    clean top-1, which may be wrong.

    Args:
        subjects: Photographs in the frame, of any classes: a fooling image leaves out its target and that class's
            near-synonyms by itself. There may be none.
        shape: (height, width) of the frame.
        seed: With each photograph's bytes it decides the places of its crops; the rest is the same for all.

    Raises:
        InputError: These are no subjects, or one has another size than the frame.
    """
    all_subjects(subjects)
    patches: list[Patch] = []
    classes: list[int] = []
    groups: list[int] = []

    def add(group: Iterator[Patch], label: int) -> None:
        made = list(group)
        number = groups[-1] + 1 if groups else 0
        patches.extend(made)
        classes.extend([label] * len(made))
        groups.extend([number] * len(made))

    for subject in subjects:
        if subject.pixels.shape[:2] != tuple(shape):
            raise InputError(
                f"{subject.name} has {subject.pixels.shape[:2]} pixels, the frame {shape}: open it for this frame."
            )
        add(_of_photograph(subject, shape, stream(seed, subject.sha256, "bank")), subject.label)
    rng = stream(seed, "bank", "synthetic")
    colours = [*_COLOURS, *(tuple(rng.integers(0, 256, 3).tolist()) for _ in range(_RANDOM_COLOURS))]
    for colour in colours:
        add((uniform_patch(_sized(shape, *sizes), colour) for sizes in _UNIFORM), SYNTHETIC)
    for _ in range(_GRATINGS):
        add(_gratings(shape, rng), SYNTHETIC)
    return Bank(tuple(patches), np.array(classes, np.int64), np.array(groups, np.int64), (shape[0], shape[1]))


def most_canvases(photographs: int) -> int:
    """How many different canvases the patches of a bank of so many photographs make at most, each repeated alone.

    Patches of one colour make the same one, whatever their shapes, and scrambled ones do as well.
    """
    each = sum(count for _, count in _CROPS) + len(_THUMBNAILS)
    return each * photographs + len(_COLOURS) + _RANDOM_COLOURS + len(_GRATING_SIZES) * _GRATINGS


def _of_photograph(subject: Subject, shape: tuple[int, int], rng: np.random.Generator) -> Iterator[Patch]:
    for size, count in _CROPS:
        height, width = _sized(shape, size, size)
        for _ in range(count):
            y, x = int(rng.integers(shape[0] - height + 1)), int(rng.integers(shape[1] - width + 1))
            yield crop(subject.pixels, y, x, height, width, source=subject.name)
    whole = Patch(subject.pixels, source=f"{subject.name}, all of it,")
    for size in _THUMBNAILS:
        yield enlarge(whole, *_sized(shape, size, size))


def _gratings(shape: tuple[int, int], rng: np.random.Generator) -> Iterator[Patch]:
    """One random grating in its sizes."""
    period = max(_LEAST_PERIOD, float(rng.choice(_PERIODS)) * min(shape))
    angle = float(rng.choice((0, 45, 90, 135)))
    phases = rng.uniform(0, 360, 3).tolist() if rng.random() < 0.5 else 0.0
    colour = rng.choice((-1.0, 0.0, 1.0), 3).tolist()
    if not any(colour):
        colour = [1.0, 1.0, 1.0]
    for size in _GRATING_SIZES:
        yield grating(_sized(shape, size, size), period, angle, phases, colour=colour)


def _sized(shape: tuple[int, int], height: float, width: float) -> tuple[int, int]:
    return max(1, round(shape[0] * height)), max(1, round(shape[1] * width))
