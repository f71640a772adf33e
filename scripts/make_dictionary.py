"""Makes the dictionary that the package carries, src/deepception/data/dictionary.json.

The same seeded draw of stencils is shown on the same photographs to every network; the package orders them when it
is asked, without the network at hand::

    python scripts/make_dictionary.py --models a.onnx --models b.onnx --photographs FOLDER --work FOLDER

FOLDER holds a ``labels.csv``; of its photographs only those whose class index is divisible by 8 are used (the
learning split), and of those only the ones that a network recognises. What one network answered for one area is
kept in the work folder, and not asked again; the file is written from all that is there.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import click
import numpy as np

from deepception.deceive.bounds import Area
from deepception.deceive.builtin import Shelf, Witness, shelves_from_json, shelves_to_json
from deepception.deceive.dictionary import DIGITS, show_stencils
from deepception.deceive.goals import Untargeted
from deepception.deceive.stencils import Stencil, draw_stencil
from deepception.observers import open_observer
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph

TARGET = Path(__file__).resolve().parents[1] / "src" / "deepception" / "data" / "dictionary.json"
AREAS = (0.05, 0.02, 0.1)


TWIN = "Two files of the same network: what one answered is left out for the other, too."


def with_twins(models: tuple[str, ...], twins: tuple[tuple[Path, Path], ...]) -> tuple[str, ...]:
    """Digests of a network's files, those of its twins added."""
    pairs = [{hashlib.sha256(path.read_bytes()).hexdigest() for path in pair} for pair in twins]
    return tuple(sorted(set(models).union(*(pair for pair in pairs if pair & set(models)))))


def draw(area: float, count: int, seed: int) -> tuple[Stencil, ...]:
    """Random stencils for one area."""
    rng = stream(seed, "dictionary", str(area))
    return tuple(draw_stencil(rng, area) for _ in range(count))


def photographs(folder: Path, count: int, seed: int) -> list[tuple[int, Path]]:
    """Class index and file of learning photographs, in a seeded order."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [(int(row["index"]), folder / row["file"]) for row in csv.DictReader(file)]
    rows = sorted(row for row in rows if row[0] % 8 == 0)
    order = stream(seed, "learning photographs").permutation(len(rows))[:count]
    return [rows[index] for index in order]


def digits_of(rows: list[tuple[int, Path]]) -> list[str]:
    """What the SHA-256 of photographs begin with: those that were learned on are in no figure."""
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS] for _, path in rows)


def ask(
    model: Path, area: float, stencils: tuple[Stencil, ...], chosen: list[tuple[int, Path]], threads: int
) -> Witness:
    """What each stencil reaches on the photographs that one network recognises."""
    observer = open_observer(str(model), threads=threads)
    with Session(observer) as session:
        frames = np.stack([fit_frame(load_photograph(path), observer.frame) for _, path in chosen])
        labels = np.array([index for index, _ in chosen])
        correct = session.ask_images(frames, np.array([0]), purpose="clean").top[:, 0] == labels
        goals = [Untargeted(int(label)) for label in labels[correct]]
        reached = show_stencils(session, frames[correct], goals, Area(area), stencils)
        witness = Witness((str(observer.identity["sha256"]),), model.stem, session.queries, reached)
    observer.close()
    return witness


@click.command(help=__doc__)
@click.option("--models", multiple=True, type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--photographs", "folder", type=click.Path(exists=True, path_type=Path), required=True)
@click.option(
    "--twin", "twins", nargs=2, multiple=True, type=click.Path(exists=True, path_type=Path), help=TWIN
)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for what is finished.")
@click.option("--count", default=40, show_default=True, help="Learning photographs.")
@click.option("--stencils", default=160, show_default=True, help="Stencils drawn for an area.")
@click.option("--areas", default=",".join(map(str, AREAS)), show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=TARGET)
def main(
    models: tuple[Path, ...],
    folder: Path,
    twins: tuple[tuple[Path, Path], ...],
    work: Path,
    count: int,
    stencils: int,
    areas: str,
    seed: int,
    threads: int,
    out: Path,
) -> None:
    """See the module."""
    work.mkdir(parents=True, exist_ok=True)
    rows = photographs(folder, count, seed)
    drawn = {float(area): draw(float(area), stencils, seed) for area in areas.split(",")}
    found: dict[float, list[Witness]] = {area: [] for area in drawn}
    for model in models:
        for area, candidates in drawn.items():
            kept = work / f"{model.stem}-{area:g}-{stencils}-{count}-{seed}.json"
            if not kept.exists():
                shelf = Shelf(candidates, (ask(model, area, candidates, rows, threads),))
                kept.write_text(json.dumps(shelves_to_json({area: shelf})), encoding="utf-8")
            witness = shelves_from_json(json.loads(kept.read_text(encoding="utf-8")))[area].witnesses[0]
            witness = witness._replace(models=with_twins(witness.models, twins))
            found[area].append(witness)
            rates = witness.reached.mean(axis=1)
            click.echo(
                f"{model.stem} at {area:g}: best {rates.max():.2f}, mean {rates.mean():.2f}, "
                f"any {witness.reached.any(axis=0).mean():.2f}, {witness.queries:,} queries",
                err=True,
            )
        shelves = {area: Shelf(drawn[area], tuple(found[area])) for area in drawn}
        out.write_text(json.dumps(shelves_to_json(shelves, digits_of(rows))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
