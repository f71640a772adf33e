"""Bad input: one clear sentence and exit code 2, or exit code 3 for one photograph among many; nothing lost."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import deepception
import onnx_models
from command_line import (
    CLASSES,
    SIDE,
    assert_refused,
    call,
    chunks,
    environment,
    results,
    run,
    save_observer,
    save_photograph,
    save_photographs,
    save_placed_observer,
)
from deepception.errors import InputError
from deepception.stimuli import crop

LARGE = 20_000


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an observer and good photographs, which no test changes."""
    folder = tmp_path_factory.mktemp("lab")
    save_placed_observer(folder / "good.onnx")
    save_photographs(folder / "photos", 2)
    return folder


@pytest.fixture(scope="module")
def finished(lab: Path) -> Path:
    """A finished run of the good photographs."""
    done = call("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", lab / "finished", page=False)
    assert done.code == 0, done
    return lab / "finished"


@pytest.fixture
def kept(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the finished run; whatever a test does to it, what was measured must still be there."""
    folder = tmp_path / "kept"
    shutil.copytree(finished, folder)
    yield folder
    before, after = chunks(finished), chunks(folder)
    assert before.items() <= after.items()
    measured = {p["name"]: p for p in results(folder)["photographs"]}
    assert all(measured[p["name"]] == p for p in results(finished)["photographs"])


# --- photographs ---------------------------------------------------------------------------------------------


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


def empty(path: Path) -> None:
    path.write_bytes(b"")


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


# --- where the photographs are -------------------------------------------------------------------------------


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


# --- labels --------------------------------------------------------------------------------------------------


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


# --- observers -----------------------------------------------------------------------------------------------


def corrupt(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5_000))


def cut_short(path: Path) -> None:
    save_placed_observer(path)
    path.write_bytes(path.read_bytes()[:3_000])


def two_inputs(path: Path) -> None:
    image = ("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    other = ("other", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    nodes = [
        helper.make_node("Add", ["image", "other"], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "matrix"], ["scores"]),
    ]
    scores = ("scores", TensorProto.FLOAT, ["n", CLASSES])
    onnx_models.save_model(path, nodes, [image, other], [scores], {"matrix": onnx_models.weights()})


def no_image(path: Path) -> None:
    table = ("table", TensorProto.FLOAT, ["n", 12])
    scores = ("scores", TensorProto.FLOAT, ["n", CLASSES])
    matrix = np.ones((12, CLASSES), np.float32)
    nodes = [helper.make_node("MatMul", ["table", "matrix"], ["scores"])]
    onnx_models.save_model(path, nodes, [table], [scores], {"matrix": matrix})


def answers_nan(path: Path) -> None:
    save_observer(path, matrix=np.full((3, CLASSES), np.nan, np.float32))


def sigmoids(path: Path) -> None:
    save_observer(path, last="Sigmoid")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (corrupt, ("model.onnx",)),
        (cut_short, ("model.onnx",)),
        (empty, ("model.onnx",)),
        (two_inputs, ("2 image inputs", "image", "other")),
        (no_image, ("no image input", "table")),
        (answers_nan, ("NaN",)),
        (sigmoids, ("sum to", "not to one")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("command", ["audit", "info"])
def test_a_bad_observer(
    lab: Path, tmp_path: Path, command: str, make: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    make(tmp_path / "model.onnx")
    options = ["--quick", "--out", tmp_path / "run"] if command == "audit" else []
    done = call(command, tmp_path / "model.onnx", lab / "photos", *options)
    assert_refused(done, *words)


def test_no_such_observer(lab: Path, kept: Path) -> None:
    for model in (lab / "nothing.onnx", "onnx:nothing.onnx", lab / "nothing"):
        done = call("audit", model, lab / "photos", "--quick", "--out", kept)
        assert_refused(done, "nothing")


def test_no_such_torch_network(lab: Path, kept: Path) -> None:
    there = importlib.util.find_spec("torch") is not None
    done = call("audit", "torch:nothing", lab / "photos", "--quick", "--out", kept)
    assert_refused(done, "nothing" if there else "deepception[torch]")


def test_an_unknown_scheme(lab: Path, kept: Path) -> None:
    done = call("audit", "caffe:model.prototxt", lab / "photos", "--quick", "--out", kept)
    assert_refused(done, "'caffe'", "onnx:", "torch:", "python:")


def test_an_unknown_kind_of_file(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    assert_refused(call("info", tmp_path / "model.bin"), "model.bin", "scheme:")


def test_999_labels_for_1000_outputs(lab: Path, tmp_path: Path) -> None:
    save_observer(tmp_path / "model.onnx", classes=1000)
    (tmp_path / "names.txt").write_text("\n".join(f"thing {number}" for number in range(999)))
    asked = (tmp_path / "model.onnx", lab / "photos", "--labels", tmp_path / "names.txt")
    for command in (["info"], ["audit", "--quick", "--out", tmp_path / "run"]):
        done = call(*command, *asked)
        assert_refused(done, "999 labels", "1000 outputs")
    assert not (tmp_path / "run").exists()


def test_logits_that_are_called_probabilities(lab: Path, tmp_path: Path) -> None:
    done = call(
        *("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"),
        *("--output", "probabilities"),
    )
    assert_refused(done, "not to one", 'output "logits"')


def test_nan_answers_when_a_budget_leaves_no_probe(lab: Path, tmp_path: Path) -> None:
    answers_nan(tmp_path / "model.onnx")
    done = call(
        *("audit", tmp_path / "model.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"),
        *("--budget", 5000),
    )
    assert done.code == 2
    assert "NaN" in done.said[-1]
    assert "Traceback" not in done.err


def test_a_batch_of_one_is_enough(lab: Path, kept: Path, tmp_path: Path) -> None:
    model = onnx.load(lab / "good.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    done = call(
        *("audit", tmp_path / "one.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"), page=False
    )
    assert done.code == 0, done
    one, many = results(tmp_path / "run"), results(kept)
    assert one["batch_size"] == 1
    for name, summary in many["properties"].items():
        for here, there in zip(one["properties"][name]["rows"], summary["rows"], strict=True):
            assert here.keys() == there.keys()
            numbers = [key for key, value in there.items() if isinstance(value, float)]
            assert numbers
            for key in numbers:
                assert here[key] == pytest.approx(there[key], rel=1e-3, abs=1e-4), (name, key)
    assert call("info", tmp_path / "one.onnx", lab / "photos").code == 0


def test_a_patch_larger_than_the_frame(lab: Path) -> None:
    photograph = lab / "photos" / "p0.png"
    patch = crop(np.zeros((60, 60, 3), np.uint8), 0, 0, SIDE + 5, SIDE + 1)
    with deepception.Session(deepception.open_observer(lab / "good.onnx"), batch_size=16) as session:
        for measure in (
            deepception.measure_spatial,
            deepception.measure_activation,
            deepception.measure_cumulative,
        ):
            with pytest.raises(InputError, match=r"a patch of 40x36 pixels .*: choose a smaller patch\.$"):
                measure(session, photograph, 3, patch=patch)
        assert session.transmissions == 0


@pytest.mark.parametrize("size", ["4", "6x200"])
def test_a_frame_too_small_for_a_patch(lab: Path, tmp_path: Path, size: str) -> None:
    save_observer(tmp_path / "any.onnx", side="s")
    done = call(
        *("audit", tmp_path / "any.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"),
        *("--size", size),
    )
    assert_refused(done, "frame", size if "x" in size else f"{size}x{size}")


# --- budgets -------------------------------------------------------------------------------------------------


def test_a_budget_too_small_for_anything(lab: Path, tmp_path: Path) -> None:
    for budget in (0, 1):
        done = call(
            *("audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / str(budget)),
            *("--budget", budget),
        )
        assert_refused(done, f"budget of {budget}", "raise it by")


def test_a_budget_that_ends_half_way_keeps_what_was_measured(lab: Path, kept: Path, tmp_path: Path) -> None:
    command = ["audit", lab / "good.onnx", lab / "photos", "--quick", "--out", tmp_path / "run"]
    done = call(*command, "--budget", 900, "--batch-size", results(kept)["batch_size"])
    assert done.code == 3, done
    (sentence,) = done.said
    assert "The budget of 900" in sentence
    assert "raise it by" in sentence
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
    assert_refused(done, "The budget of 250", "raise it by")
    finished = json.loads((tmp_path / "run" / "results.json").read_text())["properties"]
    assert finished["local"]["rows"], "what it needs first was measured"
    assert not finished["spatial"]["rows"]


# --- run folders ---------------------------------------------------------------------------------------------


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


# --- names ---------------------------------------------------------------------------------------------------


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


# --- usage ---------------------------------------------------------------------------------------------------


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
