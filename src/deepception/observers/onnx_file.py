"""What an ONNX file says that ONNX Runtime does not tell: its last nodes, and where its weights are.

An ONNX file is a protocol-buffer message. The few fields that are wanted are read straight from the wire
format (https://protobuf.dev/programming-guides/encoding), so that the ``onnx`` package need not be installed.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, ObserverError

# Numbers of the fields in onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_EXTERNAL = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

# Nodes that move numbers or change their type but not what they mean.
_PASSING_NODES = frozenset(
    {
        "Identity",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Cast",
        "Transpose",
        "Dropout",
        "DequantizeLinear",
    }
    | {"QuantizeLinear"}
)


@dataclass(frozen=True)
class OnnxFile:
    """What was read from the file.

    Attributes:
        last_operators: For each value of the main graph that a node makes, the operator that decides what its
            numbers mean (nodes that only reshape or cast are looked through), e.g. ``{"scores": "Softmax"}``.
        external: Names of the files with external data, as written in the model, sorted.
    """

    last_operators: dict[str, str]
    external: tuple[str, ...]


def read_onnx_file(path: Path) -> OnnxFile:
    """Read the graph of an ONNX file that ONNX Runtime has opened.

    Raises ObserverError where the file is not what the format says.
    """
    external: set[str] = set()
    nodes: list[tuple[list[str], list[str], str]] = []
    try:
        # Mapped, so that gigabytes of weights are skipped and not read; unmapped with its last view.
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        for number, graph in _fields(content):
            if number == _MODEL_GRAPH and isinstance(graph, memoryview):
                _read_graph(graph, nodes, external)
    except (ValueError, IndexError) as error:
        raise ObserverError(
            f"the ONNX file {path} is damaged: its nodes cannot be read ({error})."
        ) from error
    makers = {output: (operator, inputs) for inputs, outputs, operator in nodes for output in outputs}
    return OnnxFile({name: _deciding_operator(name, makers) for name in makers}, tuple(sorted(external)))


def hash_onnx_file(path: Path, external: tuple[str, ...]) -> str:
    """SHA-256 of the model's bytes, with those of its external data where it has any, 64 hexadecimal digits.

    Raises InputError where one of the files cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        if not external:
            return digest.hexdigest()
        whole = hashlib.sha256(digest.digest())
        for name in external:
            with (path.parent / name).open("rb") as file:
                whole.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise InputError(
            f"the model file {error.filename} cannot be read: {error.strerror or error}."
        ) from error
    return whole.hexdigest()


def _read_graph(
    graph: memoryview, nodes: list[tuple[list[str], list[str], str]] | None, external: set[str]
) -> None:
    """Collect the nodes (of the main graph) and the external files (of subgraphs too)."""
    for number, value in _fields(graph):
        if not isinstance(value, memoryview):
            continue
        if number == _GRAPH_NODE:
            node = _read_node(value, external)
            if nodes is not None:
                nodes.append(node)
        elif number == _GRAPH_INITIALIZER:
            _read_tensor(value, external)


def _read_node(node: memoryview, external: set[str]) -> tuple[list[str], list[str], str]:
    inputs: list[str] = []
    outputs: list[str] = []
    operator = ""
    for number, value in _fields(node):
        if not isinstance(value, memoryview):
            continue
        if number == _NODE_INPUT:
            inputs.append(bytes(value).decode())
        elif number == _NODE_OUTPUT:
            outputs.append(bytes(value).decode())
        elif number == _NODE_OP_TYPE:
            operator = bytes(value).decode()
        elif number == _NODE_ATTRIBUTE:
            _read_attribute(value, external)
    return inputs, outputs, operator


def _read_attribute(attribute: memoryview, external: set[str]) -> None:
    for number, value in _fields(attribute):
        if not isinstance(value, memoryview):
            continue
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            _read_tensor(value, external)
        elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            _read_graph(value, None, external)


def _read_tensor(tensor: memoryview, external: set[str]) -> None:
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL and isinstance(value, memoryview):
            entry = {
                key: bytes(text).decode() for key, text in _fields(value) if isinstance(text, memoryview)
            }
            if entry.get(_ENTRY_KEY) == "location":
                external.add(entry.get(_ENTRY_VALUE, ""))


def _deciding_operator(name: str, makers: dict[str, tuple[str, list[str]]]) -> str:
    """The operator behind a value, looking through those that pass numbers on."""
    operator = ""
    for _ in range(len(makers)):
        if name not in makers:
            return operator
        operator, inputs = makers[name]
        if operator not in _PASSING_NODES or not inputs:
            return operator
        name = inputs[0]
    return operator


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Fields of a message: their number, and their bytes or their integer."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == 0:
            number, position = _varint(message, position)
            yield tag >> 3, number
            continue
        if kind == 2:
            length, position = _varint(message, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        if position + length > len(message):
            raise ValueError("a field ends behind the end of the file")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """The variable-length integer at a position, and the position behind it."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("an integer does not end")
