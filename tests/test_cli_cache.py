"""Cached answers on the command line: what is known is not asked again, by any command, in any folder."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from command_line import (
    SIDE,
    assert_refused,
    assert_same,
    call,
    save_photograph,
    save_photographs,
    save_placed_observer,
)

COUNTING = f"""
import numpy as np
from deepception.observers import FunctionObserver
from deepception.stimuli import Frame

WEIGHTS = np.random.default_rng(5).normal(size=(147, 10)) / 255
shown = 0

def answer(images):
    global shown
    shown += len(images)
    return images.reshape(-1, 7, 5, 7, 5, 3).mean(axis=(2, 4)).reshape(len(images), -1) @ WEIGHTS

first = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10, version="1")
second = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10, version="2")
fleeting = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10)
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "counting.py").write_text(COUNTING)
    save_photographs(folder / "photos", 2)
    save_placed_observer(folder / "good.onnx")
    return folder


@pytest.fixture
def counting(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(desk)
    import counting  # type: ignore[import-not-found]

    counting.shown = 0
    yield counting
    del sys.modules["counting"]


def audit(desk: Path, out: Path, *more: object, model: object = "python:counting:first") -> dict[str, Any]:
    """Audit the photographs one image a batch, so that none shown is a fill row; returns what that cost."""
    command = ("audit", model, desk / "photos", "--quick", "--batch-size", 1, "--out", out, *more)
    done = call(*command, page=False)
    assert done.code == 0, done
    cost: dict[str, Any] = json.loads((out / "results.json").read_text())["cost"]
    return cost


def test_the_second_identical_audit_sends_no_query(desk: Path, tmp_path: Path, counting: ModuleType) -> None:
    cache = ("--cache", tmp_path / "answers.sqlite")
    first = audit(desk, tmp_path / "first", *cache)
    assert counting.shown == first["transmissions"] == first["queries"] > 0
    second = audit(desk, tmp_path / "second", *cache)
    assert counting.shown == first["transmissions"], "nothing was sent"
    assert (second["queries"], second["transmissions"]) == (0, 0)
    assert_same(tmp_path / "second", tmp_path / "first")

    # Neither does it matter whether answers are kept at all.
    counting.shown = 0
    audit(desk, tmp_path / "third")
    assert counting.shown >= first["transmissions"]
    assert_same(tmp_path / "third", tmp_path / "first")


def test_other_commands_know_the_same_answers(desk: Path, tmp_path: Path, counting: ModuleType) -> None:
    cache = ("--cache", tmp_path / "answers.sqlite")
    audit(desk, tmp_path / "first", *cache)
    counting.shown = 0
    model, photos = "python:counting:first", desk / "photos"
    done = call("measure", "local", model, photos, "--quick", "--batch-size", 1, *cache, "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["cost"]["transmissions"] == counting.shown == 0
    # The checks of info are never answered from a cache; its answers to photographs are.
    told = [json.loads(call("info", model, photos, "--json", *how).out)["answers"] for how in ((), cache)]
    assert told[0] == told[1]
    counting.shown = 0
    once = ("deceive", model, photos, "--queries", 5, "--batch-size", 1, *cache)
    assert call(*once).code == 0
    sent = counting.shown
    assert sent > 0
    assert call(*once).code == 0
    assert counting.shown == sent


def test_another_observer_is_asked_everything_again(desk: Path, tmp_path: Path, counting: ModuleType) -> None:
    cache = ("--cache", tmp_path / "answers.sqlite")
    first = audit(desk, tmp_path / "first", *cache)
    audit(desk, tmp_path / "second", *cache, model="python:counting:second")
    assert counting.shown == 2 * first["transmissions"]


def test_a_changed_model_or_preprocessing_sends_all_again(desk: Path, tmp_path: Path) -> None:
    model, cache = tmp_path / "net.onnx", ("--cache", tmp_path / "answers.sqlite")
    model.write_bytes((desk / "good.onnx").read_bytes())
    first = audit(desk, tmp_path / "first", *cache, model=model)
    assert audit(desk, tmp_path / "same", *cache, model=model)["transmissions"] == 0
    other = audit(desk, tmp_path / "mean", *cache, "--mean", "0.4", "--std", "0.3", model=model)
    assert other["transmissions"] > 0.9 * first["transmissions"]
    from onnx import load, save

    changed = load(str(model))
    changed.doc_string = "retrained"
    save(changed, str(model))
    again = audit(desk, tmp_path / "changed", *cache, model=model)
    assert again["transmissions"] == first["transmissions"]


@pytest.mark.parametrize("damaged", [slice(20_000, 60_000), slice(0, 16), slice(None)])
def test_a_damaged_cache_does_not_stop_an_audit(
    desk: Path, tmp_path: Path, counting: ModuleType, damaged: slice
) -> None:
    path = tmp_path / "answers.sqlite"
    first = audit(desk, tmp_path / "first", "--cache", path)
    content = bytearray(path.read_bytes())
    content[damaged] = b"\x55" * len(content[damaged])
    path.write_bytes(bytes(content))
    again = audit(desk, tmp_path / "again", "--cache", path)
    assert again["transmissions"] == first["transmissions"]
    assert list(tmp_path.glob("answers.sqlite.damaged-*"))
    assert audit(desk, tmp_path / "third", "--cache", path)["transmissions"] == 0


def test_a_function_without_a_version_is_not_kept(desk: Path, tmp_path: Path, counting: ModuleType) -> None:
    photograph = save_photograph(tmp_path / "photo.png")
    command = ("measure", "local", "python:counting:fleeting", photograph, "--quick", "--cache")
    done = call(*command, tmp_path / "answers.sqlite")
    assert done.code == 0, done
    assert not (tmp_path / "answers.sqlite").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cache-size", "plenty"), "'plenty' is no size: give bytes, as in 5000000, 1e9 or 2GB."),
        (("--cache-size", "0"), "no size"),
        (("--cache", "a.sqlite", "--no-cache"), "exclude each other"),
        (("--no-cache", "--cache-size", "1GB"), "exclude each other"),
    ],
)
def test_contradictions_are_usage_errors(desk: Path, options: tuple[str, ...], words: str) -> None:
    done = call("measure", "local", desk / "good.onnx", desk / "photos", *options)
    assert done.code == 2
    assert words in " ".join(done.err.split())


def test_a_file_that_cannot_be_a_cache_is_a_sentence(desk: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as base:
        base.execute("CREATE TABLE novels (a)")
    command = ("measure", "local", desk / "good.onnx", desk / "photos", "--quick", "--cache")
    assert_refused(call(*command, tmp_path / "other.sqlite"), "other.sqlite is no answer cache")
    assert_refused(call(*command, tmp_path / "nowhere" / "answers.sqlite"), "cannot be used")


def test_a_bound_that_can_hold_nothing_is_a_sentence(desk: Path, tmp_path: Path) -> None:
    command = ("audit", desk / "good.onnx", desk / "photos", "--out", tmp_path / "run", "--cache-size", "1KB")
    assert_refused(
        call(*command), "A cache of 1,000 bytes is too small to keep anything; give it 1 MB or more"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "size"),
    [("5000000", 5_000_000), ("1e9", 10**9), ("2GB", 2 * 10**9), ("1.5 GiB", 3 * 2**29), ("10m", 10**7)],
)
def test_sizes(text: str, size: int) -> None:
    import click

    from deepception.cli.caching import read_bytes

    context = click.Context(click.Command("audit"))
    assert read_bytes(context, click.Option(["--cache-size"]), text) == size
