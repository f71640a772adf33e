"""The renderer on torch, for observers that live there: the same bits as ``render``, made on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from .described import Stimuli
from .render import MASK_LEVELS

if TYPE_CHECKING:
    import torch

# Values (of the frame, three channels) that one step paints: bounds the temporaries on the device.
_STEP_VALUES = 1 << 24


@dataclass(frozen=True)
class _Uploaded:
    """Backgrounds and patches on a device, these end to end: ``start[i]`` is the first pixel of i."""

    backgrounds: torch.Tensor
    pixels: torch.Tensor
    alpha: torch.Tensor
    mean: torch.Tensor
    start: NDArray[np.int64]


# Uploads live as long as the stimuli they belong to.
_uploads: WeakKeyDictionary[Stimuli, dict[str, _Uploaded]] = WeakKeyDictionary()


def render_torch(stimuli: Stimuli, start: int, stop: int, device: torch.device | str) -> torch.Tensor:
    """Render stimuli ``start`` … ``stop`` − 1 on a torch device, bit for bit as ``render`` does.

    Backgrounds and patches are uploaded once for each described stimuli; a call sends only columns.

    Returns:
        uint8 tensor ``[stop - start, H, W, 3]`` on ``device``.

    Raises:
        ValueError: The range is not within the stimuli.
    """
    import torch

    if not 0 <= start <= stop <= len(stimuli):
        raise ValueError(f"stimuli {start}:{stop} are not within 0:{len(stimuli)}")
    there = torch.device(device)
    per_device = _uploads.setdefault(stimuli, {})
    if str(there) not in per_device:
        per_device[str(there)] = _upload(stimuli, there)
    uploaded = per_device[str(there)]

    background = torch.tensor(stimuli.background[start:stop], device=there)
    out = uploaded.backgrounds.index_select(0, background)
    first = stimuli.offsets[start:stop]
    counts = stimuli.offsets[start + 1 : stop + 1] - first
    for layer in range(int(counts.max(initial=0))):
        images = np.flatnonzero(counts > layer)
        rows = first[images] + layer
        group = stimuli.patch_groups[0][stimuli.patch[rows]]
        for g in np.unique(group):
            member = np.flatnonzero(group == g)
            height, width = stimuli.patches[stimuli.patch[rows[member[0]]]].shape
            step = max(1, _STEP_VALUES // (height * width * 3))
            for begin in range(0, member.size, step):
                chosen = member[begin : begin + step]
                _paint(stimuli, uploaded, out, images[chosen], rows[chosen], (height, width))
    return out


def _upload(stimuli: Stimuli, device: torch.device) -> _Uploaded:
    import torch

    patches = stimuli.patches
    sizes = [p.shape[0] * p.shape[1] for p in patches]
    pixels = np.concatenate([p.pixels.reshape(-1, 3) for p in patches] or [np.empty((0, 3), np.uint8)])
    alpha = np.concatenate(
        [
            np.ones(size, np.float32) if p.mask is None else MASK_LEVELS[p.mask].reshape(-1)
            for p, size in zip(patches, sizes, strict=True)
        ]
        or [np.empty(0, np.float32)]
    )
    mean = np.stack([p.mean for p in patches] or [np.zeros(3, np.float32)])
    return _Uploaded(
        backgrounds=torch.tensor(stimuli.backgrounds, device=device),
        pixels=torch.tensor(pixels, device=device),
        alpha=torch.tensor(alpha, device=device),
        mean=torch.tensor(mean, device=device),
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
    )


def _paint(
    stimuli: Stimuli,
    uploaded: _Uploaded,
    out: torch.Tensor,
    images: NDArray[np.intp],
    rows: NDArray[np.int64],
    shape: tuple[int, int],
) -> None:
    """Paint placements of one patch shape on distinct images of ``out``."""
    import torch

    device = out.device
    frame_height, frame_width = stimuli.frame_shape
    patch = stimuli.patch[rows]
    corner = (images * frame_height + stimuli.y[rows]) * frame_width + stimuli.x[rows]
    integers = torch.tensor(np.stack([corner, uploaded.start[patch], patch]), device=device)
    levels = np.stack([stimuli.opacity[rows], stimuli.contrast[rows], stimuli.brightness[rows]])
    opacity, contrast, brightness = torch.tensor(levels, device=device)[:, :, None, None, None]

    down = torch.arange(shape[0], device=device)[:, None]
    right = torch.arange(shape[1], device=device)
    target = integers[0][:, None, None] + (down * frame_width + right)
    source = integers[1][:, None, None] + (down * shape[1] + right)
    canvas = out.view(-1, 3)
    pixels = uploaded.pixels[source]

    if (levels[1] != 1).any() or (levels[2] != 0).any():
        # One operation a rounding, as in render: nothing here may be fused into a multiply-add.
        mean = uploaded.mean[integers[2]][:, None, None, :]
        values = pixels.to(torch.float32) - mean
        values = values.mul_(contrast).add_(mean).add_(brightness)
        pixels = values.round_().clamp_(0, 255).to(torch.uint8)
    if stimuli.patches[patch[0]].mask is not None or (levels[0] != 1).any():
        alpha = uploaded.alpha[source][..., None] * opacity
        values = canvas[target].to(torch.float32) * (1 - alpha)
        values = values.add_(pixels.to(torch.float32) * alpha)
        pixels = values.round_().clamp_(0, 255).to(torch.uint8)
    canvas[target] = pixels
