"""TFLite files made with the schema that ai-edge-litert ships, for the tests of the adapter."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import small_network
from small_network import CLASSES, LAYERS, SIDE


class Graph:
    """A model being built: tensors and operators, in order."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes, self.model.subgraphs = [], [self.graph]
        self.graph.tensors, self.graph.operators = [], []

    def tensor(
        self,
        name: str,
        shape: list[int],
        kind: str = "FLOAT32",
        *,
        data: np.ndarray | None = None,
        quantised: tuple[float, int] | None = None,
        any_batch: bool = False,
    ) -> int:
        schema = self.schema
        made = schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), getattr(schema.TensorType, kind)
        if any_batch:
            made.shapeSignature = [-1, *shape[1:]]
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), dtype=np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        if quantised is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [quantised[0]], [quantised[1]]
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, values: np.ndarray) -> int:
        kind = "INT32" if values.dtype == np.int32 else "FLOAT32"
        return self.tensor(name, list(values.shape), kind, data=values)

    def operator(
        self, name: str, inputs: list[int], outputs: list[int], options: str = "", **values: Any
    ) -> None:
        schema = self.schema
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self.model.operatorCodes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = inputs, outputs
        if options:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            made.builtinOptions = getattr(schema, f"{options}T")()
            for key, value in values.items():
                setattr(made.builtinOptions, key, value)
        self.graph.operators.append(made)

    def save(self, path: Path, inputs: list[int], outputs: list[int]) -> Path:
        import flatbuffers

        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def save_small_network(
    path: Path,
    *,
    kind: str = "FLOAT32",
    last: str | None = None,
    any_batch: bool = True,
    image: tuple[float, int] | None = None,
    reshaped: bool = False,
    background: bool = False,
    sharper: float = 1.0,
) -> Path:
    """The small network as a TFLite file.

    Args:
        path: Where.
        kind: Type of input and output, such as ``"UINT8"``: what is between is computed in float32.
        last: ``"SOFTMAX"`` or nothing.
        any_batch: Whether it says that any batch will do.
        image: Scale and zero point of a quantised input; for uint8 usually those of -1 to 1.
        reshaped: Whether a reshape to one image stands at its end, as in many files.
        background: Whether a class that never wins stands before the others.
        sharper: Factor on the logits.
    """
    graph, w = Graph(), small_network.weights()
    w["dense"], w["bias"] = w["dense"] * np.float32(sharper), w["bias"] * np.float32(sharper)
    if background:
        w["dense"] = np.concatenate([np.zeros((len(w["dense"]), 1), np.float32), w["dense"]], axis=1)
        w["bias"] = np.concatenate([np.full(1, -30, np.float32), w["bias"]])
    classes = len(w["bias"])
    whole = kind != "FLOAT32"
    shape = [1, SIDE, SIDE, 3]
    zero = {"UINT8": 0, "INT8": -128}.get(kind, 0)
    outside = graph.tensor("image", shape, kind, quantised=image if whole else None, any_batch=any_batch)
    before = outside
    if whole:
        before = graph.tensor("real", shape, any_batch=any_batch)
        graph.operator("DEQUANTIZE", [outside], [before], "DequantizeOptions")
    side = SIDE
    relu = graph.schema.ActivationFunctionType.RELU
    valid = graph.schema.Padding.VALID
    for number, (_, after, stride) in enumerate(LAYERS):
        side = (side - 3) // stride + 1
        kernel = graph.constant(f"w{number}", w[f"w{number}"].transpose(0, 2, 3, 1))
        bias = graph.constant(f"b{number}", w[f"b{number}"])
        made = graph.tensor(f"c{number}", [1, side, side, after], any_batch=any_batch)
        graph.operator(
            *("CONV_2D", [before, kernel, bias], [made], "Conv2DOptions"),
            **{"strideH": stride, "strideW": stride, "padding": valid, "fusedActivationFunction": relu},
        )
        before = made
    axes = graph.constant("axes", np.array([1, 2], np.int32))
    pooled = graph.tensor("pooled", [1, LAYERS[-1][1]], any_batch=any_batch)
    graph.operator("MEAN", [before, axes], [pooled], "ReducerOptions", keepDims=False)
    dense = graph.constant("dense", w["dense"].T)
    bias = graph.constant("bias", w["bias"])
    scores = graph.tensor("logits", [1, classes], any_batch=any_batch)
    graph.operator("FULLY_CONNECTED", [pooled, dense, bias], [scores], "FullyConnectedOptions")
    if last is not None:
        made = graph.tensor("last", [1, classes], any_batch=any_batch)
        graph.operator(last, [scores], [made], "SoftmaxOptions", beta=1.0)
        scores = made
    if reshaped:
        sizes = graph.constant("sizes", np.array([1, classes], np.int32))
        made = graph.tensor("reshaped", [1, classes])
        graph.operator("RESHAPE", [scores, sizes], [made], "ReshapeOptions", newShape=[1, classes])
        scores = made
    if whole:
        steps = (1 / 256, zero) if last is not None else (0.25, zero + 128)
        made = graph.tensor("whole", [1, classes], kind, quantised=steps, any_batch=any_batch)
        graph.operator("QUANTIZE", [scores], [made], "QuantizeOptions")
        scores = made
    return graph.save(path, [outside], [scores])


def pack_labels(path: Path, names: list[str]) -> None:
    """Append an archive with names of classes, as TFLite's metadata tools do."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("labels.txt", "\n".join(names) + "\n")
    path.write_bytes(path.read_bytes() + archive.getvalue())


__all__ = ["CLASSES", "Graph", "pack_labels", "save_small_network"]
