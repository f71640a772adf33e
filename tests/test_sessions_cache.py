"""The cache of answers: what is kept, for whom, how long; and the digest that names a stimulus."""

from __future__ import annotations

import hashlib
import sqlite3

import numpy as np
import pytest

from deepception.errors import InputError
from deepception.observers import AnswerLevel, RawAnswers
from deepception.sessions import AnswerCache, stimulus_digest, stimulus_digests
from deepception.sessions.cache import LEAST_BYTES

ALICE, BOB = "a1" * 32, "b0" * 32


def digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def answers(count: int, classes: int = 10) -> RawAnswers:
    scores = np.random.default_rng(count).normal(size=(count, classes)).astype(np.float32)
    return RawAnswers(AnswerLevel.LOGITS, scores)


def keep(cache: AnswerCache, numbers: range, who: str = ALICE, classes: int = 10) -> None:
    cache.keep(who, [digest(n) for n in numbers], answers(len(numbers), classes), range(len(numbers)))


def kept(cache: AnswerCache, numbers: range, who: str = ALICE) -> list[int]:
    return [numbers[row] for row in cache.find(who, [digest(n) for n in numbers])]


def test_a_digest_is_of_shape_and_pixels():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert stimulus_digest(image) == hashlib.sha256(b"2x4x3\n" + image.tobytes()).digest()
    assert stimulus_digest(image) != stimulus_digest(image.reshape(4, 2, 3))
    strided = np.zeros((2, 8, 3), dtype=np.uint8)
    strided[:, ::2] = image
    assert stimulus_digest(strided[:, ::2]) == stimulus_digest(image)
    assert stimulus_digests(image[None]) == [stimulus_digest(image)]
    with pytest.raises(ValueError, match="uint8"):
        stimulus_digest(image.astype(np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("in_a_file", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_answers_come_back_as_they_were(in_a_file, dtype, tmp_path):
    path = tmp_path / "answers.sqlite" if in_a_file else None
    scores = np.array([[0.5, 0.1], [0.3, -0.0], [1.0, 1e-7]], dtype=dtype)
    raw = RawAnswers(AnswerLevel.TOP_K, scores, np.array([[4, 2], [1, 0], [2, 3]]), 0.1, 0.9)
    with AnswerCache(path) as cache:
        cache.keep(ALICE, [digest(0), digest(2)], raw, [0, 2])
        found = cache.find(ALICE, [digest(1), digest(2), digest(0)])
        assert cache.find(BOB, [digest(0)]) == {}
        assert len(cache) == 2
    assert sorted(found) == [1, 2]
    for position, row in ((1, 2), (2, 0)):
        one = found[position]
        assert (one.level, one.resolution, one.ceiling) == (raw.level, raw.resolution, raw.ceiling)
        assert one.scores.dtype == dtype
        assert one.scores.tobytes() == scores[row].tobytes()
        assert one.labels is not None
        assert one.labels[0].tolist() == raw.labels[row].tolist()


def test_a_file_outlives_its_process_and_is_shared(tmp_path):
    path = tmp_path / "answers.sqlite"
    with AnswerCache(path) as first, AnswerCache(path) as second:
        keep(first, range(3))
        assert kept(second, range(4)) == [0, 1, 2]
        keep(second, range(3, 5))
        assert kept(first, range(6)) == [0, 1, 2, 3, 4]
    with AnswerCache(path) as later:
        assert kept(later, range(6)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("in_a_file", [False, True])
def test_the_least_recently_used_are_dropped(in_a_file, tmp_path):
    path = tmp_path / "answers.sqlite" if in_a_file else None
    with AnswerCache(path, max_bytes=LEAST_BYTES) as cache:
        keep(cache, range(150), classes=1000)
        assert kept(cache, range(10)) == list(range(10))  # now recently used
        assert len(cache) == 150
        keep(cache, range(150, 200), classes=1000)
        assert cache.size <= LEAST_BYTES
        left = kept(cache, range(200))
        assert left[:10] == list(range(10))
        assert left[10:] == list(range(200 - len(left) + 10, 200)), (
            "those before them were dropped, oldest first"
        )
        assert len(left) > 100
        keep(cache, range(1000, 1400), classes=1000)
        assert cache.size <= LEAST_BYTES
        last = kept(cache, range(1000, 1400))
        assert last == list(range(1400 - len(cache), 1400))


def test_the_file_is_bounded_with_its_indexes_and_pages(tmp_path):
    path = tmp_path / "answers.sqlite"
    rng = np.random.default_rng(0)
    with AnswerCache(path, max_bytes=2 * LEAST_BYTES) as cache:
        for start in range(0, 40_000, 1000):
            keep(cache, range(start, start + 1000))  # small answers: keys and indexes are most of it
            cache.find(ALICE, [digest(int(n)) for n in rng.integers(start + 1000, size=200)])
            assert cache.size <= 2 * LEAST_BYTES
            # What is on its way from the log beside it into the file is a part of it, or to be given back.
            assert path.stat().st_size <= 2 * LEAST_BYTES + 1000 * 300
        assert len(cache) > 3_000, "it is not empty either"
    assert path.stat().st_size <= 2 * LEAST_BYTES


def test_answers_kept_twice_are_counted_once():
    with AnswerCache() as cache:
        keep(cache, range(10))
        once = cache.size
        for _ in range(50):
            keep(cache, range(10))
        assert kept(cache, range(10)) == list(range(10))
        assert cache.size == once


def test_unusable_files_are_refused_with_their_name(tmp_path):
    with pytest.raises(InputError, match="absent"):
        AnswerCache(tmp_path / "absent" / "answers.sqlite")
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as base:
        base.execute("CREATE TABLE things (a)")
    base.close()
    with pytest.raises(InputError, match=r"other\.sqlite is no answer cache"):
        AnswerCache(other)
    with pytest.raises(InputError, match="cannot be used"):
        AnswerCache(tmp_path)
    with pytest.raises(
        InputError, match="A cache of 1,024 bytes is too small to keep anything; give it 1 MB"
    ):
        AnswerCache(max_bytes=1024)
