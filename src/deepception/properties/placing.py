"""Places × phases: where a patch is shown so that place and alignment with the network's stride come apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli import Jitter, Patch, Stimuli, available_multiples, period_lattice, sobol_phases
from .backdrops import Backdrops
from .showing import Showing
from .streams import stream, stream_seed


@dataclass(frozen=True, eq=False)
class Placing:
    """L places at multiples of a step, and the same J phases in [0, step)² at every place.

    Attributes:
        y: int32 ``[L]``, row of each place at phase 0.
        x: int32 ``[L]``.
        rows: Places down, ``columns`` places across; L = rows · columns, row by row.
        phases: int32 ``[J, 2]``, pixels added to (y, x).
        step: The period, or where none is known one lattice step.
        period: The period that was measured, or ``None``.
    """

    y: NDArray[np.int32]
    x: NDArray[np.int32]
    rows: int
    columns: int
    phases: NDArray[np.int32]
    step: int
    period: int | None

    @property
    def places(self) -> NDArray[np.int32]:
        """int32 ``[L, 2]`` as (y, x)."""
        return np.stack([self.y, self.x], axis=1)


def make_placing(
    shape: tuple[int, int],
    patch_shape: tuple[int, int],
    *,
    per_axis: int,
    phases: int,
    period: int | None,
    seed: int,
    purpose: str,
) -> Placing:
    """Up to ``per_axis``² places and ``phases`` phases for a patch in a frame, all wholly inside.

    With a period, places are evenly chosen multiples of it (fewer where the frame holds fewer); without,
    the step is what divides the free side into ``per_axis`` parts. The phases depend on ``seed`` and
    ``purpose`` only, so that every patch, photograph and observer with one period sees the same ones.
    """
    free = (shape[0] - patch_shape[0] + 1, shape[1] - patch_shape[1] + 1)
    if min(free) < 2:
        raise InputError(
            f"a patch of {patch_shape[0]}x{patch_shape[1]} pixels cannot move in a frame of "
            f"{shape[0]}x{shape[1]}: choose a smaller patch."
        )
    step = period if period is not None and min(free) >= 2 * period else max(1, min(free) // per_axis)
    counts = (
        min(per_axis, available_multiples(shape[0], patch_shape[0], step)),
        min(per_axis, available_multiples(shape[1], patch_shape[1], step)),
    )
    y, x = period_lattice(shape, patch_shape, step, counts)
    return Placing(
        y=y,
        x=x,
        rows=counts[0],
        columns=counts[1],
        phases=sobol_phases(step, phases, stream_seed(seed, purpose, "phases")),
        step=step,
        period=period if step == period else None,
    )


def show_placing(
    showing: Showing,
    name: str,
    patches: Sequence[Sequence[Patch]],
    backdrops: Backdrops,
    placing: Placing,
    *,
    jitter: Jitter | None = None,
    seed: int = 0,
) -> None:
    """Add every patch at every place and phase: axes (canvas, patch, place, phase).

    ``patches[k]`` are those of canvas k, the same number on each. With a jitter each phase has its own
    contrast and brightness, the same at every place and for every patch. Noise canvases cycle through
    their draws with the phases.
    """
    per_canvas = len(patches[0])
    count, places, phases = len(backdrops), len(placing.y), len(placing.phases)
    canvas, patch, place, phase = (
        i.reshape(-1) for i in np.indices((count, per_canvas, places, phases), dtype=np.int32)
    )
    contrast = np.ones(phases, dtype=np.float32)
    brightness = np.zeros(phases, dtype=np.float32)
    if jitter is not None:
        drawn = jitter.draw(phases, stream(seed, "jitter of places"))
        contrast, brightness = drawn.contrast, drawn.brightness
    showing.add(
        name,
        Stimuli.single(
            backdrops.pixels,
            [p for row in patches for p in row],
            background=backdrops.rows(phases)[canvas, phase],
            patch=canvas * per_canvas + patch,
            y=placing.y[place] + placing.phases[phase, 0],
            x=placing.x[place] + placing.phases[phase, 1],
            contrast=contrast[phase],
            brightness=brightness[phase],
        ),
        (count, per_canvas, places, phases),
    )


def over_empty(
    decades: NDArray[np.float64], empty: NDArray[np.float64], backdrops: Backdrops
) -> NDArray[np.float64]:
    """Subtract each showing's own empty canvas: ``[K, P, L, J, C]`` minus ``[B, C]``."""
    phases = decades.shape[3]
    return decades - backdrops.per_repeat(empty, phases)[:, None, None]
