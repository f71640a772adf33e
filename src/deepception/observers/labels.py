"""Names of classes: reading them, and finding the class that a person means."""

from __future__ import annotations

import difflib
import json
import operator
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import InputError

BACKGROUND = "background"
"""The first class of classifiers that have one for pictures of nothing else."""


def resolve_label(label: str | int, labels: Sequence[str]) -> int:
    """Index of the class that a person means by an index or by a name.

    Names match ignoring case, spaces and underscores; where no whole name matches, one of the synonyms that a
    name lists between commas (``"tench, Tinca tinca"``) does.

    Raises InputError where the index is out of range, where two classes bear the name (both are named), and
    where no class does (close ones are suggested).
    """
    if isinstance(label, bool):
        raise InputError(f"the label {label!r} is neither the index nor the name of a class.")
    if not isinstance(label, str):
        try:
            index = operator.index(label)
        except TypeError as error:
            raise InputError(f"the label {label!r} is neither the index nor the name of a class.") from error
        return _checked_index(index, labels)
    text = label.strip()
    key = _key(text)
    found = [index for index, name in enumerate(labels) if _key(name) == key]
    if not found:
        found = [
            i for i, name in enumerate(labels) if key in {_key(part) for part in name.split(",")} and key
        ]
    number = _as_index(text)
    if number is not None and number not in found:
        if not found:
            return _checked_index(number, labels)
        found = [number, *found] if 0 <= number < len(labels) else found
    if len(found) > 1:
        indices = " and ".join(str(index) for index in found)
        raise InputError(
            f"the label {text!r} stands for the classes {indices}: give the index of the one you mean."
        )
    if found:
        return found[0]
    by_key = {_key(name): name for name in labels}
    close = difflib.get_close_matches(key, by_key, n=3, cutoff=0.6)
    advice = "did you mean " + " or ".join(repr(by_key[near]) for near in close) + "?"
    if not close:
        advice = f"give a name or an index, 0 to {len(labels) - 1}."
    raise InputError(f"the label {text!r} is not among the {len(labels)} classes: {advice}")


def check_agreement(index: int, name: str, labels: Sequence[str]) -> int:
    """The class that an index and a name beside it stand for: the index, as a rule.

    A name that no class bears says nothing, so that names of another list than the observer's do no harm.
    Where the observer's first class is a background, an index that counts without it is known by its name.

    Raises InputError where the two are different classes, or with a background could be either of two.
    """
    key, number = _key(name), _as_index(name.strip())
    named = [
        i for i, said in enumerate(labels) if key and key in {_key(said), *(_key(s) for s in said.split(","))}
    ]
    if not named and number is not None and 0 <= number < len(labels):
        named = [number]
    if labels[0].casefold() == BACKGROUND and index + 1 in named:
        if index in named:
            raise InputError(
                f"{name!r} is both class {index} and class {index + 1}, and the index beside it may or may not "
                "count the background class: leave the name out, and count it."
            )
        return index + 1
    if named and index not in named:
        indices = " or ".join(str(i) for i in named)
        raise InputError(
            f"the index {index} is {labels[index]!r}, but the name beside it, {name!r}, is class {indices}: "
            "correct one of them."
        )
    return index


def default_labels(classes: int) -> tuple[str, ...]:
    """The names ``"class 0"``, ``"class 1"``, … for classes whose names are not known."""
    return tuple(f"class {index}" for index in range(classes))


def read_labels(path: Path) -> tuple[str, ...]:
    """Names of classes from a file: one a line, or JSON (a list of names, or an object of index to name).

    Raises InputError where the file is missing, is not text, or is not of that form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"the labels file {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the labels file {path} is not UTF-8 text.") from error
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        try:
            return labels_from_json(json.loads(text), f"the labels file {path}")
        except json.JSONDecodeError as error:
            raise InputError(
                f"the labels file {path} is not valid JSON: line {error.lineno}, {error.msg}."
            ) from error
    # A blank line at the end closes the file; one in the middle would shift every class after it.
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if not names or not all(names):
        raise InputError(f"the labels file {path} must hold one class name a line, without empty lines.")
    return names


def labels_from_json(content: Any, where: str) -> tuple[str, ...]:
    """Names of classes from a JSON list, or from an object that maps ``"0"``, ``"1"``, … to names.

    The inverse object (name to index) is read as well. Raises InputError, its sentence beginning with
    ``where``.
    """
    if isinstance(content, Mapping):
        pairs = _pairs(content)
        if sorted(pairs) != list(range(len(content))):
            raise InputError(f"{where} must map every index from 0 to {len(content) - 1} to one name.")
        content = [pairs[index] for index in range(len(content))]
    if not isinstance(content, Sequence) or isinstance(content, str) or not content:
        raise InputError(f"{where} must be a list of class names.")
    if not all(isinstance(name, (str, int)) and str(name).strip() for name in content):
        raise InputError(f"{where} holds a class without a name.")
    return tuple(str(name).strip() for name in content)


def imagenet_labels(classes: int = 1000) -> tuple[str, ...]:
    """The names of the ImageNet-1k classes, sorted by WordNet id; 1,001 puts ``"background"`` first.

    Raises ValueError for any other number of classes.
    """
    if classes not in (1000, 1001):
        raise ValueError(f"ImageNet has 1000 classes, or 1001 with a background, not {classes}.")
    text = (resources.files("deepception") / "data" / "imagenet_classes.txt").read_text(encoding="utf-8")
    names = tuple(line.strip() for line in text.strip().splitlines())
    return names if classes == 1000 else (BACKGROUND, *names)


def _pairs(content: Mapping[Any, Any]) -> dict[int, Any]:
    """Index to name, from an object in either direction."""
    keys = [_as_index(str(key)) for key in content]
    if all(key is not None for key in keys):
        return {key: value for key, value in zip(keys, content.values(), strict=True) if key is not None}
    return {value: key for key, value in content.items() if isinstance(value, int)}


def _key(name: str) -> str:
    """What is left of a name once case, spaces and underscores are ignored."""
    return "".join(name.replace("_", " ").split()).casefold()


def _as_index(text: str) -> int | None:
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and text.count("-") < 2 else None


def _checked_index(index: int, labels: Sequence[str]) -> int:
    if not 0 <= index < len(labels):
        raise InputError(f"the label {index} is not among the {len(labels)} classes, 0 to {len(labels) - 1}.")
    return index
