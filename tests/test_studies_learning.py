"""Learning in a run: photographs apart from the measured ones, stages that are kept, a lesson that all get."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import deepception as dc
from command_line import environment
from deepception.deceive import Deception, DeceptionParameters, load_dictionary, load_pattern
from deepception.deceive.race import STAGES
from deepception.errors import InputError, RunFolderError
from deepception.observers import AnswerLevel
from deepception.observers.function import FunctionObserver
from deepception.stimuli import Frame, load_photograph
from deepception.studies import (
    AuditRequest,
    RunStore,
    find_photographs,
    load_settings,
    price_of,
    resolve,
    run_audit,
)
from deepception.studies.assembling import lesson_of, plan_of, read_finished, stored_results
from deepception.studies.planning.plan import plan_measures
from deepception.studies.splitting import BY_CLASS, GIVEN
from known import from_decades, picture

SIDE, CLASSES, PHOTOGRAPHS, KINDS = 32, 12, 20, 10
UNIVERSAL = DeceptionParameters(
    area=0.1, universal=True, queries=1, learn_queries=400, controls=True, crops=2
)
DICTIONARY = DeceptionParameters(area=0.05, queries=12, learn_queries=192)


# --- runs --------------------------------------------------------------------------------------------------------


def weak(images: np.ndarray) -> np.ndarray:
    """Decades of class 0, which fall with every extreme pixel: thin textures deceive, plain photographs do not."""
    extreme = ((images == 0) | (images == 255)).all(axis=3).sum(axis=(1, 2))
    return np.asarray(1.0 - extreme / 15)


class Asked:
    """Logits of a weak observer; interrupted after so many images."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.images, self.stop_after = 0, stop_after

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.images += len(images)
        if self.stop_after is not None and self.images > self.stop_after:
            raise KeyboardInterrupt
        return from_decades(weak(images), CLASSES)


def observer_of(function: Callable[[np.ndarray], np.ndarray]) -> FunctionObserver:
    return FunctionObserver(
        function, Frame(SIDE, SIDE), classes=CLASSES, level=AnswerLevel.LOGITS, version="1", name="weak"
    )


def class_of(number: int) -> int:
    """The true class of a photograph: neither what it is answered, 0, nor the next in line, 1."""
    return 2 + number % KINDS


def save_pictures(folder: Path, numbers: range) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["file,index"]
    for i in numbers:
        Image.fromarray(picture(SIDE, i)).save(folder / f"{i:02}.png")
        rows.append(f"{i:02}.png,{class_of(i)}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pictures(tmp_path_factory.mktemp("photos"), range(PHOTOGRAPHS))


def request(
    photos: Path, asked: Asked, parameters: DeceptionParameters = UNIVERSAL, **options: Any
) -> AuditRequest:
    return AuditRequest(
        observer_of(asked),
        "weak",
        find_photographs([photos]),
        properties=("deception",),
        parameters={"deception": parameters},
        batch_size=16,
        as_is=True,
        **options,
    )


def figures(results: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in results.items() if k != "cost"}, sort_keys=True)


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], int]:
    folder, asked = tmp_path_factory.mktemp("whole") / "run", Asked()
    outcome = run_audit(request(photos, asked), folder)
    assert outcome.exit_code == 0
    return folder, outcome.results, asked.images


def test_a_universal_pattern_is_learned_and_shown_once_on_others(
    whole: tuple[Path, dict[str, Any], int], photos: Path
) -> None:
    folder, results, images = whole
    summary = results["properties"]["deception"]
    told = results["learning"]
    assert told["rule"] == BY_CLASS
    assert told["learned_on"] == told["reported"] == len(summary["rows"]) == PHOTOGRAPHS // 2
    assert told["shared_classes"] == 0
    assert not set(told["photographs"]) & {row["name"] for row in summary["rows"]}
    assert {row["label"] for row in summary["rows"]}.isdisjoint(
        {class_of(int(name[:2])) for name in told["photographs"]}
    )
    assert summary["figures"]["fooling_ratio"]["value"] == 1.0
    assert all(row["first"] == row["budget"] == 1 for row in summary["rows"])
    # What deceives is shown once more, moved by one pixel.
    assert all(row["attack_queries"] == 2 for row in summary["rows"])
    assert summary["figures"]["survives_shift"]["n"] == len(summary["rows"])
    assert all(row["source"] == "pattern" and row["log10_odds"] is not None for row in summary["rows"])
    assert all(control["queries"] <= 2 for row in summary["rows"] for control in row["controls"].values())
    asked = summary["figures"]["queries"]
    assert 0 < asked["learning"] == told["queries"] <= UNIVERSAL.learn_queries
    # Every image is accounted for: clean answers of both sides (and of control photographs), learning, the rest.
    controls = sum(row["control_queries"] for row in summary["rows"])
    clean = results["cost"]["queries"] - asked["learning"] - 2 * len(summary["rows"]) - controls
    assert clean == len(read_finished(load_settings(folder), RunStore(folder)).plan.everyone)
    assert images >= results["cost"]["transmissions"] == results["cost"]["queries"]
    price = price_of(resolve(request(photos, Asked()))[0])
    assert results["cost"]["queries"] <= price.total
    assert (price.learned_on, price.photographs, price.split) == (10, 10, BY_CLASS)
    assert price.learning == UNIVERSAL.learn_queries + 10


def test_what_is_kept_is_what_was_shown(whole: tuple[Path, dict[str, Any], int], photos: Path) -> None:
    folder, results, _ = whole
    pattern = load_pattern(folder / "pattern.npz")
    limit = pattern.bound.limit((SIDE, SIDE))
    rows = {row["sha256"]: row for row in results["properties"]["deception"]["rows"]}
    files = set()
    for found in stored_results(folder, "deception"):
        assert isinstance(found, Deception)
        row = rows[found.sha256]
        if not found.reached:
            assert row["file"] is None
            continue
        kept = load_photograph(folder / row["file"])
        assert kept.framed
        clean = load_photograph(photos / found.name).pixels
        assert np.array_equal(kept.pixels, found.stimulus)
        assert np.array_equal(kept.pixels, dc.apply(pattern, clean, as_is=True))
        assert (kept.pixels != clean).any(axis=2).sum() <= found.mask.sum() <= limit
        assert from_decades(weak(kept.pixels[None]), CLASSES).argmax() == found.top1 != found.clean_top1
        files.add(folder / row["file"])
    assert files == set((folder / "deceptions").iterdir())


def test_outputs_are_made_again(
    whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole[0], tmp_path / "run")
    (tmp_path / "run" / "pattern.npz").unlink()
    next((tmp_path / "run" / "deceptions").iterdir()).write_bytes(b"half")
    asked = Asked()
    again = run_audit(request(photos, asked), tmp_path / "run")
    assert asked.images == 0
    assert figures(again.results) == figures(whole[1])
    for path in [whole[0] / "pattern.npz", *(whole[0] / "deceptions").iterdir()]:
        assert (tmp_path / "run" / path.relative_to(whole[0])).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_an_interruption_loses_one_stage_at_most(
    whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path, share: float
) -> None:
    first = Asked(stop_after=int(share * whole[2]))
    stopped = run_audit(request(photos, first), tmp_path / "run")
    assert stopped.exit_code == 130
    second = Asked()
    resumed = run_audit(request(photos, second), tmp_path / "run")
    assert figures(resumed.results) == figures(whole[1])
    assert (tmp_path / "run" / "pattern.npz").read_bytes() == (whole[0] / "pattern.npz").read_bytes()
    # Batches are filled up to 16 images, which are no queries.
    assert first.images + second.images <= whole[2] + UNIVERSAL.learn_queries / STAGES + 16


def test_a_dictionary_is_learned_used_and_kept(photos: Path, tmp_path: Path) -> None:
    asked = Asked()
    outcome = run_audit(request(photos, asked, DICTIONARY), tmp_path / "run")
    assert outcome.exit_code == 0
    summary = outcome.results["properties"]["deception"]
    dictionary = load_dictionary(tmp_path / "run" / "dictionary.json")
    assert dictionary.learned["queries"] == summary["figures"]["queries"]["learning"] <= 192
    assert dictionary.learned["photographs"] == PHOTOGRAPHS // 2
    assert summary["figures"]["learned"]["kind"] == "dictionary"
    assert "learned_on" not in summary["figures"]["learned"]["facts"]
    assert all(row["source"] == "dictionary 1" for row in summary["rows"])


def test_more_photographs_do_not_change_what_was_learned(
    whole: tuple[Path, dict[str, Any], int],
    photos: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(whole[0], tmp_path / "run")
    more = shutil.copytree(photos, tmp_path / "more")
    learned = {class_of(int(name[:2])) for name in whole[1]["learning"]["photographs"]}
    save_pictures(more, range(PHOTOGRAPHS + KINDS))
    asked = Asked()
    with caplog.at_level(logging.WARNING):
        outcome = run_audit(request(more, asked), tmp_path / "run")
    assert outcome.exit_code == 0
    rows = outcome.results["properties"]["deception"]["rows"]
    assert len(rows) == PHOTOGRAPHS // 2 + KINDS - len(learned)
    assert outcome.results["learning"]["photographs"] == whole[1]["learning"]["photographs"]
    assert outcome.results["learning"]["queries"] == whole[1]["learning"]["queries"]
    assert not learned & {row["label"] for row in rows}
    assert f"{len(learned)} photographs are left out" in caplog.text


def test_photographs_to_learn_on_can_be_named(photos: Path, tmp_path: Path) -> None:
    paths = sorted(photos.glob("*.png"))
    learn_on = find_photographs(paths[:10])
    asked = Asked()
    made = request(photos, asked, replace(UNIVERSAL, controls=False, crops=0), learn_on=learn_on)
    outcome = run_audit(made, tmp_path / "run")
    assert outcome.exit_code == 0
    told = outcome.results["learning"]
    assert (told["rule"], told["learned_on"], told["reported"]) == (GIVEN, 10, PHOTOGRAPHS - 10)
    # Without labels.csv their class is the clean top-1, which is 0 for all.
    rows = {row["name"] for row in outcome.results["properties"]["deception"]["rows"]}
    assert rows == {path.name for path in paths[10:]}
    before = asked.images
    assert run_audit(made, tmp_path / "run").exit_code == 0
    assert asked.images == before
    with pytest.raises(RunFolderError, match="learning"):
        run_audit(replace(made, learn_on=find_photographs(paths[:9])), tmp_path / "run")
    with pytest.raises(RunFolderError, match="learning"):
        run_audit(replace(made, learn_on=None), tmp_path / "run")


def test_moved_photographs_go_on(
    whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole[0], tmp_path / "run")
    moved = shutil.copytree(photos, tmp_path / "elsewhere" / "moved")
    asked = Asked()
    assert run_audit(request(moved, asked), tmp_path / "run").exit_code == 0
    assert asked.images == 0
    settings = load_settings(tmp_path / "run")
    assert all(str(moved) in p.path for p in (*settings.photographs, *settings.learning))


def test_too_few_photographs_are_refused_before_anything_is_asked(photos: Path, tmp_path: Path) -> None:
    asked = Asked()
    few = replace(request(photos, asked), photographs=find_photographs(sorted(photos.glob("*.png"))[:12]))
    with pytest.raises(InputError, match=r"12 photographs are too few .*: give 16 or more"):
        run_audit(few, tmp_path / "run")
    assert asked.images == 0
    assert not (tmp_path / "run").exists()


def test_too_few_learning_queries_are_refused_before_anything_is_asked(photos: Path, tmp_path: Path) -> None:
    asked = Asked()
    with pytest.raises(
        InputError, match=r"50 learning queries are too few for \d+ photographs: give \d+ or more"
    ):
        run_audit(request(photos, asked, DeceptionParameters(learn_queries=50)), tmp_path / "run")
    assert asked.images == 0
    assert not (tmp_path / "run").exists()


def test_photographs_that_have_the_target_are_one_failed_unit(photos: Path, tmp_path: Path) -> None:
    made = request(photos, Asked(), replace(UNIVERSAL, target=0))
    outcome = run_audit(made, tmp_path / "run")
    assert outcome.exit_code == 2
    (failed,) = outcome.execution.failed
    assert failed.unit.experiment == "deception learning"
    assert "too few to learn on" in str(failed.error)


# --- what a file brings ------------------------------------------------------------------------------------------


def brought(path: Path, photos: Path, parameters: DeceptionParameters, **options: Any) -> AuditRequest:
    import hashlib

    applied = replace(parameters, learn_queries=0, applied=hashlib.sha256(path.read_bytes()).hexdigest())
    return request(photos, Asked(), applied, files=(path,), **options)


def test_a_pattern_is_brought_from_a_file(
    whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(whole[0] / "pattern.npz", tmp_path / "mine.npz"))
    made = brought(file, photos, replace(UNIVERSAL, controls=False, crops=0))
    outcome = run_audit(made, tmp_path / "run")
    assert outcome.exit_code == 0
    summary = outcome.results["properties"]["deception"]
    assert "learning" not in outcome.results
    assert len(summary["rows"]) == PHOTOGRAPHS
    assert summary["figures"]["queries"]["learned_with"] == whole[1]["learning"]["queries"]
    assert summary["figures"]["queries"]["learning"] == 0
    assert summary["figures"]["queries"]["total"] == 3 * PHOTOGRAPHS == outcome.results["cost"]["queries"]
    assert summary["figures"]["learned"]["brought"]
    assert (tmp_path / "run" / "pattern.npz").read_bytes() == file.read_bytes()
    file.unlink()
    finished = read_finished(load_settings(tmp_path / "run"), RunStore(tmp_path / "run"))
    assert lesson_of(finished, finished.plan.experiments[0]) is not None


def test_photographs_that_a_pattern_was_learned_on_are_left_out(
    whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path
) -> None:
    from deepception.deceive.lesson import learned_on

    file = whole[0] / "pattern.npz"
    barred = learned_on(load_pattern(file))
    assert len(barred) == PHOTOGRAPHS // 2
    made = brought(file, photos, replace(UNIVERSAL, controls=False, crops=0), leave_out=barred)
    outcome = run_audit(made, tmp_path / "run")
    names = {row["name"] for row in outcome.results["properties"]["deception"]["rows"]}
    assert names == {row["name"] for row in whole[1]["properties"]["deception"]["rows"]}
    settings = load_settings(whole[0])
    theirs = [ref for ref in made.photographs if ref.name in {p.name for p in settings.learning}]
    with pytest.raises(InputError, match="learned on all these"):
        resolve(replace(made, photographs=theirs))


def test_a_file_that_changes_is_refused(
    whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(whole[0] / "pattern.npz", tmp_path / "mine.npz"))
    made = brought(file, photos, UNIVERSAL)
    file.write_bytes(b"another")
    outcome = run_audit(made, tmp_path / "run")
    assert outcome.exit_code == 2
    assert "has changed" in str(outcome.execution.failed[0].error)
    made = brought(file, photos, UNIVERSAL)
    plan = plan_of(resolve(made)[0])
    file.write_bytes(b"something else")
    with pytest.raises(InputError, match="has changed"):
        plan_measures(plan, {}, dc.Session(made.observer)).units[0].run({})


def test_a_dictionary_is_no_pattern(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "dictionary.json"
    dc.deceive.builtin_dictionary(0.05).save(file)  # type: ignore[attr-defined]
    outcome = run_audit(brought(file, photos, UNIVERSAL), tmp_path / "run")
    assert outcome.exit_code == 2
    assert "a dictionary is not" in str(outcome.execution.failed[0].error)


# --- SIGKILL -----------------------------------------------------------------------------------------------------


def work(photos: str, folder: str, last: str) -> None:
    """Measure in this process, which kills itself after so many images."""

    class Mortal(Asked):
        def __call__(self, images: np.ndarray) -> np.ndarray:
            if self.images + len(images) > int(last):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(images)

    raise SystemExit(run_audit(request(Path(photos), Mortal()), Path(folder)).exit_code)


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_killed_while_learning(whole: tuple[Path, dict[str, Any], int], photos: Path, tmp_path: Path) -> None:
    folder, last, learned = tmp_path / "run", 0, set()
    for _ in range(20):
        process = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, test_studies_learning as this; this.work(*sys.argv[1:])",
                *(str(photos), str(folder), "400"),
            ],
            env=environment(Path(__file__).parent),
            check=False,
        )
        store = RunStore(folder)
        done = {h for h in store.finished() if store.describe(h).unit.experiment == "deception learning"}
        assert learned <= done, "a stage that was kept is never lost"
        learned, last = done, process.returncode
        if last == 0:
            break
        assert last == -signal.SIGKILL
    assert last == 0
    assert len(learned) == STAGES
    assert (folder / "pattern.npz").read_bytes() == (whole[0] / "pattern.npz").read_bytes()
    outcome = run_audit(request(photos, Asked(stop_after=0)), folder)
    assert figures(outcome.results) == figures(whole[1])
