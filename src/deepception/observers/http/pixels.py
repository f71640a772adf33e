"""Images as endpoints take them: PNG, base64, and numbers written as JSON."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..preprocessing import Normaliser, Preprocessing


def png(image: NDArray[np.uint8]) -> bytes:
    """One image, uint8 ``[H, W, 3]``, as PNG, which loses nothing; packed lightly, for it is sent once.

    Pillow holds the interpreter while it packs, so that nothing could be sent meanwhile; zlib lets it go.
    """
    height, width, _ = image.shape
    rows = np.empty((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 0] = 2  # each row is written as its difference to the one above
    rows[0, 1:] = image[0].reshape(-1)
    np.subtract(image[1:], image[:-1], out=rows[1:, 1:].reshape(height - 1, width, 3))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 1)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def base64_png(image: NDArray[np.uint8]) -> bytes:
    """The PNG in base64."""
    return base64.b64encode(png(image))


class Tensors:
    """Turns one image into the classifier's tensor; may be used in several threads at once."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        self._own = threading.local()

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """The tensor ``[1, …]`` of one image, an array of its own."""
        normaliser = getattr(self._own, "normaliser", None)
        if normaliser is None:
            normaliser = self._own.normaliser = Normaliser(self._preprocessing)
        tensor = np.empty(self._preprocessing.batch_shape(1), dtype=self._preprocessing.dtype)
        normaliser.into(image[None], tensor)
        return tensor


class Numbers:
    """Writes images as JSON numbers: each of the 256 values of a channel is written once and then looked up.

    So a photograph of 224 pixels takes some milliseconds and not a tenth of a second.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        tensors = Tensors(
            # The same settings for a frame that holds every value once.
            _with_size(preprocessing, 1, 256)
        )
        ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
        values = tensors(ramp)[0]
        values = values if preprocessing.layout == "NHWC" else np.moveaxis(values, 0, 2)
        texts = [[_text(value) for value in row] for row in values[0]]  # [256][channel as it is sent]
        width = max(len(text) for row in texts for text in row) + 1
        # A space before a number is as good as none, so that all are of one width.
        self._table = np.array(
            [[(text.rjust(width - 1) + ",").encode() for text in row] for row in texts], dtype=f"S{width}"
        )
        self._layout = preprocessing.layout
        self._reversed = preprocessing.colour_order == "BGR"

    def flat(self, image: NDArray[np.uint8]) -> bytes:
        """The tensor's numbers in its order: ``b"1,2,3"``."""
        return self._written(image).tobytes()[:-1]

    def nested(self, image: NDArray[np.uint8]) -> bytes:
        """The tensor of one image as nested lists, without the axis of the batch."""
        written = self._written(image)  # [H, W, 3] or [3, H, W]
        outer, inner, count = written.shape
        rows = np.ascontiguousarray(written).view("u1").reshape(outer, inner, count, -1)
        # A list's last comma becomes its bracket.
        if self._layout == "NHWC":
            packed = np.empty((outer, inner, 1 + count * rows.shape[3] + 1), dtype=np.uint8)
            packed[..., 0] = ord("[")
            packed[..., 1:-1] = rows.reshape(outer, inner, -1)
            packed[..., -2], packed[..., -1] = ord("]"), ord(",")
            lines = [line.tobytes()[:-1] for line in packed]
            return b"[" + b",".join(b"[" + line + b"]" for line in lines) + b"]"
        planes = [
            b",".join(b"[" + row.tobytes()[:-1] + b"]" for row in plane.reshape(inner, -1)) for plane in rows
        ]
        return b"[" + b",".join(b"[" + plane + b"]" for plane in planes) + b"]"

    def _written(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        source = image[..., ::-1] if self._reversed else image
        written = self._table[source, np.arange(3)]
        return np.ascontiguousarray(written if self._layout == "NHWC" else written.transpose(2, 0, 1))


def _text(value: Any) -> str:
    """The shortest number that is read back as this value of its own type."""
    return (
        str(int(value))
        if np.issubdtype(type(value), np.integer)
        else np.format_float_positional(value, trim="0")
    )


def _with_size(preprocessing: Preprocessing, height: int, width: int) -> Preprocessing:
    from dataclasses import replace

    return replace(preprocessing, frame=replace(preprocessing.frame, height=height, width=width))
