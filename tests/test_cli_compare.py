"""`deepception compare`: real runs of small observers, its files, its gates, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import onnx
import pytest

import deepception as dc
from command_line import (
    assert_refused,
    call,
    save_observer,
    save_photograph,
    save_photographs,
    save_placed_observer,
)
from deepception.errors import InputError

PHOTOGRAPHS = 7


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the local property: an observer that looks at places, its twin in another file, one of colours."""
    folder = tmp_path_factory.mktemp("runs")
    photographs = save_photographs(folder / "photos", PHOTOGRAPHS)
    rows = "".join(f"p{i}.png,{i % 3}\n" for i in range(PHOTOGRAPHS))
    (photographs / "labels.csv").write_text(f"file,index\n{rows}", encoding="utf-8")
    save_placed_observer(folder / "placed.onnx")
    twin = onnx.load(folder / "placed.onnx")
    twin.doc_string = "the same under another fingerprint"
    onnx.save(twin, folder / "twin.onnx")
    save_observer(folder / "colours.onnx")
    for name in ("placed", "twin", "colours"):
        measure(folder, name, name)
    return folder


def measure(folder: Path, model: str, run: str, *options: object, images: str = "photos") -> Path:
    done = call(
        *("measure", "local", folder / f"{model}.onnx", folder / images, "--quick", "--out", folder / run),
        *("--mean", "127", "--std", "128", *options),
        page=False,
    )
    assert done.code == 0, done
    return folder / run


def document(*arguments: object) -> dict[str, Any]:
    done = call("compare", *arguments, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def test_a_summary_says_who_is_told_apart(runs: Path) -> None:
    done = call("compare", runs / "placed", runs / "twin", runs / "colours")
    assert done.code == 0, done
    assert done.err == ""
    assert "3 observers in 3 runs, 7 photographs in all of them." in done.out
    assert "No setting differs between the runs." in done.out
    assert "transfer" not in done.out.lower()
    (placed, twin) = (pair(document(runs / "placed", runs / other)) for other in ("colours", "twin"))
    assert placed["difference"]["value"] != 0
    assert (twin["difference"]["value"], twin["p"], twin["told_apart"]) == (0.0, 1.0, False)
    assert "placed and twin cannot be told apart" in call("compare", runs / "placed", runs / "twin").out


def pair(found: dict[str, Any]) -> dict[str, Any]:
    return next(m for m in found["measures"] if m["measure"] == "local")["pairs"][0]


def test_its_figures_are_those_of_the_runs(runs: Path) -> None:
    found = document(runs / "placed", runs / "colours")
    for entry, name in zip(found["measures"][0]["observers"], ("placed", "colours"), strict=True):
        stored = json.loads((runs / name / "results.json").read_text(encoding="utf-8"))
        headline = stored["properties"]["local"]["headline"]
        assert entry["effect"] == headline["value"]
        assert entry["difference"] == headline["difference"]
        board = found["measures"][0]["leaderboards"][0]["rows"]
        # Ranked over the same photographs, each figure is the run's own: the columns behind it are the headline's.
        row = next(row for row in board if row["key"] == name)
        assert row["value"] == headline["difference"]["value"]
        assert (row["low"], row["high"]) == (headline["difference"]["low"], headline["difference"]["high"])


def test_python_gives_what_the_command_gives(runs: Path, tmp_path: Path) -> None:
    folders = (runs / "placed", str(runs / "twin"))
    made = dc.compare(*folders, out=tmp_path / "made", seed=3)
    assert made == document(*folders, "--seed", 3)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        f"comparison.{kind}" for kind in ("csv", "html", "json", "md")
    ]
    with pytest.raises(InputError, match="two run folders or more"):
        dc.compare(runs / "placed")
    with pytest.raises(InputError, match="each named by its path, not list"):
        dc.compare([*folders])  # type: ignore[arg-type]


def test_twins_look_at_the_same_places(runs: Path) -> None:
    (maps,) = document(runs / "placed", runs / "twin")["agreement"]
    assert maps["pairs"][0]["same"]["value"] == 1.0
    assert maps["pairs"][0]["beyond"]["low"] > 0


class _Texts(HTMLParser):
    """The cells of a page's tables."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in += 1

    def handle_endtag(self, tag: str) -> None:
        self._in -= tag in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in:
            self.rows[-1][-1] += data


def test_page_markdown_table_and_json_agree(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "comparison"
    done = call("compare", runs / "placed", runs / "colours", "--out", out)
    assert done.code == 0, done
    assert sorted(path.name for path in out.iterdir()) == [
        f"comparison.{kind}" for kind in ("csv", "html", "json", "md")
    ]
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert found["schema"] == 1
    rows = list(csv.DictReader((out / "comparison.csv").open(encoding="utf-8", newline="")))
    assert len(rows) == len(found["figures"])
    for row, figure in zip(rows, found["figures"], strict=True):
        assert row == {key: "" if value is None else str(value) for key, value in figure.items()}
    page, markdown = ((out / f"comparison.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    parser = _Texts()
    parser.feed(page)
    of_page = {tuple(" ".join(cell.split()) for cell in row) for row in parser.rows}
    # Every table of the Markdown stands on the page, cell by cell.
    lines = [line for line in markdown.splitlines() if line.startswith("|") and not line.startswith("| --")]
    assert len(lines) > 10
    for line in lines:
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        plain = tuple(re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\*\*", "", c)).strip() for c in cells)
        assert plain in of_page, plain
    assert "src=" not in page.replace('src="data:', "")
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page


def test_the_same_comparison_is_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        assert call("compare", runs / "placed", runs / "colours", "--out", tmp_path / out).code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_names_are_escaped(runs: Path, tmp_path: Path) -> None:
    for name in ("placed", "twin"):
        shutil.copytree(runs / name, tmp_path / name)
    settings = json.loads((tmp_path / "twin" / "run.json").read_text(encoding="utf-8"))
    settings["observers"][0]["name"] = "<b>|*bold*|</b>"
    (tmp_path / "twin" / "run.json").write_text(json.dumps(settings), encoding="utf-8")
    results = json.loads((tmp_path / "twin" / "results.json").read_text(encoding="utf-8"))
    results["observer"]["name"] = "<b>|*bold*|</b>"
    (tmp_path / "twin" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    assert call("compare", tmp_path / "placed", tmp_path / "twin", "--out", tmp_path / "out").code == 0
    assert "<b>|" not in (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "| \\<b\\>\\|\\*bold\\*\\|\\</b\\> |" in (tmp_path / "out" / "comparison.md").read_text("utf-8")


# --- what differs ---------------------------------------------------------------------------------------------


def test_other_settings_are_named_and_not_ranked(runs: Path) -> None:
    measure(runs, "colours", "windows", "--regions", "windows")
    measure(runs, "colours", "seed-1", "--seed", "1")
    done = call("compare", runs / "placed", runs / "windows")
    assert "No ranking: the runs differ in their settings (local.regions)." in done.out
    assert pair_count(runs / "placed", runs / "windows") == 0
    done = call("compare", runs / "placed", runs / "seed-1")
    assert "No ranking: the runs differ in their settings (seed" in done.out
    assert pair_count(runs / "placed", runs / "seed-1") == 1


def pair_count(*folders: Path) -> int:
    return len(next(m for m in document(*folders)["measures"] if m["measure"] == "local")["pairs"])


def test_labels_alone_are_another_scale(runs: Path) -> None:
    for number in range(2):
        save_photograph(runs / "two" / f"p{number}.png", number)
    measure(runs, "placed", "labels-only", "--knowledge", "label", images="two")
    done = call("compare", runs / "placed", runs / "labels-only")
    assert done.code == 0, done
    assert "No ranking: " in done.out
    assert pair_count(runs / "placed", runs / "labels-only") == 0
    (why,) = document(runs / "placed", runs / "labels-only")["measures"][0]["not_compared"]
    assert "decades of odds and points of opacity are on different scales" in why


def test_other_photographs_are_counted_and_not_ranked(runs: Path) -> None:
    save_photographs(runs / "more", PHOTOGRAPHS + 1)
    measure(runs, "colours", "more-photos", "--label", "1", images="more")
    done = call("compare", runs / "placed", runs / "more-photos")
    assert "Of 8 photographs, matched by SHA-256, 7 are in all runs (placed lacks 1)." in done.out
    assert "No ranking: " in done.out


def test_the_same_observer_twice_is_allowed_and_said(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "placed", tmp_path / "again")
    done = call("compare", runs / "placed", tmp_path / "again")
    assert done.code == 0, done
    assert "Runs of one and the same observer: placed and placed@again." in done.out


def test_an_unfinished_run_is_compared_and_said(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "twin", tmp_path / "twin")
    units = sorted((tmp_path / "twin" / "chunks").rglob("*.json"))
    lost = next(path for path in units if '"local"' in path.read_text(encoding="utf-8"))
    lost.unlink()
    junit = tmp_path / "out.xml"
    done = call("compare", runs / "placed", tmp_path / "twin", "--junit", junit)
    assert done.code == 0, done
    assert "twin is not complete (1 unit not measured yet)." in done.out
    assert "not measured: unfinished or failed (twin)" in json.dumps(
        document(runs / "placed", tmp_path / "twin")
    )
    case = ElementTree.parse(junit).getroot().find(".//testcase[@name='twin is complete']")
    assert case is not None
    assert case.find("skipped") is not None
    assert call("compare", runs / "placed", tmp_path / "twin", "--fail-on", "runs.incomplete > 0").code == 1


def test_what_was_learned_on_one_and_shown_to_another_is_told(runs: Path, tmp_path: Path) -> None:
    save_photographs(tmp_path / "others", PHOTOGRAPHS + 20)
    for number in range(PHOTOGRAPHS):  # no photograph is learned on and reported
        (tmp_path / "others" / f"p{number}.png").unlink()
    usual = ("--mean", "127", "--std", "128", "--no-controls")
    learning = (
        "--universal",
        "--linf",
        "40/255",
        "--learn-on",
        tmp_path / "others",
        "--learn-queries",
        "400",
    )
    for model, run, options in (
        ("placed", "learned", learning),
        ("colours", "shown", ("--apply", tmp_path / "learned" / "pattern.npz")),
    ):
        done = call(
            *("deceive", runs / f"{model}.onnx", runs / "photos", "--out", tmp_path / run, *usual, *options),
            page=False,
        )
        assert done.code == 0, done
    done = call("compare", tmp_path / "learned", tmp_path / "shown", "--out", tmp_path / "out")
    assert done.code == 0, done
    found = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    (matrix,) = found["transfer"]
    stored = {
        run: json.loads((tmp_path / run / "results.json").read_text(encoding="utf-8"))["properties"][
            "deception"
        ]
        for run in ("learned", "shown")
    }
    cells = {(c["learned_on"], c["shown_to"]): c["fooling_ratio"] for c in matrix["cells"]}
    assert cells == {
        ("placed", "placed"): stored["learned"]["figures"]["fooling_ratio"],
        ("placed", "colours"): stored["shown"]["figures"]["fooling_ratio"],
    }
    assert "Fooling ratio of universal patterns, L∞ 40/255, untargeted, shown once" in done.out
    gate = ("--fail-on", "transfer.*placed:colours.fooling_ratio >= 0")
    assert call("compare", tmp_path / "learned", tmp_path / "shown", *gate).code == 1
    # One run without a pattern of another: how to get there.
    assert call("compare", runs / "placed", runs / "twin", "--out", tmp_path / "none").code == 0
    assert "with deceive --apply" in (tmp_path / "none" / "comparison.md").read_text(encoding="utf-8")


# --- gates ----------------------------------------------------------------------------------------------------


def test_a_condition_that_holds_ends_with_1_and_is_said(runs: Path, tmp_path: Path) -> None:
    folders = (runs / "placed", runs / "colours")
    junit = tmp_path / "ci" / "junit.xml"
    conditions = (
        "placed.local.effect > 0",
        "pairs.told_apart > 99",
        "*.local.holds < 1",
        "colours.accuracy.top5 > 200%",
    )
    gates = [word for condition in conditions for word in ("--fail-on", condition)]
    done = call("compare", *folders, *gates, "--junit", junit)
    assert done.code == 1
    assert "deepception: failed: placed.local.effect > 0 (placed.local.effect = " in done.err
    assert "pairs.told_apart" not in done.err
    root = ElementTree.parse(junit).getroot()
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert list(cases) == [
        "placed.local.effect > 0",
        "pairs.told_apart > 99",
        "*.local.holds < 1",
        "colours.accuracy.top5 > 2",
    ]
    assert cases["placed.local.effect > 0"] == ["failure"]
    assert cases["pairs.told_apart > 99"] == ["system-out"]
    assert cases["colours.accuracy.top5 > 2"] == ["system-out"]
    assert root.get("tests") == "4"
    assert (
        int(root.get("failures", 0))
        == len(root.findall(".//failure"))
        == len(re.findall("failed:", done.err))
    )


def test_no_condition_that_holds_ends_with_0(runs: Path) -> None:
    done = call("compare", runs / "placed", runs / "colours", "--fail-on", "placed.local.effect < 0")
    assert (done.code, done.err) == (0, "")


def test_a_figure_without_a_value_fulfils_no_condition_and_that_is_said(runs: Path, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    gate = ("--fail-on", "*.difference.low > 0", "--junit", junit)
    one = measure(runs, "placed", "one", "--label", "1", images="photos/p0.png")
    two = measure(runs, "colours", "one-colours", "--label", "1", images="photos/p0.png")
    done = call("compare", one, two, *gate)
    assert done.code == 0, done
    assert "there is no value for" in done.err
    assert len(ElementTree.parse(junit).getroot().findall(".//skipped")) == 1


# --- bad input ------------------------------------------------------------------------------------------------


def test_what_cannot_be_compared_is_refused_in_one_sentence(runs: Path, tmp_path: Path) -> None:
    one = runs / "placed"
    assert_refused(call("compare", one), "one run", "two run folders or more")
    assert_refused(call("compare", one, tmp_path), "is not a run folder", str(tmp_path))
    assert_refused(call("compare", one, tmp_path / "nowhere"), "is not a run folder")
    assert_refused(call("compare", one, f"{one}/"), "named twice")
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    assert_refused(call("compare", one, tmp_path), "is damaged")
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert_refused(call("compare", one, runs / "twin", "--out", tmp_path / "file"), "cannot be used")


def test_a_run_of_a_fooling_image_is_refused(runs: Path, tmp_path: Path) -> None:
    done = call(
        *("deceive", runs / "placed.onnx", runs / "photos", "--fooling-image", "1", "--queries", "5"),
        *("--out", tmp_path / "fooling"),
        page=False,
    )
    assert done.code in (0, 3), done
    assert_refused(call("compare", runs / "placed", tmp_path / "fooling"), "fooling image")


@pytest.mark.parametrize("condition", ["placed.local.effect", "placed.local.effect > x", "", "> 3"])
def test_what_is_no_condition_is_refused(runs: Path, condition: str) -> None:
    done = call("compare", runs / "placed", runs / "twin", "--fail-on", condition)
    assert done.code == 2
    assert done.out == ""
    assert "is no condition on a figure" in done.err


def test_a_figure_that_there_is_not_is_refused_with_those_that_are_near(runs: Path) -> None:
    done = call("compare", runs / "placed", runs / "twin", "--fail-on", "plaecd.local.effect > 3")
    assert done.code == 2
    assert "placed.local.effect" in done.err
    assert call("compare").code == 2
