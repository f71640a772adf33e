"""The Open Inference Protocol, version 2: KServe, Triton, MLServer, OpenVINO Model Server."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, ObserverError
from ..protocol import AnswerLevel, RawAnswers
from .answering import nonsense, read_json
from .client import Reply
from .context import Context, Tensor, image_facts
from .observer import HttpObserver, Message
from .pixels import Numbers, Tensors, png

_ADDRESS = re.compile(r"(?P<base>.+?)/v2/models/(?P<model>[^/]+)(/versions/(?P<version>[^/]+))?(/infer)?")
_TYPES = {"FP32": "float32", "FP16": "float16", "UINT8": "uint8", "BYTES": "uint8"}
_NUMBERS = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
_LENGTH = "inference-header-content-length"
# Servers that take binary tensors, whether they say so or not.
_BINARY_SERVERS = ("kserve", "triton", "openvino")


def open_v2(context: Context, form: str | None = None) -> HttpObserver:
    """Open ``http://host/v2/models/NAME`` or ``…/NAME/versions/VERSION``.

    Args:
        context: Address, client and options.
        form: ``"binary"`` or ``"json"`` tensors; None for what the server is known to take.

    Raises:
        InputError: The address names no model, or an option contradicts the model.
        ObserverError: The model takes no images, or says nothing of its classes.
        UnreachableError: The server cannot be reached, or has no such model.
    """
    found = _ADDRESS.fullmatch(context.address)
    if found is None:
        raise InputError(
            f"{context.address} names no model of the Open Inference Protocol: write …/v2/models/NAME, with "
            "/versions/VERSION where there are several."
        )
    server = context.fetch_json(f"{found['base']}/v2")
    url = context.address.removesuffix("/infer")
    model = context.fetch_json(url)
    try:
        inputs, outputs = _tensors(model.get("inputs")), _tensors(model.get("outputs"))
        versions = [str(version) for version in model.get("versions") or []]
        advertised = "binary_tensor_data" in (server.get("extensions") or [])
    except (TypeError, ValueError, OverflowError) as error:
        raise ObserverError(
            f"{context.name} describes itself otherwise than the Open Inference Protocol does: check the address "
            "and the protocol."
        ) from error
    taken = _choose(inputs, context.input_name, "inputs", "--input-name")
    given = _choose(outputs, context.output_name, "outputs", "--output-name")
    if taken.type not in _TYPES:
        raise ObserverError(
            f"{context.name} takes {taken.type} tensors, which are no images: name another model."
        )
    facts = image_facts(context, taken, given, _TYPES[taken.type], encoded=taken.type == "BYTES")
    settings = context.settings(facts)
    if form is None:
        known = any(name in str(server.get("name", "")).lower() for name in _BINARY_SERVERS)
        form = "binary" if advertised or known else "json"
    if taken.type == "BYTES" and form != "binary":
        raise ObserverError(
            f"{context.name} takes images as bytes, which its server may not take: try --protocol v2-binary."
        )
    version = found["version"] or context.version or (versions[-1] if versions else None)
    level = AnswerLevel(settings.preprocessing.output or "logits")
    wire = V2Wire(f"{url}/infer", taken, given.name, settings.preprocessing, level, form == "binary")
    platform = str(model.get("platform", ""))
    identity = {
        "protocol": "v2",
        "model": found["model"],
        "version": version,
        "platform": platform,
        "tensors": [taken.name, taken.type, given.name, form],
    }
    understood = {
        "server": f"{server.get('name', 'unnamed')} {server.get('version', '')}".strip(),
        "protocol": f"v2, {form} tensors",
        "input": f"{taken.name}, {taken.type} {list(taken.shape)}",
        "output tensor": f"{given.name or 'the first'} {list(given.shape)}",
    }
    return context.observer(wire, settings, level, identity, understood)


class V2Wire:
    """Writes one image as a tensor and reads the scores; the ``id`` of an answer must be the request's own."""

    def __init__(
        self, url: str, taken: Tensor, output: str, preprocessing: Any, level: AnswerLevel, binary: bool
    ) -> None:
        self._url, self._taken, self._output, self._level, self._binary = url, taken, output, level, binary
        self._tensors = Tensors(preprocessing)
        self._numbers = None if binary else Numbers(preprocessing)
        shape = preprocessing.batch_shape(1)
        self._shape = list(shape if len(taken.shape) != 3 else shape[1:])
        self._prefix, self._count = secrets.token_hex(4), itertools.count()

    def write(self, image: NDArray[np.uint8]) -> Message:
        """The request for one image."""
        name = f"{self._prefix}-{next(self._count)}"
        tensor: dict[str, Any] = {
            "name": self._taken.name,
            "shape": self._shape,
            "datatype": self._taken.type,
        }
        request: dict[str, Any] = {"id": name, "inputs": [tensor]}
        if self._output:
            request["outputs"] = [{"name": self._output, "parameters": {"binary_data": self._binary}}]
        if self._numbers is not None:
            tensor["data"] = []
            head, tail = json.dumps(request).encode().split(b'"data": []', 1)
            body = b"".join([head, b'"data": [', self._numbers.flat(image), b"]", tail])
            return Message(self._url, body, {"Content-Type": "application/json"}, name)
        if self._taken.type == "BYTES":
            packed = png(image)
            data = struct.pack("<I", len(packed)) + packed
            tensor["shape"] = [1] * max(1, len(self._taken.shape))
        else:
            data = self._tensors(image).tobytes()
        tensor["parameters"] = {"binary_data_size": len(data)}
        if not self._output:
            request["parameters"] = {"binary_data_output": True}
        head = json.dumps(request).encode()
        headers = {"Content-Type": "application/octet-stream", _LENGTH: str(len(head))}
        return Message(self._url, head + data, headers, name)

    def read(self, reply: Reply, message: Message) -> RawAnswers:
        """The scores, of the type in which they came."""
        length = reply.headers.get(_LENGTH)
        head = len(reply.body) if length is None else int(length)
        answer = read_json(reply, reply.body[:head])
        if not isinstance(answer, dict):
            raise nonsense("the answer is no JSON object")
        if answer.get("id") not in (None, "", message.id):
            raise nonsense("the answer belongs to another request: its id is foreign")
        scores = self._scores(answer, reply.body[head:])
        return RawAnswers(self._level, scores.reshape(1, -1))

    def _scores(self, answer: dict[str, Any], rest: bytes) -> NDArray[Any]:
        start = 0
        for output in answer.get("outputs") or []:
            size = (output.get("parameters") or {}).get("binary_data_size")
            if self._output in ("", output.get("name")):
                kind = _NUMBERS.get(str(output.get("datatype")))
                if kind is None:
                    raise nonsense(
                        f"the output {output.get('name')!r} holds {output.get('datatype')} and no scores"
                    )
                if size is None:
                    return np.asarray(output["data"], dtype=np.float64).astype(kind)
                data = rest[start : start + int(size)]
                if len(data) != int(size):
                    raise nonsense("the answer ends before its last score")
                return np.frombuffer(data, dtype=kind)
            start += int(size or 0)
        raise nonsense(f"the answer lacks the output {self._output!r}")


@dataclass(frozen=True)
class _Unsaid:
    """What is assumed of a model that says nothing of its tensors."""

    taken = Tensor("input-0", "FP32", ())
    given = Tensor("", "FP32", ())


def _tensors(listed: Any) -> list[Tensor]:
    if not isinstance(listed, list):
        return []
    tensors = []
    for entry in listed:
        if isinstance(entry, dict) and entry.get("name"):
            shape = tuple(int(side) for side in entry.get("shape") or ())
            tensors.append(Tensor(str(entry["name"]), str(entry.get("datatype", "FP32")), shape))
    return tensors


def _choose(tensors: list[Tensor], name: str | None, what: str, option: str) -> Tensor:
    """The tensor of that name, else the only one; what is not described at all is assumed."""
    unsaid = _Unsaid.taken if what == "inputs" else _Unsaid.given
    if not tensors:
        return unsaid if name is None else Tensor(name, unsaid.type, ())
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    names = ", ".join(tensor.name for tensor in tensors)
    if name is not None:
        raise InputError(f"the model has no {what[:-1]} {name!r}: choose among {names}.")
    if len(tensors) > 1:
        raise InputError(f"the model has several {what}: choose among {names} with {option}.")
    return tensors[0]
