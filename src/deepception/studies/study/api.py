"""A study as one object, for Python and for the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError, ObserverError
from ..engines import BenchMaker, Engine, check_engine, open_engine
from ..engines.unguarded import end_if_worker_to_be
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
        self._other_engine = False

    @classmethod
    def read(cls, path: str | Path) -> Study:
        """Read STUDY.toml. Raises InputError, naming the line, for what is wrong in it."""
        made = cls.__new__(cls)
        path = Path(path)
        made._file = read_study(path)
        made._source = Source(path.parent, path, path.read_text(encoding="utf-8"))
        made._other_engine = False
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
        """Look whether the engine is there, open the observers, resolve what is measured, and price it.

        See ``prepare``.
        """
        end_if_worker_to_be()  # before it opens observers
        refuse_others(Path(out))
        self._check_engine()
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
            InputError: It is run by a script that starts workers while it is imported.
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
        about = {
            "name": self.name,
            "command": prepared.runs[0].settings.command,
            "lost": {name: str(error) for name, error in prepared.lost.items()},
        }
        end = conduct(prepared.runs, out, self.engine, listeners=listeners, on_status=on_status, about=about)
        if isinstance(end.stopped, InputError):
            raise end.stopped
        return end

    def engine(self, make: BenchMaker) -> Engine:
        """Start the engine that the study names."""
        return open_engine(self._file.engine.name, make, **self._engine_options())

    def _engine_options(self) -> dict[str, Any]:
        table = self._file.engine
        return dict(table.options) | ({} if table.workers is None else {"workers": table.workers})

    def _check_engine(self) -> None:
        try:
            check_engine(self._file.engine.name, **self._engine_options())
        except InputError as error:
            if self._other_engine:  # than the file's: what is wrong stands in none of its lines
                raise
            raise self._source.wrong(["engine"], str(error)) from error

    def with_engine(self, **changes: Any) -> Study:
        """The same study on another engine; ``name``, ``workers`` and ``options`` that are ``None`` stay."""
        made = type(self).__new__(type(self))
        given = {name: value for name, value in changes.items() if value is not None}
        made._file = self._file.model_copy(update={"engine": self._file.engine.model_copy(update=given)})
        made._source = self._source
        made._other_engine = self._other_engine or bool(given)
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
