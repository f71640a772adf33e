"""A session with a real network: the answers are those of the bare engine, whatever the batch size."""

from __future__ import annotations

import numpy as np
import pytest

from deepception.observers import open_observer
from deepception.sessions import AnswerCache, Session
from deepception.stimuli import Patch, Stimuli, lattice


def test_batch_size_and_cache_do_not_change_a_networks_answers(shared_data):
    pytest.importorskip("onnxruntime")
    observer = open_observer(str(shared_data / "models" / "mcunet_320kb_176.onnx"))
    rng = np.random.default_rng(0)
    shape = observer.frame.shape
    canvas = np.full((1, *shape, 3), 128, dtype=np.uint8)
    patch = Patch(rng.integers(0, 256, (25, 25, 3), dtype=np.uint8))
    y, x = lattice(shape, patch.shape, 5, 5)
    stimuli = Stimuli.single(canvas, [patch], background=0, patch=0, y=y, x=x)
    one = Session(observer, batch_size=1).ask(stimuli, [3, 7])
    sixteen = Session(observer, batch_size=16, cache=AnswerCache())
    first = sixteen.ask(stimuli, [3, 7])
    np.testing.assert_allclose(first.log_odds, one.log_odds, rtol=0, atol=1e-3)
    assert np.ptp(first.log_odds, axis=0).min() > 0.01, "the place of the patch must matter at all"
    assert sixteen.ask(stimuli, [3, 7]).same_as(first)
    assert (sixteen.queries, sixteen.cached) == (25, 25)
    logits = observer.answer(np.repeat(canvas, 2, axis=0)).scores[0].astype(np.longdouble)
    expected = logits[3] - np.log(np.exp(np.delete(logits, 3)).sum())
    assert Session(observer, batch_size=2).ask_images(canvas, [3]).log_odds[0, 0] == pytest.approx(
        float(expected), abs=1e-9
    )
