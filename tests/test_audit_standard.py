"""The standard setting from end to end on a small observer: pool, period, a photograph that fails, resuming."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepception.errors import ObserverError
from deepception.observers import AnswerLevel
from deepception.observers.function import FunctionObserver
from deepception.reports import write_report
from deepception.stimuli import Frame
from deepception.studies import (
    AuditRequest,
    RunOutcome,
    RunStore,
    find_photographs,
    load_settings,
    price_of,
    resolve,
    run_audit,
)
from deepception.studies.assembling import plan_of
from deepception.studies.planning.plan import plan_clean, plan_measures

SIDE, CLASSES, PHOTOGRAPHS = 35, 6, 14
CURSED = (255, 0, 254)
WEIGHTS = np.random.default_rng(5).normal(size=(SIDE * SIDE * 3, CLASSES)).astype(np.float64) / 40


class Asked:
    """A linear classifier that counts its images, and can refuse those with one pixel colour, or stop for good."""

    def __init__(self, *, curse: bool = False, stop_after: int | None = None) -> None:
        self.images = 0
        self.curse = curse
        self.stop_after = stop_after

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.images += len(images)
        if self.stop_after is not None and self.images > self.stop_after:
            raise KeyboardInterrupt
        flat = images.reshape(len(images), -1).astype(np.float64) / 255
        scores = flat @ WEIGHTS
        if self.curse:
            cursed = (images == np.array(CURSED, dtype=np.uint8)).all(axis=3).any(axis=(1, 2))
            # The whole photograph may be shown; pieces of it on a canvas may not.
            grey = (images == 128).all(axis=3).mean(axis=(1, 2)) > 0.3
            scores[cursed & grey] = np.nan
        return scores


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    rows = ["file,index"]
    for i in range(PHOTOGRAPHS):
        coarse = rng.integers(0, 250, (7, 7, 3), dtype=np.uint8)
        pixels = np.kron(coarse, np.ones((5, 5, 1), dtype=np.uint8))
        if i == 3:
            pixels[:, :] = np.where(
                rng.random((SIDE, SIDE, 1)) < 0.5, np.array(CURSED, dtype=np.uint8), pixels
            )
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
        rows.append(f"{i:02}.png,{i % CLASSES}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def request(photos: Path, asked: Asked, **options: Any) -> AuditRequest:
    observer = FunctionObserver(
        asked, Frame(SIDE, SIDE), classes=CLASSES, level=AnswerLevel.LOGITS, version="1", name="linear"
    )
    return AuditRequest(observer, "linear", find_photographs([photos]), batch_size=64, as_is=True, **options)


def figures(outcome: RunOutcome) -> str:
    return json.dumps({k: v for k, v in outcome.results.items() if k != "cost"}, sort_keys=True)


def test_interrupted_in_the_middle_and_gone_on_with(photos: Path, tmp_path: Path) -> None:
    whole = Asked()
    undisturbed = run_audit(request(photos, whole), tmp_path / "whole")
    assert undisturbed.exit_code == 0
    price = price_of(resolve(request(photos, whole))[0])
    assert 0.85 * price.total <= undisturbed.results["cost"]["queries"] <= price.total
    assert set(undisturbed.results["properties"]) == {"local", "spatial", "activation", "cumulative"}
    assert all(len(p["rows"]) == PHOTOGRAPHS for p in undisturbed.results["properties"].values())
    assert undisturbed.results["period"]["photographs"] == 12
    assert len(undisturbed.results["settings"]["pool"]) == 6

    first = Asked(stop_after=whole.images // 2)
    stopped = run_audit(request(photos, first), tmp_path / "run")
    assert stopped.exit_code == 130
    left = price_of(load_settings(tmp_path / "run"), RunStore(tmp_path / "run")).left
    assert 0 < left < price.total
    second = Asked()
    resumed = run_audit(request(photos, second), tmp_path / "run")
    asked = resumed.results["cost"]["queries"] - stopped.results["cost"]["queries"]
    assert 0.85 * left <= asked <= left
    assert figures(resumed) == figures(undisturbed)
    # Beyond the unit in flight nothing is asked twice.
    assert first.images + second.images <= whole.images + 2_000


@pytest.mark.parametrize(
    "schema", ["planned.CLEAN_SCHEMA", "period_units.PERIOD_ROWS_SCHEMA", "period_units.PERIOD_SCHEMA"]
)
def test_another_form_of_a_result_is_another_unit(
    photos: Path, monkeypatch: pytest.MonkeyPatch, schema: str
) -> None:
    plan = plan_of(resolve(request(photos, Asked()))[0])
    tops = {p.sha256: 0 for p in plan.everyone}

    def hashes() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {"clean": {entry.unit.hash for entry in plan_clean(plan, None)}}
        for entry in plan_measures(plan, tops, None).units:
            found.setdefault(entry.unit.experiment, set()).add(entry.unit.hash)
        return found

    before = hashes()
    monkeypatch.setattr(f"deepception.studies.planning.{schema}", 2)
    after = hashes()
    of_schema = {"CLEAN_SCHEMA": "clean", "PERIOD_ROWS_SCHEMA": "period rows", "PERIOD_SCHEMA": "period"}
    experiment = of_schema[schema.partition(".")[2]]
    assert not before[experiment] & after[experiment]
    assert not before["spatial"] & after["spatial"], "what depends on it changes with it"


def test_a_photograph_that_fails_costs_its_own_units_only(photos: Path, tmp_path: Path) -> None:
    outcome = run_audit(request(photos, Asked(curse=True)), tmp_path / "run")
    assert outcome.exit_code == 3
    failed = {f.unit.photograph_name for f in outcome.execution.failed if f.unit.photograph_name}
    assert failed == {"03.png"}
    assert all(isinstance(f.error, ObserverError) for f in outcome.execution.failed)
    for name in ("local", "spatial", "activation", "cumulative"):
        names = {row["name"] for row in outcome.results["properties"][name]["rows"]}
        assert names == {f"{i:02}.png" for i in range(PHOTOGRAPHS) if i != 3}, name


def test_full_runs_where_no_other_class_is_there(photos: Path, tmp_path: Path) -> None:
    refs = find_photographs([photos], label=0)[:2]
    asked = Asked()
    observer = FunctionObserver(
        asked, Frame(SIDE, SIDE), classes=CLASSES, level=AnswerLevel.LOGITS, version="1", name="linear"
    )
    made = AuditRequest(
        observer, "linear", refs, setting="full", properties=("local",), batch_size=64, as_is=True
    )
    outcome = run_audit(made, tmp_path / "run")
    assert outcome.exit_code == 0
    assert len(outcome.results["properties"]["local"]["rows"]) == 2


def test_moved_photographs_go_on(photos: Path, tmp_path: Path) -> None:
    """The bytes are the photograph: a run whose folder was moved goes on where it stopped."""
    shutil.copytree(photos, tmp_path / "here")
    stopped = run_audit(
        request(tmp_path / "here", Asked(stop_after=2_000), setting="quick"), tmp_path / "run"
    )
    assert stopped.exit_code == 130
    (tmp_path / "here").rename(tmp_path / "there")
    resumed = run_audit(request(tmp_path / "there", Asked(), setting="quick"), tmp_path / "run")
    assert resumed.exit_code == 0
    assert all(len(p["rows"]) == PHOTOGRAPHS for p in resumed.results["properties"].values())


def test_an_observer_that_answers_differently_twice_is_named(photos: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def unsteady(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1) @ WEIGHTS / 255 + rng.normal(size=(len(images), CLASSES))

    refs = find_photographs([photos])[:2]
    frame = Frame(SIDE, SIDE)
    for answer, said in ((unsteady, True), (Asked(), False)):
        observer = FunctionObserver(
            answer, frame, classes=CLASSES, level=AnswerLevel.LOGITS, version="1", name="unsteady"
        )
        made = AuditRequest(
            observer, "x", refs, setting="quick", properties=("local",), batch_size=64, as_is=True
        )
        outcome = run_audit(made, tmp_path / str(said))
        assert any("not deterministic" in warning for warning in outcome.results["warnings"]) is said
        assert ("not deterministic" in write_report(tmp_path / str(said)).read_text(encoding="utf-8")) is said
