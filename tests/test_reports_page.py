"""The page of a run: honest to its results, safe whatever names hold, the same every time, and light."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deepception.errors import RunFolderError
from deepception.observers.function import FunctionObserver
from deepception.reports import StoredRun, read_run, render_report, write_report
from deepception.reports.claims import CLAIMS
from deepception.reports.costs import cost_facts
from deepception.reports.pictures import pictures_of
from deepception.reports.wording import decimal, estimate
from deepception.stimuli import Frame
from deepception.studies import AuditRequest, PhotographRef, run_audit

EVIL = "<script>alert('x')</script>"
EVIL_FILE = '"><img src=x onerror=alert(1)>.png'
SIDE, CLASSES, PHOTOGRAPHS = 42, 8, 7
VOID = {"meta", "img", "br", "link", "hr", "input", "path", "circle", "rect", "use", "line", "image"}


def network(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A small fixed network: enough structure that every property has something to say."""
    rng = np.random.default_rng(5)
    first = rng.normal(size=(3 * SIDE * SIDE, 24)) / SIDE
    second = rng.normal(size=(24, CLASSES))
    flat = images.reshape(len(images), -1).astype(np.float64) / 128 - 1
    return np.asarray(2 * np.tanh(flat @ first) @ second)


def photographs(folder: Path) -> list[PhotographRef]:
    folder.mkdir()
    rng = np.random.default_rng(1)
    found = []
    for i in range(PHOTOGRAPHS):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        name = EVIL_FILE if i == 0 else f"photograph {i}.png"
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / name)
        found.append(PhotographRef(folder / name, name, i % CLASSES))
    (folder / "torn.png").write_bytes((folder / "photograph 1.png").read_bytes()[:150])
    return [*found, PhotographRef(folder / "torn.png", "torn.png", 1)]


def request(found: list[PhotographRef], **options: Any) -> AuditRequest:
    labels = [EVIL, *(f"class {k}" for k in range(1, CLASSES))]
    observer = FunctionObserver(network, Frame(SIDE, SIDE), labels, version="1", name=f"net {EVIL}")
    return AuditRequest(observer, "python:net", found, setting="quick", batch_size=64, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    command = ("deepception", "audit", "net & co", "photographs", "--quick")
    outcome = run_audit(request(photographs(folder / "photographs"), command=command), folder / "run")
    assert outcome.exit_code == 3  # one photograph is torn
    return folder / "run"


@pytest.fixture(scope="module")
def run(finished: Path) -> StoredRun:
    return read_run(finished)


@pytest.fixture(scope="module")
def page(run: StoredRun) -> str:
    return render_report(run)


class Reader(HTMLParser):
    """Collects the text, the tags with their attributes, and whatever is not well nested."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.faults: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f"{tag} at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_page_is_well_formed_html(page: str) -> None:
    reader = Reader(page)
    assert reader.faults == []
    assert reader.stack == []
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    assert links
    assert all(link and link[0] == "#" and link[1:] in ids for link in links)


def test_the_class_specific_part_stands_beside_every_signed_map(run: StoredRun) -> None:
    pictures, chosen = pictures_of(run, "activation")
    pairs = list(itertools.pairwise(p.title for p in pictures))
    maps = [f"{c.name}, {run.label(c.label)}" for c in chosen]
    assert maps
    assert all((title, f"{title}: class-specific part") in pairs for title in maps)
    assert sum(p.title.endswith("class-specific part") for p in pictures) == sum(
        p.title in maps for p in pictures
    )


def test_names_and_labels_are_text_and_nothing_else(page: str) -> None:
    reader = Reader(page)
    assert EVIL in reader.text
    assert EVIL_FILE in reader.text
    assert not [tag for tag, _ in reader.tags if tag in ("script", "iframe", "object", "embed", "form")]
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert all(
        (attrs.get("src") or "").startswith("data:image/") for tag, attrs in reader.tags if tag == "img"
    )


def test_the_page_loads_nothing(page: str) -> None:
    addresses = set(re.findall(r"(?i)\b(?:https?|ftp|file|wss?):[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a format, which nobody loads
    assert "@import" not in page
    assert not re.search(r"(?i)url\(\s*['\"]?(?!#)", page)
    references = [
        value for tag, attrs in Reader(page).tags for name, value in attrs.items() if name in ("src", "href")
    ]
    assert all(value and value.startswith(("#", "data:image/")) for value in references)


def test_every_headline_is_on_the_page_as_it_is_in_the_results(page: str, finished: Path) -> None:
    text = Reader(page).text
    results = json.loads((finished / "results.json").read_text())
    assert set(results["properties"]) == set(CLAIMS)
    for name, summary in results["properties"].items():
        headline = summary["headline"]
        for figure in (headline["value"], headline["difference"], *headline["controls"].values()):
            value, low, high = (f"{figure[k]:.2f}".replace("-", "−") for k in ("value", "low", "high"))
            zero = {"−0.00": "0.00"}
            expected = f"{zero.get(value, value)} [{zero.get(low, low)}, {zero.get(high, high)}]"
            assert expected in text, (name, expected)
        for control in headline["controls"]:
            assert control in text
        assert f"n = {headline['value']['n']} photographs, {headline['queries']:,} queries" in text
        for sentence in summary["open_questions"]:
            assert re.sub(r"\s+", " ", sentence) in text
    assert f"{results['cost']['queries']:,}" in text
    assert results["observer"]["fingerprint"] in text


@pytest.mark.parametrize("name", CLAIMS)
def test_the_table_pairs_each_effect_with_the_control_of_the_headline(run: StoredRun, name: str) -> None:
    summary, claim = run.results["properties"][name], CLAIMS[name]
    headline = summary["headline"]
    effects = [row[claim.effect] for row in summary["rows"]]
    assert np.median(effects) == pytest.approx(headline["value"]["value"])
    for control, figure in headline["controls"].items():
        values = [row[claim.controls[control]] for row in summary["rows"]]
        assert np.median(values) == pytest.approx(figure["value"])


@pytest.mark.parametrize("name", CLAIMS)
def test_every_figure_has_words(run: StoredRun, name: str) -> None:
    known = {*CLAIMS[name].figures, *CLAIMS[name].kinds, "range", "amplitude", "slope", "period", "places"}
    figures = run.results["properties"][name]["figures"]
    assert {key for key in figures if not key.startswith("share_")} <= known | {"share_place"}


def test_every_photograph_is_in_the_table_and_what_failed_is_told(page: str, run: StoredRun) -> None:
    reader = Reader(page)
    images = [attrs for tag, attrs in reader.tags if tag == "img"]
    thumbnails = [a["src"] or "" for a in images if a.get("class") != "map"]
    assert len(thumbnails) == PHOTOGRAPHS
    assert all(len(base64.b64decode(src.split(",")[1])) <= 3_000 for src in thumbnails)
    assert sum(a.get("class") == "map" for a in images) == PHOTOGRAPHS
    assert "could not be shown" in reader.text
    assert "torn.png" in reader.text
    (failure,) = run.results["failures"]
    assert failure["error"].startswith("PhotographError: ")
    assert re.sub(r"\s+", " ", failure["error"].removeprefix("PhotographError: ")) in reader.text
    assert "PhotographError" not in reader.text
    assert "1 failure is listed" in reader.text
    assert "not complete" not in reader.text  # what failed will fail again
    wrong = sum(p["correct"] is False for p in run.results["photographs"])
    assert wrong
    assert reader.text.count("wrong before") == wrong


def test_pictures_are_described(page: str) -> None:
    drawings = [attrs for tag, attrs in Reader(page).tags if tag == "svg"]
    assert len(drawings) >= 15
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawings)
    assert all("alt" in attrs for tag, attrs in Reader(page).tags if tag == "img")


def test_the_same_run_gives_the_same_bytes(finished: Path, page: str, tmp_path: Path) -> None:
    path = write_report(finished)
    assert path == finished / "report.html"
    assert path.read_text(encoding="utf-8") == page
    moved = tmp_path / finished.name
    shutil.copytree(finished, moved)
    assert write_report(moved).read_bytes() == path.read_bytes()


def test_results_that_are_lost_are_made_again_from_the_chunks(
    finished: Path, page: str, tmp_path: Path
) -> None:
    folder = tmp_path / finished.name
    shutil.copytree(finished, folder)
    (folder / "results.json").unlink()
    assert write_report(folder).read_text(encoding="utf-8") == page
    (folder / "results.json").write_text("{torn")
    assert write_report(folder).read_text(encoding="utf-8") == page


def test_the_page_is_light(page: str) -> None:
    assert len(page.encode()) < 1_500_000


def test_an_unfinished_run_has_a_page_that_says_so(tmp_path: Path) -> None:
    found = photographs(tmp_path / "photographs")[:4]
    outcome = run_audit(request(found, budget=900), tmp_path / "run")
    assert outcome.execution.stopped is not None
    text = Reader(write_report(tmp_path / "run").read_text(encoding="utf-8")).text
    assert "This run is not complete" in text
    assert "cannot be judged" in text.lower()
    (tmp_path / "run" / "results.json").unlink()  # as after a kill
    assert Reader(write_report(tmp_path / "run").read_text(encoding="utf-8")).text == text


def test_a_run_in_which_nothing_is_measured_yet_has_a_page(tmp_path: Path) -> None:
    found = photographs(tmp_path / "photographs")[:2]
    run_audit(request(found, budget=1), tmp_path / "run")
    text = Reader(write_report(tmp_path / "run").read_text(encoding="utf-8")).text
    assert "Nothing has been measured that could be judged yet" in text


def test_what_an_endpoint_charged_and_the_cache_knew_are_among_the_facts() -> None:
    cost = {"queries": 1000, "transmissions": 1300, "seconds": 61.0}
    assert cost_facts(cost)[0] == ("Queries", "1,000", "1,300 transmissions")
    assert [name for name, _, _ in cost_facts(cost)] == ["Queries", "Time"]
    found = {
        name: (figure, remark) for name, figure, remark in cost_facts({**cost, "cached": 1, "charged": 2.6})
    }
    assert found["Charged"] == ("2.60", "for 1,300 transmissions")
    assert found["Queries"][1].startswith("and 1 answer from the cache")
    assert cost_facts({**cost, "charged": 0.0013})[1][1] == "0.0013"


def test_where_the_cache_knew_some_not_all_answers_are_called_queries(run: StoredRun) -> None:
    other, results = changed(run)
    results["cost"] |= {"cached": 5, "charged": 0.5}
    text = Reader(render_report(other)).text
    assert "n, answers" in text
    assert "answers, controls included" in text
    assert "queries, controls included" not in text
    assert "Charged" in text
    assert "n, queries" in Reader(render_report(run)).text


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        write_report(tmp_path)


def changed(run: StoredRun) -> tuple[StoredRun, dict[str, Any]]:
    results = copy.deepcopy(dict(run.results))
    return replace(run, results=results), results


def test_a_property_of_a_third_party_has_a_section(run: StoredRun) -> None:
    other, results = changed(run)
    headline = copy.deepcopy(results["properties"]["local"]["headline"])
    headline |= {"claim": "texture", "quantity": f"roughness {EVIL}"}
    interval = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 7}
    results["properties"]["texture_bias"] = {
        "name": "texture_bias",
        "headline": headline,
        "figures": {
            "mean_grain": interval,
            "groups": {EVIL: {"count": 2, **interval}},
            "steps": [1, 2],
            "seen": True,
        },
        "rows": [],
        "queries": 1234,
        "open_questions": [f"why {EVIL}"],
    }
    reader = Reader(render_report(other))
    assert reader.faults == []
    assert "Texture bias" in reader.text
    assert f"roughness {EVIL}" in reader.text
    assert "mean grain 0.50 [0.25, 0.75] 7" in reader.text
    assert f"groups: {EVIL}" in reader.text
    assert not [tag for tag, _ in reader.tags if tag == "script"]


def test_what_depends_on_the_canvas_and_what_touches_the_limit_is_said(run: StoredRun) -> None:
    other, results = changed(run)
    local = results["properties"]["local"]
    for row in local["rows"]:
        row |= {
            "depends_on_canvas": True,
            "canvas_agreement": 0.31,
            "best_distinguishable": False,
            "range_touches_limit": True,
        }
    local["figures"]["map_depends_on_canvas"] = {"count": 7, "n": 7, "value": 1.0, "low": 0.6, "high": 1.0}
    text = Reader(render_report(other)).text
    assert "two canvases 0.31), so no best region is named" in text
    assert "On 7 photographs of 7 the map depends on the canvas" in text
    assert "Outlined: the most responsive region" not in text
    assert f"≥ {estimate(local['headline']['value'])}" in text
    assert f"≥ {decimal(local['rows'][0]['range'])}" in text


@pytest.mark.parametrize(
    ("found", "said"), [(16, "The observer’s period: 16 pixels"), (None, "The observer’s period: none found")]
)
def test_the_period_is_told(run: StoredRun, found: int | None, said: str) -> None:
    other, results = changed(run)
    results["period"] = {
        "period": found,
        "lags": list(range(2, 40)),
        "d": [0.9 - 0.01 * i for i in range(38)],
        "dip": [0.0] * 38,
        "candidates": [],
        "p": 0.01,
        "nested": [8] if found else [],
        "photographs": 12,
        "reason": "no step repeats better than its neighbours on both sides",
        "queries": 4608,
    }
    text = Reader(render_report(other)).text
    assert said in text
    assert "No step repeats better than its neighbours" in text
    assert "n = 12 photographs, 4,608 queries" in text


def test_a_run_without_labels_says_whose_class_it_is(tmp_path: Path) -> None:
    found = [replace(p, label=None) for p in photographs(tmp_path / "photographs")[:2]]
    run_audit(request(found, properties=("local",)), tmp_path / "run")
    text = Reader(write_report(tmp_path / "run").read_text(encoding="utf-8")).text
    assert "no labels were given" in text
    assert text.count("its own answer") == 2
    assert "2 photographs are too few" in text
