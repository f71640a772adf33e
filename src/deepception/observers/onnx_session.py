"""Opening an ONNX file with ONNX Runtime, and finding its image input and its scores."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ObserverError
from .preprocessing import InputType, Layout
from .shapes import image_axes, scored_classes, shape_text

if TYPE_CHECKING:
    import onnxruntime

_INPUT_TYPES: dict[str, InputType] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
}
_SCORE_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True)
class ImageInput:
    """The input that takes the image; ``None`` where the model leaves a size open."""

    name: str
    dtype: InputType
    layout: Layout | None
    batch: int | None
    height: int | None
    width: int | None


def default_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(path: Path, device: str, threads: int | None) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session.

    Raises InputError where the file is missing or the device unknown, ObserverError where ONNX Runtime
    refuses the file or the device is not there.
    """
    import onnxruntime

    if not path.is_file():
        raise InputError(f"there is no model file {path}: check the path.")
    kind = device.split(":")[0]
    if kind not in _PROVIDERS:
        raise InputError(f"ONNX Runtime has no device {device!r} here: use cpu or cuda.")
    if threads is not None and threads < 1:
        raise InputError(f"the number of threads must be at least 1, not {threads}.")
    provider = _PROVIDERS[kind]
    if provider not in onnxruntime.get_available_providers():
        raise ObserverError(
            f"the installed ONNX Runtime knows no device {device!r}: install onnxruntime-gpu."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = (
        4  # its complaints arrive as exceptions; its warnings are about graph details
    )
    # Waiting threads sleep and do not spin: while the next batch is rendered between two calls, spinning
    # burnt 5 to 10 % of processor time on two cores, for a call that was 0 to 5 % faster.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    index = int(device.partition(":")[2] or 0) if kind == "cuda" else None
    chosen: Any = provider if index is None else (provider, {"device_id": index})
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[chosen])
    except Exception as error:
        # ONNX Runtime's exceptions have no base of their own below Exception.
        raise ObserverError(f"ONNX Runtime cannot open {path}: {first_line(error)}.") from error
    if provider not in session.get_providers():
        raise ObserverError(f"ONNX Runtime could not start the device {device!r} for {path.name}.")
    return session


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, without ONNX Runtime's prefix and without a full stop."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    return text.strip().rstrip(".")[:300]


def find_image_input(session: onnxruntime.InferenceSession, wanted: str | None, path: Path) -> ImageInput:
    """The one input that takes an image: four axes, three channels, batch first.

    Raises ObserverError, naming the inputs, where there is none, where there are two, or where a further
    input has no value of its own.
    """
    inputs = session.get_inputs()
    listing = (
        ", ".join(f"{node.name} {shape_text(node.shape)} {node.type}" for node in inputs) or "none at all"
    )
    if wanted is not None and wanted not in {node.name for node in inputs}:
        raise InputError(f"the model {path.name} has no input {wanted!r}; its inputs are: {listing}.")
    images = [found for node in inputs if (found := _as_image(node)) and wanted in (None, node.name)]
    if not images:
        raise ObserverError(
            f"the model {path.name} has no image input (batch, 3 channels, height, width, of float or "
            "uint8); "
            f"its inputs are: {listing}."
        )
    if len(images) > 1:
        raise ObserverError(
            f"the model {path.name} has {len(images)} image inputs and a classifier here takes one image; "
            f"its inputs are: {listing}."
        )
    if len(inputs) > 1:
        raise ObserverError(
            f"the model {path.name} has {len(inputs)} inputs and nothing but an image can be given to it; "
            f"its inputs are: {listing}."
        )
    return images[0]


def find_scores(
    session: onnxruntime.InferenceSession,
    image: ImageInput,
    wanted: str | None,
    labels: int | None,
    path: Path,
) -> tuple[str, int, int | None]:
    """The output with one score for each class: (its name, number of classes, fixed batch size or ``None``).

    Where the model leaves the batch or a size open, two black images are shown to learn it. Raises
    ObserverError, naming the outputs, where none or several qualify.
    """
    outputs = session.get_outputs()
    if wanted is not None and wanted not in {node.name for node in outputs}:
        names = ", ".join(node.name for node in outputs)
        raise InputError(f"the model {path.name} has no output {wanted!r}; its outputs are: {names}.")
    candidates = [node for node in outputs if node.type in _SCORE_TYPES and wanted in (None, node.name)]
    shapes = {node.name: list(node.shape or []) for node in candidates}
    batch = image.batch
    if batch is None or any(
        not shape or not all(isinstance(k, int) for k in shape[1:]) for shape in shapes.values()
    ):
        # Files that say "any batch" and hold a reshape to one image are common.
        shapes, batch = _probe(session, image, list(shapes), path)
    classes = {name: size for name, shape in shapes.items() if (size := scored_classes(shape)) is not None}
    if len(classes) > 1 and labels is not None and list(classes.values()).count(labels) == 1:
        classes = {name: size for name, size in classes.items() if size == labels}
    listing = ", ".join(f"{node.name} {shape_text(node.shape)} {node.type}" for node in outputs)
    if not classes:
        raise ObserverError(f"no output of {path.name} is a table of scores [images, classes]: {listing}.")
    if len(classes) > 1:
        raise ObserverError(f"several outputs of {path.name} could be the scores, name one: {listing}.")
    name, size = next(iter(classes.items()))
    return name, size, batch


def _probe(
    session: onnxruntime.InferenceSession, image: ImageInput, names: list[str], path: Path
) -> tuple[dict[str, list[int]], int | None]:
    """Shapes of the outputs for two black images, or for one where two are refused or answered as one."""
    height, width = image.height or 224, image.width or 224
    pixels = (height, width, 3) if image.layout == "NHWC" else (3, height, width)
    failure: Exception | None = None
    for batch in (image.batch,) if image.batch is not None else (2, 1):
        try:
            answers = session.run(names, {image.name: np.zeros((batch, *pixels), dtype=image.dtype)})
        except Exception as error:
            failure = error
            continue
        shapes = {name: list(np.shape(answer)) for name, answer in zip(names, answers, strict=True)}
        if any(shape and shape[0] == batch for shape in shapes.values()):
            whole = {name: shape for name, shape in shapes.items() if shape and shape[0] == batch}
            return whole, image.batch if batch == 2 else batch
    reason = first_line(failure) if failure is not None else "no output has a row for each image"
    raise ObserverError(f"the model {path.name} cannot answer a black image: {reason}.") from failure


def _as_image(node: Any) -> ImageInput | None:
    """An input as an image input, or ``None`` where it cannot be one."""
    axes = image_axes(node.shape)
    if axes is None or node.type not in _INPUT_TYPES:
        return None
    return ImageInput(node.name, _INPUT_TYPES[node.type], axes.layout, axes.batch, axes.height, axes.width)
