"""The renderer: described stimuli in, uint8 images out, one vectorised function (numpy).

A pixel of a placement is ``q = clip(rint(m + contrast·(p − m) + brightness), 0, 255)``, m being the patch's
mean colour over its mask; it is blended as ``rint(b·(1 − a) + q·a)`` over what lies below, with
``a = mask / 255 · opacity``. All arithmetic is float32, one rounding an operation, in a fixed order, so an
image does not depend on the batch in which it is rendered, and ``render_torch`` gives the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .described import Stimuli
from .patches import UInt8

# What a mask value means, as float32; shared with render_torch because dividing there may round otherwise.
MASK_LEVELS: NDArray[np.float32] = np.arange(256, dtype=np.float32) / np.float32(255)

# Temporaries of one step stay about this many values (float32), within a core's cache.
_STEP_VALUES = 1 << 17


def render(stimuli: Stimuli, start: int, stop: int, *, out: UInt8 | None = None) -> UInt8:
    """Render stimuli ``start`` … ``stop`` − 1.

    Args:
        stimuli: What to render.
        start: First stimulus.
        stop: One past the last.
        out: uint8 ``[stop - start, H, W, 3]`` to write into, whatever its strides; a new array by default.

    Returns:
        uint8 ``[stop - start, H, W, 3]``, RGB; ``out`` where it was given.

    Raises:
        ValueError: The range is not within the stimuli, or ``out`` has another shape or type.
    """
    if not 0 <= start <= stop <= len(stimuli):
        raise ValueError(f"stimuli {start}:{stop} are not within 0:{len(stimuli)}")
    shape = (stop - start, *stimuli.frame_shape, 3)
    if out is None:
        out = np.empty(shape, dtype=np.uint8)
    elif out.shape != shape or out.dtype != np.uint8:
        raise ValueError(f"out must be uint8 {shape}, got {out.dtype} {out.shape}")
    # mode="clip" writes straight into out; the default checks indices (checked already) in a buffer.
    np.take(stimuli.backgrounds, stimuli.background[start:stop], axis=0, out=out, mode="clip")
    first = stimuli.offsets[start:stop]
    counts = stimuli.offsets[start + 1 : stop + 1] - first
    # Layer k is the k-th placement of every stimulus: no two share an image, so a layer is painted at once.
    for layer in range(int(counts.max(initial=0))):
        images = np.flatnonzero(counts > layer)
        _paint(stimuli, out, images, first[images] + layer)
    return out


def _paint(stimuli: Stimuli, out: UInt8, images: NDArray[np.intp], rows: NDArray[np.int64]) -> None:
    """Paint placement ``rows[i]`` on ``out[images[i]]``, for all i; the images are distinct."""
    patch = stimuli.patch[rows]
    groups, number = stimuli.patch_groups
    if number == 1:
        members = [np.arange(rows.size)]
    else:
        group = groups[patch]
        members = [np.flatnonzero(group == g) for g in np.unique(group)]
    for member in members:
        height, width = stimuli.patches[patch[member[0]]].shape
        windows = _windows(out, height, width)
        step = max(1, _STEP_VALUES // (height * width * 3))
        for begin in range(0, member.size, step):
            chosen = member[begin : begin + step]
            _paint_step(stimuli, windows, images[chosen], rows[chosen], patch[chosen])


def _paint_step(
    stimuli: Stimuli,
    windows: UInt8,
    images: NDArray[np.intp],
    rows: NDArray[np.int64],
    patch: NDArray[np.int32],
) -> None:
    """Paint placements of one patch group; ``windows[image, y, x]`` is what lies below one."""
    unique, local = np.unique(patch, return_inverse=True)
    patches = [stimuli.patches[i] for i in unique]
    where = (images, stimuli.y[rows], stimuli.x[rows])
    opacity, contrast, brightness = stimuli.opacity[rows], stimuli.contrast[rows], stimuli.brightness[rows]

    pixels = patches[0].pixels[None] if len(patches) == 1 else np.stack([p.pixels for p in patches])[local]
    if (contrast != 1).any() or (brightness != 0).any():
        pixels = _toned(pixels, np.stack([p.mean for p in patches])[local], contrast, brightness)
    if patches[0].mask is None and (opacity == 1).all():
        windows[where] = pixels
        return
    alpha = opacity[:, None, None]
    masks = [p.mask for p in patches if p.mask is not None]
    if masks:
        alpha = np.repeat(MASK_LEVELS[np.stack(masks)], 3, axis=2)[local] * alpha
    windows[where] = _blended(windows[where], pixels, alpha)


def _toned(
    pixels: UInt8,
    mean: NDArray[np.float32],
    contrast: NDArray[np.float32],
    brightness: NDArray[np.float32],
) -> UInt8:
    """``clip(rint(m + contrast·(p − m) + brightness), 0, 255)``: pixels ``[n|1, h, w, 3]``, m ``[n, 3]``."""
    height, width = pixels.shape[1:3]
    # Rows of 3·w values: numpy is slow where the innermost axis is 3.
    centre = np.tile(mean, width)[:, None, :]
    values = pixels.reshape(-1, height, width * 3).astype(np.float32) - centre
    values *= contrast[:, None, None]
    values += centre
    values += brightness[:, None, None]
    return _to_uint8(values).reshape(-1, height, width, 3)


def _blended(below: UInt8, pixels: UInt8, alpha: NDArray[np.float32]) -> UInt8:
    """``rint(below·(1 − alpha) + pixels·alpha)``; alpha ``[n, h or 1, 3·w or 1]``."""
    count, height, width = below.shape[:3]
    values = below.reshape(count, height, width * 3).astype(np.float32)
    values *= np.float32(1) - alpha
    values += pixels.reshape(-1, height, width * 3) * alpha
    return _to_uint8(values).reshape(below.shape)


def _to_uint8(values: NDArray[np.float32]) -> UInt8:
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)


def _windows(images: UInt8, height: int, width: int) -> UInt8:
    """All windows of ``height`` x ``width``, as a writeable view ``[n, H - h + 1, W - w + 1, h, w, 3]``."""
    count, rows, columns, channels = images.shape
    by_image, by_row, by_column, by_channel = images.strides
    return as_strided(
        images,
        (count, rows - height + 1, columns - width + 1, height, width, channels),
        (by_image, by_row, by_column, by_row, by_column, by_channel),
    )
