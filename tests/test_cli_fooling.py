"""``deepception deceive --fooling-image``: what it finds, keeps and refuses, and what the page concludes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepception as dc
from command_line import Done, assert_refused, call, chunks, save_photographs, save_placed_observer
from deepception.reports import write_report
from deepception.reports.fooling import verdict
from deepception.stimuli import fit_frame, load_photograph
from deepception.studies import RunStore

PHOTOGRAPHS = 6
TARGET = 4
QUERIES = 300


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ONNX observer of ten classes, and labelled photographs of which two show the target."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "good.onnx")
    photos = save_photographs(folder / "photos", PHOTOGRAPHS)
    rows = [f"p{number}.png,{TARGET if number < 2 else number + 4}" for number in range(PHOTOGRAPHS)]
    (photos / "labels.csv").write_text("\n".join(["file,index", *rows]) + "\n", encoding="utf-8")
    return folder


def fool(lab: Path, *arguments: object, page: bool = False, photos: str = "photos") -> Done:
    images = [] if photos == "" else [lab / photos]
    return call("deceive", lab / "good.onnx", *images, "--fooling-image", *arguments, page=page)


def found(done: Done) -> dict[str, Any]:
    assert done.code == 0, done
    return dict(json.loads(done.out))


@pytest.fixture(scope="module")
def kept(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run, and what it printed."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    return folder, found(fool(lab, TARGET, "--queries", QUERIES, "--out", folder, "--json", page=True))


def test_what_is_printed_is_what_the_pictures_are_answered_with(
    lab: Path, kept: tuple[Path, dict[str, Any]]
) -> None:
    folder, made = kept
    assert (made["target"], made["name"]) == (TARGET, "class 4")
    observer = dc.open_observer(str(lab / "good.onnx"))
    session = dc.Session(observer, batch_size=1)
    for image in (made, made["control"]):
        shown = load_photograph(folder / image["file"])
        answers = session.ask_images(fit_frame(shown, observer.frame)[None])
        assert int(answers.top[0, 0]) == image["top1"]
        assert float(np.exp(answers.log_probability[0, TARGET])) == pytest.approx(image["p"], abs=1e-6)
        assert image["reached"] == (image["top1"] == TARGET and image["p"] >= 0.9)
        assert image["copies"] == sum(patch["copies"] for patch in image["patches"])
        assert image["spent"] <= QUERIES
    assert made["reached"]
    assert made["first_top1"] <= made["first"] < made["spent"]
    assert made["beyond_control"] is (not made["control"]["reached"])


def test_no_patch_shows_the_target_and_every_query_is_told(kept: tuple[Path, dict[str, Any]]) -> None:
    made = kept[1]
    assert made["bank"]["left_out"] == ["p0.png", "p1.png"]
    assert made["bank"]["used"] == PHOTOGRAPHS - 2
    assert [c["index"] for c in made["bank"]["classes_left_out"]] == [TARGET]
    assert TARGET not in {patch["class"] for image in (made, made["control"]) for patch in image["patches"]}
    spent = made["queries"]
    assert spent["clean"] == 0  # all classes were given
    assert spent["search"] == made["spent"]
    assert spent["total"] == made["cost"]["transmissions"] == spent["search"] + spent["control"]


def test_unknown_classes_are_asked_for_and_counted_apart(lab: Path, tmp_path: Path) -> None:
    save_photographs(tmp_path / "plain", 3)
    made = found(
        call(
            *("deceive", lab / "good.onnx", tmp_path / "plain", "--fooling-image", "class_7", "--json"),
            *("--queries", 60, "--out", tmp_path / "run"),
            page=False,
        )
    )
    assert made["queries"]["clean"] == 3
    assert made["queries"]["total"] == 3 + made["queries"]["search"] + made["queries"]["control"]
    assert max(made["queries"]["search"], made["queries"]["control"]) <= 60
    session = dc.Session(dc.open_observer(str(lab / "good.onnx")), batch_size=1)
    for number in range(3):
        frame = fit_frame(load_photograph(tmp_path / "plain" / f"p{number}.png"), session.observer.frame)
        shows = int(session.ask_images(frame[None]).top[0, 0]) == 7
        assert (f"p{number}.png" in made["bank"]["left_out"]) == shows


def test_a_finished_run_is_not_repeated(lab: Path, kept: tuple[Path, dict[str, Any]]) -> None:
    folder, made = kept
    before = chunks(folder)
    done = fool(lab, TARGET, "--queries", QUERIES, "--out", folder, "--json")
    assert found(done) == made
    assert "all of them are measured" in done.err
    assert chunks(folder) == before
    told = fool(lab, "class 4", "--queries", QUERIES, "--out", folder)
    assert told.out.startswith("fooling image: Reached")
    assert f"fooling image, class 4: reached after {made['first']:,} queries" in told.out
    assert_refused(fool(lab, 5, "--queries", QUERIES, "--out", folder), "other settings", "fooling.target")
    other = call("deceive", lab / "good.onnx", lab / "photos", "--out", folder, page=False)
    assert_refused(other, "holds a run of a fooling image, and this one is of deception")


def test_a_run_that_its_budget_ended_goes_on_with_the_control(
    lab: Path, kept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    whole = kept[1]
    command = (TARGET, "--queries", QUERIES, "--out", tmp_path / "run", "--json")
    enough = whole["spent"] + 1
    done = fool(lab, *command, "--budget", enough, page=True)
    part = json.loads(done.out)
    assert done.code == 3
    assert part["queries"]["total"] == part["queries"]["search"] == whole["spent"]
    assert part["cost"]["transmissions"] == enough
    assert "(1 image sent for fooling image control, cut short here, is asked again); raise it to" in done.err
    assert part["control"] is part["beyond_control"] is None
    assert part["reached"]
    assert "not complete" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    searched = chunks(tmp_path / "run")
    again = found(fool(lab, *command))
    assert {name: data for name, data in chunks(tmp_path / "run").items() if name in searched} == searched
    assert again["queries"] == whole["queries"]
    spent = part["cost"]["transmissions"] + whole["queries"]["control"]
    assert (
        again["cost"]["transmissions"] == spent
    )  # the search was not repeated, and what was in vain is told
    for name in ("reached", "p", "first", "patches", "control", "beyond_control"):
        assert again[name] == whole[name]
    too_little = fool(lab, *command[:-2], tmp_path / "none", "--budget", 2)
    assert_refused(too_little, "budget")


def test_a_target_is_drawn_by_the_seed(lab: Path) -> None:
    drawn = [
        found(fool(lab, "random", "--queries", 4, "--seed", seed, "--no-controls", "--json"))
        for seed in (0, 0, 1, 2, 3)
    ]
    targets = [made["target"] for made in drawn]
    assert targets[0] == targets[1]
    assert len(set(targets)) > 1
    assert all(made["control"] is made["file"] is made["beyond_control"] is None for made in drawn)


def test_photographs_of_the_package_are_taken_where_none_are_named(lab: Path) -> None:
    made = found(fool(lab, 0, "--queries", 4, "--json", photos=""))
    assert made["bank"]["photographs"] == made["queries"]["clean"] == 8


def test_labels_alone_suffice(lab: Path, tmp_path: Path) -> None:
    options = (TARGET, "--knowledge", "label", "--out", tmp_path / "run", "--json")
    made = found(fool(lab, *options, "--queries", 200))
    assert made["p"] is None
    assert made["reached"] is (made["rate"] is not None and made["rate"] >= 0.9 and made["top1"] == TARGET)
    few = fool(lab, TARGET, "--knowledge", "label", "--queries", 21, "--out", tmp_path / "few")
    assert_refused(few, "queries")
    assert not (tmp_path / "few").exists()


def test_the_price(lab: Path, tmp_path: Path) -> None:
    price = found(fool(lab, 9, "--dry-run", "--json", "--out", tmp_path / "run"))
    assert price["search"] == price["control"] == 2000
    assert price["total"] == price["left"] == 4000
    assert (price["photographs"], price["clean"], price["exact"]) == (PHOTOGRAPHS - 1, 0, False)
    assert not (tmp_path / "run").exists()
    without = fool(lab, 9, "--dry-run", "--no-controls", "--queries", 50, photos="")
    assert "up to 58 queries (50 for the image, 0 for its control, 8 clean)" in without.out


def test_what_patches_answer_alone_is_learned_once_for_all_targets(lab: Path, tmp_path: Path) -> None:
    """With a cache: the patches are the same for another target, and so is what they answer."""
    options = ("--queries", 100, "--learn-queries", 5000, "--cache", tmp_path / "answers.sqlite")
    price = found(fool(lab, TARGET, *options, "--dry-run", "--json"))
    canvases = 2 * (12 * (PHOTOGRAPHS - 2) + 16 + 64)  # no more can be shown, whatever is allowed
    assert (price["learning"], price["total"]) == (canvases, canvases + 200)
    few = found(fool(lab, TARGET, "--learn-queries", 60, "--dry-run", "--json"))
    assert few["learning"] == 120
    first = found(fool(lab, TARGET, *options, "--out", tmp_path / "first", "--json", page=True))
    parts = {name: count for name, count in first["queries"].items() if name != "total"}
    assert (
        sum(parts.values()) == first["queries"]["total"] == first["cost"]["queries"] + first["cost"]["cached"]
    )
    assert parts["learning"] == first["learning"] + first["control"]["learning"]
    assert canvases / 2 == first["learning"] == first["control"]["learning"], "one for each canvas"
    again = found(fool(lab, TARGET, *options, "--out", tmp_path / "first", "--dry-run", "--json"))
    assert (again["total"], again["left"]) == (price["total"], 0)
    page = (tmp_path / "first" / "report.html").read_text(encoding="utf-8")
    assert "Queries of learning before, what the patches answer alone" in page
    other = found(fool(lab, TARGET + 3, *options, "--json"))
    # Its bank has the patches of other photographs of its own; those of the first it has from the cache.
    assert other["cost"]["queries"] < first["cost"]["queries"] - first["learning"]
    told = fool(lab, TARGET, *options, "--out", tmp_path / "first")
    assert f"and {first['learning']:,} of learning before" in told.out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--universal",), "--universal"),
        (("--target", "random"), "--target"),
        (("--area", 0), "--area"),
        (("--linf", "8/255"), "--linf"),
        (("--apply", "x.npz"), "--apply"),
        (("--learn-on", "."), "--learn-on"),
        (("--fail-on", "fooling_ratio > 0"), "--fail-on"),
        (("--area", 0.1, "--target", 3, "--no-prune"), "--target, --area, --no-prune"),
    ],
)
def test_what_it_excludes(lab: Path, options: tuple[object, ...], named: str) -> None:
    done = fool(lab, TARGET, *options)
    assert (done.code, done.out) == (2, "")
    assert f"leave {named} out." in " ".join(done.err.split())


def test_what_is_refused(lab: Path, tmp_path: Path) -> None:
    run = ("--out", tmp_path / "run")
    assert_refused(fool(lab, "no such class", *run), "not among the 10 classes")
    assert_refused(fool(lab, 4, "--label", 4, *run), "near-synonym")
    assert_refused(fool(lab, 4, *run, photos="nowhere"), "nowhere")
    assert_refused(fool(lab, 4, "--queries", 1, *run), "queries")
    (lab / "broken").mkdir(exist_ok=True)
    (lab / "broken" / "b.png").write_bytes(b"no picture")
    assert_refused(fool(lab, 4, *run, photos="broken"), "b.png")
    assert not (tmp_path / "run").exists()
    bare = call("deceive", lab / "good.onnx", page=False)
    assert bare.code == 2
    assert "Missing argument 'IMAGES...'" in bare.err


def test_a_photograph_that_cannot_be_read_fails_alone(lab: Path, tmp_path: Path) -> None:
    save_photographs(tmp_path / "some", 3)
    (tmp_path / "some" / "p1.png").write_bytes(b"no picture")
    done = call(
        *("deceive", lab / "good.onnx", tmp_path / "some", "--fooling-image", 4, "--queries", 10, "--json"),
        *("--out", tmp_path / "run"),
        page=False,
    )
    assert done.code == 3
    made = json.loads(done.out)
    assert [failure["photograph"] for failure in made["failures"]] == ["p1.png"]
    assert made["bank"]["photographs"] == 3
    assert made["spent"] > 0


def test_the_page_is_made_from_the_folder_alone(kept: tuple[Path, dict[str, Any]]) -> None:
    folder, made = kept
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "Taken for <bdi>class 4</bdi>?" in page
    assert made["patches"][0]["source"] in page
    (folder / "results.json").rename(folder / "elsewhere.json")
    again = write_report(folder).read_text(encoding="utf-8")
    (folder / "elsewhere.json").rename(folder / "results.json")
    assert again == page
    assert {store.describe(h).unit.experiment for store in [RunStore(folder)] for h in store.finished()} == {
        "bank photograph",
        "fooling image",
        "fooling image control",
    }


def results(*, reached: bool = True, control: bool | None = False) -> dict[str, Any]:
    image: dict[str, Any] = {
        **{"reached": reached, "p": 0.95 if reached else 0.2, "rate": None, "top1_name": "cat"},
        **{"first": 40 if reached else None, "copies": 3, "patches": [{}], "queries": 41},
    }
    beside = None if control is None else {**image, "reached": control, "first": 30 if control else None}
    return {
        "target": {"name": "cat"},
        "fooling": image,
        "control": beside,
        "settings": {"fooling": {"queries": 50, "threshold": 0.9, "level": "logits"}},
    }


@pytest.mark.parametrize(
    ("reached", "control", "state", "words"),
    [
        (True, False, "deceived", "alone did less"),
        (True, True, "open", "that what the patches show matters is not shown"),
        (True, None, "open", "without the control it is open"),
        (False, False, "fails", "nor by the same search in a bank with every patch scrambled"),
        (False, True, "fails", "what the patches show did not help"),
        (False, None, "fails", "at 0.9 or above within 50 queries"),
    ],
)
def test_the_verdict_claims_no_more_than_the_control_allows(
    reached: bool, control: bool | None, state: str, words: str
) -> None:
    told = verdict(results(reached=reached, control=control))
    assert told.state == state
    assert words in told.sentence
    assert ("matters" in told.sentence or "did less" in told.sentence) == reached


def test_the_same_from_python(lab: Path) -> None:
    session = dc.Session(dc.open_observer(str(lab / "good.onnx")), batch_size=8)
    others = [dc.open_subject(session, lab / "photos" / f"p{n}.png", n + 4) for n in range(2, 6)]
    bank = dc.make_bank(others, session.observer.frame.shape)
    made = dc.fool(session, "class_4", bank, queries=QUERIES)
    control = dc.fool(session, "class_4", bank.scramble(), queries=QUERIES)
    assert made.reached
    assert (made.scrambled, control.scrambled) == (False, True)
