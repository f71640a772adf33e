"""``deepception deceive``: what it prints, what it keeps, how it ends, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepception as dc
from command_line import CLASSES, Done, assert_refused, call, save_photographs, save_placed_observer
from deepception.cli.gates import Gate, read_gate
from deepception.deceive import origin
from deepception.observers import restrict
from deepception.reports.deceptions import lines
from deepception.stimuli import fit_frame, load_photograph
from deepception.studies import RunStore, load_settings
from deepception.studies.pool import embedded_photographs

PHOTOGRAPHS = 20
AREA = ("--area", 0.3)
FEW = (*AREA, "--queries", 6, "--batch-size", 8, "--no-controls")
LEARN = (*AREA, "--universal", "--learn-queries", 160, "--batch-size", 8, "--no-controls")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ONNX observer of ten classes, and photographs of which three have the class it answers."""
    folder = tmp_path_factory.mktemp("lab")
    model = save_placed_observer(folder / "good.onnx")
    photos = save_photographs(folder / "photos", PHOTOGRAPHS)
    observer = dc.open_observer(str(model))
    session = dc.Session(observer, batch_size=8)
    rows = ["file,index"]
    for number in range(PHOTOGRAPHS):
        pixels = fit_frame(load_photograph(photos / f"p{number}.png"), observer.frame)
        top1 = int(session.ask_images(pixels[None]).top[0, 0])
        rows.append(f"p{number}.png,{top1 if number < 3 else (top1 + 1 + number) % CLASSES}")
    (photos / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def some(lab: Path, numbers: range) -> list[Path]:
    return [lab / "photos" / f"p{number}.png" for number in numbers]


def listed(lab: Path, path: Path, numbers: range) -> Path:
    """A CSV of some of the photographs with their classes."""
    rows = (lab / "photos" / "labels.csv").read_text(encoding="utf-8").splitlines()
    chosen = [f"{lab / 'photos'}/{rows[1 + number]}" for number in numbers]
    path.write_text("\n".join([rows[0], *chosen]) + "\n", encoding="utf-8")
    return path


def deceive(lab: Path, *arguments: object) -> Done:
    return call("deceive", lab / "good.onnx", *arguments, page=False)


def found(done: Done) -> dict[str, Any]:
    assert done.code == 0, done
    return dict(json.loads(done.out))


@pytest.fixture(scope="module")
def kept(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run over four photographs, with controls, and what it printed."""
    folder = tmp_path_factory.mktemp("kept")
    images = listed(lab, folder / "photos.csv", range(4))
    done = deceive(lab, images, *AREA, "--queries", 8, "--batch-size", 8, "--out", folder / "run", "--json")
    return folder / "run", found(done)


@pytest.fixture(scope="module")
def learned(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A universal pattern learned on half of the photographs, what was printed, and what was said."""
    folder = tmp_path_factory.mktemp("learned") / "run"
    done = deceive(lab, lab / "photos", *LEARN, "--out", folder, "--json")
    return folder, found(done), done.err


def test_the_figures_and_one_entry_a_photograph(kept: tuple[Path, dict[str, Any]]) -> None:
    made = kept[1]
    assert list(made)[:5] == ["fooling_ratio", "success_rate", "robust_error", "queries", "controls"]
    for name in ("fooling_ratio", "success_rate", "robust_error"):
        assert set(made[name]) == {"value", "low", "high", "n"}
    assert {"mean", "median", "clean", "learning", "total"} <= set(made["queries"])
    assert {"fooling_ratio", "success_rate", "robust_error"} <= set(made["controls"]["grey fill"])
    assert (made["fooling_ratio"]["n"], made["success_rate"]["n"], made["robust_error"]["n"]) == (4, 3, 4)
    assert len(made["images"]) == made["queries"]["clean"] == 4
    assert made["queries"]["learning"] == 0
    assert made["queries"]["total"] == made["cost"]["transmissions"]
    assert made["parameters"]["area"] == 0.3
    for row in made["images"]:
        assert row["top1_name"] == f"class {row['top1']}".replace(" ", row["top1_name"][5])
        assert row["target_name"] is None
    flags = [row["reached"] for row in made["images"]]
    assert made["fooling_ratio"]["value"] == np.mean(flags)
    assert any(flags)


def test_the_pictures_are_what_deceives(lab: Path, kept: tuple[Path, dict[str, Any]]) -> None:
    folder, made = kept
    observer = dc.open_observer(str(lab / "good.onnx"))
    limit = int(0.3 * observer.frame.height * observer.frame.width)
    for row in made["images"]:
        if not row["reached"]:
            assert row["file"] is None
            continue
        shown = load_photograph(folder / row["file"])
        clean = fit_frame(load_photograph(lab / "photos" / row["name"]), observer.frame)
        assert shown.pixels.shape == clean.shape
        assert (shown.pixels != clean).any(axis=2).sum() <= row["used"] <= limit
        session = dc.Session(observer, batch_size=1)
        top1 = int(session.ask_images(fit_frame(shown, observer.frame)[None]).top[0, 0])
        assert top1 == row["top1"]
        assert top1 not in (row["clean_top1"], row["label"])
    named = [row[name] for row in made["images"] for name in ("file", "pattern") if row[name]]
    assert {folder / name for name in named} == set((folder / "deceptions").iterdir())


def test_a_deception_is_kept_as_a_pattern_for_other_photographs(
    lab: Path, kept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, made = kept
    row = next(row for row in made["images"] if row["reached"])
    file = folder / row["pattern"]
    own = lab / "photos" / row["name"]
    assert np.array_equal(dc.apply(file, own), load_photograph(folder / row["file"]).pixels)
    pattern = dc.load_pattern(file)
    assert (pattern.used, pattern.about["queries"]) == (row["used"], row["attack_queries"])
    applied = deceive(lab, lab / "photos", "--apply", file, "--no-controls", "--batch-size", 8, "--json")
    rows = found(applied)["images"]
    assert row["name"] not in {other["name"] for other in rows}, "it was searched on that one"
    assert len(rows) == PHOTOGRAPHS - 1
    assert found(applied)["queries"]["learned_with"] == row["attack_queries"]
    assert all(other["used"] <= row["limit"] for other in rows)


def test_one_total_everywhere(
    lab: Path, kept: tuple[Path, dict[str, Any]], learned: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    pattern = learned[0] / "pattern.npz"
    alone = deceive(lab, *some(lab, range(1)), *AREA, "--queries", 4, "--out", tmp_path / "alone", "--json")
    brought = deceive(
        lab, lab / "photos", "--apply", pattern, "--out", tmp_path / "brought", "--batch-size", 8, "--json"
    )
    runs = [kept, learned[:2], (tmp_path / "alone", found(alone)), (tmp_path / "brought", found(brought))]
    for folder, made in runs:
        asked, rows = made["queries"], made["images"]
        stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        figures = stored["properties"]["deception"]["figures"]
        assert asked == figures["queries"]
        shown = sum(row["attack_queries"] + row["control_queries"] for row in rows)
        assert asked["total"] == shown + asked["clean"] + asked["clean_others"] + asked["learning"]
        assert asked["total"] == stored["cost"]["queries"] == made["cost"]["queries"]
        assert asked["total"] == stored["properties"]["deception"]["queries"]
        total = f"{asked['total']:,}"
        again = call("report", folder, page=True)
        assert again.code == 0
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert re.search(rf"All queries together</bdi></th><td[^>]*>{total}</td>", page)
        assert f"<dt>Queries</dt><dd><bdi>{total}</bdi>" in page or f">{total}<" in page
        told = "\n".join(lines("deception", stored["properties"]["deception"]))
        assert f"{total} in all" in told
    assert runs[1][1]["queries"]["clean_others"] == runs[1][1]["learning"]["learned_on"]
    assert runs[2][1]["queries"]["clean_others"] == 5, (
        "photographs of the package, whose pixels are a control"
    )
    assert runs[3][1]["queries"]["learned_with"] == runs[1][1]["queries"]["learning"]
    assert runs[3][1]["queries"]["learning"] == 0


def test_the_same_command_goes_on(lab: Path, kept: tuple[Path, dict[str, Any]]) -> None:
    folder, made = kept
    command = (folder.parent / "photos.csv", *AREA, "--queries", 8, "--batch-size", 8, "--out", folder)
    done = deceive(lab, *command, "--json")
    assert found(done) == made
    assert "all of them are measured" in done.err
    assert_refused(deceive(lab, *command, "--area", 0.2), "other settings", "area")
    words = deceive(lab, *command)
    assert words.code == 0
    assert words.out.startswith("deception: Cannot be judged. ")
    assert len([line for line in words.out.splitlines() if line.startswith("p")]) == 4
    for told in (
        "fooling ratio",
        "success rate",
        "robust error",
        "queries: median",
        "best control",
        "survive",
    ):
        assert told in words.out
    assert f"{made['queries']['total']} in all" in words.out
    assert f"cost: {made['queries']['total']} queries in" in words.out


def test_the_price(lab: Path, tmp_path: Path) -> None:
    done = deceive(lab, *some(lab, range(3)), *FEW, "--dry-run", "--json", "--out", tmp_path / "run")
    price = found(done)
    assert price["total"] == price["left"] == 3 * 7
    assert not price["exact"]
    assert not (tmp_path / "run").exists()
    learning = found(deceive(lab, lab / "photos", *LEARN, "--dry-run", "--json"))
    assert learning["learned_on"] + learning["photographs"] == PHOTOGRAPHS
    # Each is shown the pattern, and once more, moved by one pixel, if that deceives.
    assert learning["total"] == 160 + PHOTOGRAPHS + 2 * learning["photographs"]


def test_budgets_are_kept(lab: Path, tmp_path: Path) -> None:
    done = deceive(lab, *some(lab, range(4)), *FEW, "--budget", 12, "--out", tmp_path / "run", "--json")
    assert done.code == 3
    assert json.loads(done.out)["queries"]["total"] <= 12
    assert "budget" in done.err


@pytest.mark.parametrize(("condition", "code"), [("fooling_ratio >= 0", 1), ("fooling_ratio > 100%", 0)])
def test_a_gate_fails_the_command(lab: Path, condition: str, code: int) -> None:
    done = deceive(lab, *some(lab, range(1)), *FEW, "--fail-on", condition)
    assert done.code == code
    assert ("failed: fooling_ratio" in done.err) == bool(code)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fooling_ratio > 0.5", True),
        ("fooling_ratio>=60%", True),
        ("fooling_ratio < 0.6", False),
        (
            "queries.median <= 10",
            False,
        ),  # more than half were not deceived: the median is beyond every number
        ("queries.median > 10", True),
        ("queries.mean < 7", True),
        ("success_rate > 0", False),  # unknown
        ("margin > 0", False),  # no control was shown
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    figures = {
        "fooling_ratio": {"value": 0.6},
        "success_rate": {"value": None},
        "queries": {"median": None, "mean": 6.5, "n": 4},
        "margin": None,
    }
    assert read_gate(text).fails(figures) is holds


def test_a_gate_on_a_figure_that_is_not_known_says_so(lab: Path) -> None:
    done = deceive(
        lab, *some(lab, range(1)), *FEW, "--target", 7, "--queries", 1, "--fail-on", "survives_shift > 0"
    )
    assert done.code == 0
    assert "survives_shift is not known here" in done.err
    assert re.search("not deceived into class.7 in 1 query", done.out)


def test_a_gate_is_told_as_it_was_meant() -> None:
    assert str(read_gate("robust_error>=25%")) == "robust_error >= 0.25"
    assert read_gate("robust_error >= .25") == Gate("robust_error", ">=", 0.25)


@pytest.mark.parametrize("knowledge", ["probabilities", "top-3", "label"])
def test_less_may_be_known(lab: Path, knowledge: str, tmp_path: Path) -> None:
    done = deceive(
        lab, *some(lab, range(2)), *FEW, "--knowledge", knowledge, "--out", tmp_path / "run", "--json"
    )
    made = found(done)
    (observer,) = load_settings(tmp_path / "run").observers
    assert observer.identity == restrict(dc.open_observer(str(lab / "good.onnx")), knowledge).identity
    margins = [row["log10_odds"] for row in made["images"] if row["reached"]]
    assert margins
    assert all((margin is None) == (knowledge == "label") for margin in margins)


def test_a_target_is_reached_or_not(lab: Path) -> None:
    made = found(deceive(lab, *some(lab, range(6)), *FEW, "--target", "class_7", "--json"))
    for row in made["images"]:
        assert (row["goal"], row["target"]) == ("targeted", 7)
        assert row["attacked"] == (7 not in (row["clean_top1"], row["label"]))
        assert row["reached"] == (row["attacked"] and row["top1"] == 7)
    drawn = found(deceive(lab, *some(lab, range(6)), *FEW, "--target", "random", "--json"))["images"]
    assert len({row["target"] for row in drawn}) > 1
    assert all(row["target"] not in (row["clean_top1"], row["label"]) for row in drawn)


# --- universal ---------------------------------------------------------------------------------------------------


def test_one_pattern_is_learned_and_judged_on_others(learned: tuple[Path, dict[str, Any], str]) -> None:
    folder, made, said = learned
    told = made["learning"]
    assert told["learned_on"] + told["reported"] == PHOTOGRAPHS
    assert len(made["images"]) == told["reported"]
    assert not set(told["photographs"]) & {row["name"] for row in made["images"]}
    assert f"{told['learned_on']} photographs are learned on (half and half" in said
    assert f"{told['reported']} photographs are reported" in said
    assert all(row["attack_queries"] == 1 + row["reached"] for row in made["images"])
    shown_again = [row["survives_shift"] for row in made["images"] if row["reached"]]
    assert made["survives_shift"]["value"] == np.mean(shown_again)
    assert 0 < made["queries"]["learning"] <= 160
    shown = told["reported"] + len(shown_again)
    assert made["queries"]["total"] == made["queries"]["learning"] + PHOTOGRAPHS + shown
    assert dc.load_pattern(folder / "pattern.npz").used <= 0.3 * 35 * 35


def test_a_pattern_is_applied(
    lab: Path,
    learned: tuple[Path, dict[str, Any], str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, made, _ = learned
    pattern = folder / "pattern.npz"
    done = deceive(lab, lab / "photos", "--apply", pattern, "--no-controls", "--batch-size", 8, "--json")
    applied = found(done)
    assert f"{made['learning']['learned_on']} of {PHOTOGRAPHS} photographs are left out" in caplog.text
    names = ("name", "reached", "top1", "clean_top1")
    assert [[row[n] for n in names] for row in applied["images"]] == [
        [row[n] for n in names] for row in made["images"]
    ]
    assert applied["parameters"]["area"] == 0.3
    assert applied["queries"]["learned_with"] == made["queries"]["learning"]
    assert applied["queries"]["learning"] == 0
    fresh = save_photographs(tmp_path / "fresh", 22)
    unseen = found(deceive(lab, fresh / "p20.png", fresh / "p21.png", "--apply", pattern, "--json"))
    assert len(unseen["images"]) == 2
    unused = deceive(lab, fresh / "p20.png", "--apply", pattern, "--queries", 9, "--no-prune", "--dry-run")
    assert "nothing comes of --queries and --no-prune" in unused.err
    assert set(unseen["controls"]) >= {"scramble", "grey fill", "random pixels"}
    assert all(control["queries"] <= 2 for control in unseen["controls"].values())


def test_a_dictionary_is_learned_and_applied(lab: Path, tmp_path: Path) -> None:
    photos = lab / "photos"
    options = (*FEW, "--learn-queries", 160, "--learn-on", listed(lab, tmp_path / "learn.csv", range(8, 20)))
    made = found(deceive(lab, photos, *options, "--out", tmp_path / "run", "--json"))
    assert made["learning"]["rule"] == "as given"
    assert {row["name"] for row in made["images"]} == {f"p{number}.png" for number in range(8)}
    assert made["learned"]["kind"] == "dictionary"
    file = tmp_path / "run" / "dictionary.json"
    applied = found(deceive(lab, photos, *FEW, "--apply", file, "--json"))
    assert [row["top1"] for row in applied["images"]] == [row["top1"] for row in made["images"]]
    assert applied["queries"]["learned_with"] == made["queries"]["learning"]
    assert made["queries"]["learning_each"] == made["queries"]["learning"] / 8
    assert [made["built_in"]["kind"], applied["built_in"]] == ["dictionary", None]
    stages = {
        store.describe(h).unit.experiment for store in [RunStore(tmp_path / "run")] for h in store.finished()
    }
    assert stages == {"clean", "deception", "deception learning", "deception lesson"}


# --- what cannot be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--area", 0.1, "--linf", "8/255"), ("exclude each other",)),
        (("--area", 0), ("no share",)),
        (("--area", 0.0001), ("less than one pixel",)),
        (("--linf", "a lot"), ("no L∞ bound",)),
        (("--target", "no such class"), ("not among the 10 classes",)),
        (("--knowledge", "nothing"), ("no knowledge",)),
        (("--apply", "missing.npz"), ("cannot be read",)),
        (("--universal",), ("no photograph is left to be measured",)),
    ],
)
def test_what_is_refused(
    lab: Path, options: tuple[object, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    assert_refused(deceive(lab, *some(lab, range(1)), *options, "--out", tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()


def test_too_few_queries_to_learn_with_are_told_with_the_minimum(lab: Path, tmp_path: Path) -> None:
    done = deceive(lab, lab / "photos", "--universal", "--learn-queries", 1, "--out", tmp_path / "run")
    assert_refused(done, "1 learning query is too few for a universal pattern: give 72 or more")
    assert not (tmp_path / "run").exists()


def test_half_of_too_few_is_told_as_what_was_given(lab: Path, tmp_path: Path) -> None:
    images = listed(lab, tmp_path / "photos.csv", range(9))
    done = deceive(lab, images, "--universal", "--dry-run")
    assert_refused(
        done, "9 photographs are too few to learn on one half of them", "give 16 or more", "--learn-on"
    )


def test_a_bound_between_two_levels_is_told(lab: Path, tmp_path: Path) -> None:
    options = ("--queries", 3, "--no-controls", "--batch-size", 8)
    done = deceive(lab, *some(lab, range(1)), "--linf", "0.0392", *options, "--out", tmp_path / "run")
    assert done.code == 0
    told = "0.0392 allows 9 grey levels; for 10 write 10/255."
    assert told in done.err
    assert call("report", tmp_path / "run", page=True).code == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert told in page
    assert "<dt>Setting</dt>" not in page
    exact = deceive(lab, *some(lab, range(1)), "--linf", "10/255", *options)
    assert "allows" not in exact.err


def test_a_row_that_names_no_file_is_told(
    lab: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in some(lab, range(2)):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "labels.csv").write_text("file,index\np0.png,1\np1.png,2\ngone.png,3\n", encoding="utf-8")
    done = deceive(lab, folder, *FEW)
    assert done.code == 0
    assert "1 of 3 rows of" in caplog.text
    assert "gone.png first: they are left out" in caplog.text
    caplog.clear()
    # A photograph that was named by itself is all that was asked for.
    assert deceive(lab, folder / "p0.png", *FEW).code == 0
    assert "gone.png" not in caplog.text


def test_another_goal_than_the_one_that_was_learned_is_told(
    lab: Path, learned: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    pattern = learned[0] / "pattern.npz"
    options = ("--apply", pattern, "--target", "class_7", "--no-controls", "--batch-size", 8)
    fresh = save_photographs(tmp_path / "fresh", 22)
    done = deceive(lab, fresh / "p20.png", fresh / "p21.png", *options)
    assert done.code == 0
    assert "the pattern was learned for any wrong class; here the goal is class 7" in done.err


def test_photographs_that_this_package_learned_on_are_in_no_figure(
    lab: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = load_photograph(some(lab, range(1))[0]).sha256[:16]
    monkeypatch.setattr(origin, "dictionary_photographs", lambda: frozenset([known]))
    made = found(deceive(lab, *some(lab, range(3)), *FEW, "--json"))
    assert "1 of 3 photographs are left out" in caplog.text
    assert [row["name"] for row in made["images"]] == ["p1.png", "p2.png"]
    caplog.clear()
    assert (
        len(found(deceive(lab, *some(lab, range(3)), "--linf", "8/255", *FEW[2:], "--json"))["images"]) == 3
    )


@pytest.mark.parametrize("how", [("--dry-run",), ("--out", "run")])
def test_too_few_photographs_to_learn_on_are_told_before_anything_is_asked(
    lab: Path, how: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = ("--universal", "--learn-on", lab / "photos" / "p1.png")
    assert_refused(deceive(lab, lab / "photos", *few, *how), "1 photograph is too few to learn on")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--universal", "--learn-queries", 0), "--universal needs queries to learn with (128 or more)"),
        (("--learn-on", "."), "--learn-on is for learning"),
        (("--apply", "x.npz", "--learn-queries", 5), "--apply brings"),
        (("--linf", "8/255", "--learn-queries", 5), "--universal with --linf"),
        (("--target", "random", "--learn-queries", 5), "learned for one target"),
        (("--fail-on", "fooling_ratio"), "no condition"),
        (("--fail-on", "truth > 1"), "no condition"),
        (("--fail-on", "margin > 0", "--no-controls"), "--fail-on margin needs the controls"),
        (("--queries", 0), "--queries"),
    ],
)
def test_contradictions(lab: Path, options: tuple[object, ...], words: str) -> None:
    done = deceive(lab, *some(lab, range(1)), *options)
    assert done.code == 2
    assert done.out == ""
    assert words in " ".join(done.err.split())


def test_files_that_do_not_fit(lab: Path, learned: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    photo, pattern = some(lab, range(1))[0], learned[0] / "pattern.npz"
    dictionary = tmp_path / "dictionary.json"
    dc.deceive.builtin_dictionary(0.05).save(dictionary)  # type: ignore[attr-defined]
    (tmp_path / "text.npz").write_text("text")
    assert_refused(deceive(lab, photo, "--apply", pattern, "--area", 0.1), "more than the 122 of area 0.1")
    assert_refused(deceive(lab, photo, "--apply", pattern, "--linf", "8/255"), "is a patch within area 0.3")
    assert_refused(deceive(lab, photo, "--apply", dictionary, "--universal"), "is a dictionary")
    assert_refused(deceive(lab, photo, "--apply", dictionary, "--linf", "8/255"), "give --area")
    assert_refused(deceive(lab, photo, "--apply", tmp_path / "text.npz"), "neither a pattern")


def test_the_embedded_network() -> None:
    photos = [path for path in embedded_photographs() if path.stem in ("bison", "espresso")]
    done = call("deceive", "default", *photos, "--queries", 4, "--no-controls", "--json", page=False)
    made = found(done)
    assert made["fooling_ratio"]["n"] == 2
    assert made["queries"]["total"] == 2 + sum(row["attack_queries"] for row in made["images"])
    assert all(row["attack_queries"] <= 4 for row in made["images"])
