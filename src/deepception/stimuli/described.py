"""Stimuli described in columns: which background, and which patches where. Rendered only when shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .patches import Patch, UInt8

_COLUMNS = ("patch", "y", "x", "opacity", "contrast", "brightness")


@dataclass(frozen=True, eq=False)
class Stimuli:
    """N described stimuli over B backgrounds and P patches, with M placements in all.

    A placement is one row of the placement columns; placements of one stimulus are contiguous, and are
    painted in their order (later ones cover earlier ones). 36 bytes a stimulus with one placement.

    Attributes:
        backgrounds: uint8 ``[B, H, W, 3]``.
        patches: P patches, each no larger than the frame.
        background: int32 ``[N]``, index into ``backgrounds``.
        offsets: int64 ``[N + 1]``; the placements of stimulus n are rows ``offsets[n]:offsets[n + 1]``.
        patch: int32 ``[M]``, index into ``patches``.
        y: int32 ``[M]``, row of the patch's top-left pixel, patch wholly inside the frame.
        x: int32 ``[M]``, column of the patch's top-left pixel.
        opacity: float32 ``[M]``, 0…1, multiplies the mask.
        contrast: float32 ``[M]``, scales the patch about its own mean colour (over its mask).
        brightness: float32 ``[M]``, grey levels added to the patch.
    """

    backgrounds: UInt8
    patches: tuple[Patch, ...]
    background: NDArray[np.int32]
    offsets: NDArray[np.int64]
    patch: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    opacity: NDArray[np.float32]
    contrast: NDArray[np.float32]
    brightness: NDArray[np.float32]

    @classmethod
    def describe(
        cls,
        backgrounds: UInt8,
        patches: Sequence[Patch],
        *,
        background: ArrayLike,
        counts: ArrayLike,
        patch: ArrayLike,
        y: ArrayLike,
        x: ArrayLike,
        opacity: ArrayLike = 1.0,
        contrast: ArrayLike = 1.0,
        brightness: ArrayLike = 0.0,
    ) -> Stimuli:
        """Describe N stimuli with ``counts[n]`` placements each.

        ``background`` is ``[N]`` or a scalar, ``counts`` ``[N]``; placement columns broadcast to
        ``[sum(counts)]``. Arrays of the right type are not copied.
        Raises ValueError where an index, a position, an opacity or a count is out of range.
        """
        backgrounds = np.ascontiguousarray(backgrounds)
        if backgrounds.dtype != np.uint8 or backgrounds.ndim != 4 or backgrounds.shape[3] != 3:
            raise ValueError(
                f"backgrounds must be uint8 [B, H, W, 3], got {backgrounds.dtype} {backgrounds.shape}"
            )
        number = np.asarray(counts, dtype=np.int64).reshape(-1)
        if number.size and number.min() < 0:
            raise ValueError("a stimulus cannot have fewer than 0 placements")
        offsets = np.zeros(number.size + 1, dtype=np.int64)
        np.cumsum(number, out=offsets[1:])
        placements = (int(offsets[-1]),)
        described = cls(
            backgrounds=backgrounds,
            patches=tuple(patches),
            background=_indices(background, number.shape),
            offsets=offsets,
            patch=_indices(patch, placements),
            y=_indices(y, placements),
            x=_indices(x, placements),
            opacity=_levels(opacity, placements),
            contrast=_levels(contrast, placements),
            brightness=_levels(brightness, placements),
        )
        described._check()
        return described

    @classmethod
    def single(
        cls,
        backgrounds: UInt8,
        patches: Sequence[Patch],
        *,
        background: ArrayLike,
        patch: ArrayLike,
        y: ArrayLike,
        x: ArrayLike,
        opacity: ArrayLike = 1.0,
        contrast: ArrayLike = 1.0,
        brightness: ArrayLike = 0.0,
    ) -> Stimuli:
        """Describe stimuli of one placement each; all columns broadcast against each other to ``[N]``."""
        columns = (background, patch, y, x, opacity, contrast, brightness)
        shape = np.broadcast_shapes((1,), *(np.shape(column) for column in columns))
        if len(shape) != 1:
            raise ValueError(f"columns of stimuli have one axis, got {shape}")
        return cls.describe(
            backgrounds,
            patches,
            background=background,
            counts=np.ones(shape, dtype=np.int64),
            patch=patch,
            y=y,
            x=x,
            opacity=opacity,
            contrast=contrast,
            brightness=brightness,
        )

    @classmethod
    def plain(cls, backgrounds: UInt8) -> Stimuli:
        """Describe the B backgrounds themselves, with nothing placed on them."""
        number = len(backgrounds)
        return cls.describe(
            backgrounds, (), background=np.arange(number), counts=np.zeros(number), patch=[], y=[], x=[]
        )

    def slice(self, start: int, stop: int) -> Stimuli:
        """Stimuli ``start`` … ``stop`` − 1 over the same backgrounds and patches; the columns are views."""
        if not 0 <= start <= stop <= len(self):
            raise ValueError(f"stimuli {start}:{stop} are not within 0:{len(self)}")
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        return Stimuli(
            backgrounds=self.backgrounds,
            patches=self.patches,
            background=self.background[start:stop],
            offsets=self.offsets[start : stop + 1] - first,
            **{name: getattr(self, name)[first:last] for name in _COLUMNS},
        )

    def _check(self) -> None:
        height, width = self.frame_shape
        if _outside(self.background, len(self.backgrounds) - 1):
            raise ValueError("a background index is out of range")
        if not self.patch.size:
            return
        if _outside(self.patch, len(self.patches) - 1):
            raise ValueError("a patch index is out of range")
        room = (np.array([height, width]) - [p.shape for p in self.patches]).astype(np.int32)
        if _outside(self.y, room[:, 0][self.patch]) or _outside(self.x, room[:, 1][self.patch]):
            raise ValueError(f"a placement leaves the frame of {height}x{width} pixels")
        if _outside(self.opacity, 1):
            raise ValueError("an opacity is outside 0…1")
        if not (np.isfinite(self.contrast).all() and np.isfinite(self.brightness).all()):
            raise ValueError("a contrast or a brightness is not finite")

    @property
    def frame_shape(self) -> tuple[int, int]:
        """(height, width) of every stimulus, in pixels."""
        return (self.backgrounds.shape[1], self.backgrounds.shape[2])

    @cached_property
    def patch_groups(self) -> tuple[NDArray[np.int32], int]:
        """Group of each patch, int32 ``[P]``, and how many groups there are.

        Patches of one group have one shape, and either all have a mask or none has.
        """
        keys: dict[tuple[int, int, bool], int] = {}
        groups = [keys.setdefault((*p.shape, p.mask is None), len(keys)) for p in self.patches]
        return np.array(groups, dtype=np.int32), len(keys)

    def __len__(self) -> int:
        return int(self.background.size)


def concatenate(parts: Sequence[Stimuli]) -> Stimuli:
    """Join described stimuli of one frame size, in order; backgrounds and patches are kept apart.

    Arrays that are the same object in several parts are stored once.
    """
    if not parts:
        raise ValueError("there is nothing to concatenate")
    stacks: list[UInt8] = []
    first_background: dict[int, int] = {}
    patches: dict[int, Patch] = {}
    position: dict[int, int] = {}
    background: list[NDArray[np.int32]] = []
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
    start = 0
    for part in parts:
        if part.frame_shape != parts[0].frame_shape:
            raise ValueError(f"frames differ: {part.frame_shape} and {parts[0].frame_shape}")
        if id(part.backgrounds) not in first_background:
            first_background[id(part.backgrounds)] = start
            stacks.append(part.backgrounds)
            start += len(part.backgrounds)
        for patch in part.patches:
            patches[id(patch)] = patch
            position.setdefault(id(patch), len(position))
        lookup = np.array([position[id(p)] for p in part.patches], dtype=np.int32)
        background.append(part.background + np.int32(first_background[id(part.backgrounds)]))
        columns["patch"].append(lookup[part.patch] if part.patch.size else part.patch)
        for name in _COLUMNS[1:]:
            columns[name].append(getattr(part, name))
    return Stimuli.describe(
        stacks[0] if len(stacks) == 1 else np.concatenate(stacks),
        tuple(patches.values()),
        background=np.concatenate(background),
        counts=np.concatenate([np.diff(part.offsets) for part in parts]),
        **{name: np.concatenate(values) for name, values in columns.items()},
    )


def _indices(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int32]:
    column = np.asarray(values, dtype=np.int32)
    return np.ascontiguousarray(column if column.shape == shape else np.broadcast_to(column, shape))


def _levels(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    column = np.asarray(values, dtype=np.float32)
    return np.ascontiguousarray(column if column.shape == shape else np.broadcast_to(column, shape))


def _outside(values: NDArray[Any], limit: ArrayLike) -> bool:
    """Whether any value is not within 0…limit (a NaN is not)."""
    return not bool(((values >= 0) & (values <= limit)).all())
