"""The command line, run in this process where that shows as much, and in one of its own where it does not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

import onnx_models
from deepception.cli import main

SIDE = 35
CLASSES = onnx_models.CLASSES
# Seconds after which a child process counts as stuck, whatever else the machine does.
PATIENCE = 300


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """What it said on stderr, without progress and price."""
        return [
            line
            for line in self.err.splitlines()
            if line
            and " stimuli" not in line
            and " cost " not in line
            and " costs " not in line
            and "ImageNet's usual" not in line
        ]


def call(*arguments: object, page: bool = True) -> Done:
    """Run the command line in this process: an exception that it lets through fails the test.

    Without ``page`` no report is drawn, which takes longer than all the rest.
    """
    given = [str(argument) for argument in arguments]
    drawn = contextlib.nullcontext() if page else patch("deepception.reports.write_report")
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    code: Any = None
    with (
        patch.object(sys, "argv", ["deepception", *given]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        drawn,
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
    return Done(int(code), *texts)


def environment(*folders: Path) -> dict[str, str]:
    """The environment of a child process that imports this package and modules in some folders."""
    path = [*map(str, folders), *(entry for entry in sys.path if entry)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def start(*arguments: object, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process of its own, in a folder whose modules it can import."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "deepception", *map(str, arguments)], cwd=cwd, env=environment(cwd), **options
    )


def run(*arguments: object, cwd: Path, **options: Any) -> Done:
    """Run the command in a process of its own until it ends."""
    process = start(*arguments, cwd=cwd, **options)
    out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out or "", err or "")


def assert_refused(done: Done, *words: str, code: int = 2) -> None:
    """One clear sentence on stderr that holds the words, nothing on stdout, and the exit code."""
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    sentences = [line for line in done.said if line.startswith("deepception: ")]
    assert sentences == done.said, done.err
    assert len(sentences) == 1, done.err
    assert len(sentences[0]) < 500, sentences[0]
    assert sentences[0].endswith((".", "?")), sentences[0]
    for word in words:
        assert word in sentences[0], sentences[0]


def results(run_folder: Path) -> dict[str, Any]:
    """``results.json`` without what the run has cost, which no two runs share."""
    found = json.loads((run_folder / "results.json").read_text(encoding="utf-8"))
    del found["cost"]
    return found


def chunks(run_folder: Path) -> dict[str, bytes]:
    """The arrays of all finished units."""
    return {path.name: path.read_bytes() for path in (run_folder / "chunks").rglob("*.npz")}


def assert_same(one: Path, other: Path) -> None:
    """Two run folders hold the same, but for what they have cost."""
    mine, its = results(one), results(other)
    assert mine.keys() == its.keys()
    for key in its:
        assert mine[key] == its[key]
    assert (one / "rows.csv").read_bytes() == (other / "rows.csv").read_bytes()
    assert chunks(one) == chunks(other)


def empty(path: Path) -> None:
    """Make it a file of no bytes."""
    path.write_bytes(b"")


def save_photograph(path: Path, seed: int = 0, size: tuple[int, int] = (48, 40)) -> Path:
    """A photograph of smooth coloured clouds; ``size`` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, size=(5, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def save_photographs(folder: Path, count: int) -> Path:
    """A folder of photographs p0.png, p1.png, …"""
    for number in range(count):
        save_photograph(folder / f"p{number}.png", number)
    return folder


def save_observer(path: Path, *, side: int | str = SIDE, batch: int | str = "n", **options: Any) -> Path:
    """An ONNX classifier of mean colours."""
    return onnx_models.linear(path, side=side, batch=batch, **options)


def save_placed_observer(path: Path) -> Path:
    """An ONNX classifier that looks at 7 × 7 places, at each with weights of its own."""
    matrix = np.random.default_rng(5).normal(size=(3 * 7 * 7, CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[5, 5], strides=[5, 5]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["scores"]),
    ]
    image = ("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    scores = ("scores", TensorProto.FLOAT, ["n", CLASSES])
    return onnx_models.save_model(path, nodes, [image], [scores], {"matrix": matrix})
