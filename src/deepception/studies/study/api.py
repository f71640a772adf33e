"""A study as one object, for Python and for the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError, ObserverError
from ..engines import BenchMaker, Engine, open_engine
from ..files import make_folder, write_atomically
from ..runner import Listeners
from ..settings import RUN_NAME
from .driver import StudyEnd, conduct
from .preparing import Prepared, Source, prepare
from .tomls import StudyFile, read_study

STUDY_NAME = "study.toml"
"""Name under which a study's folder keeps the file that it was last run with."""


class Study:
    """Observers x photographs x experiments.

    Args:
        observers: Models, or tables as in ``[[observers]]`` of the file.
        photographs: Files, folders, globs, CSVs or addresses; or a table as ``[photographs]``.
        experiments: Tables as in ``[[experiments]]``.
        engine: Its table: ``name``, ``workers`` and ``options``.
        study: Its table: ``name``, ``seed``, ``batch_size`` and ``budget``.

    Raises:
        InputError: Something in it means nothing.
    """

    def __init__(
        self,
        *,
        observers: Sequence[str | Mapping[str, Any]],
        photographs: str | Sequence[str] | Mapping[str, Any],
        experiments: Sequence[Mapping[str, Any]],
        engine: Mapping[str, Any] | None = None,
        study: Mapping[str, Any] | None = None,
    ) -> None:
        from pydantic import ValidationError

        try:
            self._file = StudyFile.model_validate(
                {
                    "study": dict(study or {}),
                    "photographs": dict(photographs)
                    if isinstance(photographs, Mapping)
                    else {"images": photographs},
                    "observers": [{"model": o} if isinstance(o, str) else dict(o) for o in observers],
                    "experiments": [dict(e) for e in experiments],
                    "engine": dict(engine or {}),
                }
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{where}: {first['msg'].lower()}.") from error
        self._source = Source(Path())

    @classmethod
    def read(cls, path: str | Path) -> Study:
        """Read STUDY.toml. Raises InputError, naming the line, for what is wrong in it."""
        made = cls.__new__(cls)
        path = Path(path)
        made._file = read_study(path)
        made._source = Source(path.parent, path, path.read_text(encoding="utf-8"))
        return made

    @property
    def file(self) -> StudyFile:
        """What it asks for."""
        return self._file

    @property
    def name(self) -> str:
        """Its name."""
        path = self._source.path
        return self._file.study.name or (path.stem if path is not None else "study")

    def prepare(self, out: str | Path, command: tuple[str, ...] = (), *, timed: bool = False) -> Prepared:
        """Open the observers, resolve what is measured, and price it; see ``prepare``."""
        refuse_others(Path(out))
        return prepare(self._file, self._source, Path(out), command, timed=timed)

    def run(
        self,
        out: str | Path,
        *,
        prepared: Prepared | None = None,
        listeners: Listeners | None = None,
        on_status: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> StudyEnd:
        """Measure what is not measured yet.

        Args:
            out: The folder of the study; runs are kept below ``runs/``, one for each experiment and observer.
            prepared: What ``prepare`` gave.
            listeners: Who is told what happens, and may end it; what was measured is kept.
            on_status: Is told how far it is.

        Raises:
            DeepceptionError: Nothing can be measured.
        """
        out = Path(out)
        refuse_others(out)
        prepared = prepared or self.prepare(out)
        if not prepared.runs:
            raise next(iter(prepared.lost.values()), ObserverError("the study has no observer."))
        make_folder(out)
        if self._source.path is not None:
            write_atomically(out / STUDY_NAME, self._source.text.encode("utf-8"))
        return conduct(prepared.runs, out, self.engine, listeners=listeners, on_status=on_status)

    def engine(self, make: BenchMaker) -> Engine:
        """Start the engine that the study names."""
        table = self._file.engine
        options = dict(table.options)
        if table.workers is not None:
            options["workers"] = table.workers
        return open_engine(table.name, make, **options)

    def with_engine(self, **changes: Any) -> Study:
        """The same study on another engine; ``name``, ``workers`` and ``options`` that are ``None`` stay."""
        made = type(self).__new__(type(self))
        given = {name: value for name, value in changes.items() if value is not None}
        made._file = self._file.model_copy(update={"engine": self._file.engine.model_copy(update=given)})
        made._source = self._source
        return made


def refuse_others(out: Path) -> None:
    """Raise InputError where a folder holds something else than a study."""
    if (out / RUN_NAME).exists():
        raise InputError(f"'{out}' is the folder of a single run: name another folder for the study.")
    if out.exists() and not out.is_dir():
        raise InputError(f"'{out}' is not a folder: name a folder for the study.")
    names = [p.name for p in out.iterdir() if not p.name.startswith(".")] if out.is_dir() else []
    if names and not {"runs", "photographs", STUDY_NAME} & set(names):
        raise InputError(f"'{out}' is not empty and holds no study: name another folder.")
