"""docs/paper.md: made of the kept figures alone, right on planted ones, and fresh; and the study behind it."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import call
from deepception.deceive.counting import count_deceptions
from deepception.properties.headline import Selection, make_headline
from deepception.properties.result import jsonable
from deepception.statistics import holm

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
STUDY = ROOT / "studies" / "paper.toml"
sys.path.insert(0, str(DOCS))

import kept  # noqa: E402
import paper  # noqa: E402
import paper_page  # noqa: E402
from paper_study import Plan, kept_name, read_plan  # noqa: E402

N = 20
NAMES = ("a", "b", "c", "d")
PLAN = Plan(NAMES, N, 0.05, 300)


def planted(name: str, effect: float, n: int) -> dict[str, Any]:
    """A headline in which the effect, of a chosen and of a random region, is so much above its control."""
    rng = np.random.default_rng(n)
    base = rng.normal(1.0, 0.2, n)
    control = base + rng.normal(0.0, 0.01, n)
    selection = None if name == "local" else Selection(base + effect, {"crops": control})
    made = make_headline(name, "", base + effect, {"crops": control}, queries=1, selection=selection)
    return dict(jsonable(asdict(made)))


def properties(effects: dict[str, float], n: int = N) -> dict[str, Any]:
    """Real figures of a network, with planted headlines, over the first ``n`` photographs."""
    results = json.loads((DOCS / "properties" / "efficientnet_lite0.json").read_text(encoding="utf-8"))
    for name, summary in results["properties"].items():
        summary["rows"] = summary["rows"][:n]
        summary["headline"] = planted(name, effects.get(name, 0.0), n)
    return about(results, n)


def about(results: dict[str, Any], n: int) -> dict[str, Any]:
    """What a run says of itself."""
    photographs = [{"name": f"{i}.jpg", "sha256": f"{i:064x}", "label": i, "correct": True} for i in range(N)]
    return results | {
        "photographs": photographs,
        "units": {"planned": 5 * N, "finished": 5 * n},
        "failures": [],
    }


def patches(ours: int, control: int, n: int = N) -> dict[str, Any]:
    """A deception of ``n`` photographs, of which the first ``ours`` are deceived, and ``control`` by grey."""
    rows = [
        {
            "name": f"{i}.jpg",
            "attacked": True,
            "correct": i != n - 1,
            "reached": i < ours,
            "first": i + 1 if i < ours else None,
            "budget": 300,
            "attack_queries": 300,
            "control_queries": 300,
            "controls": {
                "grey patch": {"reached": i < control, "first": 1 if i < control else None, "queries": 9}
            },
            "survives_shift": True if i < ours else None,
            "log10_odds": None,
            "used": 9,
            "limit": 10,
            "target": None,
        }
        for i in range(n)
    ]
    results = properties({}, 1)
    summary = {"name": "deception", "headline": None, "figures": count_deceptions(rows), "rows": rows}
    return about(results | {"properties": {"deception": summary | {"open_questions": []}}}, n)


def write(folder: Path, experiment: str, network: str, results: dict[str, Any]) -> Path:
    path = folder / kept_name(experiment, network)
    folder.mkdir(exist_ok=True)
    kept.keep(path, kept.smaller(results, f"{network}" * 64), kept.COLUMNS)
    return path


def row_of(text: str, *beginning: str) -> list[str]:
    """Cells of the first row that begins so."""
    start = "| " + " | ".join(beginning) + " |"
    line = next(line for line in text.splitlines() if line.startswith(start))
    return line.strip("| ").split(" | ")


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two whole networks, one of which nothing holds on, one that is begun, and one of which there is nothing."""
    folder = tmp_path_factory.mktemp("docs") / "paper"
    write(folder, "properties", "a", properties({"local": 1.0, "spatial": 3.0}))
    write(folder, "properties", "b", properties({"local": -0.5}))
    write(folder, "properties", "c", properties({"local": 1.0}, 3))
    write(folder, "patches", "a", patches(20, 2))
    write(folder, "patches", "b", patches(10, 10))
    write(folder, "patches", "c", patches(12, 0, 12))
    return folder


@pytest.fixture(scope="module")
def text(figures: Path) -> str:
    return paper_page.page_text(figures, PLAN)


def test_each_claim_is_judged_on_each_network(text: str) -> None:
    verdicts = section(text, "What holds")
    # holds, after Holm, does not hold, not judged, not measured yet
    assert row_of(verdicts, "Local")[2:] == ["1", "1", "1", "1", "1"]
    assert row_of(verdicts, "Spatial")[2:] == ["1", "1", "1", "1", "1"]
    assert row_of(verdicts, "Cumulative")[2:] == ["0", "0", "2", "1", "1"]
    assert row_of(verdicts, "Deepception")[2:] == ["2", "2", "1", "0", "1"]
    cells = row_of(verdicts, "`a`")
    assert cells[1].startswith("holds (p ")
    assert cells[3].startswith("does not hold (p ")
    assert row_of(verdicts, "`b`")[1] == "does not hold (p 1.000)"
    assert row_of(verdicts, "`c`")[1:] == [*["not judged (n 3)"] * 4, row_of(verdicts, "`c`")[-1]]
    assert row_of(verdicts, "`c`")[-1].startswith("holds so far (n 12) (p ")
    assert row_of(verdicts, "`d`")[1:] == ["not measured yet"] * 5


def test_p_are_corrected_over_everything_that_is_judged(text: str, figures: Path) -> None:
    p = []
    for network in "ab":
        results = kept.read_kept(figures / kept_name("properties", network))
        p += [summary["headline"]["p"] for summary in results["properties"].values()]
    for network in "abc":
        results = kept.read_kept(figures / kept_name("patches", network))
        p.append(results["properties"]["deception"]["figures"]["margin"]["p"])
    assert "over the 11 pairs of network and claim" in text
    adjusted = holm(p)
    assert row_of(section(text, "Spatial"), "`a`")[-1] == _written(adjusted[1])
    assert row_of(section(text, "Deepception"), "`c`", "100 % [76, 100]")[-1] == _written(adjusted[-1])


def _written(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def test_effects_stand_beside_their_controls(text: str, figures: Path) -> None:
    headline = kept.read_kept(figures / kept_name("properties", "a"))["properties"]["spatial"]["headline"]
    cells = row_of(section(text, "Spatial"), "`a`", "16")
    assert cells[2].startswith(f"{headline['value']['value']:.2f} [")
    assert cells[3].startswith(f"crops: {headline['controls']['crops']['value']:.2f} [")
    assert cells[4].startswith(
        f"{headline['difference']['value']:.2f} [{headline['difference']['low']:.2f}, "
    )
    assert cells[6:8] == ["20", "holds"]
    deception = section(text, "Deepception")
    assert row_of(deception, "`a`", "100 % [84, 100]")[1:9] == [
        "100 % [84, 100]",
        "100 % [83, 100]",
        "100 % [84, 100]",
        "10 [5, 15]",
        "grey patch: 10 % [3, 30]",
        row_of(deception, "`a`", "100 % [84, 100]")[6],
        "20",
        "holds",
    ]
    assert row_of(deception, "`a`", "100 % [84, 100]")[6].startswith("+90 [+")
    assert row_of(deception, "`a`", "5 : 10 (grey patch)")[1:] == [
        "5 : 10 (grey patch)",
        *["50 : 10 (grey patch)"],
        *["100 : 10 (grey patch)"] * 3,
    ]
    assert "with all 300 the best control deceives 95 % or more on 0 of 3 networks" in deception.lower()
    assert row_of(deception, "`b`", "50 % [30, 70]")[4] == "10 [5, > 300]"
    assert row_of(deception, "`b`", "50 % [30, 70]")[8] == "does not hold"


def test_sizes_that_the_paper_names_are_looked_for(text: str) -> None:
    assert "lies at or above on 1 of 2 networks, contains it on 0, and lies below on 1" in section(
        text, "Spatial"
    )
    # 12 of 12 and 20 of 20 leave room for less than 88 %.
    assert "lies at or above on 0 of 3 networks, contains it on 2, and lies below on 1" in section(
        text, "Deepception"
    )


def test_what_is_not_there_is_said(text: str) -> None:
    assert "**2 of 8 runs are finished.**" not in text
    assert "**4 of 8 runs are finished.**" in text
    assert row_of(text.split("## What holds")[0], "`c`")[1:] == [
        "3 of 20 photographs",
        "12 of 20 photographs",
    ]
    assert "Not judged on `c`: 3 photographs are too few for a 95 % statement; 6 are needed." in section(
        text, "Local"
    )
    assert "Not measured yet: `d`." in section(text, "Cumulative")
    assert "nan" not in text.lower().replace("another", "")
    assert "None" not in text


def test_what_was_chosen_is_told_with_figures(text: str) -> None:
    # All networks have the rows of one here: 20, 20 and the first 3 photographs.
    results = json.loads((DOCS / "properties" / "efficientnet_lite0.json").read_text(encoding="utf-8"))
    rows = {name: summary["rows"] for name, summary in results["properties"].items()}
    everyone = {name: mine * 2 + mine[:3] for name, mine in rows.items()}
    depends = sum(row["depends_on_canvas"] for row in everyone["local"])
    assert f"{depends} of 43 pairs of network and photograph the map depends" in section(text, "Local")
    two = sum(row["single_max_minus_min"] >= 2 for row in everyone["spatial"])
    assert f"two or more on {two} of 43 pairs of network and photograph, three" in section(text, "Spatial")
    rising = sum(row["enlarged_slope"] > 0 for row in everyone["cumulative"])
    assert f"as large as all copies on {rising} of 43." in section(text, "Cumulative")
    deception = section(text, "Deepception")
    assert "3 of 52 pairs of network and photograph within 1, 30 of 52 within 10" in deception
    assert "42 of 52 within 300 queries" in deception
    assert "42 of 42 deceptions deceive still" in deception


def test_every_figure_is_traced_to_its_run(text: str, figures: Path) -> None:
    path = figures / kept_name("properties", "b")
    cells = row_of(section(text, "Where each figure comes from"), "`properties/b`")
    fingerprint = json.loads(path.read_text(encoding="utf-8"))["observer"]["fingerprint"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert cells[1:5] == ["100 of 100", f"`{'b' * 16}`", f"`{fingerprint[:16]}`", f"`{digest[:16]}`"]
    costs = section(text, "What it cost")
    cost = json.loads(path.read_text(encoding="utf-8"))["cost"]
    assert row_of(costs, "in all")[2:] == [f"{6 * cost['queries']:,}", f"{6 * cost['seconds'] / 3600:.2f}"]


def test_pictures_are_drawn_where_there_is_something_to_draw(tmp_path: Path, figures: Path) -> None:
    folder, page = tmp_path / "paper", tmp_path / "paper.md"
    shutil.copytree(figures, folder)
    paper_page.write_page(folder, page, PLAN)
    drawn = {path.name: path.read_bytes() for path in folder.glob("*.svg")}
    written = page.read_text(encoding="utf-8")
    assert len(drawn) == 5
    assert all(f"](paper/{name})" in written and b" height=" in svg for name, svg in drawn.items())
    paper_page.write_page(folder, page, PLAN)
    assert drawn == {path.name: path.read_bytes() for path in folder.glob("*.svg")}
    for path in folder.glob("*.json"):
        path.unlink()
    paper_page.write_page(folder, page, PLAN)
    written = page.read_text(encoding="utf-8")
    assert not list(folder.glob("*.svg"))
    assert "](paper/" not in written
    assert "**0 of 8 runs are finished.**" in written
    assert row_of(section(written, "What holds"), "Deepception")[-1] == "4"


def test_what_is_kept_reads_as_it_was(tmp_path: Path) -> None:
    results = properties({"local": 1.0})
    path = write(tmp_path, "properties", "a", results)
    again = kept.read_kept(path)
    assert again["photographs"] == results["photographs"]
    for name, summary in results["properties"].items():
        rows = again["properties"][name]["rows"]
        assert [row["name"] for row in rows] == [row["name"] for row in summary["rows"]]
        assert again["properties"][name]["figures"] == summary["figures"]
    slopes = [row["slope"] for row in results["properties"]["cumulative"]["rows"]]
    assert [row["slope"] for row in again["properties"]["cumulative"]["rows"]] == slopes
    assert path.stat().st_size < 0.5 * (DOCS / "properties" / "efficientnet_lite0.json").stat().st_size


def test_runs_are_kept_from_their_folders(lab: Path, finished: Path, tmp_path: Path) -> None:
    """Two photographs and quick settings, which leave many figures out; the paths of this machine stay behind."""
    runs = tmp_path / "study" / "runs"
    shutil.copytree(finished, runs / "properties" / "good")
    done = call(
        "deceive", lab / "good.onnx", lab / "photos", "--queries", "20", "--out", runs / "patches" / "good"
    )
    assert done.code == 0, done
    (runs / "properties" / "good" / "results.json").unlink()  # a driver that was killed leaves none
    plan = Plan(("good", "missing"), 2, 0.05, 20)
    folder = tmp_path / "paper"
    names = paper.keep_runs(tmp_path / "study", folder, plan)
    assert names == ["properties--good.json", "patches--good.json"]
    before = {name: (folder / name).read_bytes() for name in names}
    assert all(str(tmp_path).encode() not in content for content in before.values())
    assert all(str(lab).encode() not in content for content in before.values())
    paper_page.write_page(folder, tmp_path / "paper.md", plan)
    written = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert row_of(section(written, "What holds"), "`good`")[1:5] == ["not judged"] * 4
    digest = json.loads((runs / "patches" / "good" / "run.json").read_text(encoding="utf-8"))["digest"]
    assert row_of(section(written, "Where each"), "`patches/good`")[2] == f"`{digest[:16]}`"
    paper.keep_runs(tmp_path / "study", folder, plan)
    assert before == {name: (folder / name).read_bytes() for name in names}


def test_the_study_is_valid() -> None:
    from deepception.studies.study import Study

    file = Study.read(STUDY).file
    plan = read_plan(STUDY)
    assert (len(plan.networks), plan.photographs, plan.area, plan.queries) == (8, 60, 0.02, 300)
    assert plan.networks == tuple(table.name for table in file.observers)
    four, patch = file.experiments
    assert four.measure == ("local", "spatial", "activation", "cumulative")
    assert (four.setting, patch.measure) == ("standard", ("deception",))
    assert patch.parameters["deception"]["controls"] is True


def test_its_photographs_are_those_of_the_split(shared_data: Path) -> None:
    with (shared_data / "photos" / "labels.csv").open(newline="", encoding="utf-8") as file:
        split = sorted(
            (int(row["index"]), row["file"]) for row in csv.DictReader(file) if int(row["index"]) % 4 == 2
        )
    table = STUDY.parent / "paper-photographs.csv"
    with table.open(newline="", encoding="utf-8") as file:
        listed = [(int(row["index"]), row["file"]) for row in csv.DictReader(file)]
    assert [(i, Path(name).name) for i, name in listed] == [split[k * len(split) // 60] for k in range(60)]
    photos = (shared_data / "photos").resolve()
    assert all((table.parent / name).resolve() == photos / Path(name).name for _, name in listed)
    networks = read_plan(STUDY).networks
    assert all((shared_data / "models" / f"{name}.onnx").is_file() for name in networks)


def test_the_page_is_what_the_committed_figures_make() -> None:
    expected = paper_page.page_text(paper.FIGURES, read_plan(STUDY))
    assert paper.PAGE.read_text(encoding="utf-8") == expected, "run: python docs/paper.py --page"
    pictures = {line.split("](")[1].rstrip(")") for line in expected.splitlines() if line.startswith("![")}
    assert all((DOCS / name).is_file() for name in pictures)
