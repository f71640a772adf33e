"""Photographs in: any format that Pillow reads, as uint8 RGB, upright, with the identity of their bytes."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PhotographError
from .decoding import upright_rgb
from .patches import UInt8

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 100_000_000
MIN_SIDE = 16
MAX_ASPECT = 20
# Text chunk that marks a PNG of ours: it is in a frame already and is shown untouched.
FRAME_MARK = "deepception-frame"

# Pillow's limit and the warning filters belong to the process: one photograph is decoded at a time.
_pillow = threading.Lock()


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph as it is shown to people: upright, RGB, no alpha.

    Attributes:
        pixels: uint8 ``[h, w, 3]``.
        name: The file's name, or what the caller calls it.
        sha256: SHA-256 in hex of the file's bytes; of shape and pixels where there is no file.
        framed: Whether it is a PNG of ours (``save_stimulus``), which is shown untouched.
    """

    pixels: UInt8
    name: str
    sha256: str
    framed: bool = False


def load_photograph(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Read a photograph: first frame, EXIF orientation applied, any mode brought to 8-bit RGB.

    Transparency is composited on grey 128; 16 bits are scaled to 8, not clipped; colours are taken as sRGB
    (embedded profiles are not applied). A baseline JPEG of more than ``max_pixels`` is decoded at 1/2, 1/4 or
    1/8 of its size.

    Args:
        path: The file.
        max_pixels: Largest photograph that is decoded in full (``--max-pixels``).

    Raises:
        PhotographError: The file is missing, a folder, unreadable, no image, damaged, smaller than 16 px on
            its short side, more than 20 times as long as it is wide, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    if path.is_dir():
        raise PhotographError(f"{path} is a folder, not a photograph: give a file.")
    try:
        with path.open("rb") as file, _quiet_pillow():
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            image = Image.open(file)
            _refuse_shape(image.size, str(path))
            _refuse_or_draft(image, str(path), max_pixels)
            pixels = upright_rgb(image, str(path))
            framed = image.format == "PNG" and FRAME_MARK in image.info
    except FileNotFoundError as error:
        raise PhotographError(f"{path} does not exist: check the path of the photograph.") from error
    except UnidentifiedImageError as error:
        raise PhotographError(f"{path} is not an image that can be read, whatever its name says.") from error
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files.
        reason = str(error).strip() or type(error).__name__
        raise PhotographError(f"{path} cannot be decoded ({reason}): replace it or leave it out.") from error
    return Photograph(pixels, path.name, digest, framed)


def as_photograph(
    image: Photograph | str | PathLike[str] | Image.Image | NDArray[Any],
    *,
    name: str = "",
    max_pixels: int = MAX_PIXELS,
) -> Photograph:
    """Take a photograph in any shape a caller may have it.

    Args:
        image: A Photograph (returned as it is), a path, a PIL image, or a uint8 array ``[h, w, 3]`` or
            ``[h, w]``.
        name: What an image without a file is called.
        max_pixels: As for ``load_photograph``.

    Raises:
        PhotographError: As for ``load_photograph``, or the array has another type or shape.
    """
    from PIL import Image

    if isinstance(image, Photograph):
        return image
    if isinstance(image, (str, PathLike)):
        return load_photograph(image, max_pixels=max_pixels)
    framed = False
    if isinstance(image, Image.Image):
        name = name or Path(str(getattr(image, "filename", "") or "image")).name
        _refuse_shape(image.size, name)
        if image.width * image.height > max_pixels:
            raise _too_large(image.size, name, max_pixels)
        with _quiet_pillow():
            pixels = upright_rgb(image.copy(), name)
        framed = image.format == "PNG" and FRAME_MARK in image.info
    elif isinstance(image, np.ndarray):
        name = name or "array"
        pixels = _array_pixels(image, name)
        _refuse_shape((pixels.shape[1], pixels.shape[0]), name)
    else:
        raise PhotographError(
            f"a photograph is a path, a PIL image or a uint8 array, not {type(image).__name__}: convert it."
        )
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Photograph(pixels, name, digest, framed)


def save_stimulus(
    path: str | PathLike[str] | IO[bytes], pixels: UInt8, metadata: dict[str, str] | None = None
) -> None:
    """Write a stimulus as a PNG marked as ours, so that it is later shown untouched; bytes are reproducible.

    Args:
        path: The PNG to write, or an open binary file.
        pixels: uint8 ``[H, W, 3]`` in the observer's frame.
        metadata: Texts to store beside the mark.

    Raises:
        InputError: The file cannot be written, or its name is that of another format.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if not isinstance(path, (str, PathLike)) and not hasattr(path, "write"):
        raise InputError(f"{path!r} is no path: give the name of a PNG.")
    if isinstance(path, (str, PathLike)) and Path(path).suffix.lower() not in ("", ".png"):
        raise InputError(
            f"{path} is no PNG, and other formats may change pixels: name it {Path(path).stem}.png."
        )

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a stimulus is uint8 [H, W, 3], got {pixels.dtype} {pixels.shape}")
    info = PngInfo()
    info.add_itxt(FRAME_MARK, f"{pixels.shape[0]}x{pixels.shape[1]}")
    for key, value in (metadata or {}).items():
        info.add_itxt(key, value)
    try:
        Image.fromarray(pixels).save(path, format="PNG", pnginfo=info)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): choose another place."
        ) from error


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Hold Pillow's own size limit and its warnings back: ``max_pixels`` decides instead."""
    from PIL import Image

    with _pillow, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _refuse_shape(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(size) < MIN_SIDE:
        raise PhotographError(
            f"{name} is {height}x{width} pixels: a photograph needs at least {MIN_SIDE} on its short side."
        )
    if max(size) > MAX_ASPECT * min(size):
        raise PhotographError(
            f"{name} is {height}x{width} pixels: at most {MAX_ASPECT} times as long as wide is allowed."
        )


def _too_large(size: tuple[int, int], name: str, max_pixels: int) -> PhotographError:
    return PhotographError(
        f"{name} has {size[0]}x{size[1]} pixels, more than {max_pixels} in all: scale it down, "
        "or raise --max-pixels."
    )


def _refuse_or_draft(image: Image.Image, name: str, max_pixels: int) -> None:
    """Ask the JPEG decoder for a smaller image where the full one is too large; refuse other formats."""
    from PIL.JpegImagePlugin import JpegImageFile

    width, height = image.size
    if width * height <= max_pixels:
        return
    # A progressive JPEG is held as coefficients of its full size, whatever the scale: drafting saves nothing.
    if not isinstance(image, JpegImageFile) or image.info.get("progressive"):
        raise _too_large((width, height), name, max_pixels)
    # A quarter of the limit, where it can be had, leaves room for the copies that resizing makes.
    scaled = {scale: -(-width // scale) * -(-height // scale) for scale in (2, 4, 8)}
    scale = next((s for s, pixels in scaled.items() if pixels <= max_pixels // 4), 8)
    if scaled[scale] > max_pixels or min(width, height) // scale < MIN_SIDE:
        raise _too_large((width, height), name, max_pixels)
    image.draft(None, (width // scale, height // scale))


def _array_pixels(array: NDArray[Any], name: str) -> UInt8:
    if array.dtype != np.uint8:
        raise PhotographError(f"{name} is {array.dtype}: give pixels as uint8, 0 to 255.")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3:
        raise PhotographError(f"{name} has shape {array.shape}: give [height, width, 3] or [height, width].")
    return np.array(array, dtype=np.uint8, order="C")
