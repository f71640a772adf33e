r"""Makes the bank of veils that the package carries, src/deepception/data/veils.json.

Each group of networks learns one universal veil together, by queries alone and from nothing. For a network at hand
those count that were learned without it, so groups are chosen to leave every network some. The bank's order covers
(network, photograph) pairs::

    python scripts/make_veils.py --models a.onnx --models b.onnx --models c.onnx --photographs FOLDER \
        --group a,b --group c:80000 --queries 60000 --work DIR

FOLDER holds a ``labels.csv``; only photographs whose class index is divisible by 8 are used (the learning split).
A group that is finished, or has finished some legs, is kept in DIR and not learned again.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from make_dictionary import TWIN, digits_of, photographs, with_twins

from deepception.deceive.bounds import Linf
from deepception.deceive.dictionary import cover_order
from deepception.deceive.goals import Untargeted
from deepception.deceive.tiles import VeilTiles
from deepception.deceive.together import Teacher, learn_together
from deepception.deceive.veil_bank import BankedVeil, bank_to_json, veils_from_json
from deepception.observers import open_observer
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph

TARGET = Path(__file__).resolve().parents[1] / "src" / "deepception" / "data" / "veils.json"
BOUND = Linf(10 / 255)


def teacher(model: Path, rows: list[tuple[int, Path]], threads: int) -> Teacher:
    """One network with its learning photographs, each attacked from its clean answer."""
    observer = open_observer(str(model), threads=threads)
    session = Session(observer)
    frames = np.stack([fit_frame(load_photograph(path), observer.frame) for _, path in rows])
    tops = session.ask_images(frames, np.array([0]), purpose="clean").top[:, 0].tolist()
    goals = [Untargeted(top, index) for top, (index, _) in zip(tops, rows, strict=True)]
    return Teacher(session, frames, goals)


def learn(
    models: list[Path], rows: list[tuple[int, Path]], queries: int, seed: int, threads: int, kept: Path
) -> BankedVeil:
    """The veil that a group of networks teaches together."""
    teachers = [teacher(model, rows, threads) for model in models]
    texture, spent = learn_together(teachers, BOUND, queries, seed, kept=kept)
    observers = [each.session.observer for each in teachers]
    click.echo(f"{', '.join(o.name for o in observers)}: {spent:,} queries", err=True)
    models = tuple(str(o.identity["sha256"]) for o in observers)
    return BankedVeil(texture, models, tuple(o.name for o in observers), spent)


def reached(model: Path, rows: list[tuple[int, Path]], veils: list[BankedVeil], threads: int) -> np.ndarray:
    """Where each veil deceives one network, bool [veils, photographs]; one learned on it counts nothing."""
    each = teacher(model, rows, threads)
    observer, tiles = each.session.observer, VeilTiles(BOUND)
    made = []
    for veil in veils:
        pattern = tiles.pattern(veil.texture, observer.frame)
        shown = np.stack([pattern.apply_to(frame) for frame in each.frames])
        answers = each.session.ask_images(shown, np.array([0])).top[:, 0]
        changed = np.array([goal.reached(answers[i : i + 1])[0] for i, goal in enumerate(each.goals)])
        own = observer.identity["sha256"] in veil.models
        made.append(changed & (not own))
        whose = ", its own" if own else ""
        click.echo(f"{'+'.join(veil.observers)} on {model.stem}: {changed.mean():.2f}{whose}", err=True)
    return np.stack(made)


@click.command(help=__doc__)
@click.option("--models", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--photographs", "folder", required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--group", "groups", multiple=True, required=True, help="Names of models, with commas; :QUERIES."
)
@click.option(
    "--queries", default=60_000, show_default=True, help="Learning queries of a group that names none."
)
@click.option("--count", default=125, show_default=True, help="Learning photographs.")
@click.option("--cover", default=60, show_default=True, help="Photographs that decide the order.")
@click.option(
    "--seed", "seeds", default=(0,), multiple=True, show_default=True, help="One veil a group each."
)
@click.option("--threads", default=1, show_default=True)
@click.option(
    "--twin", "twins", nargs=2, multiple=True, type=click.Path(exists=True, path_type=Path), help=TWIN
)
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Folder for what is finished.")
@click.option("--out", type=click.Path(path_type=Path), default=TARGET)
@click.option("--learn-only", is_flag=True, help="Learn the groups, and write no bank.")
def main(
    models: tuple[Path, ...],
    folder: Path,
    groups: tuple[str, ...],
    queries: int,
    count: int,
    cover: int,
    seeds: tuple[int, ...],
    threads: int,
    twins: tuple[tuple[Path, Path], ...],
    work: Path,
    out: Path,
    learn_only: bool,
) -> None:
    """See the module."""
    work.mkdir(parents=True, exist_ok=True)
    by_name = {model.stem: model for model in models}
    rows = photographs(folder, count, 0)
    veils = []
    for group in groups:
        names, _, own = group.partition(":")
        for seed in seeds:
            name = f"{names.replace(',', '+')}-{own or queries}-{count}-{seed}"
            kept = work / f"{name}.json"
            if not kept.exists():
                chosen = [by_name[model] for model in names.split(",")]
                veil = learn(chosen, rows, int(own or queries), seed, threads, work / f"{name}.part.json")
                kept.write_text(json.dumps(bank_to_json([veil])), encoding="utf-8")
            veil = veils_from_json(json.loads(kept.read_text(encoding="utf-8")))[0]
            veils.append(veil._replace(models=with_twins(veil.models, twins)))
    if learn_only:
        return
    parts = [reached(model, rows[:cover], veils, threads) for model in models]
    order = cover_order(np.concatenate(parts, axis=1), len(veils))
    bank = bank_to_json([veils[i] for i in order], digits_of(rows))
    out.write_text(json.dumps(bank) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
