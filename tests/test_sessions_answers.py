"""Raw scores to answers, against arbitrary-precision sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepception.errors import ObserverError
from deepception.observers import AnswerLevel, RawAnswers
from deepception.sessions import Answers, convert

mpmath = pytest.importorskip("mpmath")


def logits(rows, dtype=np.float64) -> RawAnswers:
    return RawAnswers(AnswerLevel.LOGITS, np.asarray(rows, dtype=dtype))


def probabilities(rows, dtype=np.float64, resolution: float = 0.0) -> RawAnswers:
    return RawAnswers(AnswerLevel.PROBABILITIES, np.asarray(rows, dtype=dtype), resolution=resolution)


def listed(labels, scores, resolution: float = 0.0) -> RawAnswers:
    return RawAnswers(
        AnswerLevel.TOP_K,
        np.asarray(scores, dtype=np.float64),
        np.asarray(labels, dtype=np.int64),
        resolution,
    )


def exact(row) -> tuple[list[float], list[float]]:
    """(log odds, log probability) of every class of one row of logits, with 60 digits."""
    with mpmath.workdps(60):
        weights = [mpmath.exp(mpmath.mpf(float(z))) for z in row]
        others = [mpmath.fsum(weights[:c] + weights[c + 1 :]) for c in range(len(weights))]
        odds = [float(mpmath.log(w / rest)) for w, rest in zip(weights, others, strict=True)]
        log_p = [float(-mpmath.log1p(rest / w)) for w, rest in zip(weights, others, strict=True)]
        return odds, log_p


def assert_exact(answers: Answers, rows) -> None:
    for n, row in enumerate(rows):
        odds, log_p = exact(row)
        np.testing.assert_allclose(answers.log_odds[n], odds, rtol=2e-14, atol=2e-15)
        np.testing.assert_allclose(answers.log_probability[n], log_p, rtol=2e-14, atol=2e-15)


@pytest.mark.parametrize(
    "row",
    [
        [0.0, 0.0, 0.0],
        [5.0, 5.0, 1.0],
        [1000.0, 0.0, 0.0, 3.0],
        [0.0, 1000.0, 999.0],
        [-1000.0, 0.0, -999.5],
        [700.0, 40.0, -900.0],
        [1e-300, 0.0],
        [40.0, 0.0],
        [-745.0, -746.0, -2000.0],
        [1e4, -1e4, 0.0],
    ],
)
def test_logits_are_exact_in_extremes(row):
    answers = convert(logits([row]), None, len(row))
    assert_exact(answers, [row])
    assert not answers.censored.any()
    assert not answers.saturated.any()


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (3, 7), elements=st.floats(-300, 300, width=32)))
def test_logits_are_exact(rows):
    assert_exact(convert(logits(rows, np.float32), None, 7), rows)


def test_reading_few_classes_gives_the_same_bits_as_reading_all():
    rows = np.random.default_rng(0).normal(0, 8, (16, 1000)).astype(np.float32)
    everything = convert(logits(rows, np.float32), None, 1000)
    asked = np.array([7, 999, 0, 500])
    few = convert(logits(rows, np.float32), asked, 1000)
    assert np.array_equal(few.log_odds, everything.log_odds[:, asked])
    assert np.array_equal(few.log_probability, everything.log_probability[:, asked])
    assert np.array_equal(few.rank, everything.rank[:, asked])
    assert np.array_equal(few.top, everything.top)
    order = np.argsort(-rows, axis=1, kind="stable")
    assert np.array_equal(everything.top, order[:, :5])
    best_of_tied = (rows[:, None, :] > rows[:, :, None]).sum(axis=2)
    assert np.array_equal(everything.rank, best_of_tied)


def test_a_row_does_not_depend_on_its_neighbours():
    rows = np.random.default_rng(1).normal(0, 8, (9, 101)).astype(np.float32)
    together = convert(logits(rows, np.float32), None, 101)
    rows[:4] = 1000.0
    assert together.select(slice(4, None)).same_as(
        convert(logits(rows, np.float32), None, 101).select(slice(4, None))
    )


@pytest.mark.parametrize("count", [3, 40])
def test_ties_share_a_rank_and_the_first_is_the_answer(count):
    row = np.zeros(50)
    row[[10, 20]] = 4.0
    row[30] = 2.0
    asked = np.concatenate([[10, 20, 30], np.arange(40, 50)])[:count]
    asked = np.concatenate([asked, np.arange(31, 40), np.arange(10)])[:count]
    answers = convert(logits([row]), asked, 50)
    assert answers.rank[0, :3].tolist() == [0, 0, 2]
    assert (answers.rank[0, 3:] == 3).all()
    assert answers.top[0].tolist() == [10, 20, 30, 0, 1]
    assert answers.is_top1(10)[0]
    assert not answers.is_top1(20)[0]
    assert answers.in_top5(1)[0]
    assert not answers.in_top5(2)[0]


def test_decades_and_columns():
    answers = convert(logits([[math.log(100.0), 0.0]]), np.array([1, 0]), 2)
    assert answers.decades(0)[0] == pytest.approx(2.0)
    assert answers.decades(1)[0] == pytest.approx(-2.0)
    assert answers.column(0) == 1
    with pytest.raises(ValueError, match="class 7"):
        answers.decades(7)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, (2, 6), elements=st.floats(-60, 60)))
def test_probabilities_agree_with_the_logits_they_come_from(rows):
    p = np.exp(rows - rows.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    from_p, from_z = convert(probabilities(p), None, 6), convert(logits(rows), None, 6)
    np.testing.assert_allclose(from_p.log_odds, from_z.log_odds, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(from_p.log_probability, from_z.log_probability, rtol=1e-12, atol=1e-12)


def test_a_float32_probability_of_one_still_has_the_odds_of_its_rest():
    p = np.array([[1.0, 1e-12, 3e-20]], dtype=np.float32)
    answers = convert(probabilities(p, np.float32), None, 3)
    assert answers.log_odds[0, 0] == pytest.approx(-math.log(1e-12), rel=1e-7)
    assert answers.log_odds[0, 2] == pytest.approx(math.log(3e-20), rel=1e-7)
    assert not answers.saturated.any()


def test_float32_probabilities_that_underflowed_are_bounds():
    p = np.array([[1.0, 0.0, 0.0]], dtype=np.float32)
    answers = convert(probabilities(p, np.float32), None, 3)
    tiny = float(np.finfo(np.float32).tiny)
    assert answers.censored.tolist() == [[False, True, True]]
    assert answers.saturated.tolist() == [[True, False, False]]
    assert answers.log_odds[0, 1] == pytest.approx(math.log(tiny))
    assert answers.log_odds[0, 0] == pytest.approx(-math.log(2 * tiny))
    assert np.isfinite(answers.log_probability).all()


def test_a_resolution_finer_than_the_type_only_sets_the_floor():
    # Half-precision probabilities given as float32: absolute steps of 2**-24 near zero, and no rounding of p
    # near one that would make 1 - p the better rest.
    p = np.array([[1.0, 3e-5, 0.0]], dtype=np.float32)
    answers = convert(probabilities(p, np.float32, resolution=2.0**-24), None, 3)
    assert answers.log_odds[0, 0] == pytest.approx(-math.log(3e-5), rel=1e-6)
    assert answers.censored.tolist() == [[False, False, True]]
    assert answers.log_probability[0, 2] == pytest.approx(math.log(2.0**-25), rel=1e-4)
    assert not answers.saturated.any()


def test_rounded_probabilities_are_censored_at_half_a_step():
    answers = convert(probabilities([[0.99, 0.01, 0.0], [1.0, 0.0, 0.0]], resolution=0.01), None, 3)
    assert answers.censored.tolist() == [[False, False, True], [False, True, True]]
    assert answers.saturated.tolist() == [[False, False, False], [True, False, False]]
    assert answers.log_odds[0] == pytest.approx(
        [math.log(99), math.log(0.01 / 0.99), math.log(0.005 / 0.995)]
    )
    assert answers.log_odds[1, 0] == pytest.approx(math.log(0.995 / 0.005))
    assert answers.log_probability[0, 2] == pytest.approx(math.log(0.005))
    assert answers.rank[1].tolist() == [0, 1, 1]


def test_the_greatest_probability_that_can_be_told_stands_for_all_above():
    # Eight bits end at 255/256: that may be a probability of 254.5/256, or of one.
    p = np.array([[255, 1, 0], [254, 1, 1]]) / 256
    full = RawAnswers(AnswerLevel.PROBABILITIES, p, resolution=1 / 256, ceiling=255 / 256)
    top = RawAnswers(AnswerLevel.TOP_K, p[:, :2], np.array([[0, 1], [0, 1]]), 1 / 256, 255 / 256)
    for raw in (full, top):
        answers = convert(raw, None, 3)
        assert answers.saturated.tolist() == [[True, False, False], [False, False, False]]
        assert answers.log_odds[:, 0] == pytest.approx([math.log(254.5 / 1.5), math.log(254 / 2)])
        assert answers.log_probability[0, 0] == pytest.approx(math.log(254.5 / 256))


def test_the_rest_of_rounded_probabilities_is_not_their_sum():
    # 999 others at 0.0007 each all read 0.00, yet the odds of the first are 0.30 : 0.70.
    row = np.zeros(1000)
    row[0] = 0.30
    answers = convert(probabilities([row], resolution=0.01), np.array([0]), 1000)
    assert answers.log_odds[0, 0] == pytest.approx(math.log(0.3 / 0.7))


def test_rounding_bounds_hold_for_the_true_odds():
    rng = np.random.default_rng(2)
    z = rng.normal(0, 6, (200, 20))
    true = convert(logits(z), None, 20)
    p = np.round(np.exp(true.log_probability), 3)
    rounded = convert(probabilities(p, resolution=1e-3), None, 20)
    assert rounded.censored.any()
    assert rounded.saturated.any()
    assert (true.log_odds <= rounded.log_odds + 1e-12)[rounded.censored].all()
    assert (true.log_odds >= rounded.log_odds - 1e-12)[rounded.saturated].all()
    clear = (p > 0.05) & (p < 0.95)
    assert np.abs(true.log_odds - rounded.log_odds)[clear].max() < 0.02


def test_unlisted_classes_are_censored_at_the_lowest_listed_or_the_rest():
    answers = convert(listed([[4, 2], [4, 2]], [[0.5, 0.2], [0.9, 0.08]]), np.array([4, 2, 7]), 9)
    assert answers.censored.tolist() == [[False, False, True]] * 2
    assert np.exp(answers.log_probability[:, 2]) == pytest.approx([0.2, 0.02])
    assert answers.log_odds[1] == pytest.approx([math.log(9), math.log(0.08 / 0.92), math.log(0.02 / 0.98)])
    assert answers.rank.tolist() == [[0, 1, 2]] * 2
    assert answers.top.tolist() == [[4, 2]] * 2
    with pytest.raises(ValueError, match="2 classes"):
        answers.in_top5(4)


def test_a_list_that_sums_to_one_leaves_a_finite_bound():
    answers = convert(listed([[0, 1, 2, 3, 4]], [[1.0, 0, 0, 0, 0]], 0.01), np.array([0, 4, 9]), 10)
    assert np.exp(answers.log_probability[0]) == pytest.approx([0.995, 0.005, 0.005])
    assert answers.saturated.tolist() == [[True, False, False]]
    assert answers.censored.tolist() == [[False, True, True]]
    assert answers.in_top5(4)[0]
    without = convert(listed([[0, 1]], [[1.0 - 1e-17, 0.0]]), np.array([0, 1, 9]), 10)
    assert np.isfinite(without.log_odds).all()
    assert without.saturated[0, 0]


def test_a_small_listed_probability_keeps_its_value():
    answers = convert(listed([[0, 1]], [[1.0, 1e-30]]), np.array([1, 2]), 5)
    assert answers.log_odds[0, 0] == pytest.approx(math.log(1e-30))
    assert answers.censored.tolist() == [[False, True]]


def test_labels_say_only_who_won():
    raw = RawAnswers(AnswerLevel.LABEL, np.empty((2, 0)), np.array([[3], [1]]))
    answers = convert(raw, np.array([1, 3]), 5)
    assert np.isnan(answers.log_odds).all()
    assert np.isnan(answers.log_probability).all()
    assert answers.censored.all()
    assert answers.rank.tolist() == [[1, 0], [0, 1]]
    assert answers.is_top1(3).tolist() == [True, False]
    with pytest.raises(ValueError, match="1 classes"):
        answers.in_top5(3)


def test_one_class_is_refused():
    with pytest.raises(ObserverError, match="two or more"):
        convert(logits([[1.0]]), None, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_number_types_are_read(dtype):
    row = [3.0, -1.5, 0.25]
    assert_exact(convert(logits([row], dtype), None, 3), [row])
    halves = convert(probabilities([[0.5, 0.25, 0.25]], dtype), None, 3)
    assert halves.log_odds[0].tolist() == pytest.approx([0.0, -math.log(3), -math.log(3)])
