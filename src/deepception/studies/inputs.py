"""IMAGES: from files, folders, globs and CSVs to a list of photographs. No photograph is opened here."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from ..errors import InputError
from ..observers import check_agreement, resolve_label
from .label_files import LABELS_NAME, Label, Said, read_label_file
from .walking import natural, walk

_log = logging.getLogger(__name__)

# Pillow lists these among what it opens, but they hold no photograph, or need an outside program or handler.
_NO_PHOTOGRAPHS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


@dataclass(frozen=True)
class PhotographRef:
    """Where a photograph is, and what is known of its class.

    Attributes:
        path: Absolute path; the file may turn out to be missing or no photograph when it is opened.
        name: Path relative to the folder that all photographs share, with ``/``; unique among them.
        label: Index of the class, or its name as it was written, or ``None`` where nothing is said.
        beside: The name that a table gives beside an index.
        where: Where the class is said, such as ``"'photos.csv', line 3"``; empty where that is not known.
    """

    path: Path
    name: str
    label: Label | None = None
    beside: str | None = None
    where: str = ""


def class_of(photograph: PhotographRef, labels: Sequence[str]) -> int | None:
    """Index of a photograph's class among an observer's labels; ``None`` where nothing is said of it.

    Raises InputError, naming file and line where they are known, where no class or more than one is meant.
    """
    if photograph.label is None:
        return None
    try:
        index = resolve_label(photograph.label, labels)
        if photograph.beside is not None:
            index = check_agreement(index, photograph.beside, labels)
    except InputError as error:
        if not photograph.where:
            raise
        raise InputError(f"{photograph.where}: {error}") from error
    return index


def find_photographs(
    images: Sequence[str | Path] | str | Path, *, label: Label | None = None, where: str = "--label"
) -> list[PhotographRef]:
    """Find the photographs that IMAGES names, each once, in the order given, folders in natural order.

    A folder gives the files in it and in its subfolders that have a suffix of Pillow's photograph formats
    (hidden ones are skipped, loops of symbolic links are survived), a glob the same of what it matches. A
    file is taken whatever its suffix. A CSV gives the files that its column ``file`` names, relative to it.
    Classes come from the columns ``index``, ``label`` or ``name`` of that CSV, or of a ``labels.csv`` in the
    photograph's folder or the nearest one above it, within the folder given. Rows of it
    whose files are not there are left out, with a warning.

    Args:
        images: One path or glob, or several.
        label: Class of all the photographs, whatever the files say.
        where: Where ``label`` is said, for an error about it.

    Raises:
        InputError: Nothing is found under one of the names, a CSV cannot be read, or one photograph is given
            two classes.
    """
    named = [images] if isinstance(images, str | Path) else list(images)
    if not named:
        raise InputError("No photographs were named: give files, folders, globs or a CSV.")
    finder = _Finder()
    for name in named:
        finder.add(os.path.expanduser(os.fspath(name)))
    found = list(finder.found.values())
    if label is not None:
        found = [(path, Said(label, None, where)) for path, _ in found]
    elif finder.missed:
        _log.warning(
            "%d of %d photographs have no row in their %s: their class is what the observer answers.",
            len(finder.missed),
            len(found),
            LABELS_NAME,
        )
    return _name(found)


@cache
def photograph_suffixes() -> frozenset[str]:
    """Suffixes, lower case with the dot, of the photograph formats that Pillow reads."""
    from PIL import Image

    suffixes = Image.registered_extensions()
    return frozenset(
        suffix.lower()
        for suffix, kind in suffixes.items()
        if kind in Image.OPEN and kind not in _NO_PHOTOGRAPHS
    )


class _Finder:
    """Collects photographs by their real path, so that none is there twice."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Path, Said]] = {}
        self.missed: set[str] = set()
        self._tables: dict[Path, dict[str, Said] | None] = {}

    def add(self, name: str) -> None:
        path = Path(os.path.abspath(name))
        if os.path.lexists(path):
            self._add_existing(path, name)
        elif glob.has_magic(name):
            self._add_matches(name)
        else:
            raise InputError(f"There is no file or folder '{name}'.")

    def _add_existing(self, path: Path, name: str) -> None:
        if path.is_dir():
            files = [file for file in walk(path) if _is_photograph(file)]
            if not files:
                raise InputError(
                    f"The folder '{name}' holds no photographs (.jpg, .png, …), nor do its subfolders."
                )
            self._add_files(files, path)
            self._warn_of_missing(path)
        elif path.suffix.lower() == ".csv":
            for file, said in read_label_file(path).items():
                self._add(Path(file), said)
        elif path.exists() and not path.is_file():
            raise InputError(f"'{name}' is neither a file nor a folder.")
        else:
            self._add_files([path], path.parent)

    def _add_matches(self, pattern: str) -> None:
        found: list[tuple[Path, Path]] = []
        for match, top in _matches(pattern):
            if match.is_dir():
                found.extend((file, match) for file in walk(match) if _is_photograph(file))
            elif _is_photograph(match):
                found.append((match, top))
        if not found:
            raise InputError(f"No photograph matches '{pattern}'.")
        for file, top in found:
            self._add_files([file], top)

    def _add_files(self, files: Iterable[Path], top: Path) -> None:
        for file in files:
            table = self._nearest_table(file.parent, top)
            self._add(file, Said() if table is None else table.get(str(file), Said()))
            real = os.path.realpath(file)
            if table is not None and self.found[real][1].label is None:
                self.missed.add(real)

    def _warn_of_missing(self, top: Path) -> None:
        """Tell what a labels.csv in a folder names and is not there, as in a part of a larger folder."""
        for folder, table in self._tables.items():
            if table is None or not folder.is_relative_to(top) or not (folder / LABELS_NAME).is_file():
                continue
            gone = [file for file in table if not os.path.lexists(file) and Path(file).is_relative_to(top)]
            if gone:
                _log.warning(
                    "%d of %d rows of %s name files that are not there, %s first: they are left out.",
                    len(gone),
                    len(table),
                    folder / LABELS_NAME,
                    gone[0],
                )

    def _nearest_table(self, folder: Path, top: Path) -> dict[str, Said] | None:
        """The labels.csv of a folder, or of the nearest one above it up to ``top``."""
        if folder not in self._tables:
            file = folder / LABELS_NAME
            if file.is_file():
                self._tables[folder] = read_label_file(file)
            elif folder == top or top not in folder.parents:
                self._tables[folder] = None
            else:
                self._tables[folder] = self._nearest_table(folder.parent, top)
        return self._tables[folder]

    def _add(self, path: Path, said: Said) -> None:
        real = os.path.realpath(path)
        first, known = self.found.setdefault(real, (path, said))
        if said.label is None or known.label == said.label:
            return
        if known.label is not None:
            raise InputError(
                f"'{path}' is given two classes, {known.label!r} and {said.label!r}: leave one of them out."
            )
        self.found[real] = (first, said)
        self.missed.discard(real)


def _matches(pattern: str) -> list[tuple[Path, Path]]:
    """What a glob matches, in natural order, each with the folder above which no labels.csv counts."""
    parts = pattern.replace(os.sep, "/").split("/")
    if "**" not in parts:
        paths = sorted((Path(os.path.abspath(match)) for match in glob.glob(pattern)), key=natural)
        return [(path, path.parent) for path in paths]
    # glob would go round loops of links until the paths are too long: walk, and match the ends of the paths.
    place = parts.index("**")
    base, tail = "/".join(parts[:place]), [part or "*" for part in parts[place + 1 :]] or ["*"]
    if glob.has_magic(base) or "**" in tail:
        raise InputError(f"'{pattern}' is too intricate: use '**' once, and no other wildcards before it.")
    top = Path(os.path.abspath(base or ("/" if place else ".")))
    if not top.is_dir():
        return []
    return [(file, top) for file in walk(top) if _ends_like(file.relative_to(top).parts, tail)]


def _ends_like(inside: tuple[str, ...], tail: list[str]) -> bool:
    return len(inside) >= len(tail) and all(map(fnmatch, inside[-len(tail) :], tail))


def _is_photograph(path: Path) -> bool:
    # A link that leads nowhere stays: that it cannot be opened is told when its turn comes.
    return path.suffix.lower() in photograph_suffixes() and (path.is_file() or path.is_symlink())


def _name(found: Sequence[tuple[Path, Said]]) -> list[PhotographRef]:
    root = os.path.commonpath([path.parent for path, _ in found]) if found else ""
    names: set[str] = set()
    named = []
    for path, said in found:
        plain = path.relative_to(root).as_posix().encode("utf-8", "replace").decode("utf-8")
        name, number = plain, 1
        while name in names:
            number += 1
            name = f"{plain} ({number})"
        names.add(name)
        named.append(PhotographRef(path, name, said.label, said.name, said.where))
    return named
