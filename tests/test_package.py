"""What is shipped: the embedded observer, the photographs, the entry points, and the wheel with all of it."""

from __future__ import annotations

import csv
import hashlib
import importlib
import importlib.util
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import deepception

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DATA = files("deepception") / "data"
HEAVY = ("jinja2", "matplotlib", "onnxruntime", "openvino", "pydantic", "rich", "scipy", "skimage", "torch")


def class_names() -> list[str]:
    return (DATA / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()


def labelled() -> list[dict[str, str]]:
    text = (DATA / "photos" / "labels.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_class_names_are_those_of_imagenet() -> None:
    names = class_names()
    assert len(names) == 1000
    assert all(name and name == name.strip() for name in names)
    assert sorted({name for name in names if names.count(name) > 1}) == ["crane", "maillot"]


def test_the_default_observer_is_the_one_its_sidecar_describes() -> None:
    sidecar = json.loads((DATA / "default" / "efficientnet_lite0.json").read_text(encoding="utf-8"))
    content = (DATA / "default" / sidecar["file"]).read_bytes()
    assert len(content) == sidecar["bytes"] <= 10_000_000
    assert hashlib.sha256(content).hexdigest() == sidecar["sha256"]
    assert sidecar["licence"] == "Apache-2.0"
    assert "Apache License" in (DATA / "default" / "LICENSE").read_text(encoding="utf-8")


def test_every_photograph_has_its_label_and_its_licence() -> None:
    photographs = {item.name for item in (DATA / "photos").iterdir() if item.name.endswith(".jpg")}
    assert 6 <= len(photographs) <= 9
    assert [row["file"] for row in labelled()] == sorted(photographs)
    assert all(class_names()[int(row["index"])] == row["name"] for row in labelled())
    credits = (DATA / "photos" / "PHOTOS.md").read_text(encoding="utf-8").splitlines()
    for name in photographs:
        (line,) = [line for line in credits if line.startswith(f"| {name} ")]
        assert "CC0 1.0" in line or "public domain" in line


@pytest.mark.parametrize("row", labelled(), ids=lambda row: row["file"])
def test_the_default_observer_knows_its_photographs(row: dict[str, str]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    sidecar = json.loads((DATA / "default" / "efficientnet_lite0.json").read_text(encoding="utf-8"))
    side = sidecar["input_size"]
    with (DATA / "photos" / row["file"]).open("rb") as file:
        image = Image.open(file).convert("RGB")
    assert min(image.size) <= 320
    scale = int(side / sidecar["crop_fraction"]) / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    pixels = np.asarray(image.crop((left, top, left + side, top + side)), dtype=np.float32)
    batch = ((pixels - sidecar["mean"]) / sidecar["std"]).astype(np.float32).transpose(2, 0, 1)[np.newaxis]
    session = onnxruntime.InferenceSession((DATA / "default" / sidecar["file"]).read_bytes())
    (logits,) = session.run([sidecar["output_name"]], {sidecar["input_name"]: batch})
    assert logits.shape == (1, sidecar["classes"])
    assert int(logits.argmax()) == int(row["index"])


def entry_points(group: str) -> dict[str, Any]:
    """What the entry points of a group lead to, as pyproject.toml declares them."""
    found = {}
    for name, value in PROJECT["entry-points"][group].items():
        module, _, attribute = value.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


def test_the_schemes_of_observers_lead_somewhere() -> None:
    openers = entry_points("deepception.observers")
    assert set(openers) >= {"default", "onnx", "python", "torch"}
    assert all(callable(opener) for opener in openers.values())


def test_the_properties_lead_somewhere() -> None:
    experiments = entry_points("deepception.properties")
    assert set(experiments) >= {"local", "spatial", "activation", "cumulative"}
    assert all(experiment.name == name for name, experiment in experiments.items())


def test_the_command_leads_somewhere() -> None:
    module, _, name = PROJECT["scripts"]["deepception"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("module", ["deepception", "deepception.cli"])
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.skipif(importlib.util.find_spec("build") is None, reason="the package `build` is not installed")
def test_the_wheel_is_complete_and_small(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size <= 15_000_000
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name for name in names if name.startswith("deepception/")}
    # Every file of the source tree is in the wheel, and nothing else is in the package.
    source = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "deepception").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == source
    assert {"deepception/py.typed", "deepception/data/default/efficientnet_lite0.onnx"} <= shipped
    assert {Path(name).name for name in names if ".dist-info/licenses/" in name} >= {"LICENSE", "NOTICE"}
    assert all(
        name.split("/")[0] in ("deepception", f"deepception-{deepception.__version__}.dist-info")
        for name in names
    )
