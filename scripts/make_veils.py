"""Makes the bank of veils that the package carries, src/deepception/data/veils.json.

Each network in turn learns a universal veil by queries alone, starting from those of the networks before it; a
second round starts from those of all the others. The bank's order covers (network, photograph) pairs::

    python scripts/make_veils.py --models a.onnx --models b.onnx --photographs FOLDER --queries 20000

FOLDER holds a ``labels.csv``; only photographs whose class index is divisible by 8 are used (the learning split).
Each network's finished veil is kept beside the bank's file as NAME.veil.json, and not learned again.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from make_dictionary import TWIN, photographs, with_twins

from deepception.deceive.bounds import Linf
from deepception.deceive.dictionary import cover_order
from deepception.deceive.learning import STAGES, Learned, learn_stage
from deepception.deceive.parameters import DeceptionParameters
from deepception.deceive.tiles import VeilTiles
from deepception.deceive.veil_bank import BankedVeil, bank_to_json, veils_from_json
from deepception.observers import open_observer
from deepception.properties import Subject
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph

TARGET = Path(__file__).resolve().parents[1] / "src" / "deepception" / "data" / "veils.json"
LINF = "10/255"


def learn(model: Path, rows: list[tuple[int, Path]], queries: int, seed: int, threads: int) -> BankedVeil:
    """The veil that one network teaches, warm-started from the bank as it is."""
    observer = open_observer(str(model), threads=threads)
    parameters = DeceptionParameters(linf=LINF, universal=True, learn_queries=queries)
    with Session(observer) as session:
        subjects = [
            Subject(fit_frame(load_photograph(path), observer.frame), index, path.name, path.name)
            for index, path in rows
        ]
        frames = np.stack([subject.pixels for subject in subjects])
        tops = session.ask_images(frames, np.array([0]), purpose="clean").top[:, 0].tolist()
        learned: Learned | None = None
        for stage in range(STAGES):
            learned = learn_stage(session, subjects, tops, parameters, learned, stage, seed)
            click.echo(f"{model.stem}: {learned.spent:,} queries", err=True)
        assert learned is not None
        tile = learned.tile(parameters.bound)
    observer.close()
    return BankedVeil(tile, (str(observer.identity["sha256"]),), model.stem)


def reached(model: Path, rows: list[tuple[int, Path]], veils: list[BankedVeil], threads: int) -> np.ndarray:
    """Where each veil deceives one network, bool [veils, photographs]; a veil learned on it counts nothing."""
    observer = open_observer(str(model), threads=threads)
    tiles = VeilTiles(Linf(10 / 255))
    with Session(observer) as session:
        frames = np.stack([fit_frame(load_photograph(path), observer.frame) for _, path in rows])
        tops = session.ask_images(frames, np.array([0])).top[:, 0]
        made = []
        for veil in veils:
            pattern = tiles.pattern(veil.tile, observer.frame)
            shown = np.stack([pattern.apply_to(frame) for frame in frames])
            changed = session.ask_images(shown, np.array([0])).top[:, 0] != tops
            made.append(changed & (observer.identity["sha256"] not in veil.models))
            click.echo(f"{veil.observer} on {model.stem}: {changed.mean():.2f}", err=True)
    observer.close()
    return np.stack(made)


@click.command(help=__doc__)
@click.option("--models", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--photographs", "folder", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--queries", default=20_000, show_default=True, help="Learning queries of each network.")
@click.option("--rounds", default=2, show_default=True)
@click.option("--count", default=125, show_default=True, help="Learning photographs.")
@click.option("--cover", default=40, show_default=True, help="Photographs that decide the order.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option(
    "--twin", "twins", nargs=2, multiple=True, type=click.Path(exists=True, path_type=Path), help=TWIN
)
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Folder for what is finished.")
@click.option("--out", type=click.Path(path_type=Path), default=TARGET)
def main(
    models: tuple[Path, ...],
    folder: Path,
    twins: tuple[tuple[Path, Path], ...],
    queries: int,
    rounds: int,
    count: int,
    cover: int,
    seed: int,
    threads: int,
    work: Path,
    out: Path,
) -> None:
    """See the module."""
    from deepception.deceive import veil_bank

    work.mkdir(parents=True, exist_ok=True)
    rows = photographs(folder, count, seed)
    made: dict[str, BankedVeil] = {}
    for turn in range(rounds):
        for model in models:
            kept = work / f"{turn}-{model.stem}.json"
            if not kept.exists():
                others = [veil for name, veil in made.items() if name.split("/")[1] != model.stem]
                out.write_text(json.dumps(bank_to_json(others)) + "\n", encoding="utf-8")
                veil_bank._bank.cache_clear()
                veil = learn(model, rows, queries, seed + turn, threads)
                kept.write_text(json.dumps(bank_to_json([veil])), encoding="utf-8")
            veil = veils_from_json(json.loads(kept.read_text(encoding="utf-8")))[0]
            made[f"{turn}/{model.stem}"] = veil._replace(models=with_twins(veil.models, twins))
    veils = list(made.values())
    parts = [reached(model, rows[:cover], veils, threads) for model in models]
    order = cover_order(np.concatenate(parts, axis=1), len(veils))
    out.write_text(json.dumps(bank_to_json([veils[i] for i in order])) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
