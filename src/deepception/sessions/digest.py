"""The stimulus digest: which pixels were shown."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def stimulus_digest(image: NDArray[np.uint8]) -> bytes:
    """SHA-256, 32 bytes, of the shape and the uint8 pixels of one rendered stimulus ``[H, W, 3]``."""
    if image.dtype != np.uint8:
        raise ValueError(f"a stimulus digest is taken of uint8 pixels, not {image.dtype}")
    digest = hashlib.sha256(b"x".join(b"%d" % side for side in image.shape) + b"\n")
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def stimulus_digests(images: NDArray[np.uint8]) -> list[bytes]:
    """The digest of each of N rendered stimuli ``[N, H, W, 3]``."""
    return [stimulus_digest(image) for image in images]
