"""Described stimuli with one more picture of the frame's size, at an opacity of its own for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .described import Stimuli
from .patches import Patch, UInt8


def layered(
    stimuli: Stimuli, rows: NDArray[np.int64], picture: UInt8, opacity: ArrayLike, *, below: ArrayLike = False
) -> Stimuli:
    """Some of the stimuli, with a picture laid over each, or put between its background and its patches.

    Args:
        stimuli: What is described already.
        rows: int ``[M]``, which of them; one may occur more than once.
        picture: uint8 ``[H, W, 3]`` of the stimuli's frame.
        opacity: ``[M]``, 0…1: at 0 the stimulus is as it was, at 1 the picture hides what lies below it.
        below: bool ``[M]`` or a scalar: the picture lies below the patches instead of over everything.

    Returns:
        M stimuli.
    """
    rows = np.asarray(rows, dtype=np.int64)
    under = np.broadcast_to(np.asarray(below, dtype=bool), rows.shape)
    strength = np.broadcast_to(np.asarray(opacity, dtype=np.float32), rows.shape)
    before = np.diff(stimuli.offsets)[rows]
    first = np.cumsum(before + 1) - (before + 1)
    # Place of the picture among each stimulus's placements, and of these beside it.
    at = first + np.where(under, 0, before)
    own = np.ones(int((before + 1).sum()), dtype=bool)
    own[at] = False
    source = np.repeat(stimuli.offsets[rows] - (np.cumsum(before) - before), before) + np.arange(before.sum())

    def column(name: str, values: ArrayLike) -> NDArray[np.generic]:
        kept: NDArray[np.generic] = getattr(stimuli, name)
        made = np.empty(own.size, dtype=kept.dtype)
        made[own] = kept[source]
        made[at] = values
        return made

    return Stimuli.describe(
        stimuli.backgrounds,
        (*stimuli.patches, Patch(picture)),
        background=stimuli.background[rows],
        counts=before + 1,
        patch=column("patch", len(stimuli.patches)),
        y=column("y", 0),
        x=column("x", 0),
        opacity=column("opacity", strength),
        contrast=column("contrast", 1.0),
        brightness=column("brightness", 0.0),
    )
