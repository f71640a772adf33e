"""TensorFlow Serving's REST interface: ``http://host:8501/v1/models/NAME`` and ``:predict``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, ObserverError
from ..protocol import AnswerLevel, RawAnswers
from .answering import nonsense, read_json, row_of
from .client import Reply
from .context import Context, Tensor, image_facts
from .observer import HttpObserver, Message
from .pixels import Numbers, base64_png

_ADDRESS = re.compile(
    r".+?/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>[^/:]+)|/labels/(?P<label>[^/:]+))?(?P<call>:predict)?"
)
_TYPES = {
    "DT_FLOAT": "float32",
    "DT_HALF": "float16",
    "DT_UINT8": "uint8",
    "DT_STRING": "uint8",
}
_SIGNATURE = "serving_default"


def open_tfserving(context: Context) -> HttpObserver:
    """Open ``http://host:8501/v1/models/NAME``, or one of its versions. Errors as for ``open_v2``."""
    found = _ADDRESS.fullmatch(context.address)
    if found is None:
        raise InputError(
            f"{context.address} names no model of TensorFlow Serving: write …/v1/models/NAME, with "
            "/versions/NUMBER where there are several."
        )
    url = context.address.removesuffix(":predict")
    described = context.fetch_json(f"{url}/metadata")
    try:
        signature = described["metadata"]["signature_def"]["signature_def"][_SIGNATURE]
        version = str(described["model_spec"]["version"])
        taken = _choose(_tensors(signature["inputs"]), context.input_name, "input", "--input-name")
        given = _choose(_tensors(signature["outputs"]), context.output_name, "output", "--output-name")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObserverError(
            f"{context.name} does not describe its signature {_SIGNATURE!r}: check the address and the protocol."
        ) from error
    if taken.type not in _TYPES:
        raise ObserverError(f"{context.name} takes {taken.type}, which is no image: name another model.")
    encoded = taken.type == "DT_STRING"
    facts = image_facts(context, taken, given, _TYPES[taken.type], encoded=encoded)
    settings = context.settings(facts)
    level = AnswerLevel(settings.preprocessing.output or "logits")
    several = len(signature["outputs"]) > 1
    numbers = None if encoded else Numbers(settings.preprocessing)
    wire = TfServingWire(f"{url}:predict", numbers, given.name if several else None, level)
    identity = {
        "protocol": "tfserving",
        "model": found["model"],
        "version": version,
        "tensors": [taken.name, taken.type, given.name],
    }
    understood = {
        "protocol": "TensorFlow Serving, JSON",
        "version": version,
        "input": f"{taken.name}, {taken.type} {list(taken.shape)}",
        "output tensor": f"{given.name} {list(given.shape)}",
    }
    return context.observer(wire, settings, level, identity, understood)


class TfServingWire:
    """Writes one image as a row of ``instances``, as numbers or as a file in base64."""

    def __init__(self, url: str, numbers: Numbers | None, output: str | None, level: AnswerLevel) -> None:
        self._url, self._numbers, self._output, self._level = url, numbers, output, level

    def write(self, image: NDArray[np.uint8]) -> Message:
        """The request for one image."""
        row = (
            b'{"b64": "' + base64_png(image) + b'"}' if self._numbers is None else self._numbers.nested(image)
        )
        body = b'{"signature_name": "' + _SIGNATURE.encode() + b'", "instances": [' + row + b"]}"
        return Message(self._url, body, {"Content-Type": "application/json"})

    def read(self, reply: Reply, message: Message) -> RawAnswers:
        """The scores of the one prediction."""
        answer = read_json(reply)
        rows = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or len(rows) != 1:
            raise nonsense("the answer holds no prediction for the one image")
        row = rows[0]
        if isinstance(row, dict):
            if self._output not in row:
                raise nonsense(f"the answer lacks the output {self._output!r}")
            row = row[self._output]
        return RawAnswers(self._level, row_of(row))


def _tensors(described: dict[str, Any]) -> list[Tensor]:
    tensors = []
    for name, entry in described.items():
        shape = entry.get("tensor_shape") or {}
        sides = [] if shape.get("unknown_rank") else [int(side["size"]) for side in shape.get("dim") or []]
        tensors.append(Tensor(str(name), str(entry["dtype"]), tuple(sides)))
    return tensors


def _choose(tensors: list[Tensor], name: str | None, what: str, option: str) -> Tensor:
    chosen = [tensor for tensor in tensors if name in (None, tensor.name)]
    if len(chosen) != 1:
        names = ", ".join(tensor.name for tensor in tensors)
        raise InputError(f"the model's {what}s are {names}: choose one of them with {option}.")
    return chosen[0]
