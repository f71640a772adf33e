"""What a page says where the observer tells less than all its scores: bounds, steps, lists and labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deepception.observers import restrict
from deepception.observers.function import FunctionObserver
from deepception.properties.bounds import only_bounds
from deepception.reports import StoredRun, read_run, render_report
from deepception.reports.answer_words import answers_fact, step_words
from deepception.stimuli import Frame
from deepception.studies import AuditRequest, PhotographRef, run_audit

SIDE, CLASSES = 42, 12
FOUR = ("local", "spatial", "activation", "cumulative")


def network(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A small fixed network, whose last class is never its answer."""
    rng = np.random.default_rng(5)
    first = rng.normal(size=(3 * SIDE * SIDE, 24)) / SIDE
    second = rng.normal(size=(24, CLASSES))
    flat = images.reshape(len(images), -1).astype(np.float64) / 128 - 1
    logits = 4 * np.tanh(flat @ first) @ second
    logits[:, -1] -= 20
    return np.asarray(logits)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], StoredRun]:
    folder = tmp_path_factory.mktemp("levels")
    rng = np.random.default_rng(1)
    found = []
    for i in range(3):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
        found.append(PhotographRef(folder / f"{i}.png", f"{i}.png", None))
    labels = ["background", *(f"class {k}" for k in range(1, CLASSES))]
    runs: dict[str, StoredRun] = {}

    def audit(knowledge: str) -> StoredRun:
        if knowledge not in runs:
            observer = FunctionObserver(network, Frame(SIDE, SIDE), labels, version="1", name="net")
            out = folder / knowledge.replace("@", "-")
            seen = restrict(observer, knowledge)
            shown = [replace(p, label=CLASSES - 1) for p in found] if knowledge == "top-1" else found
            request = AuditRequest(seen, "python:net", shown, setting="quick", batch_size=64, properties=FOUR)
            run_audit(request, out)
            runs[knowledge] = read_run(out)
        return runs[knowledge]

    return audit


def text_of(run: StoredRun) -> str:
    page = re.sub(r"<style>.*?</style>", " ", render_report(run), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def rows(run: StoredRun, name: str = "local") -> list[dict[str, Any]]:
    return list(run.results["properties"][name]["rows"])


def test_bounds_are_hatched_counted_and_told(made: Callable[[str], StoredRun]) -> None:
    run = made("top-1")
    told = rows(run)
    assert any(row["bound_places"] == row["regions"] for row in told)
    text = text_of(run)
    assert "All 49 regions are bounds only (hatched)" in text
    assert "hatched: bounds only (49 of 49)" in text
    assert "So is the empty canvas: how they differ is not known." in text
    assert "places are bounds only (hatched)" in text
    assert "(bounds only)" in text
    assert "known as bounds only" in text
    assert "regions that are bounds only are grey" in text


@pytest.mark.parametrize("knowledge", ["logits", "top-1", "label"])
def test_percentages_are_written_in_one_way(knowledge: str, made: Callable[[str], StoredRun]) -> None:
    text = text_of(made(knowledge))
    assert re.search(r"\d %", text)
    assert not re.search(r"\d%", text)


def test_full_knowledge_has_no_bounds(made: Callable[[str], StoredRun]) -> None:
    run = made("logits")
    for name in FOUR:
        assert all(not any(row["bounds"].values()) for row in rows(run, name))
    text = text_of(run)
    for word in ("hatched", "bounds only", "≥ "):
        assert word not in text


def test_what_was_chosen_among_ties_is_flagged(made: Callable[[str], StoredRun]) -> None:
    run = made("top-1")
    tied = sum(bool(row["best_ties"]) for row in rows(run))
    assert tied
    text = text_of(run)
    assert f"On {tied} photograph" in text
    assert "no region is the most responsive one" in text
    assert text.count("the patch was not chosen: two regions or more are alike") == 3
    assert not any(row["best_ties"] for row in rows(made("logits")))
    assert "two regions or more" not in text_of(made("logits"))


def test_no_rank_correlation_is_told_over_bounds(made: Callable[[str], StoredRun]) -> None:
    for row in rows(made("top-1")):
        if row["bound_places"] > row["regions"] / 2:
            assert row["sufficiency_necessity_correlation"] is None
            assert row["canvas_agreement"] is None
    text = text_of(made("top-1"))
    assert "regions are bounds, which rank nothing" in text
    assert "what their absence costs not told: bounds only" in text
    assert all(row["sufficiency_necessity_correlation"] is not None for row in rows(made("logits")))


def test_equal_bounds_are_not_called_equal_figures(made: Callable[[str], StoredRun]) -> None:
    run = made("top-1")
    summary = run.results["properties"]["local"]
    assert only_bounds("local", summary["rows"])
    assert only_bounds("local", summary["rows"], "other classes, same regions")
    local = render_report(run)
    local = local[local.index('id="local"') : local.index('id="spatial"')]
    table = local[local.index("<tbody") : local.index("</tbody>")]
    assert "(bounds only)" in table
    assert "all equal" not in table


@pytest.mark.parametrize(
    ("step", "words"),
    [(1 / 256, "1/256"), (0.00390625, "1/256"), (0.01, "0.01"), (1 / 3, "1/3"), (0.3, "0.3")],
)
def test_steps_are_written_for_people(step: float, words: str) -> None:
    assert step_words(step) == words


def facts(
    identity: dict[str, Any], level: str, resolution: float = 0.0, labels: int = 4
) -> tuple[str, str, str]:
    return answers_fact(
        {
            "observer": {"identity": identity, "level": level, "resolution": resolution},
            "settings": {"labels": ["background", *map(str, range(1, labels))]},
            "properties": {},
        }
    )


@pytest.mark.parametrize(
    ("identity", "level", "resolution", "value", "remark"),
    [
        ({}, "probabilities", 1 / 256, "probabilities", "in steps of 1/256"),
        ({}, "logits", 0.0, "logits", "4 classes, a background first"),
        ({"knowledge": "top-3@0.01"}, "top-k", 0.01, "the best 3 classes", "rounded to 0.01"),
        (
            {"adapter": "http", "protocol": "torchserve", "k": 5},
            "top-k",
            0.0,
            "the best 5 classes",
            "4 classes",
        ),
        ({"adapter": "http", "answer": {"level": "top-2"}}, "top-k", 0.0, "the best 2 classes", "4 classes"),
        ({"adapter": "http"}, "top-k", 0.0, "the best classes, as many as the endpoint sends", "4 classes"),
        ({"knowledge": "top-1"}, "top-k", 0.0, "the best class", "4 classes"),
        ({}, "label", 0.0, "labels only", "4 classes"),
    ],
)
def test_the_page_says_what_is_told(
    identity: dict[str, Any], level: str, resolution: float, value: str, remark: str
) -> None:
    name, told, beside = facts(identity, level, resolution)
    assert name == "Answers"
    assert told == value
    assert remark in beside


def test_a_rounded_run_says_its_step_and_its_background(made: Callable[[str], StoredRun]) -> None:
    run = made("probabilities@0.00390625")
    assert run.results["observer"]["resolution"] == pytest.approx(1 / 256)
    text = text_of(run)
    assert "12 classes, a background first; rounded to 1/256" in text


def test_labels_are_not_told_as_scores(made: Callable[[str], StoredRun]) -> None:
    text = text_of(made("label"))
    for said in (
        "no score",
        "instead of scores",
        "neither probabilities nor decades",
        "neither a probability nor decades of odds",
        "neither probabilities nor odds",
    ):
        text = text.replace(said, "")
    for words in (
        "shown alone",
        "answer alone",
        "answers alone",
        "recognised alone",
        "other classes change",
        "answers for other classes",
        "answers read for other classes",
        "same answers",
        "scores",
        "activates its class",
        "decade",
        "odds",
    ):
        assert words not in text, words
    assert "threshold" in text
