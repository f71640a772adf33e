"""Runs by the command line: extended, repeated, priced, and what they print."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import (
    PATIENCE,
    SIDE,
    assert_refused,
    assert_same,
    call,
    chunks,
    results,
    run,
    save_photograph,
    save_photographs,
    save_placed_observer,
    start,
)
from deepception.studies import Ledger


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ONNX observer, three photographs and a finished run of the first two."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "good.onnx")
    save_photographs(folder / "photos", 3)
    done = call("audit", folder / "good.onnx", *two(folder), "--quick", "--out", folder / "run")
    assert done.code == 0, done
    return folder


def two(lab: Path) -> list[Path]:
    return [lab / "photos" / "p0.png", lab / "photos" / "p1.png"]


@pytest.fixture
def copied(lab: Path, tmp_path: Path) -> Path:
    shutil.copytree(lab / "run", tmp_path / "run")
    return tmp_path / "run"


# --- the same again -------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(lab: Path, tmp_path: Path) -> None:
    size = results(lab / "run")["batch_size"]
    command = ("audit", lab / "good.onnx", *two(lab), "--quick", "--batch-size", size)
    assert call(*command, "--out", tmp_path / "same", page=False).code == 0
    assert_same(tmp_path / "same", lab / "run")
    assert call(*command, "--seed", 1, "--out", tmp_path / "other", page=False).code == 0
    assert results(tmp_path / "other")["properties"] != results(lab / "run")["properties"]


def test_another_batch_size_gives_the_same_within_float_noise(lab: Path, tmp_path: Path) -> None:
    size = results(lab / "run")["batch_size"] - 3
    done = call(
        *("audit", lab / "good.onnx", *two(lab), "--quick", "--batch-size", size, "--out", tmp_path / "run"),
        page=False,
    )
    assert done.code == 0, done
    here, there = results(tmp_path / "run"), results(lab / "run")
    assert here["batch_size"] == size
    for name, summary in there["properties"].items():
        assert_close(here["properties"][name]["rows"], summary["rows"])
        assert here["properties"][name]["queries"] == summary["queries"]


def assert_close(here: Any, there: Any) -> None:
    if isinstance(there, float):
        assert here == pytest.approx(there, rel=1e-3, abs=1e-4)
    elif isinstance(there, dict):
        assert here.keys() == there.keys()
        for key in there:
            assert_close(here[key], there[key])
    elif isinstance(there, list):
        assert len(here) == len(there)
        for one, other in zip(here, there, strict=True):
            assert_close(one, other)
    else:
        assert here == there


def test_more_photographs_extend_a_run(lab: Path, copied: Path) -> None:
    before, cost = results(copied), spent(copied)
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", copied, page=False)
    assert done.code == 0, done
    assert chunks(lab / "run").items() <= chunks(copied).items()
    after = results(copied)
    assert [p["name"] for p in after["photographs"]] == ["p0.png", "p1.png", "p2.png"]
    assert after["photographs"][:2] == before["photographs"]
    for name, summary in before["properties"].items():
        rows = {row["name"]: row for row in after["properties"][name]["rows"]}
        assert len(rows) == 3
        assert all(rows[row["name"]] == row for row in summary["rows"])
    assert spent(copied) - cost < cost
    extensions = json.loads((copied / "run.json").read_text())["extensions"]
    assert [extension["photographs"] for extension in extensions] == [["p2.png"]]

    # Those that joined stay, whoever is asked for next.
    done = call("audit", lab / "good.onnx", two(lab)[0], "--quick", "--out", copied, page=False)
    assert done.code == 0, done
    assert results(copied) == after


def spent(folder: Path) -> int:
    with Ledger.read(folder) as ledger:
        return ledger.totals().transmissions


# --- prices ---------------------------------------------------------------------------------------------------


def test_the_price_of_a_fixed_design_is_exact(lab: Path) -> None:
    command = ("measure", "local", lab / "good.onnx", *two(lab), "--quick", "--json")
    price = json.loads(call(*command, "--dry-run").out)
    assert price["exact"]
    assert price["total"] == 2 * price["each"] + price["shared"]
    assert json.loads(call(*command).out)["cost"]["queries"] == price["total"]
    assert f"exactly {price['total']:,} queries" in call(*command[:-1], "--dry-run").out


def test_the_price_is_told_before_it_is_spent(lab: Path, tmp_path: Path) -> None:
    command = ("audit", lab / "good.onnx", *two(lab), "--quick", "--out", tmp_path / "run")
    price = json.loads(call(*command, "--dry-run", "--json").out)
    done = call(*command, "--budget", 0)
    assumed, told = done.err.splitlines()[:2]
    assert "ImageNet's usual mean and std are assumed" in assumed
    assert f"{price['total']:,} queries" in told


def test_what_is_assumed_is_told_before_anything_is_spent_and_in_the_results(
    lab: Path, copied: Path, tmp_path: Path
) -> None:
    """Other means give other figures: whoever pays for them must know what they rest on."""
    assumption = "ImageNet's usual mean and std are assumed"
    assert assumption in results(copied)["warnings"][0]
    assert assumption in (copied / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    audit = ("audit", lab / "good.onnx", *two(lab), "--quick", "--dry-run", "--out", tmp_path / "run")
    assert call(*audit).err.count(assumption) == 1
    assert assumption not in call(*audit, "--mean", "0.5", "--std", "0.5").err
    assert call("measure", "local", lab / "good.onnx", *two(lab), "--quick").err.count(assumption) == 1


def test_what_a_run_that_is_gone_on_with_still_costs(lab: Path, copied: Path) -> None:
    audit = ("audit", lab / "good.onnx", "--quick", "--out", copied)
    finished = call(*audit, *two(lab), "--dry-run")
    assert finished.out.endswith("; all of them are measured\n")
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    price = json.loads(call(*audit, lab / "photos", "--dry-run", "--json").out)
    assert (price["photographs"], price["left"]) == (3, price["each"])
    assert f"; at most {price['left']:,} are left to ask" in call(*audit, lab / "photos", "--dry-run").out
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before
    cost = spent(copied)
    done = call(*audit, lab / "photos", page=False)
    assert f"; at most {price['left']:,} are left to ask." in done.err.splitlines()[1]
    assert 0.9 * price["left"] <= spent(copied) - cost <= price["left"]


def test_a_dry_run_refuses_what_the_run_would(lab: Path, copied: Path, tmp_path: Path) -> None:
    dry = ("audit", lab / "good.onnx", *two(lab), "--dry-run", "--out")
    assert_refused(call(*dry, copied, "--full"), "other settings")
    (tmp_path / "novel.txt").write_text("Chapter one")
    assert_refused(call(*dry, tmp_path), "not empty")


# --- what is printed ------------------------------------------------------------------------------------------


def test_an_audit_prints_its_result_alone(lab: Path, copied: Path) -> None:
    command = ("audit", lab / "good.onnx", *two(lab), "--quick", "--out", copied)
    as_json = run(*command, "--json", cwd=lab)
    assert as_json.code == 0
    assert json.loads(as_json.out) == json.loads((copied / "results.json").read_text())
    assert " cost " in as_json.err

    before = spent(copied)
    lines = call(*command, page=False).out.splitlines()
    assert spent(copied) == before, "a finished run asks nothing"
    figures = [line for line in lines if line.startswith("  ")]
    assert len(figures) == 8
    assert all("n = 2; " in line for line in figures[:6])
    assert all(" decades of odds" in line for line in figures[:4])
    assert "fooling ratio" in figures[4]
    assert "queries: median" in figures[5]
    assert "control" in figures[6]
    said = [line for line in lines if line not in figures]
    assert [line.partition(":")[0] for line in said] == [
        *("local", "spatial", "activation", "cumulative", "deception", "cost", "report")
    ]
    assert all(line.partition(": ")[2] for line in said)


@pytest.mark.parametrize("name", ["local", "spatial", "activation", "cumulative"])
def test_measuring_one_property(lab: Path, tmp_path: Path, name: str) -> None:
    command = ("measure", name, lab / "good.onnx", *two(lab), "--quick", "--out", tmp_path / "run")
    done = call(*command, "--json")
    assert done.code == 0, done
    found = json.loads(done.out)
    assert found["property"] == name
    assert len(found["results"]) == len(found["summary"]["rows"]) == 2
    for result in found["results"]:
        assert result["queries"] > 0
        assert result["arrays"]
        for array, content in result["arrays"].items():
            values = np.array(content["values"], dtype=object)
            assert content["axes"] or values.size == 0, array
            assert values.size == 0 or values.ndim == len(content["axes"]), array
    assert " cost " in done.err

    whole = results(lab / "run")["properties"][name]
    assert [row["name"] for row in found["summary"]["rows"]] == [row["name"] for row in whole["rows"]]

    before = spent(tmp_path / "run")
    text = call(*command)
    assert text.code == 0, text
    assert spent(tmp_path / "run") == before, "what was measured is not asked again"
    first, figures, *others = text.out.splitlines()
    assert first.startswith(f"{name}: ")
    assert re.search(r"\[−?\d.*\] decades of odds.*; n = 2; \d+ queries$", figures)
    assert [line.partition(":")[0] for line in others] == ["p0.png", "p1.png", "cost"]


def test_info_about_an_observer(lab: Path) -> None:
    done = run("info", "good.onnx", "--json", cwd=lab)
    assert done.code == 0, done
    found = json.loads(done.out)
    assert (found["name"], found["classes"], found["level"]) == ("good", 10, "logits")
    assert (found["frame"]["height"], found["frame"]["width"]) == (SIDE, SIDE)
    assert found["deterministic"]
    assert found["batch_difference"] <= found["batch_tolerance"]
    assert found["images_per_second"] > 0
    assert found["answers"] == []
    assert found["accuracy"] is None
    text = call("info", lab / "good.onnx")
    assert text.code == 0
    for word in ("good: 10 classes", "35x35", "within float noise", "images a second"):
        assert word in text.out


def test_info_about_photographs(lab: Path, tmp_path: Path) -> None:
    names = [f"thing {number}" for number in range(10)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    command = ("info", lab / "good.onnx", "--labels", tmp_path / "names.txt")
    plain = json.loads(call(*command, lab / "photos", "--json").out)
    tops = [answer["top"] for answer in plain["answers"]]
    assert [len(top) for top in tops] == [5, 5, 5]
    assert all(entry["class"] == names[entry["index"]] for top in tops for entry in top)
    assert all(top[0]["p"] >= top[1]["p"] for top in tops)
    assert plain["accuracy"] is None

    table = "file,label\n" + "".join(
        f"{lab / 'photos' / answer['photograph']},{answer['top'][place]['class'].upper().replace(' ', '_')}\n"
        for answer, place in zip(plain["answers"], (0, 1, 0), strict=True)
    )
    (tmp_path / "labelled.csv").write_text(table)
    labelled = json.loads(call(*command, tmp_path / "labelled.csv", "--json").out)
    assert labelled["accuracy"]["top1"]["value"] == pytest.approx(2 / 3)
    assert labelled["accuracy"]["top5"]["value"] == 1
    text = call(*command, tmp_path / "labelled.csv")
    assert text.code == 0
    assert "top1: 66.7 % of 3 photographs" in text.out
    assert tops[0][0]["class"] in text.out


def test_stimuli_are_shown_as_they_are(lab: Path, tmp_path: Path) -> None:
    photograph = save_photograph(tmp_path / "framed.png", 1, size=(SIDE, SIDE))
    command = ("audit", lab / "good.onnx", photograph, "--quick", "--out", tmp_path / "run", "--as-is")
    done = call(*command, page=False)
    assert done.code == 0, done
    assert call("info", lab / "good.onnx", photograph, "--as-is").code == 0
    refused = call("audit", lab / "good.onnx", two(lab)[0], "--quick", "--out", tmp_path / "no", "--as-is")
    assert_refused(refused, "p0.png", "35x35")


def test_a_report_written_again(lab: Path, copied: Path) -> None:
    page = (copied / "report.html").read_bytes()
    (copied / "report.html").unlink()
    done = call("report", copied)
    assert done.code == 0, done
    assert done.out.strip() == str(copied / "report.html")
    assert (copied / "report.html").read_bytes() == page


@pytest.mark.parametrize("command", ["audit", "--help"])
def test_whoever_reads_may_go_away(lab: Path, copied: Path, command: str) -> None:
    audit = ("audit", "good.onnx", *two(lab), "--quick", "--out", copied, "--json")
    process = start(*(audit if command == "audit" else [command]), cwd=lab)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    for word in ("Traceback", "Exception", "Error", "Broken"):
        assert word not in err


@pytest.mark.slow
def test_the_demo(tmp_path: Path) -> None:
    done = run("demo", "--quick", cwd=tmp_path)
    assert done.code == 0, done
    assert f"report: {Path('deepception-demo-quick') / 'report.html'}" in done.out
    assert (tmp_path / "deepception-demo-quick" / "report.html").exists()


def test_help_and_version() -> None:
    done = call("--help")
    assert done.code == 0
    for command in ("audit", "demo", "info", "measure", "report"):
        assert command in done.out
        assert call(command, "--help").code == 0
    assert call("--version").out.startswith("deepception, version ")
    assert call().code in (0, 2)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["audit", "--help"], ["measure", "--help"]])
def test_help_is_light(arguments: list[str]) -> None:
    heavy = ("scipy", "onnxruntime", "matplotlib", "pydantic", "rich", "jinja2", "torch", "PIL", "skimage")
    code = (
        "import sys\n"
        "from deepception.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr.split() == []
