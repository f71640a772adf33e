"""Any other endpoint, described by a short TOML file (``--protocol FILE.toml``)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..protocol import AnswerLevel, RawAnswers
from ..settings import ModelFacts, Settings
from .answering import nonsense, read_json, row_of
from .client import Reply
from .context import Context
from .description import IMAGE, AnswerPart, Description, RequestPart
from .listing import Listing
from .observer import HttpObserver, Message
from .pixels import Numbers, base64_png, png
from .torchserve import level_and_k


def open_described(context: Context, description: Description) -> HttpObserver:
    """Open an endpoint as its description says. Nothing is asked: the first query shows whether it is right.

    Raises:
        InputError: A JSONPath cannot be read, or labels are missing.
    """
    request, answer = description.request, description.answer
    if context.classes is None:
        raise InputError(
            f"nothing says how many classes {context.name} has: give their names with --labels, or their "
            "number as classes in a file for --preprocessing."
        )
    array = request.send == "json" and request.image == "array"
    settings = context.settings(ModelFacts(context.classes, dtype=None if array else "uint8"))
    level, k = level_and_k(answer.level)
    wire = DescribedWire(context.address, request, AnswerReader(answer, settings, level, k), settings)
    identity = {
        "protocol": "described",
        "version": description.version or context.version,
        "request": request.model_dump(mode="json"),
        "answer": answer.model_dump(mode="json"),
    }
    sent = {
        "json": f"JSON, image as {request.image}",
        "raw": "PNG",
        "multipart": f"form, PNG as {request.field!r}",
    }
    understood = {"protocol": f"described, {sent[request.send]}", "answer": f"{answer.level}"}
    return context.observer(wire, settings, level, identity, understood)


class AnswerReader:
    """Finds labels and scores in the JSON of an answer."""

    def __init__(self, answer: AnswerPart, settings: Settings, level: AnswerLevel, k: int) -> None:
        self._answer, self._level = answer, level
        self._scores = _path(answer.scores, "scores")
        self._labels = _path(answer.labels, "labels")
        self._listing: Listing | None = None
        if level in (AnswerLevel.TOP_K, AnswerLevel.LABEL):
            self._listing = Listing(settings.labels, level, k, answer.resolution)

    def read(self, content: Any) -> RawAnswers:
        """The answer, of one row; raises TransientError where it is not there."""
        scores = None
        if self._scores is not None:
            scores = row_of(self._found(self._scores, content, "scores"))[0] * self._answer.scale
        if self._listing is None:
            assert scores is not None
            resolution = self._answer.resolution if self._level is AnswerLevel.PROBABILITIES else 0.0
            return self._checked(RawAnswers(self._level, scores[None], None, resolution))
        names = self._found(self._labels, content, "labels")
        return self._checked(self._listing.read(names, None if scores is None else scores.tolist()))

    def _checked(self, raw: RawAnswers) -> RawAnswers:
        """The same; raises TransientError where the scores are not what the description calls them."""
        if raw.level not in (AnswerLevel.PROBABILITIES, AnswerLevel.TOP_K):
            return raw
        total, step = float(raw.scores.sum()), max(1e-3, raw.scores.size * raw.resolution / 2)
        listed = raw.level is AnswerLevel.TOP_K
        if raw.scores.min() < 0 or total > 1 + step or (not listed and total < 1 - step):
            raise nonsense(
                f"its scores are no probabilities as they are read (from {raw.scores.min():.4g} to "
                f"{raw.scores.max():.4g}, {total:.4g} in all): correct scale (0.01 for percent), "
                "resolution (their step, where they are rounded) or level in [answer]"
            )
        return raw

    def _found(self, path: Any, content: Any, name: str) -> list[Any]:
        """The values of a path: one list that it leads to, or all that it matches."""
        values = path.findall(content) if isinstance(content, (dict, list)) else []
        if not values:
            keys = ", ".join(map(str, content)) if isinstance(content, dict) else "no keys"
            raise nonsense(
                f"[answer] {name} = {getattr(self._answer, name)!r} finds nothing in it (it has {keys[:120]}); "
                "correct the JSONPath"
            )
        return values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)


class DescribedWire:
    """Puts the image where the description says, and reads the answer there."""

    def __init__(self, url: str, request: RequestPart, reader: AnswerReader, settings: Settings) -> None:
        self._url, self._request, self._reader = url, request, reader
        self._head = self._tail = b""
        self._numbers: Numbers | None = None
        if request.send == "json":
            self._head, self._tail = json.dumps(request.body).encode().split(json.dumps(IMAGE).encode(), 1)
            if request.image == "array":
                self._numbers = Numbers(settings.preprocessing)

    def write(self, image: NDArray[np.uint8]) -> Message:
        """The request for one image."""
        if self._request.send == "raw":
            return Message(self._url, png(image), {"Content-Type": "image/png"})
        if self._request.send == "multipart":
            return self._form(png(image))
        if self._numbers is not None:
            written = self._numbers.nested(image)
        else:
            prefix = b"data:image/png;base64," if self._request.image == "data-url" else b""
            written = b'"' + prefix + base64_png(image) + b'"'
        return Message(self._url, self._head + written + self._tail, {"Content-Type": "application/json"})

    def read(self, reply: Reply, message: Message) -> RawAnswers:
        """The answer of the one image."""
        return self._reader.read(read_json(reply))

    def _form(self, packed: bytes) -> Message:
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in self._request.form.items()
        ]
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{self._request.field}"; '
            'filename="image.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        body = b"".join([*parts, file, packed, f"\r\n--{boundary}--\r\n".encode()])
        return Message(self._url, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def _path(text: str | None, name: str) -> Any:
    if text is None:
        return None
    import jsonpath

    try:
        return jsonpath.compile(text)
    except jsonpath.JSONPathError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"[answer] {name} = {text!r} is no JSONPath ({reason}): write for example '$.predictions[*].score'."
        ) from error
