"""``STUDY.toml``: what a study is about, read with errors that name the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...errors import InputError

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=True)


class AboutStudy(_Table):
    """``[study]``.

    Attributes:
        name: Its name; that of the file where it is left out.
        seed: Seed of everything random.
        batch_size: Images at once, for observers that leave it open.
        budget: Most images that may be sent to each observer, in each of the experiments.
    """

    name: str = ""
    seed: int = Field(default=0, ge=0)
    batch_size: int = Field(default=16, ge=1)
    budget: int | None = Field(default=None, ge=0)


class Photographs(_Table):
    """``[photographs]``.

    Attributes:
        images: Files, folders, globs, CSVs, or fsspec addresses of such; relative to the file of the study.
        label: Class of all photographs.
        limit: At most so many, evenly spread over what is found.
        as_is: They are shown untouched.
        max_pixels: Largest photograph that is decoded in full.
        learn_on: What is learned on, where something is; a seeded half of ``images`` where it is left out.
    """

    images: tuple[str, ...] = Field(min_length=1)
    label: str | int | None = None
    limit: int | None = Field(default=None, ge=1)
    as_is: bool = False
    max_pixels: int = Field(default=100_000_000, ge=256)
    learn_on: tuple[str, ...] = ()

    @field_validator("images", "learn_on", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class ObserverTable(_Table):
    """``[[observers]]``.

    Attributes:
        model: A path, ``scheme:…``, an address or ``default``.
        name: Its name in the study, unique; that of the model where it is left out.
        knowledge: What may be used of its answers.
        options: Options of ``open_observer``.
    """

    model: str = Field(min_length=1)
    name: str | None = None
    knowledge: str | None = None
    options: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _fit_for_folders(cls, value: str | None) -> str | None:
        return value if value is None else fit_for_folders(value)


class ExperimentTable(_Table):
    """``[[experiments]]``: what is measured together, in one run of each observer.

    Attributes:
        name: Its name, unique.
        measure: Names of experiments; what they need is measured too.
        setting: Which of their settings.
        regions: Kind of regions.
        parameters: Parameters of experiments by name, over those of the setting.
    """

    name: str
    measure: tuple[str, ...] = Field(min_length=1)
    setting: Literal["quick", "standard", "full"] = "standard"
    regions: Literal["grid", "windows", "superpixels"] = "grid"
    parameters: dict[str, dict[str, Any]] = {}

    @field_validator("measure", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _fit_for_folders(cls, value: str) -> str:
        return fit_for_folders(value)


class EngineTable(_Table):
    """``[engine]``: who does the work; the command line may say otherwise.

    Attributes:
        name: ``local``, ``ray`` or what is registered.
        workers: How many; ``None``: as many as fit.
        options: What else this engine understands, such as ``address``, ``cpus`` and ``gpus`` of ``ray``.
    """

    name: str = "local"
    workers: int | None = Field(default=None, ge=1)
    options: dict[str, Any] = {}


class StudyFile(_Table):
    """All of ``STUDY.toml``."""

    study: AboutStudy = AboutStudy()
    photographs: Photographs
    observers: tuple[ObserverTable, ...] = Field(min_length=1)
    experiments: tuple[ExperimentTable, ...] = Field(min_length=1)
    engine: EngineTable = EngineTable()


def fit_for_folders(name: str) -> str:
    """A name that may be that of a folder anywhere; ValueError for any other."""
    if not _PLAIN.fullmatch(name) or len(name) > 60:
        raise ValueError("use letters, digits, dots, hyphens and underscores, 60 at most")
    return name


def read_study(path: Path) -> StudyFile:
    """Read a study. Raises InputError, with file and line, for whatever is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path} cannot be read ({reason}): name the file of a study.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: name the file of a study.") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML: {error}.") from error
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        # What is misspelt is missing, too: say that it is misspelt.
        found = error.errors(include_url=False)
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        place = [part for part in first["loc"] if isinstance(part, (str, int))]
        raise InputError(f"{where(path, text, place)}: {_said(first, place)}") from error


def where(path: Path, text: str, place: Sequence[str | int]) -> str:
    """What a place, such as ``["observers", 1, "model"]``, is called: file and line."""
    return f"{path}, line {line_of(text, place)}"


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line, from 1, of a place in TOML: of its key, or of the nearest table around it."""
    best, best_depth = 1, 0
    counts: dict[tuple[str, ...], int] = {}
    table: list[str | int] = []
    depth_of_brackets = 0
    for number, line in enumerate(text.splitlines(), 1):
        if depth_of_brackets > 0:
            depth_of_brackets += _brackets(line)
            continue
        if header := _HEADER.match(line):
            names = _parts(header[2])
            table = []
            for i, name in enumerate(names):
                table.append(name)
                key = tuple(names[: i + 1])
                if i + 1 == len(names) and header[1] == "[[":
                    counts[key] = counts.get(key, -1) + 1
                if key in counts:
                    table.append(counts[key])
            here = table
        elif key_match := _KEY.match(line):
            here = [*table, *_parts(key_match[1])]
            depth_of_brackets = max(0, _brackets(line[key_match.end() :]))
        else:
            continue
        shared = 0
        while shared < min(len(here), len(place)) and here[shared] == place[shared]:
            shared += 1
        if shared == len(here) and shared > best_depth:
            best, best_depth = number, shared
    return best


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _brackets(text: str) -> int:
    """How many more brackets are opened than closed, strings and comments left out."""
    bare = re.sub(r"\"(\\.|[^\"\\])*\"|'[^']*'", "", text).split("#")[0]
    return sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")


def _said(error: Any, place: Sequence[str | int]) -> str:
    """What pydantic found, in words."""
    name = ".".join(str(part) for part in place if isinstance(part, str))
    kind = error["type"]
    if kind == "missing":
        return f"{name} is missing."
    if kind == "extra_forbidden":
        return f"{name} means nothing here: {_offered(place)}."
    text = error["msg"].removeprefix("Value error, ")
    return f"{name}: {text[:1].lower()}{text[1:]}."


_TABLES: dict[str, type[BaseModel]] = {
    "study": AboutStudy,
    "photographs": Photographs,
    "observers": ObserverTable,
    "experiments": ExperimentTable,
    "engine": EngineTable,
}


def _offered(place: Sequence[str | int]) -> str:
    table = _TABLES.get(str(place[0])) if len(place) > 1 else None
    known = list((table or StudyFile).model_fields)
    return f"it may be {', '.join(known[:-1])} or {known[-1]}"
