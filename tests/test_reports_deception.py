"""The report of deceptions: a verdict that says what was counted, pictures of what was shown, failures too."""

from __future__ import annotations

import base64
import copy
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deepception.deceive import Deception
from deepception.deceive.bounds import Linf
from deepception.deceive.controls import Case, measure_controls
from deepception.deceive.counting import count_deceptions
from deepception.deceive.found import Found
from deepception.deceive.goals import Untargeted
from deepception.deceive.trials import Shown
from deepception.properties import Result
from deepception.properties.result import jsonable
from deepception.reports import StoredRun, read_run, render_report, write_report
from deepception.reports.control_words import OTHER, by_kind, words_of
from deepception.reports.deception_gallery import MOST, added, chosen, rule
from deepception.reports.deception_pictures import deception_pictures
from deepception.reports.deceptions import DeceptionVerdict, tell_deception
from deepception.reports.drawing import data_uri
from deepception.studies import run_audit
from known import ask, picture
from test_reports_page import CLASSES, EVIL, EVIL_FILE, PHOTOGRAPHS, SIDE, Reader, photographs, request

FRAME = (100, 100)
GREY = "grey patch"


def row(index: int, first: int | None, *, grey: bool = False, **changes: Any) -> dict[str, Any]:
    """One photograph of a run of 1,000 queries, deceived at its query ``first``, if it was."""
    reached = first is not None
    made = {
        "name": f"photograph {index}",
        "sha256": f"{index:064x}",
        "label": 1,
        "queries": 10,
        "labelled": True,
        "clean_top1": 1,
        "correct": True,
        "goal": "untargeted",
        "target": None,
        "bound": "area 0.05",
        "limit": 500,
        "used": 100 + index,
        "budget": 1000,
        "attacked": True,
        "reached": reached,
        "first": first,
        "attack_queries": first or 1000,
        "control_queries": 1001,
        "top1": 2 if reached else 1,
        "log10_odds": 0.3 if reached else None,
        "survives_shift": reached or None,
        "source": "search",
        "copies": 3,
        "controls": {
            GREY: {"reached": grey, "first": 7 if grey else None, "queries": 7 if grey else 1000},
            "clean shifted": {"reached": False, "first": None, "queries": 1},
        },
    }
    return {**made, **changes}


def summary(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What a run stores about these photographs."""
    figures = jsonable(count_deceptions(rows))
    first = rows[0]
    return {
        "name": "deception",
        "headline": None,
        "figures": {"bound": first["bound"], "goal": first["goal"], **figures, **more},
        "rows": rows,
        "queries": 4321,
        "open_questions": [],
    }


def told(rows: list[dict[str, Any]], **options: Any) -> DeceptionVerdict:
    found = tell_deception("deception", summary(rows), FRAME, **options)
    assert found is not None
    return found


def forty(deceived: int = 31, grey: int = 9) -> list[dict[str, Any]]:
    return [row(i, i // 4 + 1 if i < deceived else None, grey=i < grey) for i in range(40)]


# --- what is said ---


def test_the_verdict_says_what_was_counted() -> None:
    verdict = told(forty())
    assert re.fullmatch(
        r"31 of 40 photographs are deceived within 1,000 queries each at 5 % of the frame\. The median photograph "
        r"falls after 5 queries\. The best control \(grey patch\) deceives 9: a margin of \+55 \[\d+, \d+\] "
        r"points, p < 0\.001\.",
        verdict.sentence,
    )
    assert verdict.short == (
        "31 of 40 photographs are deceived within 1,000 queries each at 5 % of the frame; the best control "
        "(grey patch) deceives 9."
    )
    assert (verdict.state, verdict.word, verdict.mark) == ("deceived", "Deceived beyond controls", "!")
    assert verdict.further == []  # no list is printed as it is stored
    rates = {r.name.partition(":")[0]: (r.text, r.n) for r in verdict.rates}
    assert rates["Fooling ratio"] == ("78 % [62 %, 88 %]", "40")
    assert rates["Area that the deceptions use, median"][0] == "1.1 % (most: 1.3 %)"
    cost = {r.name: r.text for r in verdict.cost}
    assert cost["Controls"] == "40,040"
    assert cost["Clean answers, one each, not counted above"] == "40"


@pytest.mark.parametrize(
    ("rows", "state", "word", "said"),
    [
        (forty(31, 28), "fails", "Not beyond controls", "may be chance"),
        (forty(0, 0), "fails", "Not deceived", "does not show that none can be"),
        (
            forty(9, 0),
            "deceived",
            "Deceived beyond controls",
            "more than covering the same pixels, or chance",
        ),
        (forty(2, 20), "fails", "Not beyond controls", "The best control (grey patch) deceives more"),
        (forty()[:5], "open", "Cannot be judged", "5 photographs are too few"),
        ([{**r, "controls": {}} for r in forty()], "open", "Cannot be judged", "No control was shown"),
    ],
)
def test_what_may_be_concluded(rows: list[dict[str, Any]], state: str, word: str, said: str) -> None:
    verdict = told(rows)
    assert (verdict.state, verdict.word) == (state, word)
    assert said in verdict.meaning


def test_where_nothing_is_deceived_no_control_is_named() -> None:
    assert told(forty(0, 0)).sentence == (
        "None of 40 photographs are deceived within 1,000 queries each at 5 % of the frame. No control deceives "
        "any: a margin of 0 points, p = 1."
    )
    assert told(forty(9, 0)).short.endswith("of the frame; no control deceives any.")


def test_failures_and_wrong_answers_are_told_apart() -> None:
    rows = [*forty(12, 0), *(row(40 + i, 1, correct=False, clean_top1=5) for i in range(4))]
    verdict = told(rows)
    assert verdict.sentence.startswith("16 of 44 photographs")
    assert "Fewer than half of those that were right before fall." in verdict.sentence
    assert dict(verdict.card)["Median queries"].startswith("> 1,000")
    rates = {r.name.partition(":")[0]: (r.text.partition(" [")[0], r.n) for r in verdict.rates}
    assert rates["Fooling ratio"] == ("36 %", "44")
    assert rates["Success rate"] == ("30 %", "40")
    assert rates["Robust error"] == ("36 %", "44")


def test_targets_one_photograph_and_none_are_told() -> None:
    targeted = {"goal": "targeted", "target": 3, "top1": 3}
    rows = [row(0, 4, **targeted), row(1, None, **targeted), row(2, None, attacked=False, **targeted)]
    verdict = told(rows)
    assert verdict.sentence.startswith("1 of 2 photographs are deceived into their target class")
    assert [r.text for r in verdict.rates if r.name.startswith("Photographs left out")] == ["1"]
    assert told(rows[1:2]).sentence.startswith("None of 1 photograph is deceived")
    assert tell_deception("deception", summary(rows[2:]), FRAME) is None
    assert tell_deception("deception", {"figures": {}, "rows": []}, FRAME) is None
    foreign = {"figures": {"fooling_ratio": {"value": 0.5, "n": 2}}, "rows": [{}]}
    assert tell_deception("another", foreign, FRAME) is None


def test_crops_that_show_the_target_are_told_apart() -> None:
    aimed = {"goal": "targeted", "target": 2}
    shown = {"contains t": {"reached": True, "first": 1, "queries": 1}}
    rows = [row(i, 3, **aimed) for i in range(8)]
    assert not [r for r in told(rows).rates if r.name.startswith("Contains t")]
    rows[0]["controls"] |= shown
    verdict = told(rows)
    (only,) = [r for r in verdict.rates if r.name.startswith("Contains t")]
    assert (only.text, only.n) == ("1", "1")
    assert "no deceptions" in only.name
    assert "contains t" not in {c.name for _, controls in verdict.controls for c in controls}
    assert verdict.further == []


def test_a_universal_pattern_and_its_learning_are_told() -> None:
    shown = {"budget": 1, "source": "pattern", "bound": "L∞ 10/255", "limit": 10, "used": 10}
    rows = [row(i, 1 if i < 7 else None, **shown) for i in range(9)]
    stored = summary(rows, learned={"kind": "pattern", "brought": False, "spent": 20000, "facts": {}})
    learning = {"rule": "half and half, by class", "learned_on": 11, "reported": 9, "shared_classes": 0}
    verdict = tell_deception("deception", stored, FRAME, universal=True, learning=learning)
    assert verdict is not None
    assert verdict.sentence.startswith(
        "7 of 9 photographs are deceived by one and the same pattern at L∞ 10/255, shown once. No control deceives"
    )
    assert verdict.lesson == [
        "The pattern was learned with 20,000 queries; nothing was searched here.",
        "The run folder has it as pattern.npz, which --apply puts on other photographs.",
        "Learned on 11 photographs, none of which is among the 9 that the figures are about (half and half, by "
        "class); no class is on both sides.",
    ]
    assert "Median queries" not in dict(verdict.card)
    titles = [p.title for p in deception_pictures("deception", stored, FRAME)]
    assert titles == ["The deception beside its controls"]
    assert rule(rows).startswith(f"Pictured are {MOST} of 9, at even steps; those that were not deceived")


def test_every_control_has_words() -> None:
    clean = picture(16)
    session = ask(lambda images: np.zeros((len(images), 3)), 16, 3)
    veil = Found(clean, None, Shown(False, 0.0, 0), "search", 1)
    case = Case(session, clean, "0" * 64, Untargeted(0, 0), Linf(10 / 255), queries=2)
    names = list(measure_controls(case, veil))
    assert names
    assert [name for name in names if words_of(name).kind == OTHER] == []
    assert by_kind(["mine", *names])[-1] == (OTHER, ["mine"])


# --- pictures ---


def test_curves_over_queries_and_over_the_area_used() -> None:
    made = {p.title: p for p in deception_pictures("deception", summary(forty()), FRAME)}
    assert set(made) == {
        "How many fall, and how soon",
        "The deception beside its controls",
        "How much of the frame it takes",
    }
    over_queries = made["How many fall, and how soon"].svg
    assert "deception 78 %, grey patch 22 %" in over_queries
    assert "clean shifted" not in over_queries  # one showing, which no query could add to
    assert "right before" not in over_queries
    assert "All searches had one bound, 5 %" in made["How much of the frame it takes"].caption
    whole = [{**r, "used": 499, "goal": "targeted", "target": 3} for r in forty()]
    drawn = {p.title: p.caption for p in deception_pictures("deception", summary(whole), FRAME)}
    assert "took hardly anything away" in drawn["How much of the frame it takes"]
    mixed = [*forty(), row(40, None, correct=False)]
    svg = next(deception_pictures("deception", summary(mixed), FRAME)).svg
    assert "right before 78 %" in svg


def test_pictured_photographs_go_from_easy_to_failed() -> None:
    rows = forty()[::-1]
    picked = chosen(rows)
    firsts = [r["first"] for r in picked]
    assert len(picked) == MOST
    assert firsts[0] == 1
    known = [f for f in firsts if f is not None]
    assert known == sorted(known)
    assert firsts[len(known) :] == [None] * (MOST - len(known))
    assert firsts[-1] is None
    assert "Pictured are 8 of 40" in rule(rows)
    assert len(chosen(rows[-3:])) == 3
    assert chosen([row(0, None, attacked=False)]) == []


def test_what_was_added_is_the_patch_on_grey_or_the_amplified_veil() -> None:
    clean = np.full((4, 4, 3), 100, np.uint8)
    stimulus = clean.copy()
    mask = np.zeros((4, 4), dtype=bool)
    mask[1, 2] = True
    stimulus[1, 2] = (255, 0, 7)
    shown = added(clean, stimulus, mask, 1)
    assert shown[1, 2].tolist() == [255, 0, 7]
    assert np.unique(shown[~mask]).size == 1
    veiled = clean.copy()
    veiled[0, 0], veiled[0, 1] = 110, 90
    change = added(clean, veiled, np.zeros((0, 0), dtype=bool), 10)
    assert [change[0, 0, 0], change[0, 1, 0], change[3, 3, 0]] == [255, 1, 128]


# --- the page of a run ---


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deceive")
    run_audit(request(photographs(folder / "photographs"), properties=("deception",)), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def run(finished: Path) -> StoredRun:
    return read_run(finished)


@pytest.fixture(scope="module")
def page(run: StoredRun) -> str:
    return render_report(run)


def shots(page: str) -> list[tuple[str, NDArray[np.uint8]]]:
    """The pictures of the gallery: what they are called, and their pixels."""
    found = []
    for tag, attrs in Reader(page).tags:
        if tag == "img" and attrs.get("class") == "shot":
            data = base64.b64decode((attrs["src"] or "").partition(",")[2])
            found.append((str(attrs["alt"]), np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))))
    return found


def test_the_page_of_a_deception_is_whole_and_says_its_verdict_first(page: str, run: StoredRun) -> None:
    reader = Reader(page)
    assert reader.faults == []
    assert reader.stack == []
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    assert all(link and link[0] == "#" and link[1:] in ids for link in links)
    verdict = tell_deception("deception", run.results["properties"]["deception"], (SIDE, SIDE))
    assert verdict is not None
    assert reader.text.index(verdict.sentence) < reader.text.index(verdict.meaning)
    assert verdict.meaning in reader.text
    for absent in ("The observer’s period", "Local map", "decades per doubling", "Property 1 of", "None, "):
        assert absent not in reader.text
    for present in ("Fooling ratio", "Robust error", "L∞", "random pixels", "What it cost", "grey fill"):
        assert present in reader.text
    curve = run.results["properties"]["deception"]["figures"]["curve"]["fooling_ratio"]
    assert ", ".join(f"{share:.2f}" for share in curve[:3]) not in reader.text


def test_the_page_of_a_deception_is_safe(page: str) -> None:
    reader = Reader(page)
    assert EVIL in reader.text
    assert EVIL_FILE in reader.text
    assert not [tag for tag, _ in reader.tags if tag in ("script", "iframe", "object", "embed", "form")]
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    sources = [attrs["src"] for tag, attrs in reader.tags if tag == "img"]
    assert all(source and source.startswith("data:image/") for source in sources)
    assert "@import" not in page
    assert len(page.encode()) < 500_000


def test_the_gallery_shows_what_the_observer_was_shown(page: str, run: StoredRun) -> None:
    rows = chosen(run.results["properties"]["deception"]["rows"])
    pictures = shots(page)
    assert len(rows) == PHOTOGRAPHS
    assert len(pictures) == 3 * len(rows)
    for entry, (before, after, new) in zip(rows, zip(*[iter(pictures)] * 3, strict=True), strict=True):
        result, clean = run.result("deception", entry["sha256"]), run.frame(entry["sha256"])
        assert isinstance(result, Deception)
        assert clean is not None
        assert before[0].startswith("Before: ")
        assert f"answered {run.label(entry['clean_top1'])}" in before[0]
        assert f"answered {run.label(entry['top1'])}" in after[0]
        assert after[0].startswith("After: " if entry["reached"] else "Best try: ")
        # JPEG changes values a little, what was added is kept exactly.
        assert np.abs(before[1].astype(int) - clean).mean() < 8
        assert np.abs(after[1].astype(int) - result.stimulus).mean() < 12
        np.testing.assert_array_equal(new[1][result.mask], result.stimulus[result.mask])
    outcomes = [r["reached"] for r in rows]
    assert page.count("not deceived in 30 queries") >= outcomes.count(False)


def test_every_photograph_says_how_it_ended(page: str, run: StoredRun) -> None:
    thumbnails = [a for tag, a in Reader(page).tags if tag == "img" and a.get("class") == "after"]
    assert len(thumbnails) == PHOTOGRAPHS
    text = Reader(page).text
    for entry in run.results["properties"]["deception"]["rows"]:
        if entry["reached"]:
            assert f"deceived after {entry['first']} quer" in text
    assert "torn.png" in text
    assert "not measured" in text  # the torn photograph


def test_the_same_run_gives_the_same_bytes_again(finished: Path, page: str) -> None:
    assert write_report(finished).read_text(encoding="utf-8") == page


def test_classes_that_no_clean_answer_named_have_their_names(run: StoredRun) -> None:
    results = copy.deepcopy(dict(run.results))
    results["labels"] = {}
    bare = replace(run, results=results)
    assert [bare.label(i) for i in range(CLASSES)] == [EVIL, *(f"class {k}" for k in range(1, CLASSES))]
    assert bare.label(99) == "class 99"
    assert bare.label(None) == "unknown"


@dataclass(frozen=True)
class Veiled(StoredRun):
    """A run whose deceptions are veils: one grey level up or down by turns, of at most ten."""

    def result(self, experiment: str, sha256: str) -> Result | None:
        found, clean = super().result(experiment, sha256), self.frame(sha256)
        if not isinstance(found, Deception) or clean is None:
            return found
        change = np.where(np.indices(clean.shape).sum(axis=0) % 2, 10, -10)
        stimulus = np.clip(clean.astype(int) + change, 0, 255).astype(np.uint8)
        return replace(found, stimulus=stimulus, mask=np.zeros((0, 0), dtype=bool))


def veiled(run: StoredRun, changes: Sequence[dict[str, Any]] = ()) -> StoredRun:
    results = copy.deepcopy(dict(run.results))
    stored = results["properties"]["deception"]
    for i, entry in enumerate(stored["rows"]):
        entry |= {"bound": "L∞ 10/255", "limit": 10, "used": 10, "copies": 1}
        entry["controls"] = {"random noise": entry["controls"]["random pixels"]}
        entry |= changes[i] if i < len(changes) else {}
    stored |= summary(stored["rows"])
    return Veiled(run.name, results, run.finished)


def test_the_page_of_veils(run: StoredRun) -> None:
    aimed = {"goal": "targeted", "target": 3}
    failed = {**aimed, "reached": False, "first": None, "log10_odds": None, "survives_shift": None}
    changes = [
        {**aimed, "reached": True, "first": 4, "top1": 3, "log10_odds": 1.0, "survives_shift": True},
        failed,
        {**failed, "attacked": False},
    ]
    page = render_report(veiled(run, changes))
    reader = Reader(page)
    assert reader.faults == []
    text = reader.text
    assert "at L∞ 10/255" in text
    assert "into their target class" in text
    assert "target: class 3" in text
    assert "What was added, 13 times as strong; grey is no change" in text
    assert "changes values by up to 10 grey levels" in text
    assert "Largest change of a value, median grey levels 10 (most: 10)" in text
    assert "not attacked: the target already" in text
    assert "How much of the frame it takes" not in text
    assert "91 %" in text  # one decade of odds
    differences = [pixels for alt, pixels in shots(page) if alt.startswith("What was added")]
    assert len(differences) == PHOTOGRAPHS - 1
    assert all(abs(float(pixels.mean()) - 128) < 20 for pixels in differences)


def test_the_deception_comes_after_the_properties(tmp_path: Path) -> None:
    found = photographs(tmp_path / "photographs")[:2]
    run_audit(request(found, properties=("local", "deception")), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    reader = Reader(page)
    assert reader.faults == []
    text = reader.text
    assert "Property 1 of 1" in text
    assert text.index("Property 1 of 1") < text.index("What it comes to") < text.index("All photographs")
    lead = text[: text.index("Right when clean")]
    assert re.search(r"Of the one property measured on 2 photographs, .* of 2 photographs are deceived", lead)
    assert "Local map" in text


def test_a_picture_of_pure_noise_is_written() -> None:
    # An optimised JPEG is written in one piece, and the room that Pillow gives it is too small for this.
    noise = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (300, 300, 3))
    assert data_uri(noise).startswith("data:image/jpeg;base64,")
