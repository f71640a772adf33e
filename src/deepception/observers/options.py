"""What a person may say when an observer is opened, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from .remote import Limits
from .settings import PreprocessingOptions


@dataclass(frozen=True)
class OpeningOptions:
    """Options of ``open_observer``; a factory of a scheme gets them whole and uses what concerns it.

    Attributes:
        preprocessing: What was said about preprocessing.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
        threads: Threads of one call, ``None`` for all processors of this process.
        engine: Engine of a scheme that has several, e.g. ``"openvino"``.
        weights: File of weights, for a network built by a Python function.
        level: Answer level of a Python function, or of TorchServe.
        version: Version of a Python function: its answers are kept between processes only with one.
        name: Name for people; ``None`` for the adapter's own.
        protocol: What an endpoint speaks: ``"v2"``, ``"torchserve"``, ``"tfserving"`` or a TOML file.
        headers: Headers for an endpoint, ``"Name: ${VARIABLE}"``.
        concurrency: See Limits; ``None`` for its default, as for the following ones.
        rate: See Limits.
        timeout: See Limits.
        attempts: See Limits.
        patience: See Limits.
        cost: See Limits.
    """

    preprocessing: PreprocessingOptions = field(default_factory=PreprocessingOptions)
    device: str = "cpu"
    threads: int | None = None
    engine: str | None = None
    weights: Path | None = None
    level: str | None = None
    version: str | None = None
    name: str | None = None
    protocol: str | None = None
    headers: tuple[str, ...] = ()
    concurrency: int | None = None
    rate: float | None = None
    timeout: float | None = None
    attempts: int | None = None
    patience: float | None = None
    cost: float | None = None

    def limits(self) -> Limits:
        """What the person allows. Raises InputError where it is not possible."""
        given = {f.name: getattr(self, f.name) for f in fields(Limits)}
        return Limits(**{name: value for name, value in given.items() if value is not None})

    def for_endpoints(self) -> tuple[str, ...]:
        """Names of the options that were given and concern endpoints only."""
        names = ("protocol", "headers", *(f.name for f in fields(Limits)))
        return tuple(name for name in names if getattr(self, name) not in (None, ()))


def opening_options(given: dict[str, Any]) -> OpeningOptions:
    """Options from keywords: those of OpeningOptions and of PreprocessingOptions in one.

    ``preprocessing``, ``labels`` and ``weights`` may be strings, which are paths; ``labels`` may be a
    sequence of names. ``size``, and ``frame`` likewise, is (height, width) or one number for a square.

    Raises InputError for a keyword that is no option.
    """
    given = {name: value for name, value in given.items() if value is not None}
    ready = given.get("preprocessing")
    if isinstance(ready, PreprocessingOptions):
        del given["preprocessing"]
        return OpeningOptions(preprocessing=ready, **_known(given, OpeningOptions))
    if "frame" in given and "size" in given:
        raise InputError("frame and size are two words for the same: give one of them.")
    if "frame" in given or "size" in given:
        size = given.pop("frame", None) or given.pop("size")
        given["height"], given["width"] = (size, size) if isinstance(size, int) else size
    if isinstance(given.get("headers"), str):
        given["headers"] = (given["headers"],)
    if "headers" in given:
        given["headers"] = tuple(given["headers"])
    for name in ("preprocessing", "weights", "labels"):
        if isinstance(given.get(name), str):
            given[name] = Path(given[name])
    for name in ("mean", "std", "labels"):
        if name in given and not isinstance(given[name], Path):
            value = given[name]
            given[name] = (float(value),) * 3 if isinstance(value, (int, float)) else tuple(value)
    about_pixels = {f.name for f in fields(PreprocessingOptions)}
    pixels = {name: value for name, value in given.items() if name in about_pixels}
    rest = {name: value for name, value in given.items() if name not in about_pixels}
    return OpeningOptions(preprocessing=PreprocessingOptions(**pixels), **_known(rest, OpeningOptions))


def _known(given: dict[str, Any], options: type) -> dict[str, Any]:
    names = {f.name for f in fields(options)}
    for name in given:
        if name not in names:
            offered = ", ".join(sorted(names | {f.name for f in fields(PreprocessingOptions)}))
            raise InputError(f"an observer has no option {name!r}; the options are: {offered}.")
    return given
