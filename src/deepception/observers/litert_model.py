"""A TFLite model in its interpreter: one image input, one output of scores, and the batches that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ObserverError
from .onnx_session import default_threads, first_line
from .shapes import ImageAxes, image_axes, scored_classes, shape_text

_INPUT_TYPES = ("float32", "float16", "uint8", "int8")
_SCORE_TYPES = ("float32", "float16", "uint8", "int8", "int16")


@dataclass(frozen=True)
class Tensor:
    """An input or output: real = ``scale`` · (stored − ``zero``); ``scale`` is 0 where it is not quantised."""

    index: int
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    scale: float
    zero: int

    @property
    def quantised(self) -> bool:
        """Whether whole numbers stand for real ones."""
        return self.scale > 0

    @property
    def span(self) -> tuple[float, float]:
        """The least and the greatest real number that a quantised tensor can hold."""
        limits = np.iinfo(self.dtype)
        return self.scale * (int(limits.min) - self.zero), self.scale * (int(limits.max) - self.zero)

    def stored(self, real: NDArray[Any]) -> NDArray[Any]:
        """Real numbers as a quantised tensor holds them: rounded and cut to its range."""
        limits = np.iinfo(self.dtype)
        numbers = np.rint(real / np.float32(self.scale)) + self.zero
        stored: NDArray[Any] = np.clip(numbers, limits.min, limits.max).astype(self.dtype)
        return stored

    def real(self, stored: NDArray[Any]) -> NDArray[Any]:
        """What the stored numbers stand for; floating-point ones stand for themselves."""
        if not self.quantised:
            return stored
        return (np.float32(self.scale) * (stored.astype(np.int32) - self.zero)).astype(np.float32)


class LitertModel:
    """An interpreter of a TFLite file.

    Attributes:
        image: The input.
        axes: How it holds the image; height, width and layout are open where the file leaves them open.
        scores: The output.
        classes: K.
        fixed_batch: The only batch size that the file takes, or ``None``.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        size: tuple[int, int] = (224, 224),
        input_name: str | None = None,
        output_name: str | None = None,
        labels: int | None = None,
    ) -> None:
        """Open a file.

        Args:
            path: The TFLite file.
            threads: Threads of one call, at least 1; ``None`` for all processors of this process.
            size: (height, width) where the file leaves them open.
            input_name: The input to take.
            output_name: The output to take.
            labels: Number of labels, which chooses among several outputs.

        Raises InputError and ObserverError, with one sentence, where it cannot be a classifier's file.
        """
        if not path.is_file():
            raise InputError(f"there is no model file {path}: check the path.")
        if threads is not None and threads < 1:
            raise InputError(f"the number of threads must be at least 1, not {threads}.")
        self._path, self._threads = path, threads or default_threads()
        self._interpreter: Any = self._opened()
        details = self._interpreter.get_input_details()
        self.image, self.axes = self._find_image(details, input_name)
        sides = (self.axes.height or size[0], self.axes.width or size[1])
        self._pixels = (3, *sides) if self.axes.layout == "NCHW" else (*sides, 3)
        batch = self.axes.batch or 1
        self._held = tuple(details[0]["shape"].tolist())
        self._allocate(batch)
        self.scores, self.classes = self._find_scores(output_name, labels)
        self.fixed_batch = batch if batch > 1 or not self._takes_two() else None

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        """The stored scores ``[n, K]`` of a stored batch of n images.

        Raises ObserverError where the interpreter fails or answers another number of rows.
        """
        try:
            self._allocate(len(batch))
            self._interpreter.set_tensor(self.image.index, batch)
            self._interpreter.invoke()
            answer: NDArray[Any] = self._interpreter.get_tensor(self.scores.index)
        except (RuntimeError, ValueError) as error:
            raise ObserverError(f"LiteRT failed on {self._path.name}: {first_line(error)}.") from error
        if answer.size != len(batch) * self.classes:
            raise ObserverError(
                f"the model {self._path.name} answered {list(answer.shape)} for {len(batch)} images of "
                f"{self.classes} classes."
            )
        return answer.reshape(len(batch), self.classes)

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None

    def _opened(self) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError(
                "TFLite files need the package ai-edge-litert: pip install 'deepception[litert]'."
            ) from error
        try:
            return Interpreter(model_path=str(self._path), num_threads=self._threads)
        except (RuntimeError, ValueError) as error:
            raise ObserverError(
                f"LiteRT cannot open {self._path}: {first_line(error)}; is it a whole TFLite file?"
            ) from error

    def _allocate(self, batch: int) -> None:
        """Make room for a batch, unless there is already. Raises RuntimeError where the model refuses it."""
        shape = (batch, *self._pixels)
        try:
            if shape != self._held:
                self._interpreter.resize_tensor_input(self.image.index, shape)
                self._interpreter.allocate_tensors()
            elif not hasattr(self, "scores"):
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            if hasattr(self, "scores"):
                raise
            raise ObserverError(f"LiteRT cannot run {self._path}: {first_line(error)}.") from error
        self._held = shape

    def _find_image(self, details: list[Any], wanted: str | None) -> tuple[Tensor, ImageAxes]:
        """The one input, which takes an image."""
        listing = ", ".join(_described(one) for one in details) or "none at all"
        if wanted is not None and wanted not in {str(one["name"]) for one in details}:
            raise InputError(
                f"the model {self._path.name} has no input {wanted!r}; its inputs are: {listing}."
            )
        if len(details) != 1:
            raise ObserverError(
                f"the model {self._path.name} has {len(details)} inputs and nothing but an image can be given "
                f"to it; its inputs are: {listing}."
            )
        tensor = _tensor(details[0])
        axes = image_axes(details[0]["shape_signature"].tolist())
        if axes is None or tensor.dtype.name not in _INPUT_TYPES:
            raise ObserverError(
                f"the model {self._path.name} has no image input (batch, height, width, 3 channels, of float, "
                f"uint8 or int8); its inputs are: {listing}."
            )
        return tensor, axes

    def _find_scores(self, wanted: str | None, labels: int | None) -> tuple[Tensor, int]:
        """The output with one score for each class, and K."""
        details = self._interpreter.get_output_details()
        listing = ", ".join(_described(one) for one in details) or "none at all"
        if wanted is not None and wanted not in {str(one["name"]) for one in details}:
            raise InputError(
                f"the model {self._path.name} has no output {wanted!r}; its outputs are: {listing}."
            )
        found = [
            (tensor, classes)
            for one in details
            if (tensor := _tensor(one)).dtype.name in _SCORE_TYPES
            and wanted in (None, tensor.name)
            and (classes := scored_classes(tensor.shape)) is not None
        ]
        if len([one for one in found if one[1] == labels]) == 1:
            found = [one for one in found if one[1] == labels]
        if not found:
            raise ObserverError(
                f"no output of {self._path.name} is a table of scores [images, classes]: {listing}."
            )
        if len(found) > 1:
            raise ObserverError(
                f"several outputs of {self._path.name} could be the scores, name one: {listing}."
            )
        return found[0]

    def _takes_two(self) -> bool:
        """Whether two images at once get the answers that each gets alone.

        Files that say "one image" often take more, and files that say "any" often hold a reshape to one.
        """
        rng = np.random.default_rng(0)
        pair = rng.uniform(0, 1, size=(2, *self._pixels))
        if self.image.dtype.kind != "f":
            limits = np.iinfo(self.image.dtype)
            pair = limits.min + np.floor(pair * 256)
        stored = pair.astype(self.image.dtype)
        alone = np.concatenate([self.run(stored[:1]), self.run(stored[1:])]).astype(np.float64)
        try:
            together = self.run(stored).astype(np.float64)
        except ObserverError:
            together = np.full_like(alone, np.nan)
        step = 1.0 if self.scores.dtype.kind != "f" else 0.0
        if np.abs(together - alone).max() <= step + 1e-4 * max(float(np.abs(alone).max()), 1e-3):
            return True
        # After a refused size an interpreter answers nothing any more.
        self._interpreter = self._opened()
        self._interpreter.allocate_tensors()
        self._held = (1, *self._pixels)
        if self._held != self.image.shape:
            self._interpreter.resize_tensor_input(self.image.index, self._held)
            self._interpreter.allocate_tensors()
        return False


def _tensor(detail: Any) -> Tensor:
    parameters = detail["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    scale, zero = (float(scales[0]), int(zeros[0])) if len(scales) == 1 else (0.0, 0)
    shape = tuple(detail["shape"].tolist())
    return Tensor(int(detail["index"]), str(detail["name"]), np.dtype(detail["dtype"]), shape, scale, zero)


def _described(detail: Any) -> str:
    kind = np.dtype(detail["dtype"]).name
    return f"{detail['name']} {shape_text(detail['shape_signature'].tolist())} {kind}"
