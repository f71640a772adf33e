"""What a TFLite file says that its interpreter does not tell: its last operators, its labels, its metadata."""

from __future__ import annotations

import functools
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .litert_metadata import Numbers, read_normalisation
from .preprocessing import OutputKind

# What the numbers mean that an operator makes, where that is certain; as for ONNX files.
_MEANING: dict[str, OutputKind] = {
    **dict.fromkeys(("SOFTMAX", "LOGISTIC"), "probabilities"),
    **dict.fromkeys(("FULLY_CONNECTED", "CONV_2D", "LOG_SOFTMAX", "BATCH_MATMUL"), "logits"),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MEAN", "ADD", "SUB"), "logits"),
}
# Operators that move numbers or change their type but not what they mean.
_PASSING = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CAST", "QUANTIZE", "DEQUANTIZE"})
_MOST_LABEL_BYTES = 4_000_000


@dataclass(frozen=True)
class LitertFile:
    """What was read from the file.

    Attributes:
        digest: SHA-256 of its bytes.
        meanings: For the outputs whose last operator tells it: by tensor index, what the scores are.
        normalisation: Mean and std, in units of 0 to 255, that its metadata states; else ``None``.
        label_files: Names of classes, one a line, in the text files that are packed into the file.
    """

    digest: str
    meanings: dict[int, OutputKind]
    normalisation: tuple[Numbers, Numbers] | None
    label_files: tuple[tuple[str, ...], ...]

    def labels(self, classes: int) -> tuple[str, ...] | None:
        """The packed names, where one text file has as many as there are classes, or one less for 1,001."""
        fitting = {names for names in self.label_files if len(names) == classes}
        if not fitting and classes == 1001:
            fitting = {names for names in self.label_files if len(names) == classes - 1}
        return fitting.pop() if len(fitting) == 1 else None


def read_litert_file(path: Path) -> LitertFile:
    """Read a TFLite file that an interpreter has opened and found to be well-formed."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return LitertFile(digest, _meanings(content), read_normalisation(content), _packed_labels(path))


def _meanings(content: bytes) -> dict[int, OutputKind]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    makers = {
        graph.Operators(i).Outputs(k): graph.Operators(i)
        for i in range(graph.OperatorsLength())
        for k in range(graph.Operators(i).OutputsLength())
    }
    found: dict[int, OutputKind] = {}
    for index in (graph.Outputs(i) for i in range(graph.OutputsLength())):
        operator = makers.get(index)
        while operator is not None and _kind(model, operator) in _PASSING:
            operator = makers.get(operator.Inputs(0))
        meaning = _MEANING.get(_kind(model, operator)) if operator is not None else None
        if meaning is not None:
            found[index] = meaning
    return found


def _kind(model: Any, operator: Any) -> str:
    """The operator's name in the schema."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Old files have only the first field, which ends at 127.
    return _names().get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "CUSTOM")


@functools.cache
def _names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    operators = vars(schema.BuiltinOperator)
    return {number: name for name, number in operators.items() if isinstance(number, int)}


def _packed_labels(path: Path) -> tuple[tuple[str, ...], ...]:
    """The lines of the text files in the archive that TFLite's metadata tools append to a model."""
    if not zipfile.is_zipfile(path):
        return ()
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                if item.filename.lower().endswith(".txt") and item.file_size <= _MOST_LABEL_BYTES:
                    names = tuple(
                        line.strip() for line in archive.read(item).decode("utf-8").rstrip().splitlines()
                    )
                    found.append(names)
    except (zipfile.BadZipFile, UnicodeDecodeError, RuntimeError, NotImplementedError):
        # What happens to look like an archive, or is encrypted, is no file of labels.
        return ()
    return tuple(names for names in found if names and all(names))
