"""Runs by the command line: killed and resumed, interrupted, extended, repeated, priced, and what they print."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import (
    PATIENCE,
    SIDE,
    Done,
    assert_refused,
    call,
    chunks,
    results,
    run,
    save_photograph,
    save_photographs,
    save_placed_observer,
    start,
)
from deepception.studies import Ledger, RunStore

# An observer that notes every image that it is shown, and can be made slow.
DIARIST = f"""
import os, time
import numpy as np
from deepception.errors import UnreachableError
from deepception.observers import FunctionObserver
from deepception.stimuli import Frame

WEIGHTS = np.random.default_rng(5).normal(size=(147, 10)) / 255

def answer(images):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write("shown\\n" * len(images))
        if diary.tell() > 6 * int(os.environ.get("LAST", 10**9)):
            raise UnreachableError("the classifier does not answer any more: start it again.")
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return images.reshape(-1, 7, 5, 7, 5, 3).mean(axis=(2, 4)).reshape(len(images), -1) @ WEIGHTS

kept = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10, version="1")
fleeting = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10)
"""


def default_interrupt() -> None:
    """A process that a shell starts in the background ignores Ctrl-C; this one must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Desk:
    """A run folder, and the diary of those who work on it; all desks share observer and photograph."""

    room: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.room / self.name

    @property
    def command(self) -> tuple[object, ...]:
        # One row a batch: none is filled, so every image shown is a query.
        return ("audit", "python:diarist:kept", "photo.png", "--quick", "--batch-size", 1, "--out", self.name)

    @property
    def shown(self) -> int:
        diary = self.room / f"{self.name}.diary"
        return diary.stat().st_size // len("shown\n") if diary.exists() else 0

    def start(
        self, *arguments: object, pause: float = 0, last: int = 10**9, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a command; the observer takes ``pause`` seconds each time and answers no more after ``last``."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DIARY", f"{self.name}.diary")
            patch.setenv("PAUSE", str(pause))
            patch.setenv("LAST", str(last))
            return start(*(arguments or self.command), cwd=self.room, **options)

    def run(self, *arguments: object) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out, err)

    def finished(self) -> dict[str, int]:
        """Queries of each finished unit."""
        if not self.folder.exists():
            return {}
        store = RunStore(self.folder)
        return {unit_hash: store.describe(unit_hash).queries for unit_hash in store.finished()}


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    (folder / "diarist.py").write_text(DIARIST)
    save_photograph(folder / "photo.png", 3)
    return folder


@pytest.fixture(scope="module")
def undisturbed(room: Path) -> Desk:
    desk = Desk(room, "undisturbed")
    done = desk.run()
    assert done.code == 0, done
    return desk


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


# --- interruptions -------------------------------------------------------------------------------------------


def test_killed_and_run_again(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "killed")
    whole, prices = undisturbed.shown, undisturbed.finished().values()
    assert sum(prices) == whole
    for share in (0.0, 0.4, 0.8):
        before, noted = desk.finished(), desk.shown
        enough = max(noted + 1, int(share * whole))
        process = desk.start()
        wait_for(lambda: desk.shown >= enough, process)  # noqa: B023
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        after = desk.finished()
        assert before.items() <= after.items()
        in_flight = desk.shown - noted - (sum(after.values()) - sum(before.values()))
        assert 0 <= in_flight <= max(prices)
    measured, noted = sum(desk.finished().values()), desk.shown
    assert 0 < measured < whole
    done = desk.run()
    assert done.code == 0, done
    assert desk.shown - noted == whole - measured, "nothing measured is asked again"
    assert_same(desk.folder, undisturbed.folder)


def test_interrupted_and_gone_on_with(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "interrupted")
    process = desk.start(preexec_fn=default_interrupt)
    wait_for(lambda: desk.shown > 300, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "Interrupted" in err
    assert "is kept" in err
    (command,) = [line.partition("Go on with: ")[2] for line in err.splitlines() if "Go on with: " in line]
    assert shlex.split(command) == ["deepception", *map(str, desk.command)]
    assert 0 < len(desk.finished()) < len(undisturbed.finished())

    # What there is can be read already.
    assert (desk.folder / "report.html").exists()
    page = desk.run("report", desk.name)
    assert page.code == 0, page
    assert page.out.strip() == str(Path(desk.name) / "report.html")

    measured, noted = sum(desk.finished().values()), desk.shown
    done = desk.run(*shlex.split(command)[1:])
    assert done.code == 0, done
    assert desk.shown - noted == undisturbed.shown - measured
    assert_same(desk.folder, undisturbed.folder)


def test_interrupted_twice_it_stops_at_once(room: Path) -> None:
    desk = Desk(room, "impatient")
    process = desk.start(pause=10_000, preexec_fn=default_interrupt)
    wait_for(lambda: desk.shown > 0, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "Ctrl-C again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Go on with: " in err


def test_an_observer_that_is_lost(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "lost")
    process = desk.start(last=400)
    out, err = process.communicate(timeout=PATIENCE)
    assert_refused(Done(process.returncode, out, err), "does not answer any more", code=4)
    measured, noted = sum(desk.finished().values()), desk.shown
    assert 0 < measured < 400 < noted
    done = desk.run()
    assert done.code == 0, done
    assert desk.shown - noted == undisturbed.shown - measured
    assert_same(desk.folder, undisturbed.folder)


def test_one_process_at_a_time(room: Path) -> None:
    desk = Desk(room, "contested")
    process = desk.start(pause=0.05)
    try:
        wait_for(lambda: desk.shown > 0, process)
        assert_refused(desk.run(), "in use by process", str(process.pid))
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_a_function_without_a_version_cannot_be_resumed(room: Path) -> None:
    desk = Desk(room, "fleeting")
    command = ("measure", "local", "python:diarist:fleeting", *desk.command[2:])
    assert desk.run(*command).code == 0
    before = results(desk.folder)
    assert_refused(desk.run(*command), "another observer", "version")
    assert results(desk.folder) == before


def test_a_function_with_a_version_can_be_resumed(room: Path) -> None:
    desk = Desk(room, "versioned")
    spec = ("measure", "local", "python:diarist:answer", "--size", SIDE, *desk.command[2:])
    first = desk.run(*spec, "--observer-version", "1")
    assert first.code == 0, first
    before, noted = results(desk.folder), desk.shown
    again = desk.run(*spec, "--observer-version", "1")
    assert again.code == 0, again
    assert results(desk.folder) == before
    assert desk.shown - noted == 2, "only the two grey images that tell the number of classes"
    assert_refused(desk.run(*spec, "--observer-version", "2"), "another observer")
    assert results(desk.folder) == before


@pytest.mark.parametrize("model", ["default", "good.onnx", "torch:net.pt", "python:diarist:kept"])
def test_a_version_of_what_is_known_without_one(
    room: Path, lab: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(room if model.startswith("python:") else lab)
    assert_refused(call("info", model, "--observer-version", "1"), "version")


def assert_same(one: Path, other: Path) -> None:
    mine, its = results(one), results(other)
    assert mine.keys() == its.keys()
    for key in its:
        assert mine[key] == its[key]
    assert (one / "rows.csv").read_bytes() == (other / "rows.csv").read_bytes()
    assert chunks(one) == chunks(other)


# --- the same again ------------------------------------------------------------------------------------------


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


# --- prices --------------------------------------------------------------------------------------------------


def test_a_dry_run_asks_nothing_and_leaves_nothing(room: Path, undisturbed: Desk) -> None:
    desk = Desk(room, "dry")
    done = desk.run(*desk.command, "--dry-run")
    assert done.code == 0, done
    assert done.out.startswith("at most ")
    assert "1 photograph" in done.out
    price = json.loads(desk.run(*desk.command, "--dry-run", "--json").out)
    assert desk.shown == 0
    assert not desk.folder.exists()
    assert not price["exact"]
    # A deception that is found early ends early.
    assert 0.75 * price["total"] <= undisturbed.shown <= price["total"]


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
    assert f"{price['total']:,} queries" in done.err.splitlines()[0]


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
    assert f"; at most {price['left']:,} are left to ask." in done.err.splitlines()[0]
    assert 0.9 * price["left"] <= spent(copied) - cost <= price["left"]


def test_a_dry_run_refuses_what_the_run_would(lab: Path, copied: Path, tmp_path: Path) -> None:
    dry = ("audit", lab / "good.onnx", *two(lab), "--dry-run", "--out")
    assert_refused(call(*dry, copied, "--full"), "other settings")
    (tmp_path / "novel.txt").write_text("Chapter one")
    assert_refused(call(*dry, tmp_path), "not empty")


# --- what is printed -----------------------------------------------------------------------------------------


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
    assert len(figures) == 5
    assert all("n = 2; " in line for line in figures)
    assert all(" decades of odds" in line for line in figures[:4])
    assert "; best control (" in figures[4]
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
    assert [line.partition(":")[0] for line in others] == ["p0.png", "p1.png"]


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
    assert "top1: 66.7% of 3 photographs" in text.out
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
