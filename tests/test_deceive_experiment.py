from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepception.deceive import Deception
from deepception.deceive.experiment import deception
from deepception.deceive.parameters import DeceptionParameters
from deepception.observers import AnswerLevel
from deepception.observers.function import FunctionObserver
from deepception.properties import Context, Subject, experiments, with_needs
from deepception.reports import write_report
from deepception.stimuli import Frame
from deepception.studies import AuditRequest, find_photographs, price_of, resolve, run_audit
from deepception.studies.assembling import stored_results
from known import from_decades, picture, plant, subject

SIDE, CLASSES, PHOTOGRAPHS = 32, 5, 6


def weak(images: np.ndarray) -> np.ndarray:
    """Decades of class 0: so many pixels of a corner of the colours deceive; the brightest photographs resist."""
    corners = ((images == 0) | (images == 255)).all(axis=3).sum(axis=(1, 2))
    firmness = np.where((images[:, 0, 0] == 200).all(axis=1), 9.0, 1.0)
    return np.asarray(firmness - corners / 20)


def test_it_is_installed_as_a_property_after_the_four() -> None:
    assert experiments()["deception"] is deception
    assert list(experiments())[:5] == ["local", "spatial", "activation", "cumulative", "deception"]
    assert with_needs(["deception"]) == [deception]


@pytest.mark.parametrize("setting", ["quick", "standard", "full"])
@pytest.mark.parametrize("labelled", [False, True])
def test_the_price_is_an_upper_bound_that_failures_reach(setting: str, labelled: bool) -> None:
    session = plant(lambda images: np.full(len(images), 2.0), SIDE)
    parameters = deception.for_setting(setting)
    me = subject(SIDE)
    me = Subject(me.pixels, 0, me.name, me.sha256, labelled=labelled)
    pool = [subject(SIDE, seed, label=1 + seed % 4) for seed in range(1, 7)]
    result = deception.measure(session, me, parameters, Context(pool=pool, clean=0))
    assert isinstance(result, Deception)
    price = deception.price(parameters, (SIDE, SIDE), False)
    assert result.queries == session.queries == price
    assert not deception.exact_price(parameters)


def test_the_price_of_learning_is_no_more_than_can_be_shown() -> None:
    learning = deception.learning
    assert learning is not None
    dictionary = DeceptionParameters(area=0.05, learn_queries=1000)
    assert learning.price(dictionary, 0, 8) == 15 * 8, "125 are not enough for 16 stencils on 8 photographs"
    assert learning.price(dictionary, 0, 9) == 15 * 8, "nor for 14 on 9"
    assert learning.price(dictionary, 0, 25) == 125, "5 on 25, or on as many of more as are left"
    few = DeceptionParameters(area=0.05, learn_queries=8 * 17)
    assert learning.price(few, 7, 1000) == 17, "one on 17, of which at most 48 are taken"
    assert learning.price(DeceptionParameters(area=0.05, learn_queries=8 * 60), 7, 48) == 60
    pattern = DeceptionParameters(area=0.05, learn_queries=1000, universal=True)
    assert sum(learning.price(pattern, stage, 8) for stage in range(8)) == 1000


def test_settings_grow_and_stay_modest() -> None:
    prices = [
        deception.price(deception.for_setting(s), (224, 224), True) for s in ("quick", "standard", "full")
    ]
    assert prices == sorted(prices)
    assert prices[0] <= 150
    assert prices[1] <= 450


def test_a_summary_tells_what_is_open() -> None:
    easy = deception.measure(plant(weak, SIDE), subject(SIDE), deception.for_setting("quick"), Context())
    hard_pixels = picture(SIDE, 2)
    hard_pixels[0, 0] = 200
    hard = deception.measure(
        plant(weak, SIDE),
        Subject(hard_pixels, 0, "hard", "1" * 64),
        deception.for_setting("quick"),
        Context(),
    )
    rows = [deception.row(result, []) for result in (easy, hard)]
    found = deception.summarise(rows, 99)
    assert found.headline is None
    assert found.queries == 99
    assert found.figures["fooling_ratio"]["value"] == 0.5
    assert found.figures["bound"] == "area 0.05"
    assert "2 photographs are too few" in found.open_questions[0]
    assert "1 of 2 photographs was not deceived within 30 queries" in found.open_questions[1]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rows = ["file,index"]
    for i in range(PHOTOGRAPHS):
        pixels = picture(SIDE, i)
        if i == 4:
            pixels[0, 0] = 200
        Image.fromarray(pixels).save(folder / f"{i}.png")
        rows.append(f"{i}.png,{i % 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_an_audit_deceives_each_photograph_and_resumes(photos: Path, tmp_path: Path) -> None:
    class Asked:
        def __init__(self, stop_after: int | None = None) -> None:
            self.images, self.stop_after = 0, stop_after

        def __call__(self, images: np.ndarray) -> np.ndarray:
            self.images += len(images)
            if self.stop_after is not None and self.images > self.stop_after:
                raise KeyboardInterrupt
            return from_decades(weak(images), CLASSES)

    def request(asked: Asked) -> AuditRequest:
        observer = FunctionObserver(
            asked, Frame(SIDE, SIDE), classes=CLASSES, level=AnswerLevel.LOGITS, version="1", name="weak"
        )
        return AuditRequest(
            observer,
            "weak",
            find_photographs([photos]),
            properties=("deception",),
            batch_size=16,
            as_is=True,
        )

    whole = Asked()
    outcome = run_audit(request(whole), tmp_path / "whole")
    assert outcome.exit_code == 0
    summary = outcome.results["properties"]["deception"]
    assert summary["figures"]["fooling_ratio"] == {
        "value": pytest.approx(1 / 3),
        "low": pytest.approx(0.097, abs=0.001),
        "high": pytest.approx(0.70, abs=0.001),
        "n": PHOTOGRAPHS,
    }
    # Class 0 is answered to all, so half were right; two of those three are deceived.
    assert summary["figures"]["success_rate"]["n"] == 3
    assert outcome.results["cost"]["queries"] <= price_of(resolve(request(whole))[0]).total
    searched = sum(row["queries"] for row in summary["rows"])
    assert summary["queries"] == summary["figures"]["queries"]["total"] == searched + PHOTOGRAPHS

    stopped = run_audit(request(Asked(stop_after=whole.images // 2)), tmp_path / "run")
    assert stopped.exit_code == 130
    resumed = run_audit(request(Asked()), tmp_path / "run")

    def figures(results: dict[str, Any]) -> str:
        return json.dumps({k: v for k, v in results.items() if k != "cost"}, sort_keys=True)

    assert figures(resumed.results) == figures(outcome.results)
    kept = stored_results(tmp_path / "whole", "deception")
    assert all(isinstance(d, Deception) and d.stimulus.shape == (SIDE, SIDE, 3) for d in kept)
    page = write_report(tmp_path / "whole").read_text(encoding="utf-8")
    assert deception.question in page
