"""Preprocessing written beside a model: a JSON sidecar, a list of models, or Hugging Face's two files."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .labels import labels_from_json, read_labels
from .layers import Layer

if TYPE_CHECKING:
    from .sidecar_schema import SidecarEntry


def read_sidecars(model: Path | None, preprocessing: Path | None) -> list[Layer]:
    """What the files beside a model say about its preprocessing, the most telling first.

    Args:
        model: The model's file, or ``None`` for a model that is no file.
        preprocessing: A sidecar that the user named; then nothing else is read.

    ``model.json`` beside ``model.onnx``, else the entry for ``model.onnx`` in ``models.json`` of the same
    folder, and behind them ``preprocessor_config.json`` and ``config.json`` of the folder or (as models
    exported for several engines are kept) of the folder above.

    Raises InputError, naming file and field, where a file cannot be read or says something impossible.
    """
    if preprocessing is not None:
        return [_read_named(preprocessing, model)]
    if model is None:
        return []
    return [*_read_json_beside(model), *_read_hugging_face_beside(model)]


def _read_named(path: Path, model: Path | None) -> Layer:
    content = _read_json(path)
    if isinstance(content, dict) and _is_hugging_face(content):
        from .huggingface import layer_from_hugging_face

        config = path.parent / "config.json"
        return layer_from_hugging_face(content, _read_json(config) if config.is_file() else {}, path.name)
    if isinstance(content, dict):
        return _layer(content, path, "")
    found = _entry_for(content, path, model)
    if found is None:
        wanted = f"for {model.name}" if model is not None else "alone"
        raise InputError(f'{path} holds no entry {wanted}: add one with its "file", or name another sidecar.')
    return found


def _read_json_beside(model: Path) -> Iterator[Layer]:
    own = model.with_suffix(".json")
    if own.is_file():
        content = _read_json(own)
        if not isinstance(content, dict):
            raise InputError(f"{own} must be a JSON object that describes {model.name}.")
        yield _layer(content, own, "")
        return
    several = model.parent / "models.json"
    if several.is_file():
        found = _entry_for(_read_json(several), several, model)
        if found is not None:
            yield found


def _read_hugging_face_beside(model: Path) -> Iterator[Layer]:
    for folder in (model.parent, model.parent.parent):
        config, processor = folder / "config.json", folder / "preprocessor_config.json"
        contents = [_read_json(path) if path.is_file() else {} for path in (processor, config)]
        if any(isinstance(content, dict) and _is_hugging_face(content) for content in contents):
            from .huggingface import layer_from_hugging_face

            present = [path.name for path in (processor, config) if path.is_file()]
            yield layer_from_hugging_face(contents[0], contents[1], " + ".join(present))
            return


def _is_hugging_face(content: dict[str, Any]) -> bool:
    """Whether an object bears a mark of Hugging Face's files; other programs write a config.json too."""
    marks = {"id2label", "image_mean", "rescale_factor", "image_processor_type", "feature_extractor_type"}
    return bool(marks & content.keys()) or "pretrained_cfg" in content


def _entry_for(content: Any, path: Path, model: Path | None) -> Layer | None:
    """The entry of a list that is about this model, by its "file", else by its "name"."""
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise InputError(f"{path} must be a JSON list of objects, one a model.")
    if model is None:
        return _layer(content[0], path, "entry 1") if len(content) == 1 else None
    for key, wanted in (("file", model.name), ("name", model.stem)):
        for number, entry in enumerate(content, start=1):
            if entry.get(key) == wanted:
                return _layer(entry, path, f"entry {number} ({wanted})")
    return None


def _layer(content: dict[str, Any], path: Path, entry: str) -> Layer:
    """A validated sidecar entry as a layer."""
    from pydantic import ValidationError

    from .sidecar_schema import SidecarEntry

    where = f"{path}, {entry}" if entry else str(path)
    _refuse_misspelt(content, {*SidecarEntry.model_fields, "color_order"}, where)
    try:
        read = SidecarEntry.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "object"
        problem = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise InputError(f"{where}: the field {name!r} cannot be used: {problem}.") from error
    return Layer(f"sidecar {path.name}", _values(read, path, where))


def _values(read: SidecarEntry, path: Path, where: str) -> dict[str, Any]:
    values = {name: value for name, value in read.settings().items() if value is not None}
    if ("mean" in values) != ("std" in values):
        given, missing = ("mean", "std") if "mean" in values else ("std", "mean")
        raise InputError(f"{where} gives {given} without {missing}: give both, or neither.")
    labels = values.pop("labels", None)
    if isinstance(labels, str):
        values["labels"] = read_labels(path.parent / labels)
    elif labels is not None:
        values["labels"] = labels_from_json(labels, f"{where}: the field 'labels'")
    return values


def _refuse_misspelt(content: dict[str, Any], known: set[str], where: str) -> None:
    """A field that is nearly one of ours would be passed over silently: refuse it."""
    for name in content.keys() - known:
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.85)
        if close:
            raise InputError(f"{where}: the field {name!r} is not known: did you mean {close[0]!r}?")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"the preprocessing file {path} cannot be read: {error.strerror or error}."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"the preprocessing file {path} is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"the preprocessing file {path} is not valid JSON: line {error.lineno}, {error.msg}."
        ) from error
