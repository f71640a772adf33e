"""Files for people, made again from the stored units at the end of each run: pictures, and what was learned."""

from __future__ import annotations

import io
from pathlib import Path

from ..stimuli import save_stimulus
from .assembling import Finished, lesson_of
from .files import make_folder, write_atomically
from .planning.measuring import file_names, result_of


def write_outputs(folder: Path, finished: Finished) -> list[Path]:
    """Write the pictures of all results, and the files of all lessons, into a run folder.

    Returns the files, whether they had to be written or were there already. Raises RunFolderError where the disk
    is full or cannot be written.
    """
    made: list[Path] = []
    names = file_names(finished.plan.photographs)
    for experiment in finished.plan.experiments:
        lesson = lesson_of(finished, experiment)
        if experiment.learning is not None and lesson is not None:
            for name, content in experiment.learning.files(lesson).items():
                made.append(put(folder / name, content))
        if not experiment.pictures:
            continue
        for sha256, units in finished.measures.of_photograph.items():
            unit_hash = units.get(experiment.name)
            if unit_hash is None or not finished.store.has(unit_hash):
                continue
            result = result_of(experiment.result, finished.store.load(unit_hash))
            path = folder / experiment.pictures / names[sha256]
            pixels, kept = experiment.picture(result), experiment.kept(result)
            if pixels is not None:
                file = io.BytesIO()
                save_stimulus(file, pixels)
                made.append(put(path.with_name(f"{path.name}.png"), file.getvalue()))
            if kept:
                made.append(put(path.with_name(f"{path.name}.npz"), kept))
    return made


def put(path: Path, content: bytes) -> Path:
    """Write a file, unless it is there with the same content."""
    make_folder(path.parent)
    try:
        same = path.read_bytes() == content
    except OSError:  # it is missing, or cannot be read and is then replaced
        same = False
    if not same:
        write_atomically(path, content)
    return path
