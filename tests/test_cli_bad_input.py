"""Bad budgets, run folders and usage: one clear sentence, its exit code, and nothing lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from command_line import (
    assert_refused,
    call,
    chunks,
    results,
    run,
    save_observer,
)

# --- budgets --------------------------------------------------------------------------------------------------


def test_a_budget_too_small_for_anything(lab: Path, tmp_path: Path) -> None:
    for budget in (0, 1):
        done = call(
            *("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / str(budget)),
            *("--budget", budget),
        )
        assert_refused(done, f"budget of {budget}", "raise it to")


def test_a_budget_below_an_exact_price_sends_nothing(lab: Path, tmp_path: Path) -> None:
    command = ("measure", "local", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "run")
    price = json.loads(call(*command, "--dry-run", "--json").out)
    assert price["exact"]
    done = call(*command, "--budget", price["total"] - 1)
    assert_refused(done, f"0 were sent, and what is left takes {price['total']:,} queries", "raise it to")
    assert not chunks(tmp_path / "run")
    dry = call(*command, "--budget", price["total"] - 1, "--dry-run")
    assert (dry.code, dry.said) == (2, done.said)
    assert call(*command, "--budget", price["total"]).code == 0
    assert call(*command, "--budget", price["total"], "--dry-run").code == 0, "nothing is left"


def test_a_budget_that_ends_half_way_keeps_what_was_measured(lab: Path, kept: Path, tmp_path: Path) -> None:
    command = ["audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"]
    done = call(*command, "--budget", 900, "--batch-size", results(kept)["batch_size"])
    assert done.code == 3, done
    (sentence,) = done.said
    assert "The budget of 900" in sentence
    assert "raise it to" in sentence
    assert "local: " in done.out
    assert "report: " in done.out
    half = chunks(tmp_path / "run")
    assert 0 < len(half) < len(chunks(kept))
    assert (tmp_path / "run" / "report.html").exists()
    spent = json.loads((tmp_path / "run" / "results.json").read_text())["cost"]["transmissions"]
    assert 0 < spent <= 900
    more = call(*command, "--budget", 5000, page=False)
    assert more.code == 0, more
    assert half.items() <= chunks(tmp_path / "run").items()
    assert results(tmp_path / "run") == results(kept)


def test_a_budget_that_ends_before_what_was_asked_for(lab: Path, tmp_path: Path) -> None:
    command = ("measure", "spatial", lab / "good.onnx", lab / "photos", "--quick", "--batch-size", 32)
    done = call(*command, "--budget", 250, "--out", tmp_path / "run")
    assert_refused(done, "The budget of 250", "raise it to")
    finished = json.loads((tmp_path / "run" / "results.json").read_text())["properties"]
    assert finished["local"]["rows"], "what it needs first was measured"
    assert not finished["spatial"]["rows"]


# --- run folders ----------------------------------------------------------------------------------------------


def test_a_run_folder_that_cannot_be_made(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", out)
        assert_refused(done, "file")
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_that_may_not_be_written(lab: Path, tmp_path: Path) -> None:
    # Root may write everywhere but where the system lets nobody.
    out = Path("/sys/deepception-run") if os.geteuid() == 0 else tmp_path / "forbidden" / "run"
    if os.geteuid() != 0:
        out.parent.mkdir()
        out.parent.chmod(0o555)
    elif not Path("/sys/kernel").exists():
        pytest.skip("root may write everywhere here")
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", out)
    assert_refused(done, str(out), "permi")


def test_somebodys_folder(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "novel.txt").write_text("Chapter one")
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "theirs")
    assert_refused(done, "theirs", "not empty")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["novel.txt"]


def test_files_that_may_not_grow(lab: Path, kept: Path, tmp_path: Path) -> None:
    command = ["audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"]
    command += ["--batch-size", results(kept)["batch_size"]]

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = run(*command, cwd=tmp_path, preexec_fn=limit)
    assert_refused(done, str(tmp_path / "run"))
    half = chunks(tmp_path / "run")
    assert half
    assert call(*command, page=False).code == 0
    assert half.items() <= chunks(tmp_path / "run").items()
    assert results(tmp_path / "run") == results(kept)


def test_a_full_disk(lab: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may make a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be made here")
    command = ["audit", lab / "good.onnx", lab / "photos", "--quick", "--out", disk / "run"]
    try:
        done = call(*command)
        assert_refused(done, "is full", "free some space")
        half = chunks(disk / "run")
        assert half
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert call(*command).code == 0
        assert half.items() <= chunks(disk / "run").items()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--quick", "--seed", "7"], ("seed: 0 there, 7 here",)),
        (["--standard"], ('setting: "quick" there, "standard" here',)),
        (["--quick", "--max-pixels", "9999"], ("max_pixels: 100000000 there, 9999 here",)),
        (["--quick", "--regions", "windows"], ('regions: "grid" there, "windows" here',)),
    ],
)
def test_a_run_folder_of_other_settings(
    lab: Path, kept: Path, options: list[str], words: tuple[str, ...]
) -> None:
    before = results(kept)
    done = call("audit", lab / "good.onnx", lab / "photos", *options, "--out", kept)
    assert_refused(done, "other settings", *words)
    assert results(kept) == before


def test_a_run_folder_of_another_batch_size(lab: Path, kept: Path) -> None:
    size = results(kept)["batch_size"] + 1
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", kept, "--batch-size", size)
    assert_refused(done, "other settings", f"batch_size: {size - 1} there, {size} here")


def test_a_run_folder_of_another_observer(lab: Path, kept: Path, tmp_path: Path) -> None:
    save_observer(tmp_path / "other.onnx")
    before = results(kept)
    done = call("audit", tmp_path / "other.onnx", lab / "photos", "--quick", "--out", kept)
    assert_refused(done, "another observer", "good", "other")
    assert results(kept) == before


def test_a_report_of_what_is_no_run(tmp_path: Path) -> None:
    assert_refused(call("report", tmp_path), "is not a run folder")
    assert_refused(call("report", tmp_path / "nothing"), "is not a run folder")


# --- usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["listen"],
        ["audit"],
        ["audit", "good.onnx"],
        ["audit", "good.onnx", "photos"],
        ["info", "good.onnx", "--size", "big"],
        ["info", "good.onnx", "--mean", "1,2"],
        ["info", "good.onnx", "--size", "0"],
        ["info", "good.onnx", "--crop-fraction", "2"],
        ["info", "good.onnx", "--crop-fraction", "nan"],
        ["audit", "good.onnx", "photos", "--out", "run", "--seed", "-1"],
        ["audit", "good.onnx", "photos", "--out", "run", "--batch-size", "0"],
        ["audit", "good.onnx", "photos", "--out", "run", "--quick", "--full"],
        ["measure", "local", "good.onnx", "photos", "--full", "--standard"],
    ],
    ids=" ".join,
)
def test_wrong_usage(lab: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(lab)
    done = call(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "Error: " in done.err
    assert "Traceback" not in done.err


def test_an_unknown_property(lab: Path) -> None:
    done = call("measure", "colour", lab / "good.onnx", lab / "photos")
    assert_refused(done, "'colour'", "local, spatial, activation, cumulative")
