"""``deepception study`` and ``watch``: errors that name the line, prices, workers and drivers that are killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import (
    assert_refused,
    assert_same,
    call,
    results,
    save_photographs,
    save_placed_observer,
    start,
)
from deepception.studies.study.tomls import line_of

STUDY = """\
[study]
seed = 3
batch_size = 8

[photographs]
images = [
    "photos",
]

[[observers]]
name = "first"
model = "first.onnx"

[[observers]]
name = "second"
model = "second.onnx"
options = { threads = 1 }

[[experiments]]
name = "regions"
measure = ["local", "spatial"]
setting = "quick"

[[experiments]]
name = "patches"
measure = "deception"

[experiments.parameters.deception]
queries = 20
area = 0.1

[engine]
workers = 2
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study, its observers and its photographs."""
    folder = tmp_path_factory.mktemp("place")
    save_placed_observer(folder / "first.onnx")
    shutil.copy(folder / "first.onnx", folder / "second.onnx")
    with (folder / "second.onnx").open("ab") as file:
        file.write(b"\x72\x00")  # an empty field more: other bytes, the same answers
    save_photographs(folder / "photos", 4)
    (folder / "study.toml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def whole(place: Path) -> Path:
    """The study, measured without any disturbance."""
    done = call("study", place / "study.toml", "--out", place / "whole")
    assert done.code == 0, done
    assert "patches/second: finished, 10 units" in done.out
    assert "in all: 4 runs, 44 units" in done.err
    return place / "whole"


def test_its_page_shows_and_links_all(whole: Path) -> None:
    page = (whole / "study.html").read_text(encoding="utf-8")
    assert "4 of 4 runs are finished." in page
    assert "<h1><bdi>study</bdi></h1>" in page
    assert page.index("<bdi>regions</bdi>") < page.index("<bdi>patches</bdi>")  # in the order of the file
    for link in ("runs/regions/first/report.html", "comparison/patches/comparison.html"):
        assert f'href="{link}"' in page
        assert (whole / link).is_file()
    assert "http" not in page.replace("http://www.w3.org", "")
    done = call("report", whole)
    assert done.code == 0, done
    assert done.out.strip() == str(whole / "study.html")
    assert (whole / "study.html").read_text(encoding="utf-8") == page


def test_a_study_or_its_experiment_stands_for_its_runs(place: Path, whole: Path, tmp_path: Path) -> None:
    # Names that the file gives reach comparisons and conditions.
    asked = STUDY.partition('[[experiments]]\nname = "patches"')[0]
    for name in ("first", "second"):
        asked = asked.replace(f'name = "{name}"', f'name = "the {name}"')
    asked = asked.replace('"the ', '"the-').replace('["local", "spatial"]', '["local"]')
    path = place / "named.toml"
    path.write_text(asked)
    study = tmp_path / "named"
    assert call("study", path, "--out", study).code == 0
    for folder in (study, study / "runs" / "regions"):
        done = call("compare", folder, "--json", "--fail-on", "the-second.local.effect > 1e9")
        assert done.code == 0, done
        assert [run["key"] for run in json.loads(done.out)["runs"]] == ["the-first", "the-second"]
    done = call("export", study / "runs" / "regions", "--format", "csv", "--to", tmp_path / "tables")
    assert done.code == 0, done
    assert "the-second" in (tmp_path / "tables" / "local.csv").read_text()
    done = call("ledger", study, "--json")
    assert list(json.loads(done.out)["runs"]) == ["regions/the-first", "regions/the-second"]
    assert "regions/the-second: " in call("ledger", study).out

    assert_refused(call("compare", whole), "a study of 2 experiments", f"'{whole}/runs/regions' or ")
    assert_refused(call("compare", study, study / "runs/regions/the-first"), "is named twice")
    done = call("ledger", study, "--csv", tmp_path / "rows.csv")
    assert (done.code, "rows are written of one run" in done.err) == (2, True)


def test_a_page_made_anew_is_not_behind_the_units(whole: Path, tmp_path: Path) -> None:
    page = (whole / "study.html").read_text(encoding="utf-8")
    shutil.copytree(whole, tmp_path / "copy")
    stale = tmp_path / "copy" / "runs" / "regions" / "first" / "results.json"
    content = json.loads(stale.read_text())
    content["units"]["finished"] = 3
    stale.write_text(json.dumps(content))
    assert call("report", tmp_path / "copy").code == 0
    assert (tmp_path / "copy" / "study.html").read_text(encoding="utf-8") == page


def test_an_observer_that_cannot_be_timed_leaves_the_price_of_the_others(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("first.onnx", "photos"):
        (tmp_path / name).symlink_to(place / name)
    (tmp_path / "answers_nothing.py").write_text(
        "import numpy as np\ndef f(images): return np.full((len(images), 16), np.nan)\n"
    )
    asked = STUDY.replace('"second.onnx"', '"python:answers_nothing:f"')
    asked = asked.replace("threads = 1", 'version = "1", height = 32, width = 32, level = "logits"')
    (tmp_path / "study.toml").write_text(asked)
    done = call("study", tmp_path / "study.toml", "--out", tmp_path / "out", "--dry-run")
    assert done.code == 0, done
    assert "second: it cannot be timed: the observer answered NaN" in done.err
    assert "regions/first: 4 photographs" in done.out


def test_the_price_comes_first_and_alone_with_dry_run(place: Path, tmp_path: Path) -> None:
    done = call("study", place / "study.toml", "--out", tmp_path / "out", "--dry-run", "--json")
    assert done.code == 0, done
    rows = json.loads(done.out)["runs"]
    assert [row["name"] for row in rows] == [
        "regions/first",
        "regions/second",
        "patches/first",
        "patches/second",
    ]
    assert all(row["left"] == row["queries"] > 0 and row["seconds"] > 0 for row in rows)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('model = "first.onnx"', 'modle = "first.onnx"', 12, "observers.modle means nothing"),
        ('model = "second.onnx"', 'model = "third.onnx"', 16, "third.onnx"),
        ('name = "second"', 'name = "first"', 14, "given twice"),
        ("seed = 3", "seed = -3", 2, "study.seed"),
        ('measure = "deception"', 'measure = "deceptoin"', 26, "no property 'deceptoin'"),
        ("area = 0.1", "aera = 0.1", 30, "did you mean area?"),
        ("queries = 20", 'queries = "some"', 29, "deception.queries"),
        ("area = 0.1", "area = 1.5", 28, "area"),
        ('    "photos",', '    "nowhere",', 6, "nowhere"),
        ("workers = 2", "workers = 0", 33, "engine.workers"),
        ('    "photos",\n]', '    "photos",\n]\nlabel = "nosuch"', 9, "nosuch"),
        ('    "photos",\n]', '    "photos",\n]\nlearn_on = "nowhere"', 9, "nowhere"),
        ('name = "second"', 'name = "second"\nknowledge = "nosuch"', 16, "nosuch"),
        ("workers = 2", 'name = "lokal"', 32, "the engine 'lokal' is not known"),
        ("workers = 2", "options = { cpus = 1 }", 32, "the engine local has no option cpus"),
        ("workers = 2", 'options = { pin = "no" }', 32, "pin of the engine: input should be a valid boolean"),
        ('name = "regions"', 'name = "../regions"', 20, "letters, digits"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    place: Path, tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert STUDY.count(old) == 1
    for name in ("first.onnx", "second.onnx", "photos"):
        (tmp_path / name).symlink_to(place / name)
    (tmp_path / "study.toml").write_text(STUDY.replace(old, new))
    done = call("study", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert_refused(done, f"study.toml, line {line}:", words)
    assert not (tmp_path / "out").exists()


def test_superpixels_need_their_package(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    asked = STUDY.replace('setting = "quick"', 'setting = "quick"\nregions = "superpixels"')
    path = place / "superpixels.toml"
    path.write_text(asked)
    done = call("study", path, "--out", tmp_path / "out")
    assert_refused(done, "superpixels.toml, line 23:", "Superpixels need scikit-image")
    done = call(
        *("audit", place / "first.onnx", place / "photos"),
        *("--regions", "superpixels", "--out", tmp_path / "out"),
    )
    assert_refused(done, "Superpixels need scikit-image")
    assert not (tmp_path / "out").exists()


def test_a_function_needs_a_version(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "answers_ones.py").write_text("import numpy as np\ndef f(x): return np.ones((len(x), 16))\n")
    for name in ("first.onnx", "photos"):
        (tmp_path / name).symlink_to(place / name)
    asked = STUDY.replace('"second.onnx"', '"python:answers_ones:f"')
    asked = asked.replace("threads = 1", 'height = 32, width = 32, level = "logits"')
    (tmp_path / "study.toml").write_text(asked)
    done = call("study", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert_refused(done, "study.toml, line 16:", "without a version", 'options = { version = "1" }')
    assert not (tmp_path / "out").exists()


def test_a_script_without_its_guard_is_told_once(place: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "import deepception as dc\n"
        "experiments = [{'name': 'regions', 'measure': 'local', 'setting': 'quick'}]\n"
        "dc.Study(observers=[sys.argv[1]], photographs=sys.argv[2], experiments=experiments,\n"
        "         engine={'workers': 2}).run(sys.argv[3])\n"
    )
    told = subprocess.run(
        [sys.executable, script, place / "first.onnx", place / "photos", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 1
    assert told.stderr.count("put what it does below the line if __name__ == '__main__'") == 1
    assert "_fixup_main" not in told.stderr


def test_an_engine_of_the_command_line_that_is_none_is_refused_first(place: Path, tmp_path: Path) -> None:
    for more in ((), ("--dry-run",)):
        done = call("study", place / "study.toml", "--out", tmp_path / "out", "--engine", "rae", *more)
        assert_refused(done, "deepception: the engine 'rae' is not known")
        assert not (tmp_path / "out").exists()


def test_lines_of_places() -> None:
    assert line_of(STUDY, ["photographs", "images", 0]) == 6
    assert line_of(STUDY, ["observers", 1, "options", "threads"]) == 17
    assert line_of(STUDY, ["experiments", 1, "parameters", "deception", "area"]) == 30
    assert line_of(STUDY, ["experiments", 0, "parameters"]) == 19
    assert line_of(STUDY, ["nothing"]) == 1


def test_folders_of_something_else_are_refused(place: Path, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert_refused(call("study", place / "study.toml", "--out", tmp_path), "holds no study")
    single = whole / "runs" / "regions" / "first"
    assert_refused(call("study", place / "study.toml", "--out", single), "single run")
    assert_refused(call("watch", tmp_path), "holds no run")
    assert_refused(call("study", tmp_path / "nowhere.toml", "--out", tmp_path / "out"), "cannot be read")


def test_an_observer_that_cannot_be_opened_leaves_the_rest(place: Path, tmp_path: Path) -> None:
    for name in ("first.onnx", "photos"):
        (tmp_path / name).symlink_to(place / name)
    (tmp_path / "second.onnx").write_bytes(b"no network")
    (tmp_path / "study.toml").write_text(STUDY)
    done = call("study", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert done.code == 3, done
    assert "second" in done.err
    assert "regions/first: finished" in done.out
    page = (tmp_path / "out" / "study.html").read_text(encoding="utf-8")
    assert "Observers that could not be opened" in page
    assert "<li><bdi>second</bdi>" in page


def test_watching_from_another_terminal(place: Path, whole: Path) -> None:
    state = json.loads(call("watch", whole, "--json").out)
    assert (state["done"], state["units"], state["failed"]) == (44, 44, 0)
    assert not state["at_work"]
    done = call("watch", whole, "--once")
    assert "regions/first" in done.out
    assert "44 of 44 units" in done.out
    single = json.loads(call("watch", whole / "runs" / "regions" / "first", "--json").out)
    assert single["done"] == single["units"] > 0


@pytest.mark.skipif(os.name != "posix", reason="processes are killed as POSIX does")
@pytest.mark.parametrize(
    ("engine", "drivers", "workers"),
    [
        ("local", 2, 2),
        pytest.param("local", 20, 12, marks=pytest.mark.slow),
        pytest.param("ray", 20, 12, marks=pytest.mark.slow),
    ],
)
def test_workers_and_drivers_are_killed_and_nothing_is_lost(
    place: Path, whole: Path, tmp_path: Path, engine: str, drivers: int, workers: int
) -> None:
    if engine == "ray":
        pytest.importorskip("ray", reason="the engine ray needs Ray")
    chance, out = random.Random(5), tmp_path / "out"
    arguments = ("study", place / "study.toml", "--out", out, "--engine", engine)
    for _ in range(drivers):
        driver = start(*arguments, cwd=place, start_new_session=True)
        time.sleep(chance.uniform(1.5, 5))
        if driver.poll() is None:
            driver.kill()
        driver.communicate(timeout=60)
        if engine == "local":
            _wait_for_end_of_group(driver.pid)
    killed = 0
    while True:
        driver = start(*arguments, cwd=place, start_new_session=True)
        while driver.poll() is None and killed < workers:
            time.sleep(chance.uniform(0.5, 1.5))
            living = _workers(driver.pid)
            if living:
                os.kill(chance.choice(living), signal.SIGKILL)
                killed += 1
        _, err = driver.communicate(timeout=300)
        if driver.returncode == 0:
            break
        # A unit took three workers with it, or none could be kept alive: the next sitting goes on.
        assert "Traceback" not in err, err
        assert driver.returncode in (2, 3), err
    for name in ("regions/first", "regions/second", "patches/first", "patches/second"):
        assert_same(out / "runs" / name, whole / "runs" / name)
        units = results(out / "runs" / name)["units"]
        assert units["planned"] == units["finished"]


def _workers(pid: int) -> list[int]:
    """Worker processes of a driver: its spawned children, or Ray's actors among its descendants."""
    found = subprocess.run(["ps", "-o", "pid=,ppid=,args=", "-A"], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in found.stdout.splitlines() if len(line.split(None, 2)) == 3]
    parents = {int(row[0]): int(row[1]) for row in rows}

    def descends(process: int) -> bool:
        while process in parents:
            process = parents[process]
            if process == pid:
                return True
        return False

    return [
        int(row[0])
        for row in rows
        if ("spawn_main" in row[2] or row[2].startswith("ray::"))
        and "IDLE" not in row[2]
        and descends(int(row[0]))
    ]


def _wait_for_end_of_group(group: int) -> None:
    """Workers end with their driver, by themselves."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("workers outlive their driver")
