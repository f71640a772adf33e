"""Bad photographs, names and labels: one clear sentence, and nothing lost."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from command_line import (
    CLASSES,
    assert_refused,
    call,
    empty,
    environment,
    results,
    save_photograph,
)

LARGE = 20_000


# --- photographs ----------------------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    save_photograph(path.with_suffix(".whole.jpg"), size=(200, 200))
    content = path.with_suffix(".whole.jpg").read_bytes()
    path.with_suffix(".whole.jpg").unlink()
    path.write_bytes(content[: len(content) // 2])


def text(path: Path) -> None:
    path.write_text("This is no photograph, whatever its name says.\n" * 20)


def tiny(path: Path) -> None:
    Image.new("RGB", (1, 1)).save(path)


def thread(path: Path) -> None:
    Image.new("RGB", (1, 10_000)).save(path)


def band(path: Path) -> None:
    Image.new("RGB", (16, 400)).save(path)


def broken_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.jpg"))


BAD_PHOTOGRAPHS: list[tuple[Callable[[Path], None], tuple[str, ...]]] = [
    (truncated, ("cannot be decoded", "truncated")),
    (text, ("is not an image that can be read",)),
    (tiny, ("1x1 pixels", "at least 16")),
    (thread, ("10000x1 pixels", "at least 16")),
    (band, ("400x16 pixels", "at most 20 times")),
    (empty, ("is not an image that can be read",)),
    (broken_link, ("cannot be read", "no such file")),
]


@pytest.mark.parametrize(("make", "words"), BAD_PHOTOGRAPHS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_bad_photograph_alone(
    lab: Path, tmp_path: Path, make: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    make(tmp_path / "bad.jpg")
    done = call("audit", lab / "good.onnx", tmp_path / "bad.jpg", "--quick", "--out", tmp_path / "run")
    assert_refused(done, "bad.jpg", *words)


@pytest.mark.parametrize("command", ["info", "measure"])
def test_a_bad_photograph_alone_in_other_commands(lab: Path, tmp_path: Path, command: str) -> None:
    text(tmp_path / "bad.jpg")
    between = ["local"] if command == "measure" else []
    done = call(command, *between, lab / "good.onnx", tmp_path / "bad.jpg")
    assert_refused(done, "bad.jpg", "is not an image that can be read")


def test_bad_photographs_among_good_ones(lab: Path, kept: Path, tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    shutil.copytree(lab / "photos", photographs)
    save_photograph(photographs / "p9.png", 9)
    for make, _ in BAD_PHOTOGRAPHS:
        make(photographs / f"{make.__name__}.jpg")
    with (tmp_path / "all.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file"])
        rows.writerows([[f"photographs/{path.name}"] for path in sorted(photographs.iterdir())])
        rows.writerow(["photographs/missing.png"])
    done = call("audit", lab / "good.onnx", tmp_path / "all.csv", "--quick", "--out", kept)
    assert done.code == 3, done
    assert "Traceback" not in done.err
    assert f"report: {kept / 'report.html'}" in done.out

    found = results(kept)
    for row in found["properties"].values():
        assert [r["name"] for r in row["rows"]] == ["p0.png", "p1.png", "p9.png"]
    failed = {failure["photograph"]: failure["error"] for failure in found["failures"]}
    for make, words in BAD_PHOTOGRAPHS:
        for word in words:
            assert word in failed[f"{make.__name__}.jpg"]
            assert sum(word in line and make.__name__ in line for line in done.err.splitlines()) == 1
    assert "missing.png" in failed
    assert len(failed) == len(BAD_PHOTOGRAPHS) + 1
    assert "text.jpg" in (kept / "report.html").read_text(encoding="utf-8")


def test_good_and_bad_photographs_in_info(lab: Path, tmp_path: Path) -> None:
    text(tmp_path / "bad.jpg")
    done = call("info", lab / "good.onnx", lab / "photos", tmp_path / "bad.jpg", "--json")
    assert done.code == 3
    assert len(json.loads(done.out)["answers"]) == 2
    assert "bad.jpg is not an image" in done.err


def test_a_photograph_that_changes_while_a_run_lasts(lab: Path, tmp_path: Path) -> None:
    """A unit's photograph is known by its bytes: other bytes under its name are another photograph."""
    photographs = tmp_path / "photographs"
    shutil.copytree(lab / "photos", photographs)
    command = ("audit", lab / "good.onnx", photographs, "--quick", "--out", tmp_path / "run")
    assert call(*command, page=False).code == 0
    save_photograph(photographs / "p1.png", 77)
    done = call(*command, page=False)
    assert done.code == 0, done
    names = [p["name"] for p in results(tmp_path / "run")["photographs"]]
    assert names[:2] == ["p0.png", "p1.png"]
    assert len(names) == 3
    assert names[2].startswith("p1.png (")


def test_a_huge_jpeg_is_drafted_and_other_formats_are_refused_in_little_memory(
    lab: Path, tmp_path: Path
) -> None:
    # Drawn in a process of its own: its memory is then no part of this one's.
    draw = (
        "from PIL import Image\n"
        "Image.MAX_IMAGE_PIXELS = None\n"
        f"Image.linear_gradient('L').resize(({LARGE}, {LARGE}), 0).save('huge.jpg', quality=30)\n"
        f"Image.new('1', ({LARGE}, {LARGE})).save('huge.png', compress_level=1)\n"
    )
    subprocess.run([sys.executable, "-c", draw], cwd=tmp_path, check=True)
    measured = (
        "import atexit, sys\n"
        "from pathlib import Path\n"
        "def note():\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    Path('peak').write_text(next(line.split()[1] for line in lines if line.startswith('VmHWM')))\n"
        "atexit.register(note)\n"
        "from deepception.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", measured, "measure", "local", str(lab / "good.onnx"), "--quick"]
    done = subprocess.run(
        [*command, "huge.jpg", "huge.png"], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 3, done
    assert "huge.jpg: " in done.stdout
    (refusal,) = [line for line in done.stderr.splitlines() if "huge.png" in line]
    assert "--max-pixels" in refusal
    if sys.platform == "linux":
        assert int((tmp_path / "peak").read_text()) * 1024 <= 1_000_000_000

    alone = call("audit", lab / "good.onnx", tmp_path / "huge.png", "--quick", "--out", tmp_path / "run")
    assert_refused(alone, "huge.png", "20000x20000 pixels", "--max-pixels")


# --- where the photographs are --------------------------------------------------------------------------------


def test_no_such_photograph(lab: Path, kept: Path) -> None:
    missing = lab / "nothing.jpg"
    assert_refused(call("audit", lab / "good.onnx", missing, "--quick", "--out", kept), "nothing.jpg")
    assert_refused(call("info", lab / "good.onnx", lab / "no*.jpg"), "No photograph matches")


def test_an_empty_folder(lab: Path, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = call("audit", lab / "good.onnx", tmp_path / "empty", "--quick", "--out", kept)
    assert_refused(done, "holds no photographs")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take names in Unicode only")
def test_a_name_that_is_no_text(lab: Path, tmp_path: Path) -> None:
    shutil.copy(lab / "photos" / "p0.png", os.fsencode(tmp_path) + b"/\xff.png")
    command = ("audit", lab / "good.onnx", tmp_path, "--quick", "--dry-run", "--out", tmp_path / "run")
    assert_refused(call(*command), "not UTF-8", "rename it")
    shutil.copy(lab / "photos" / "p1.png", tmp_path)
    done = call(*command)
    assert done.code == 0, done
    assert "1 photograph," in done.out
    assert "rename it" in done.err


def test_a_loop_of_symbolic_links(lab: Path, tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    shutil.copytree(lab / "photos", photographs)
    (photographs / "loop").symlink_to(photographs, target_is_directory=True)
    (photographs / "self.png").symlink_to(photographs / "self.png")
    command = ("audit", lab / "good.onnx", photographs, "--quick", "--out", tmp_path / "run")
    done = call(*command, "--dry-run", "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["photographs"] == 2
    assert "self.png" in done.err


# --- labels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["wolf", str(CLASSES), "-1", ""])
def test_a_label_that_is_not_among_the_classes(lab: Path, kept: Path, label: str) -> None:
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", kept, "--label", label)
    assert_refused(done, "--label: ", "not among the 10 classes")


def test_a_label_in_a_table_that_is_not_among_the_classes(lab: Path, kept: Path, tmp_path: Path) -> None:
    for column, value in (("label", "wolf"), ("index", "10")):
        (tmp_path / "photos.csv").write_text(f"file,{column}\n{lab / 'photos' / 'p0.png'},{value}\n")
        done = call("audit", lab / "good.onnx", tmp_path / "photos.csv", "--quick", "--out", kept)
        assert_refused(done, f"'{tmp_path / 'photos.csv'}', line 2: ", value, "not among the 10 classes")


@pytest.mark.parametrize("command", ["audit", "info"])
def test_an_index_and_a_name_of_two_classes(lab: Path, kept: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "names.txt").write_text("\n".join("abcdefghij"))
    shutil.copytree(lab / "photos", tmp_path / "photos")
    table = tmp_path / "photos" / "labels.csv"
    table.write_text("file,index,label\np0.png,3,D\np1.png,4,b\n")
    out = ("--quick", "--out", kept) if command == "audit" else ()
    done = call(command, lab / "good.onnx", table.parent, "--labels", tmp_path / "names.txt", *out)
    assert_refused(done, f"'{table}', line 3: ", "the index 4 is 'e'", "'b', is class 1")


def test_a_name_that_two_classes_bear(lab: Path, kept: Path, tmp_path: Path) -> None:
    names = ["crane" if number in (3, 7) else f"class {number}" for number in range(CLASSES)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    done = call(
        *("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", kept),
        *("--label", "Crane", "--labels", tmp_path / "names.txt"),
    )
    assert_refused(done, "3 and 7")


def test_another_class_for_a_photograph_of_the_run(lab: Path, kept: Path) -> None:
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", kept, "--label", "3")
    assert_refused(done, "class 3", "no known class")


# --- names ----------------------------------------------------------------------------------------------------


def test_names_and_labels_show_as_text(lab: Path, tmp_path: Path) -> None:
    photograph = save_photograph(tmp_path / "<script>alert(1)<img src=x onerror=alert(2)>.png")
    names = [f"<script>alert({number})</script>" for number in range(CLASSES)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    model = shutil.copy(lab / "good.onnx", tmp_path / "<script>alert(3).onnx")
    done = call(
        *("audit", model, photograph, "--quick", "--out", tmp_path / "run", "--label", names[3]),
        *("--labels", tmp_path / "names.txt"),
    )
    assert done.code == 0, done
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(3)" in page
    assert "&lt;img src=x" in page
    assert results(tmp_path / "run")["labels"]["3"] == names[3]
