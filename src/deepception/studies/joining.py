"""Making a run and joining one: the same settings or none, more photographs and observers gladly."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import RunFolderError
from .files import make_folder
from .settings import (
    RUN_NAME,
    Extension,
    PhotographEntry,
    RunSettings,
    check_usable,
    load_settings,
    write_settings,
)

_SHOWN = 5
_LONG = 40
_log = logging.getLogger(__name__)


def create_or_join(folder: str | Path, settings: RunSettings) -> RunSettings:
    """Make a run folder, or join the run in it, and return the run as it now is.

    Joining asks for the same settings, seed and batch size (where both state one). Observers and photographs
    that are new are appended, and recorded as an extension; those that the run has keep their names. A new
    photograph whose name is taken gets the start of its SHA-256 added. The caller owns the folder.

    Raises:
        RunFolderError: The folder holds something else, or a run of other settings (the difference is shown
            field by field), or the same photograph under another class; or it cannot be written.
    """
    folder = Path(folder)
    joined = joined_with(folder, settings)
    if not (folder / RUN_NAME).exists():
        make_folder(folder)
        write_settings(folder, joined)
        return joined
    there = load_settings(folder)
    added = Extension(
        command=settings.command,
        observers=tuple(entry.name for entry in joined.observers[len(there.observers) :]),
        photographs=tuple(entry.name for entry in joined.photographs[len(there.photographs) :]),
    )
    if added.observers or added.photographs:
        joined = joined.model_copy(update={"extensions": (*there.extensions, added)})
    if joined != there:
        write_settings(folder, joined)
    if there.version != settings.version:
        _log.warning("'%s' was made by version %s, and %s goes on.", folder, there.version, settings.version)
    return joined


def joined_with(folder: str | Path, settings: RunSettings) -> RunSettings:
    """The run as ``create_or_join`` would make it, and what that raises; nothing is written."""
    folder = Path(folder)
    check_usable(folder)
    if not (folder / RUN_NAME).exists():
        return _extend(settings.model_copy(update={"observers": (), "photographs": ()}), settings)
    there = load_settings(folder)
    _refuse_other(folder, there, settings)
    joined = _extend(there, settings)
    if joined.batch_size is None:
        joined = joined.model_copy(update={"batch_size": settings.batch_size})
    return joined


def fix_batch_size(folder: str | Path, batch_size: int) -> RunSettings:
    """Store the batch size of a run, once, and return the run. Raises RunFolderError where it has another."""
    return create_or_join(folder, load_settings(folder).model_copy(update={"batch_size": batch_size}))


def difference(there: RunSettings, here: RunSettings) -> list[str]:
    """Each field in which two runs ask for other things, as ``"patch.size: 32 there, 48 here"``, sorted."""
    old = _flatten({**there.settings, "seed": there.seed})
    new = _flatten({**here.settings, "seed": here.seed})
    if there.batch_size is not None and here.batch_size is not None:
        old["batch_size"], new["batch_size"] = str(there.batch_size), str(here.batch_size)
    return [
        f"{name}: {_shown(old, name)} there, {_shown(new, name)} here"
        for name in sorted(old.keys() | new.keys(), key=_place)
        if old.get(name) != new.get(name)
    ]


def _refuse_other(folder: Path, there: RunSettings, here: RunSettings) -> None:
    kinds = [_kind(run.settings) for run in (there, here)]
    if kinds[0] != kinds[1]:
        raise RunFolderError(
            f"'{folder}' holds a run of {kinds[0]}, and this one is of {kinds[1]}: name another folder."
        )
    lines = difference(there, here)
    if there.digest != here.digest and not lines:
        lines = ["their structure differs"]
    if lines:
        more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise RunFolderError(
            f"'{folder}' holds a run of other settings ({'; '.join(lines[:_SHOWN])}{more}): "
            "name another folder, or give the settings of that run."
        )
    known = {entry.sha256: entry for entry in there.photographs}
    for entry in here.photographs:
        before = known.get(entry.sha256, entry)
        if before.label != entry.label:
            raise RunFolderError(
                f"'{folder}' has '{before.name}' as {_class(before.label)}, now it is {_class(entry.label)}: "
                "name another folder, or give the photograph the class that it had."
            )


def _kind(settings: Mapping[str, Any]) -> str:
    """What a run measures, in words."""
    return "a fooling image" if "fooling" in settings else ", ".join(settings.get("properties", ()))


def _extend(there: RunSettings, here: RunSettings) -> RunSettings:
    """Append the observers and photographs that are new."""
    observers = {entry.fingerprint: entry for entry in there.observers}
    for observer in here.observers:
        observers.setdefault(observer.fingerprint, observer)
    photographs = {entry.sha256: entry for entry in there.photographs}
    names = {entry.name for entry in there.photographs}
    asked: dict[str, PhotographEntry] = {}
    for entry in here.photographs:
        _check_twins(asked.setdefault(entry.sha256, entry), entry)
        if entry.sha256 in photographs:
            # The bytes are the photograph; it may have been moved since.
            known = photographs[entry.sha256]
            photographs[entry.sha256] = known.model_copy(update={"path": entry.path})
            continue
        if entry.name in names:
            entry = entry.model_copy(update={"name": f"{entry.name} ({entry.sha256[:8]})"})
        names.add(entry.name)
        photographs[entry.sha256] = entry
    # The settings say which are learned on and which files were brought; only where they lie may change.
    learned = {entry.sha256: entry for entry in here.learning}
    return there.model_copy(
        update={
            "observers": tuple(observers.values()),
            "photographs": tuple(photographs.values()),
            "learning": tuple(learned.get(entry.sha256, entry) for entry in there.learning),
            "files": here.files or there.files,
        }
    )


def _check_twins(first: PhotographEntry, second: PhotographEntry) -> None:
    """The photograph is the unit of inference: the same bytes twice are one photograph, of one class."""
    if first.label != second.label:
        raise RunFolderError(
            f"'{first.name}' and '{second.name}' are the same photograph, as {_class(first.label)} and as "
            f"{_class(second.label)}: leave one of them out."
        )
    if first.name != second.name:
        _log.warning("'%s' and '%s' are the same photograph: it counts once.", first.name, second.name)


def _flatten(value: Mapping[str, Any] | Sequence[Any], prefix: str = "") -> dict[str, str]:
    """Every single value as JSON, under the names and numbers that lead to it."""
    flat: dict[str, str] = {}
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        if isinstance(inner, (Mapping, list, tuple)) and inner:
            flat.update(_flatten(inner, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = json.dumps(inner)
    return flat


def _shown(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name, "nothing")
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _place(name: str) -> tuple[int, list[tuple[bool, int, str]]]:
    """Sort key of a flattened name: what a person sets before what follows, the second before the tenth."""
    parts = name.split(".")
    return len(parts), [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _class(label: int | None) -> str:
    return "of no known class" if label is None else f"class {label}"
