from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.errors import ObserverError, UnreachableError
from deepception.observers import OnnxObserver, Preprocessing, PreprocessingOptions, fingerprint
from deepception.observers.openvino import OpenVinoSession, check_agreement
from deepception.stimuli import Frame
from onnx_models import SIDE, linear

pytest.importorskip("openvino")

PLAIN = PreprocessingOptions(mean=(127.0,) * 3, std=(128.0,) * 3)


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, size=(n, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return linear(tmp_path / "m.onnx")


def test_both_engines_agree_and_have_their_own_fingerprints(model: Path) -> None:
    plain = OnnxObserver(model, options=PLAIN)
    fast = OnnxObserver(model, options=PLAIN, engine="openvino")
    for n in (1, 5, 2, 9):
        np.testing.assert_allclose(fast.answer(images(n)).scores, plain.answer(images(n)).scores, atol=1e-5)
    assert fingerprint(plain) != fingerprint(fast)
    fast.close()
    fast.close()


def test_the_crash_of_its_process_is_a_sentence(model: Path) -> None:
    fast = OnnxObserver(model, options=PLAIN, engine="openvino")
    os.kill(fast._session.process_id, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(UnreachableError, match="process of OpenVINO"):
            fast.answer(images(2))
    fast.close()


class _Liar:
    """OpenVINO as it once was: now and then wrong."""

    def __init__(self, session: Any, lies_from: int) -> None:
        self._session, self._calls, self._lies_from = session, 0, lies_from

    def run(self, names: list[str], feeds: dict[str, Any]) -> list[np.ndarray]:
        self._calls += 1
        scores = self._session.run(names, feeds)[0].copy()
        if self._calls > self._lies_from:
            scores[-1, 0] += 0.01
        return [scores]


@pytest.mark.parametrize("lies_from", [0, 1])
def test_an_engine_that_differs_once_is_not_trusted(model: Path, lies_from: int) -> None:
    plain = OnnxObserver(model, options=PLAIN)
    settings = Preprocessing(Frame(SIDE, SIDE), (127.0,) * 3, (128.0,) * 3, output="logits")
    names = ("image", "scores")
    check_agreement(_Liar(plain._session, 99), plain._session, settings, names, None, model)  # type: ignore[arg-type]
    liar = _Liar(plain._session, lies_from)
    with pytest.raises(ObserverError, match="differ from ONNX Runtime's"):
        check_agreement(liar, plain._session, settings, names, None, model)  # type: ignore[arg-type]


def test_a_model_that_it_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no network")
    with pytest.raises(ObserverError, match="OpenVINO failed"):
        OpenVinoSession(tmp_path / "m.onnx", 1, "image", "scores")
