"""Makes the dictionary that the package carries, src/deepception/data/dictionary.json.

Without networks it is a seeded draw. With them it is learned: every stencil is shown on some photographs to every
network, and the order covers (network, photograph) pairs, each network weighing the same::

    python scripts/make_dictionary.py --models a.onnx --models b.onnx --photographs FOLDER --queries 20000

FOLDER holds a ``labels.csv``; of its photographs only those whose class index is divisible by 8 are used (the
learning split), and of those only the ones that a network recognises.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import click
import numpy as np

from deepception.deceive.bounds import Area
from deepception.deceive.dictionary import SCHEMA, Dictionary, cover_order, show_stencils
from deepception.deceive.goals import Untargeted
from deepception.deceive.stencils import Stencil, draw_stencil
from deepception.observers import open_observer
from deepception.properties.streams import stream
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph

TARGET = Path(__file__).resolve().parents[1] / "src" / "deepception" / "data" / "dictionary.json"
AREAS = (0.01, 0.02, 0.05, 0.1, 0.2)


def draw(area: float, count: int, seed: int) -> list[Stencil]:
    """Random stencils for one area."""
    rng = stream(seed, "dictionary", str(area))
    return [draw_stencil(rng, area) for _ in range(count)]


def photographs(folder: Path, count: int, seed: int) -> list[tuple[int, Path]]:
    """Class index and file of learning photographs, in a seeded order."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [(int(row["index"]), folder / row["file"]) for row in csv.DictReader(file)]
    rows = sorted(row for row in rows if row[0] % 8 == 0)
    order = stream(seed, "learning photographs").permutation(len(rows))[:count]
    return [rows[index] for index in order]


def learn(
    model: Path, area: float, stencils: list[Stencil], chosen: list[tuple[int, Path]], threads: int
) -> tuple[np.ndarray, int]:
    """What each stencil reaches on the photographs that one network recognises, and the queries it took."""
    observer = open_observer(str(model), threads=threads)
    with Session(observer) as session:
        frames = np.stack([fit_frame(load_photograph(path), observer.frame) for _, path in chosen])
        labels = np.array([index for index, _ in chosen])
        correct = session.ask_images(frames, np.array([0]), purpose="clean").top[:, 0] == labels
        goals = [Untargeted(int(label)) for label in labels[correct]]
        reached = show_stencils(session, frames[correct], goals, Area(area), stencils)
        queries = session.queries
    observer.close()
    return reached, queries


@click.command(help=__doc__)
@click.option(
    "--models", multiple=True, type=click.Path(exists=True, path_type=Path), help="Networks to learn on."
)
@click.option(
    "--photographs", "folder", type=click.Path(exists=True, path_type=Path), help="Folder with labels.csv."
)
@click.option("--count", default=40, show_default=True, help="Learning photographs.")
@click.option("--stencils", default=200, show_default=True, help="Stencils drawn for an area.")
@click.option("--length", default=100, show_default=True, help="Stencils kept for an area.")
@click.option("--areas", default=",".join(map(str, AREAS)), show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=TARGET)
def main(
    models: tuple[Path, ...],
    folder: Path | None,
    count: int,
    stencils: int,
    length: int,
    areas: str,
    seed: int,
    threads: int,
    out: Path,
) -> None:
    """See the module."""
    if bool(models) != (folder is not None):
        raise click.UsageError("give --models and --photographs together, or neither.")
    made = {}
    for area in map(float, areas.split(",")):
        if folder is None:
            chosen = draw(area, length, seed)
            made[str(area)] = Dictionary(tuple(chosen), {"drawn": length, "seed": seed}).to_json()
            continue
        candidates, rows = draw(area, stencils, seed), photographs(folder, count, seed)
        parts = [learn(model, area, candidates, rows, threads) for model in models]
        reached = np.concatenate([part for part, _ in parts], axis=1)
        weights = np.concatenate([np.full(part.shape[1], 1 / part.shape[1]) for part, _ in parts])
        order = cover_order(reached, length, weights)
        learned = {
            "observers": [model.stem for model in models],
            "area": area,
            "photographs": count,
            "shown": stencils,
            "queries": sum(queries for _, queries in parts),
            "seed": seed,
        }
        made[str(area)] = Dictionary(tuple(candidates[index] for index in order), learned).to_json()
        rates = reached[order].mean(axis=1)
        click.echo(
            f"area {area:g}: first {rates[0]:.2f}, any of {len(order)} {reached[order].any(0).mean():.2f}",
            err=True,
        )
    out.write_text(json.dumps({"schema": SCHEMA, "areas": made}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
