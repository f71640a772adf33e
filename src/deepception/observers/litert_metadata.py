"""The normalisation that TFLite's metadata tools write into a file: a FlatBuffers table of its own inside it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

# Places of the fields in metadata_schema.fbs.
_MODEL_GRAPHS, _GRAPH_INPUTS, _TENSOR_PROCESSES = 3, 2, 4
_PROCESS_KIND, _PROCESS_OPTIONS = 0, 1
_MEAN, _STD = 0, 1
_NORMALISATION = 1  # of the kinds of processing

Numbers = tuple[float, float, float]


def read_normalisation(content: bytes) -> tuple[Numbers, Numbers] | None:
    """Mean and std of the first input, in units of 0 to 255; ``None`` where the file does not say them.

    Args:
        content: A TFLite file, found to be well-formed; its metadata need not be.
    """
    try:
        found = [numbers for block in _blocks(content) for numbers in _normalisations(block)]
    except (struct.error, IndexError, ValueError, TypeError, OverflowError):
        # Interpreters pass the metadata over; what cannot be read says nothing.
        return None
    if len(found) != 1:
        return None
    mean, std = (_three(numbers) for numbers in found[0])
    return (mean, std) if mean is not None and std is not None and min(std) > 0 else None


def _blocks(content: bytes) -> Iterator[bytes]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == b"TFLITE_METADATA":
            yield model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()


def _normalisations(block: bytes) -> Iterator[tuple[list[float], list[float]]]:
    from flatbuffers import encode, number_types
    from flatbuffers.table import Table

    root = Table(block, encode.Get(number_types.UOffsetTFlags.packer_type, block, 0))
    for graph in _tables(root, _MODEL_GRAPHS)[:1]:
        for image in _tables(graph, _GRAPH_INPUTS)[:1]:
            for process in _tables(image, _TENSOR_PROCESSES):
                kind, options = _offset(process, _PROCESS_KIND), _offset(process, _PROCESS_OPTIONS)
                if not (kind and options):
                    continue
                if process.Get(number_types.Uint8Flags, kind + process.Pos) != _NORMALISATION:
                    continue
                numbers = Table(block, 0)
                process.Union(numbers, options)
                yield _floats(numbers, _MEAN), _floats(numbers, _STD)


def _offset(table: Any, field: int) -> int:
    """Where a field lies in its table, 0 where it is left out."""
    return int(table.Offset(4 + 2 * field))


def _tables(table: Any, field: int) -> list[Any]:
    """The tables in a field that is a vector of tables."""
    from flatbuffers.table import Table

    offset = _offset(table, field)
    if not offset:
        return []
    start, count = table.Vector(offset), table.VectorLen(offset)
    return [Table(table.Bytes, table.Indirect(start + 4 * index)) for index in range(count)]


def _floats(table: Any, field: int) -> list[float]:
    from flatbuffers import number_types

    offset = _offset(table, field)
    if not offset:
        return []
    start, count = table.Vector(offset), table.VectorLen(offset)
    return [float(table.Get(number_types.Float32Flags, start + 4 * index)) for index in range(count)]


def _three(numbers: list[float]) -> Numbers | None:
    """One number stands for all channels."""
    if len(numbers) == 1:
        numbers = numbers * 3
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None
