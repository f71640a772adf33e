from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.errors import InputError, ObserverError, UnreachableError
from deepception.observers import (
    AnswerLevel,
    FunctionObserver,
    Observer,
    check_answers,
    fingerprint,
    open_observer,
)
from deepception.stimuli import Frame

FRAME = Frame(8, 8)
NAMES = ("red", "green", "blue")


def images(n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(n, 8, 8, 3), dtype=np.uint8)


def colour(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=(1, 2))


def probabilities(x: np.ndarray) -> np.ndarray:
    return colour(x) / colour(x).sum(axis=1, keepdims=True)


def best_two(x: np.ndarray) -> tuple[list[list[str]], np.ndarray]:
    p = probabilities(x)
    order = np.argsort(-p, axis=1)[:, :2]
    return [[NAMES[i] for i in row] for row in order], np.take_along_axis(p, order, axis=1)


def best(x: np.ndarray) -> list[str]:
    return [NAMES[i] for i in colour(x).argmax(axis=1)]


@pytest.mark.parametrize(
    ("function", "level"),
    [(colour, "logits"), (probabilities, "probabilities"), (best_two, "top-k"), (best, "label")],
)
def test_every_level(function: Any, level: str) -> None:
    observer = FunctionObserver(function, FRAME, NAMES, level=level)
    assert isinstance(observer, Observer)
    raw = observer.answer(images())
    check_answers(raw, 3, 4)
    assert raw.level is AnswerLevel(level)
    first = raw.labels[:, 0] if raw.labels is not None else raw.scores.argmax(axis=1)
    np.testing.assert_array_equal(first, colour(images()).argmax(axis=1))
    opened = open_observer(function, size=8, labels=NAMES)
    assert opened.level is AnswerLevel(level)
    assert opened.frame.shape == (8, 8)


def test_without_a_version_the_fingerprint_is_of_this_object_in_this_process() -> None:
    def other(x: np.ndarray) -> np.ndarray:
        return colour(x)

    first = FunctionObserver(colour, FRAME, NAMES)
    assert fingerprint(first) == fingerprint(FunctionObserver(colour, FRAME, NAMES))
    assert fingerprint(first) != fingerprint(FunctionObserver(other, FRAME, NAMES))
    assert "process" in first.identity
    stated = FunctionObserver(colour, FRAME, NAMES, version="1")
    assert "process" not in stated.identity
    assert fingerprint(stated) != fingerprint(FunctionObserver(colour, FRAME, NAMES, version="2"))
    assert fingerprint(stated) != fingerprint(FunctionObserver(colour, Frame(9, 8), NAMES, version="1"))


def test_a_fixed_batch_is_filled_and_cut() -> None:
    sizes: list[int] = []

    def seen(x: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        return colour(x)

    observer = FunctionObserver(seen, FRAME, NAMES, fixed_batch=4)
    np.testing.assert_array_equal(observer.answer(images(10)).scores, colour(images(10)))
    assert set(sizes) == {4}


@pytest.mark.parametrize(
    ("function", "level", "sentence"),
    [
        (lambda x: colour(x)[:2], "logits", "must return a float array"),
        (lambda x: best(x), "logits", "must return a float array"),
        (lambda x: colour(x), "top-k", "must return .labels, scores."),
        (lambda x: ["pink"] * len(x), "label", "'pink', which is not among"),
        (lambda x: 1 / 0, "logits", "failed: ZeroDivisionError"),
    ],
)
def test_a_function_that_answers_otherwise_is_refused(function: Any, level: str, sentence: str) -> None:
    with pytest.raises(ObserverError, match=sentence):
        FunctionObserver(function, FRAME, NAMES, level=level).answer(images())


def test_the_package_s_own_errors_pass_through() -> None:
    def gone(x: np.ndarray) -> np.ndarray:
        raise UnreachableError("nobody answers.")

    with pytest.raises(UnreachableError, match="nobody"):
        FunctionObserver(gone, FRAME, NAMES).answer(images())


def test_what_must_be_said_is_asked_for() -> None:
    with pytest.raises(InputError, match="labels or the number"):
        FunctionObserver(colour, FRAME)
    with pytest.raises(InputError, match="give the labels of all"):
        open_observer(best, size=8)
    with pytest.raises(InputError, match="answer level 'guess'"):
        FunctionObserver(colour, FRAME, NAMES, level="guess")
    with pytest.raises(ValueError, match="images must be uint8"):
        FunctionObserver(colour, FRAME, NAMES).answer(np.zeros((1, 9, 8, 3), np.uint8))


def test_a_spec_is_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_classifier_7.py").write_text(
        "def look(x):\n    return x.mean(axis=(1, 2))\n\nnumber = 3\n"
    )
    (tmp_path / "broken_7.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    observer = open_observer("python:my_classifier_7:look", size=(8, 8), version="1")
    assert observer.name == "look"
    np.testing.assert_array_equal(observer.answer(images()).scores, colour(images()))
    for spec, sentence in (
        ("python:my_classifier_7:nothing", "has no 'nothing'"),
        ("python:nowhere_7:look", "no module 'nowhere_7'"),
        ("python:my_classifier_7", "must have the form"),
        ("python:my_classifier_7:number", "no function"),
        ("python:broken_7:look", "ZeroDivisionError"),
    ):
        with pytest.raises(InputError, match=sentence):
            open_observer(spec)
