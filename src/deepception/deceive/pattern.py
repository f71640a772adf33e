"""Patterns: learned once, put on any photograph without asking anybody; a patch or a veil, and their file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stimuli import Fit, Frame, Interpolation, Photograph, as_photograph, fit_frame
from ..stimuli.patches import UInt8
from . import contents, pattern_file
from .bounds import Area, Bound, Linf
from .contents import paint

if TYPE_CHECKING:
    from PIL import Image

ABSENT, PIXELS, CONTRAST, INVERSE = 0, 1, 2, 3
"""What a pixel of a patch shows: the photograph; the patch's own colour; what contrasts with the photograph there;
its inverse (``contents``)."""

_FOLLOWING = {CONTRAST: contents.CONTRAST, INVERSE: contents.INVERSE}

Fitting = Literal["stretch", "tile"]


@dataclass(frozen=True, eq=False)
class Pattern:
    """What is put on a photograph: a patch of at most so many pixels, or a veil of at most so many grey levels.

    Attributes:
        values: A patch: uint8 ``[H, W, 3]``, its colours. A veil: int16 ``[H, W, 3]``, what is added, in grey
            levels.
        content: A patch: uint8 ``[H, W]`` of ABSENT, PIXELS, CONTRAST, INVERSE. A veil: ``None``.
        bound: Area for a patch, Linf for a veil; held on every frame.
        frame: The frame it was learned in, of H×W pixels.
        fitting: On a frame of another size the pattern is stretched to it, or (``"tile"``) repeated or cut, so
            that what it repeats keeps its size in pixels.
        about: What is known of its origin: JSON-able.

    Raises:
        ValueError: Shapes or types differ from the above, or the bound is exceeded.
    """

    values: NDArray[np.uint8] | NDArray[np.int16]
    content: UInt8 | None
    bound: Bound
    frame: Frame
    fitting: Fitting = "stretch"
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape, dtype = (*self.frame.shape, 3), np.int16 if self.content is None else np.uint8
        if self.values.shape != shape or self.values.dtype != dtype:
            raise ValueError(
                f"values must be {np.dtype(dtype)} {shape}, got {self.values.dtype} {self.values.shape}"
            )
        if self.fitting not in get_args(Fitting):
            raise ValueError(f"a pattern is stretched or tiled, not {self.fitting!r}")
        if isinstance(self.bound, Area) == (self.content is None):
            raise ValueError("a patch has contents and an area, a veil an L∞ bound and no contents")
        if self.content is not None:
            if self.content.shape != self.frame.shape or self.content.dtype != np.uint8:
                raise ValueError(f"contents must be uint8 {self.frame.shape}, got {self.content.shape}")
            if self.content.max(initial=0) > INVERSE:
                raise ValueError(f"contents run from {ABSENT} to {INVERSE}")
        if self.used > self.bound.limit(self.frame.shape):
            raise ValueError(
                f"{self.used} exceeds the bound of {self.bound.limit(self.frame.shape)} ({self.bound})"
            )

    @classmethod
    def from_contents(
        cls,
        codes: NDArray[np.int64],
        bound: Area,
        frame: Frame,
        *,
        fitting: Fitting = "stretch",
        about: Mapping[str, Any] | None = None,
    ) -> Pattern:
        """A patch of stencils or strokes.

        Args:
            codes: int64 ``[H, W]``, indices into ``contents.CONTENTS``; below 0 where the photograph stays.
            bound: The area.
            frame: The frame of H×W pixels.
            fitting: As for the class.
            about: As for the class.
        """
        follows = {code: kind for kind, code in _FOLLOWING.items()}
        content = np.where(codes < 0, ABSENT, PIXELS).astype(np.uint8)
        values = np.zeros((*codes.shape, 3), dtype=np.uint8)
        for code in np.unique(codes[codes >= 0]).tolist():
            if code in follows:
                content[codes == code] = follows[code]
            else:
                values[codes == code] = paint(code, values[:1, :1])[0, 0]
        return cls(values, content, bound, frame, fitting, about or {})

    @property
    def kind(self) -> Literal["patch", "veil"]:
        """``"patch"`` or ``"veil"``."""
        return "veil" if self.content is None else "patch"

    @property
    def used(self) -> int:
        """Pixels that a patch covers; the largest grey level that a veil adds or takes."""
        if self.content is None:
            return int(np.abs(self.values.astype(np.int32)).max(initial=0))
        return int(np.count_nonzero(self.content))

    @property
    def sha256(self) -> str:
        """SHA-256 in hex of everything that decides what it does to a photograph."""
        said = json.dumps({**self._facts(), "about": None}, sort_keys=True).encode()
        content = b"" if self.content is None else self.content.tobytes()
        return hashlib.sha256(said + self.values.tobytes() + content).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """What it is, without its pixels."""
        return {**self._facts(), "kind": self.kind, "used": self.used, "sha256": self.sha256}

    def apply_to(self, frame_pixels: UInt8) -> UInt8:
        """Put the pattern on a photograph that is in a frame already.

        Args:
            frame_pixels: uint8 ``[H, W, 3]`` of any size; for another than its own the pattern is fitted.

        Returns:
            uint8 ``[H, W, 3]``, within the bound of ``frame_pixels``.
        """
        if frame_pixels.dtype != np.uint8 or frame_pixels.ndim != 3 or frame_pixels.shape[2] != 3:
            raise ValueError(
                f"a photograph is uint8 [H, W, 3], got {frame_pixels.dtype} {frame_pixels.shape}"
            )
        if frame_pixels.shape[:2] != self.frame.shape:
            return self.fitted((frame_pixels.shape[0], frame_pixels.shape[1])).apply_to(frame_pixels)
        if self.content is None:
            return np.asarray(np.clip(frame_pixels + self.values, 0, 255), dtype=np.uint8)
        shown = np.where((self.content == PIXELS)[..., None], self.values, frame_pixels).astype(np.uint8)
        for code, follows in _FOLLOWING.items():
            there = self.content == code
            if there.any():
                np.copyto(shown, paint(follows, frame_pixels), where=there[..., None])
        return shown

    def fitted(self, shape: tuple[int, int]) -> Pattern:
        """The pattern on a frame of another size, stretched (nearest pixel) or tiled; the bound is held there.

        Args:
            shape: (height, width) in pixels, each at least 1.

        Returns:
            A pattern for this size; of a patch that would cover too much, pixels evenly spread over it are left
            out.
        """
        if shape == self.frame.shape:
            return self
        rows, columns = (
            _sources(new, old, self.fitting) for new, old in zip(shape, self.frame.shape, strict=True)
        )
        values = self.values[rows[:, None], columns]
        content = None if self.content is None else self.content[rows[:, None], columns]
        if content is not None:
            content = _trimmed(content, self.bound.limit(shape))
        frame = replace(self.frame, height=shape[0], width=shape[1])
        return replace(self, values=values, content=content, frame=frame)

    def to_bytes(self) -> bytes:
        """The pattern as the bytes of its file; equal patterns give equal bytes."""
        arrays: dict[str, NDArray[Any]] = {"values": self.values}
        if self.content is not None:
            arrays["content"] = self.content
        return pattern_file.pack(arrays, self._facts())

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "the pattern") -> Pattern:
        """A pattern from ``to_bytes``; raises InputError as ``load_pattern`` does, about ``name``."""
        arrays, facts = pattern_file.unpack(data, name)
        try:
            return _pattern(arrays, facts)
        except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
            raise InputError(f"{name} is a damaged pattern file ({error}): learn it again.") from error

    def save(self, path: str | PathLike[str]) -> None:
        """Write the pattern as an ``.npz`` file, whole or not at all.

        Raises InputError where it cannot be written, or the name is that of another kind of file.
        """
        target = pattern_file.as_path(path)
        if target.suffix not in ("", ".npz"):
            raise InputError(
                f"{target} is no name for a pattern, which is kept as .npz: name it so; a photograph with the "
                "pattern on it is made by dc.apply."
            )
        pattern_file.write(target, self.to_bytes())

    def _facts(self) -> dict[str, Any]:
        bound = (
            {"area": self.bound.fraction} if isinstance(self.bound, Area) else {"linf": self.bound.epsilon}
        )
        return {
            "bound": bound,
            "frame": asdict(self.frame),
            "fitting": self.fitting,
            "about": dict(self.about),
        }


def load_pattern(path: str | PathLike[str]) -> Pattern:
    """Read a pattern that ``Pattern.save`` wrote; nothing in the file is ever unpickled or run.

    Raises:
        InputError: The file is missing, no pattern, damaged, of another version, or exceeds its own bound.
    """
    return Pattern.from_bytes(pattern_file.read(pattern_file.as_path(path)), str(path))


def apply(
    pattern: Pattern | HasPattern | str | PathLike[str],
    photo: Photograph | str | PathLike[str] | Image.Image | NDArray[Any],
    frame: Frame | None = None,
    *,
    as_is: bool = False,
) -> UInt8:
    """Put a pattern on a photograph; nobody is asked.

    Args:
        pattern: The pattern, its file, or a deception that was searched for one photograph.
        photo: A path, a PIL image, a uint8 array ``[h, w, 3]`` or ``[h, w]``, or a Photograph.
        frame: The frame to which the photograph is brought; ``None`` for the pattern's own. For a frame of
            another size the pattern is fitted, and its bound held there.
        as_is: Leave the photograph in its own size. A PNG of ours always is.

    Returns:
        uint8 ``[H, W, 3]``: the photograph in the frame, with the pattern on it.

    Raises:
        InputError: The pattern or the photograph cannot be read, or the first has none.
    """
    if frame is not None and not isinstance(frame, Frame):
        raise InputError(f"{frame!r} is no frame: give that of an observer, observer.frame.")
    loaded = _loaded(pattern)
    photograph = as_photograph(photo)
    if as_is or photograph.framed:
        return loaded.apply_to(photograph.pixels)
    return loaded.apply_to(fit_frame(photograph, frame or loaded.frame))


class HasPattern(Protocol):
    """What has a pattern, as a ``Deception`` does."""

    @property
    def pattern(self) -> Pattern | None:
        """The pattern; ``None`` where there is none."""


def _loaded(pattern: Pattern | HasPattern | str | PathLike[str]) -> Pattern:
    if isinstance(pattern, Pattern):
        return pattern
    if isinstance(pattern, (str, PathLike)):
        return load_pattern(pattern)
    if not hasattr(pattern, "pattern"):
        kind = type(pattern).__name__
        raise InputError(
            f"a {kind} is no pattern: give a pattern, its file, or a deception that was searched."
        )
    if not isinstance(pattern.pattern, Pattern):
        raise InputError("nothing was searched for this photograph, so it has no pattern: give another one.")
    return pattern.pattern


def _pattern(found: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Pattern:
    frame = Frame(**facts["frame"])
    if frame.fit not in get_args(Fit) or frame.interpolation not in get_args(Interpolation):
        raise ValueError("its frame is unknown")
    ((measure, amount),) = facts["bound"].items()
    if measure not in ("area", "linf"):
        raise ValueError(f"its bound is of an unknown kind, {measure}")
    bound: Bound = Area(float(amount)) if measure == "area" else Linf(float(amount))
    return Pattern(
        found["values"], found.get("content"), bound, frame, facts["fitting"], dict(facts["about"])
    )


def _sources(new: int, old: int, fitting: Fitting) -> NDArray[np.int64]:
    """For each of ``new`` rows or columns, the one of ``old`` that it is taken from, int64 ``[new]``."""
    places = np.arange(new, dtype=np.int64)
    return places % old if fitting == "tile" else (2 * places + 1) * old // (2 * new)


def evenly(indices: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """At most ``limit`` of some indices, evenly spread over them; all where there are no more."""
    if indices.size <= limit:
        return indices
    return indices[np.arange(limit) * indices.size // limit] if limit else indices[:0]


def _trimmed(content: UInt8, limit: int) -> UInt8:
    """The contents with at most ``limit`` pixels: what is too much is left out, evenly spread."""
    there = np.flatnonzero(content)
    if there.size <= limit:
        return content
    kept = evenly(there, limit)
    trimmed = np.zeros_like(content)
    trimmed.ravel()[kept] = content.ravel()[kept]
    return trimmed
