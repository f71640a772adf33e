"""Small ONNX classifiers, good and bad, for the tests of the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 16
CLASSES = 10


def weights(classes: int = CLASSES, seed: int = 0) -> np.ndarray:
    """The [3, K] matrix of the linear classifier on mean colours."""
    return np.random.default_rng(seed).normal(size=(3, classes)).astype(np.float32)


def save_model(
    path: Path,
    nodes: list[Any],
    inputs: list[tuple[str, int, list[Any]]],
    outputs: list[tuple[str, int, list[Any]]],
    constants: dict[str, np.ndarray],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def linear(
    path: Path,
    *,
    batch: int | str = "n",
    layout: str = "NCHW",
    dtype: int = TensorProto.FLOAT,
    last: str | None = None,
    classes: int = CLASSES,
    side: int | str = SIDE,
    matrix: np.ndarray | None = None,
    declared: list[Any] | None = None,
) -> Path:
    """Mean colour times a matrix, with an operator such as Softmax behind."""
    shape = [batch, 3, side, side] if layout == "NCHW" else [batch, side, side, 3]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    matrix = weights(classes) if matrix is None else matrix
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["colour"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["colour", "matrix"], ["plain"]),
        helper.make_node(last or "Identity", ["plain"], ["meant"]),
        helper.make_node("Identity", ["meant"], ["scores"]),
    ]
    out = declared or [batch, classes]
    return save_model(
        path, nodes, [("image", dtype, shape)], [("scores", TensorProto.FLOAT, out)], {"matrix": matrix}
    )


def expected(images: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """What ``linear`` answers to uint8 images that reach it unchanged."""
    return images.astype(np.float64).mean(axis=(1, 2)) @ matrix.astype(np.float64)
