"""``run.json``: the resolved settings of a run, and the observers and photographs that it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ..errors import RunFolderError
from .canonical import digest
from .files import folder_error, write_atomically

RUN_FORMAT = 1
"""Version of the layout of ``run.json``."""

RUN_NAME = "run.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        # File names that are not UTF-8 reach Python as lone surrogates, which no text file can hold.
        return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


class ObserverEntry(_Strict):
    """One observer of a run.

    Attributes:
        name: Its name.
        spec: What opens it.
        fingerprint: What tells it from others.
        identity: What the fingerprint is of.
        assumed: Sentences about what nothing said when it was opened, and was assumed.
        level: Its answer level; empty in runs that are older than this field.
        resolution: The step of its probabilities, where it says one; else 0.
    """

    name: str
    spec: str
    fingerprint: str
    identity: dict[str, Any] = {}
    assumed: tuple[str, ...] = ()
    level: str = ""
    resolution: float = 0.0


class PhotographEntry(_Strict):
    """One photograph of a run: name (unique in the run), path, SHA-256 of its bytes, and class if known."""

    name: str
    path: str
    sha256: str
    label: int | None = None


class FileEntry(_Strict):
    """A file that a run was brought: where it lay, and the SHA-256 of its bytes."""

    path: str
    sha256: str


class Extension(_Strict):
    """What a later command added to a run: the command line, and names of observers and photographs."""

    command: tuple[str, ...] = ()
    observers: tuple[str, ...] = ()
    photographs: tuple[str, ...] = ()


class RunSettings(_Strict):
    """What a run is about; written once, only ever extended.

    Attributes:
        format: Version of this layout.
        version: Version of deepception that made the run.
        settings: Resolved settings, plain JSON; they decide what is measured and are never changed.
        seed: Seed of the run.
        batch_size: Rows of a batch, chosen once for the run; ``None`` until then.
        observers: Observers, append-only, one for each fingerprint.
        photographs: Photographs, append-only, one for each SHA-256.
        learning: Photographs that are learned on, none of them among the others; never changed.
        files: Files that were brought; which they are the settings say.
        command: The command line that made the run.
        extensions: What was added later, in order.
    """

    format: int = RUN_FORMAT
    version: str
    settings: dict[str, Any]
    seed: int
    batch_size: int | None = None
    observers: tuple[ObserverEntry, ...] = ()
    photographs: tuple[PhotographEntry, ...] = ()
    learning: tuple[PhotographEntry, ...] = ()
    files: tuple[FileEntry, ...] = ()
    command: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the settings and the seed: runs of equal digests may be joined."""
        return digest({"settings": self.settings, "seed": self.seed})


def check_usable(folder: str | Path) -> None:
    """Raise RunFolderError where a path is no run folder and cannot become one, being a file or not empty."""
    folder = Path(folder)
    try:
        if not folder.exists() and not folder.is_symlink():
            return
        if not folder.is_dir():
            raise RunFolderError(f"'{folder}' is not a folder: name a folder for the run.")
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise folder_error(folder, error) from error
    # Hidden files are our lock, our leftovers, or the file manager's.
    if RUN_NAME not in names and any(not name.startswith(".") for name in names):
        raise RunFolderError(
            f"'{folder}' is not empty and holds no run: name another folder, so that nothing gets mixed up."
        )


def load_settings(folder: str | Path) -> RunSettings:
    """Read ``run.json``. Raises RunFolderError where it is missing, damaged, or newer than this version."""
    path = Path(folder) / RUN_NAME
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise RunFolderError(
            f"'{folder}' is not a run folder (it has no {RUN_NAME}): name the folder of a run."
        ) from None
    except OSError as error:
        raise folder_error(Path(folder), error) from error
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise _damaged(folder, "it is cut short or altered") from error
    if not isinstance(fields, dict):
        raise _damaged(folder, "it holds no settings")
    if isinstance(fields.get("format"), int) and fields["format"] > RUN_FORMAT:
        raise RunFolderError(
            f"'{folder}' was made by a newer version of deepception ({fields.get('version')}): "
            "update deepception or name another folder."
        )
    stated = fields.pop("digest", None)
    try:
        settings = RunSettings.model_validate(fields)
        sound = stated == settings.digest
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _damaged(folder, f"{where}: {first['msg'].lower()}") from error
    except ValueError as error:
        raise _damaged(folder, str(error)) from error
    if not sound:
        raise _damaged(folder, "its settings are not those that were written")
    return settings


def write_settings(folder: Path, settings: RunSettings) -> None:
    """Write ``run.json``, whole or not at all. Raises RunFolderError where it cannot be written."""
    fields = {"digest": settings.digest, **settings.model_dump()}
    text = json.dumps(fields, indent=1, allow_nan=False) + "\n"
    write_atomically(folder / RUN_NAME, text.encode("ascii"))


def _damaged(folder: str | Path, reason: str) -> RunFolderError:
    return RunFolderError(
        f"{RUN_NAME} in '{folder}' is damaged ({reason}): restore that file or name another folder."
    )
