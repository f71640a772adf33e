"""The TOML file that describes an endpoint of no known protocol, validated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ...errors import InputError

IMAGE = "$image"
"""What stands for the image in the JSON of a request."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class RequestPart(_Strict):
    """Where the image goes.

    Attributes:
        send: ``json``; ``raw``, the image file as the whole body; or ``multipart``, as the file of a form.
        image: In JSON: the PNG as ``base64``, the same as a ``data-url``, or the numbers of an ``array``.
        body: The JSON that is sent, with ``"$image"`` where the image goes.
        field: Name of the form's field that takes the file.
        form: Further fields of the form.
    """

    send: Literal["json", "raw", "multipart"] = "json"
    image: Literal["base64", "data-url", "array"] = "base64"
    body: Any = Field(default=None, alias="json")
    field: str = "image"
    form: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_place(self) -> RequestPart:
        places = _count(self.body)
        if self.send == "json" and places != 1:
            raise ValueError(
                f'[request] json must hold "{IMAGE}" once, where the image goes, not {places} times'
            )
        if self.send != "json" and self.body is not None:
            raise ValueError(f"[request] json is of no use where the image is sent as {self.send}")
        for text in (self.field, *self.form, *self.form.values()):
            if re.search(r'["\r\n]', text):
                raise ValueError("[request] field and form must be plain text without quotation marks")
        return self


class AnswerPart(_Strict):
    """Where labels and scores are.

    Attributes:
        level: ``logits``, ``probabilities``, ``top-5`` (any number) or ``label``.
        scores: JSONPath of the scores; of all of them in order, or of those that are listed.
        labels: JSONPath of the labels that are listed: names or indices.
        resolution: The step to which probabilities are rounded, after ``scale``.
        scale: What the scores are multiplied by: 0.01 where they are percent.
    """

    level: str = "probabilities"
    scores: str | None = None
    labels: str | None = None
    resolution: float = Field(default=0.0, ge=0, lt=1)
    scale: float = Field(default=1.0, gt=0)

    @field_validator("level")
    @classmethod
    def _known(cls, value: str) -> str:
        if not re.fullmatch(r"logits|probabilities|label|top-[1-9]\d{0,4}", value):
            raise ValueError(f"there is no answer level {value!r}: use logits, probabilities, top-5 or label")
        return value

    @model_validator(mode="after")
    def _complete(self) -> AnswerPart:
        listed = self.level == "label" or self.level.startswith("top-")
        if listed and self.labels is None:
            raise ValueError(
                f"[answer] labels is missing: the JSONPath of the labels, for the level {self.level}"
            )
        if self.level != "label" and self.scores is None:
            raise ValueError(
                f"[answer] scores is missing: the JSONPath of the scores, for the level {self.level}"
            )
        return self


class Description(_Strict):
    """The whole file: ``[request]``, ``[answer]``, ``[headers]``, and the version that the endpoint states."""

    request: RequestPart
    answer: AnswerPart
    headers: dict[str, str] = Field(default_factory=dict)
    version: str | None = None


def read_description(path: Path) -> Description:
    """Read and validate the file. Raises InputError with one sentence that names the place."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"the protocol file {path} cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the protocol file {path} is not valid TOML: {error}.") from error
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ").rstrip(".")
        if first["type"] == "extra_forbidden":
            problem = f"is not known here, where {', '.join(_keys(first['loc'][:-1]))} are"
        raise InputError(f"{path}{f', {where}' if where else ''}: {problem}.") from error


def _keys(place: Sequence[int | str]) -> list[str]:
    """The keys that a table of the file may have; the empty place is the file itself."""
    parts: dict[str, type[BaseModel]] = {"request": RequestPart, "answer": AnswerPart}
    model = parts[str(place[0])] if place else Description
    return [field.alias or name for name, field in model.model_fields.items()]


def _count(body: Any) -> int:
    if isinstance(body, dict):
        return sum(_count(value) for value in body.values())
    if isinstance(body, list):
        return sum(_count(value) for value in body)
    return int(body == IMAGE)
