"""Controls made from a patch: its scramble, another patch matched to it, an enlarged one (METHODS §0, §4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .patches import Patch, UInt8, moments, pixel_weights

# A match stops when means and deviations agree this closely (grey levels), or after so many corrections.
_MATCH_TOLERANCE = 0.25
_MATCH_STEPS = 20


def phase_scramble(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Add one random phase field to the Fourier transform of every channel, float64 ``[h, w, C]`` in and out.

    The field is that of white noise, so the result is real; the mean (zero frequency) is left alone. Power
    spectra of the channels and their cross-spectra, hence the correlations of colours, are kept exactly.
    """
    field = np.angle(np.fft.fft2(rng.standard_normal(values.shape[:2])))
    field[0, 0] = 0.0
    spectrum = np.fft.fft2(values, axes=(0, 1)) * np.exp(1j * field)[:, :, None]
    return np.asarray(np.fft.ifft2(spectrum, axes=(0, 1)).real, dtype=np.float64)


def scramble(patch: Patch, rng: np.random.Generator) -> Patch:
    """The phase scramble of a patch, rounded and clipped to uint8, under the same mask.

    Outside the mask the patch is first filled with its mean over the mask; the scramble is then shifted and
    scaled, channel by channel, to the patch's mean and deviation over the mask (without a mask it has them
    already). Clipping changes both a little: ``moments`` of the result says what they are.
    """
    mean, deviation = moments(patch)
    values = patch.pixels.astype(np.float64)
    if patch.mask is not None and patch.mask.any():
        weights = pixel_weights(patch)[:, :, None]
        values = np.where(patch.mask[:, :, None] > 0, values, mean)
        values = phase_scramble(values, rng)
        found = (weights * values).sum(axis=(0, 1))
        spread = np.sqrt((weights * (values - found) ** 2).sum(axis=(0, 1)))
        # A uniform channel stays uniform: its spread is 0 but for rounding.
        scale = np.divide(deviation, spread, out=np.zeros(3), where=spread > 1e-9)
        values = (values - found) * scale + mean
    else:
        values = phase_scramble(values, rng)
    return Patch(_to_uint8(values), patch.mask, f"scramble of {patch.source}".strip())


def match(patch: Patch, reference: Patch) -> Patch:
    """Shift and scale each channel of ``patch`` to the mean and deviation of ``reference`` over its mask.

    The result is rounded and clipped, and the shift and scale are corrected until the moments agree within a
    quarter of a grey level, or as near as clipping lets them come; a uniform channel can only be shifted.
    """
    weights = pixel_weights(patch)[:, :, None]
    mean, deviation = moments(patch)
    want_mean, want_deviation = moments(reference)
    unit = (patch.pixels - mean) / np.where(deviation > 0, deviation, 1.0)
    shift, scale = want_mean.copy(), want_deviation.copy()
    best, best_error = patch.pixels, np.inf
    for _ in range(_MATCH_STEPS):
        pixels = _to_uint8(unit * scale + shift)
        found = (weights * pixels).sum(axis=(0, 1))
        spread = np.sqrt((weights * (pixels - found) ** 2).sum(axis=(0, 1)))
        reachable = np.where(deviation > 0, want_deviation, 0.0)
        error = max(np.abs(found - want_mean).max(), np.abs(spread - reachable).max())
        if error < best_error:
            best, best_error = pixels, error
        if error <= _MATCH_TOLERANCE:
            break
        shift += want_mean - found
        scale += np.where(deviation > 0, want_deviation - spread, 0.0)
    return Patch(best, patch.mask, f"{patch.source} matched to {reference.source}".strip())


def enlarge(patch: Patch, height: int, width: int) -> Patch:
    """The patch at ``height`` x ``width`` pixels, bicubic (also smaller); a mask of 0 and 255 stays one.

    A soft mask is resized bilinearly, a hard one then cut at one half.
    """
    from PIL import Image

    size = (width, height)
    pixels = np.array(Image.fromarray(patch.pixels).resize(size, Image.Resampling.BICUBIC), dtype=np.uint8)
    mask: UInt8 | None = None
    if patch.mask is not None:
        mask = np.array(Image.fromarray(patch.mask).resize(size, Image.Resampling.BILINEAR), dtype=np.uint8)
        if np.isin(patch.mask, (0, 255)).all():
            mask = np.where(mask >= 128, 255, 0).astype(np.uint8)
    return Patch(pixels, mask, f"{patch.source} at {height}x{width}".strip())


def _to_uint8(values: NDArray[np.float64]) -> UInt8:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
