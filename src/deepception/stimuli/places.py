"""Places: where in the frame a patch goes, as columns of top-left rows and columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .described import Stimuli

Places = tuple[NDArray[np.int32], NDArray[np.int32]]


def lattice(shape: tuple[int, int], patch_shape: tuple[int, int], rows: int, columns: int) -> Places:
    """Evenly spread places, corners included, row by row; a single row or column is centred.

    Returns:
        ``y`` and ``x``, int32 ``[rows · columns]``; the patch stays wholly inside the frame.

    Raises:
        ValueError: The patch is larger than the frame, or there are fewer pixels than places on an axis.
    """
    axes = []
    for side, patch, count in zip(shape, patch_shape, (rows, columns), strict=True):
        room = side - patch
        if room < 0:
            raise ValueError(f"a patch of {patch} pixels does not fit a frame of {side}")
        if not 1 <= count <= room + 1:
            raise ValueError(f"{count} distinct places do not fit an axis with {room + 1} offsets")
        axes.append(np.rint(np.linspace(0, room, count)) if count > 1 else np.array([room // 2]))
    return _product(axes[0], axes[1])


def available_multiples(side: int, patch: int, period: int) -> int:
    """How many multiples k·period keep the patch inside ``side`` at every phase 0 … period − 1."""
    return max(0, (side - patch + 1) // period)


def period_lattice(
    shape: tuple[int, int],
    patch_shape: tuple[int, int],
    period: int | tuple[int, int],
    count_per_axis: int | tuple[int, int],
) -> Places:
    """Distinct places at multiples of ``period``, evenly spaced among those that leave room for every phase.

    Args:
        shape: (height, width) of the frame.
        patch_shape: (height, width) of the patch.
        period: Pixels, or (in y, in x).
        count_per_axis: Places on each axis, or (rows, columns).

    Returns:
        ``y`` and ``x``, int32 ``[rows · columns]``, row by row; place + phase stays inside for every phase
        in 0 … period − 1.

    Raises:
        ValueError: An axis has fewer such multiples than asked (see ``available_multiples``).
    """
    axes = []
    for side, patch, step, count in zip(
        shape, patch_shape, _pair(period), _pair(count_per_axis), strict=True
    ):
        available = available_multiples(side, patch, step)
        if not 1 <= count <= available:
            raise ValueError(
                f"{count} places asked, {available} multiples of {step} px leave room for a phase"
            )
        index = (
            np.rint(np.linspace(0, available - 1, count)) if count > 1 else np.array([(available - 1) // 2])
        )
        axes.append(index * step)
    return _product(axes[0], axes[1])


def sobol_phases(period: int | tuple[int, int], count: int, seed: int) -> NDArray[np.int32]:
    """Scrambled Sobol points in [0, period)², floored to pixels: int32 ``[count, 2]`` as (dy, dx).

    Owen-scrambled Sobol points (scipy.stats.qmc); neighbouring counts share their first points.
    """
    from scipy.stats import qmc

    # A power of two keeps the sequence balanced; what is not needed is dropped.
    bits = max(0, int(count - 1).bit_length())
    points = qmc.Sobol(2, scramble=True, rng=np.random.default_rng(seed)).random_base2(bits)[:count]
    phases: NDArray[np.int32] = np.floor(points * np.asarray(_pair(period))).astype(np.int32)
    return phases


def non_overlapping(
    shape: tuple[int, int],
    patch_shape: tuple[int, int],
    count: int,
    rng: np.random.Generator,
    restarts: int = 1000,
) -> Places:
    """``count`` places of one patch that do not overlap, in random order.

    Random sequential placement: each place is uniform among those that are still free (what rejection would
    accept), and a jammed attempt starts over; the result is shuffled, so its first n are no special ones.

    Returns:
        ``y`` and ``x``, int32 ``[count]``.

    Raises:
        ValueError: So many copies cannot fit, or every attempt jammed.
    """
    height, width = patch_shape
    rows, columns = shape[0] - height + 1, shape[1] - width + 1
    if count < 0 or count > (shape[0] // height) * (shape[1] // width):
        raise ValueError(f"{count} copies of {height}x{width} cannot fit a frame of {shape[0]}x{shape[1]}")
    for _ in range(restarts):
        free = np.ones((rows, columns), dtype=bool)
        places = np.empty((count, 2), dtype=np.int32)
        for k in range(count):
            open_places = np.flatnonzero(free)
            if not open_places.size:
                break
            y, x = divmod(int(open_places[rng.integers(open_places.size)]), columns)
            places[k] = y, x
            free[max(0, y - height + 1) : y + height, max(0, x - width + 1) : x + width] = False
        else:
            places = rng.permutation(places)
            return np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1])
    raise ValueError(f"{count} copies of {height}x{width} jammed in {restarts} attempts; ask for fewer")


def union_area(stimuli: Stimuli, index: int) -> int:
    """Pixels of the frame in the union of all placements of one stimulus where mask × opacity > 0."""
    covered = np.zeros(stimuli.frame_shape, dtype=bool)
    for row in range(int(stimuli.offsets[index]), int(stimuli.offsets[index + 1])):
        if stimuli.opacity[row] <= 0:
            continue
        patch = stimuli.patches[stimuli.patch[row]]
        y, x = int(stimuli.y[row]), int(stimuli.x[row])
        window = covered[y : y + patch.shape[0], x : x + patch.shape[1]]
        window |= True if patch.mask is None else patch.mask > 0
    return int(covered.sum())


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _product(rows: NDArray[np.generic], columns: NDArray[np.generic]) -> Places:
    y, x = np.meshgrid(rows.astype(np.int32), columns.astype(np.int32), indexing="ij")
    return y.reshape(-1), x.reshape(-1)
