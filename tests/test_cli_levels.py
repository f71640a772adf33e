"""Answer levels by the command line: less of the answers, rounded ones, and what the report then says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from command_line import assert_refused, call, results, save_photographs, save_placed_observer
from deepception.properties.fading import MOST_QUERIES
from deepception.studies import load_settings

FOUR = ("local", "spatial", "activation", "cumulative")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ONNX observer of logits, and two photographs."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "good.onnx")
    save_photographs(folder / "photos", 2)
    return folder


def command(lab: Path, name: str, *options: object) -> tuple[object, ...]:
    words = name.split()
    return (*words, lab / "good.onnx", lab / "photos", "--quick", *options)


def test_an_audit_from_labels_alone(lab: Path, tmp_path: Path) -> None:
    done = call(*command(lab, "audit", "--knowledge", "label", "--out", tmp_path / "run"))
    assert done.code == 0, done
    made = results(tmp_path / "run")
    assert made["settings"]["answers"] == "label"
    assert made["observer"]["identity"]["knowledge"] == "label"
    for name in FOUR:
        summary = made["properties"][name]
        assert "decade" not in json.dumps(summary)
        assert summary["headline"]["unit"].startswith("points of opacity")
        assert all(row["scale"] == "points of opacity" for row in summary["rows"])
        assert all(row["measurable"] for row in summary["rows"])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    properties = page[page.index('id="local"') : page.index('id="deception"')]
    text = re.sub(r"<[^>]+>", " ", properties)
    assert "points of opacity" in text
    assert "The observer tells a label only" in text
    assert "neither a probability nor decades of odds" in text
    assert "Recognition rate" in text
    rest = text.replace("neither a probability nor decades of odds", "")
    assert "decades" not in rest.replace("neither probabilities nor decades", "")
    assert "nan" not in text.lower().split()
    glossary = page[page.index('class="definitions"') :]
    assert "Threshold (opacity)" in glossary
    assert "Decade of odds" not in glossary
    # The same command again has nothing left to ask.
    again = call(*command(lab, "audit", "--knowledge", "label", "--out", tmp_path / "run"), page=False)
    assert again.code == 0, again
    assert "all of them are measured" in again.err
    assert results(tmp_path / "run") == made


def test_what_is_known_belongs_to_the_run(lab: Path, tmp_path: Path) -> None:
    options = ("--out", tmp_path / "run")
    assert call(*command(lab, "measure local", "--knowledge", "top-3", *options), page=False).code == 0
    assert load_settings(tmp_path / "run").observers[0].identity["knowledge"] == "top-3"
    assert_refused(call(*command(lab, "measure local", *options), page=False), "another observer")


@pytest.mark.parametrize("knowledge", ["top-3@0.01", "probabilities@0.01", "top-2", "probabilities"])
def test_rounded_and_listed_scores_are_flagged_as_bounds(lab: Path, knowledge: str, tmp_path: Path) -> None:
    done = call(*command(lab, "audit", "--knowledge", knowledge, "--out", tmp_path / "run"), page=False)
    assert done.code == 0, done
    made = results(tmp_path / "run")
    assert "answers" not in made["settings"]
    bounded = [row["bounded_share"] for name in FOUR for row in made["properties"][name]["rows"]]
    assert all(0 <= share <= 1 for share in bounded)
    if knowledge != "probabilities":
        assert max(bounded) > 0
    listed = {"top-3@0.01": 3, "top-2": 2}.get(knowledge)
    if listed is not None:
        rows = made["properties"]["local"]["rows"]
        assert all(row["recognised_alone_top5"] is None for row in rows)


def test_the_price_of_each_level_is_told_before(lab: Path) -> None:
    def price(*options: object) -> Any:
        return json.loads(
            call(*command(lab, "audit", "--dry-run", "--json", "--out", "nowhere", *options)).out
        )

    scores, listed, labels = price(), price("--knowledge", "top-3"), price("--knowledge", "label")
    assert scores == listed
    assert not labels["exact"]
    assert 0.5 * MOST_QUERIES * scores["total"] < labels["total"] < 1.2 * MOST_QUERIES * scores["total"]


def test_measure_tells_the_unit(lab: Path) -> None:
    done = call(*command(lab, "measure spatial", "--knowledge", "label"), page=False)
    assert done.code == 0, done
    assert "points of opacity" in done.out
    assert "decades" not in done.out


@pytest.mark.parametrize(
    ("knowledge", "words"),
    [
        ("nothing", ("no knowledge", "probabilities@0.01")),
        ("label@0.1", ("no knowledge",)),
        ("top-5@2", ("no step of rounding", "top-5@2")),
    ],
)
def test_words_that_mean_nothing_are_refused(lab: Path, knowledge: str, words: tuple[str, ...]) -> None:
    assert_refused(call(*command(lab, "measure local", "--knowledge", knowledge), page=False), *words)


def test_photographs_that_are_answered_wrong_have_no_thresholds(lab: Path, tmp_path: Path) -> None:
    clean = json.loads(call("info", lab / "good.onnx", lab / "photos", "--json").out)["answers"]
    tops = {answer["top"][0]["index"] for answer in clean}
    wrong = next(c for c in range(10) if c not in tops)
    options = ("--knowledge", "label", "--label", wrong, "--out", tmp_path / "run")
    done = call(*command(lab, "audit", *options))
    assert done.code == 0, done
    assert "2 of 2 photographs are not answered with their class" in done.out
    made = results(tmp_path / "run")
    for name in FOUR:
        assert made["properties"][name]["headline"] is None
        assert made["properties"][name]["queries"] <= 2 * 2
        assert not any(row["measurable"] for row in made["properties"][name]["rows"])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "2 of 2 photographs are not answered with their class" in page
