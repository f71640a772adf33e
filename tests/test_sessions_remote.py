"""Asking over a network, with an observer that needs none: every count, order and fault is decided here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from deepception.errors import BudgetError, Cancelled, ObserverError, UnreachableError
from deepception.observers import AnswerLevel, RawAnswers, default_labels, restrict
from deepception.observers.remote import Limits, TransientError
from deepception.sessions import AnswerCache, Session, stimulus_digest, transmitting
from deepception.sessions import breaker as breaker_module
from deepception.sessions.journal import QueryRow
from deepception.stimuli import Frame

SIDE, CLASSES = 8, 4
Fault = Callable[[bytes, int], Exception | None]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in ((transmitting, ("_FIRST_WAIT", "_JITTER")), (breaker_module, ("_FIRST_WAIT",))):
        for name in names:
            monkeypatch.setattr(module, name, 0.002)
    monkeypatch.setattr(transmitting, "_LONGEST_WAIT", 0.02)
    monkeypatch.setattr(breaker_module, "_LONGEST_WAIT", 0.02)


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


class Far:
    """A remote observer whose logits are sums of pixels, so that each image has its own."""

    name, level, fixed_batch = "far", AnswerLevel.LOGITS, None
    frame, labels = Frame(SIDE, SIDE), default_labels(CLASSES)
    sent_before = 0

    def __init__(self, fault: Fault | None = None, *, delay: float = 0.0, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.fault, self.delay = fault, delay
        self.sent: Counter[bytes] = Counter()
        self.times: list[float] = []
        self.at_once = self.most_at_once = 0
        self.closed = 0

    @property
    def identity(self) -> dict[str, Any]:
        return {"adapter": "far"}

    def encode(self, image: np.ndarray) -> tuple[bytes, np.ndarray]:
        assert threading.current_thread().name.startswith("deepception-encode")
        return stimulus_digest(image), image.astype(np.float64)

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.reshape(-1)[: 5 * CLASSES].reshape(5, CLASSES).sum(axis=0)[None] / 100

    async def exchange(self, encoded: tuple[bytes, np.ndarray]) -> RawAnswers:
        digest, pixels = encoded
        self.sent[digest] += 1
        self.times.append(time.monotonic())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay)
            error = self.fault(digest, self.sent[digest]) if self.fault is not None else None
            if error is not None:
                raise error
        finally:
            self.at_once -= 1
        return RawAnswers(self.level, self.scores(pixels))

    async def aclose(self) -> None:
        self.closed += 1

    def answer(self, batch: np.ndarray) -> RawAnswers:
        raise AssertionError("a session asks image by image")

    def close(self) -> None:
        pass

    @property
    def transmissions(self) -> int:
        return sum(self.sent.values())


class Notes:
    """A journal in memory."""

    def __init__(self) -> None:
        self.digests: list[bytes] = []
        self.rows: dict[int, QueryRow] = {}
        self.repeated: Counter[int] = Counter()

    def sending(self, digests: Sequence[bytes]) -> int:
        self.digests += digests
        return len(self.digests) - len(digests)

    def repeating(self, transmissions: Mapping[int, int]) -> None:
        for number, times in transmissions.items():
            assert number < len(self.digests)
            assert number not in self.rows
            assert times == self.repeated[number] + 2
            self.repeated[number] += 1

    def noted(self, rows: Mapping[int, QueryRow]) -> None:
        assert not rows.keys() & self.rows.keys()
        self.rows.update(rows)


def every(nth: int, make: Callable[[], Exception]) -> Fault:
    """A fault in the first transmission of every nth image, chosen by its digest."""
    return lambda digest, attempt: make() if attempt == 1 and digest[0] % nth == 0 else None


def expected(observer: Far, shown: np.ndarray) -> np.ndarray:
    return np.concatenate([observer.scores(image.astype(np.float64)) for image in shown])


def test_answers_come_in_order_whatever_overtakes() -> None:
    observer = Far(every(3, lambda: TransientError("http 503")), concurrency=16)
    shown = images(150)
    with Session(observer) as session:
        answers = session.ask_images(shown)
    z = expected(observer, shown)
    p = (
        z
        - np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
        - z.max(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(answers.log_probability, p, atol=1e-12)
    failed = sum(stimulus_digest(image)[0] % 3 == 0 for image in shown)
    assert failed > 20
    assert (session.queries, session.transmissions) == (150, 150 + failed) == (150, observer.transmissions)
    assert observer.closed == 1


def test_faults_leave_no_trace_in_the_answers() -> None:
    shown = images(100)
    faulty = Far(every(2, lambda: TransientError("reset")))
    with Session(Far()) as one, Session(faulty) as other:
        assert one.ask_images(shown).same_as(other.ask_images(shown))
    assert other.transmissions > one.transmissions


def test_as_many_at_once_as_allowed_and_never_more() -> None:
    observer = Far(delay=0.01, concurrency=5)
    with Session(observer, batch_size=4) as session:
        session.ask_images(images(60))
    assert observer.most_at_once == 5


def test_the_rate_is_never_exceeded() -> None:
    observer = Far(concurrency=20, rate=40)
    with Session(observer) as session:
        session.ask_images(images(70))
    times = np.array(observer.times)
    in_a_second = np.searchsorted(times, times + 1.0) - np.arange(len(times))
    assert in_a_second.max() <= 40


@pytest.mark.parametrize("cached", [False, True])
def test_the_budget_binds_transmissions(cached: bool) -> None:
    observer = Far(lambda digest, attempt: TransientError("reset") if attempt == 1 else None)
    notes = Notes()
    cache = AnswerCache() if cached else None
    with Session(observer, budget=50, cache=cache, journal=notes) as session, pytest.raises(BudgetError):
        session.ask_images(images(40))
    assert session.transmissions == observer.transmissions == 50
    assert sum(row.transmissions for row in notes.rows.values()) == 50
    assert len(notes.rows) == len(notes.digests)


def test_a_budget_that_ends_half_way_names_the_rest() -> None:
    with Session(Far(), budget=50, cache=AnswerCache()) as session:
        with pytest.raises(BudgetError, match=r"at most (\d+) more are needed.*; raise it by \1 ") as error:
            session.ask_images(images(90))
        assert session.queries == 50
    found = re.search(r"at most (\d+) more", str(error.value))
    assert found is not None
    assert 40 <= int(found[1]) <= 90


def test_without_a_cache_too_small_a_budget_sends_nothing() -> None:
    observer = Far()
    with Session(observer, budget=39) as session, pytest.raises(BudgetError):
        session.ask_images(images(40))
    assert observer.transmissions == 0


def test_the_journal_has_a_row_for_every_query() -> None:
    observer = Far(every(4, lambda: TransientError("timeout")), cost=0.5)
    shown, notes = images(90), Notes()
    with Session(observer, journal=notes) as session:
        session.ask_images(shown)
    assert notes.digests == [stimulus_digest(image) for image in shown]
    assert sorted(notes.rows) == list(range(90))
    for number, row in notes.rows.items():
        assert row.outcome == "answered"
        assert row.transmissions == observer.sent[notes.digests[number]]
        assert row.cost == 0.5 * row.transmissions
    assert session.cost == 0.5 * session.transmissions


def test_a_timed_out_request_is_counted_and_billed() -> None:
    notes = Notes()
    slow = Far(delay=0.5, timeout=0.03, attempts=2, patience=60)
    with Session(slow, journal=notes) as session, pytest.raises(UnreachableError, match=r"0\.03 s"):
        session.ask_images(images(1))
    assert session.transmissions == 2
    assert notes.rows[0].transmissions == 2
    assert notes.rows[0].outcome == "timeout"


def test_what_was_not_sent_is_neither_counted_nor_an_attempt() -> None:
    tries = Counter[bytes]()

    def refuse(digest: bytes, attempt: int) -> Exception | None:
        tries[digest] += 1
        return TransientError("no connection", sent=False) if tries[digest] <= 4 else None

    observer = Far(refuse, attempts=1, concurrency=2)
    with Session(observer, budget=3) as session:
        session.ask_images(images(3))
    assert session.transmissions == 3
    assert observer.transmissions == 15


def test_an_equal_stimulus_in_flight_is_sent_once_with_a_cache() -> None:
    shown = np.repeat(images(10), 5, axis=0)
    observer = Far(delay=0.005)
    with Session(observer, cache=AnswerCache()) as session:
        answers = session.ask_images(shown)
    assert observer.transmissions == session.queries == 10
    assert session.cached == 40
    with Session(Far()) as plain:
        assert plain.ask_images(shown).same_as(answers)
    assert plain.queries == 50


def test_kept_answers_are_not_asked_again() -> None:
    observer, cache = Far(), AnswerCache()
    with Session(observer, cache=cache) as session:
        first = session.ask_images(images(40))
    with Session(observer, cache=cache) as session:
        assert session.ask_images(images(40)).same_as(first)
    assert observer.transmissions == 40
    assert (session.queries, session.transmissions, session.cached) == (0, 0, 40)


@pytest.mark.parametrize(
    "wrong",
    [
        RawAnswers(AnswerLevel.LOGITS, np.zeros((1, CLASSES + 1))),
        RawAnswers(AnswerLevel.LOGITS, np.full((1, CLASSES), np.nan)),
    ],
)
def test_a_wrong_answer_is_asked_again_and_at_last_refused(wrong: RawAnswers) -> None:
    shown = images(20)
    first = stimulus_digest(shown[0])

    class Wrong(Far):
        often = 2

        async def exchange(self, encoded: Any) -> RawAnswers:
            answer = await super().exchange(encoded)
            return wrong if self.sent[encoded[0]] <= self.often and encoded[0] != first else answer

    with Session(Wrong(concurrency=1)) as session, Session(Far()) as plain:
        assert session.ask_images(shown).same_as(plain.ask_images(shown))
    hopeless = Wrong(attempts=3, concurrency=1)
    hopeless.often = 99
    with (
        Session(hopeless) as session,
        pytest.raises(ObserverError, match="no usable answer in 3 transmissions"),
    ):
        session.ask_images(shown)


def test_an_endpoint_that_never_made_sense_is_given_up_soon() -> None:
    observer = Far(
        lambda digest, attempt: TransientError("bad answer", "no scores", nonsense=True), concurrency=1
    )
    with Session(observer) as session, pytest.raises(ObserverError, match="no scores"):
        session.ask_images(images(30))
    assert observer.transmissions == 5


def test_a_dead_endpoint_is_unreachable_and_what_it_answered_is_kept() -> None:
    cache, notes = AnswerCache(), Notes()
    dead = Far(
        lambda digest, attempt: TransientError("http 500") if observer_is_dead() else None, patience=0.3
    )

    def observer_is_dead() -> bool:
        return dead.transmissions > 30

    with (
        Session(dead, cache=cache, journal=notes) as session,
        pytest.raises(UnreachableError, match=r"http 500.*what was measured is kept; run it again"),
    ):
        session.ask_images(images(100))
    answered = len(cache)
    assert 0 < answered == session.queries <= 30
    assert (
        sum(row.transmissions for row in notes.rows.values()) == session.transmissions == dead.transmissions
    )
    assert len(notes.rows) == len(notes.digests)
    alive = Far()
    with Session(alive, cache=cache) as again:
        again.ask_images(images(100))
    assert alive.transmissions == 100 - answered


def test_an_endpoint_that_never_answers_is_told_of_before_the_patience_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    silent = Far(lambda digest, attempt: TransientError("http 500"), patience=0.5)
    with (
        Session(silent) as session,
        pytest.raises(UnreachableError, match="not one image was answered: see that"),
    ):
        session.ask_images(images(100))
    (told,) = [record.getMessage() for record in caplog.records if "in a row" in record.getMessage()]
    assert "6 times in a row (at last: http 500)" in told


def test_after_failures_in_a_row_one_request_at_a_time_tries() -> None:
    failures, counts = 0, list[int]()

    class Down(Far):
        async def exchange(self, encoded: Any) -> RawAnswers:
            # Those that left before the breaker opened are back by then, and one waits its turn already.
            if self.transmissions > 22 and failures < 25:
                counts.append(self.at_once + 1)
            return await super().exchange(encoded)

    def fail(digest: bytes, attempt: int) -> Exception | None:
        nonlocal failures
        failures += 1
        return TransientError("http 503") if failures <= 25 else None

    down = Down(fail, delay=0.002, concurrency=16, attempts=1000)
    with Session(down) as session:
        session.ask_images(images(64))
    assert session.queries == 64
    assert counts
    assert max(counts) == 1


def test_retry_after_is_obeyed_by_all() -> None:
    told: list[float] = []

    def busy(digest: bytes, attempt: int) -> Exception | None:
        if len(told) == 0:
            told.append(time.monotonic())
            return TransientError("http 429", retry_after=0.3)
        return None

    observer = Far(busy, concurrency=2)
    with Session(observer) as session:
        session.ask_images(images(20))
    after = [moment - told[0] for moment in observer.times if moment > told[0]]
    assert min(after) >= 0.29
    long = Far(lambda digest, attempt: TransientError("http 429", retry_after=500), concurrency=1)
    with Session(long) as session, pytest.raises(UnreachableError, match="500 s"):
        session.ask_images(images(2))


def test_one_hopeless_image_does_not_make_the_endpoint_unreachable() -> None:
    shown = images(60)
    poison = stimulus_digest(shown[7])
    observer = Far(
        lambda digest, attempt: TransientError("http 500") if digest == poison else None,
        attempts=3,
        delay=0.001,
    )
    with Session(observer) as session, pytest.raises(ObserverError, match="one image in 3 transmissions"):
        session.ask_images(shown)
    assert observer.sent[poison] == 3


def test_a_refusal_is_final() -> None:
    observer = Far(lambda digest, attempt: ObserverError("answered 400."), concurrency=1)
    with Session(observer) as session, pytest.raises(ObserverError, match="answered 400"):
        session.ask_images(images(5))
    assert observer.transmissions == 1


def test_a_fault_of_the_adapter_reaches_the_caller() -> None:
    observer = Far(lambda digest, attempt: ZeroDivisionError("a fault"), concurrency=1)
    with Session(observer) as session, pytest.raises(ZeroDivisionError):
        session.ask_images(images(5))


def test_cancelling_keeps_what_was_in_flight() -> None:
    cancel, cache, notes = threading.Event(), AnswerCache(), Notes()
    observer = Far(delay=0.02, concurrency=4)
    session = Session(observer, cache=cache, cancel=cancel, journal=notes, progress=lambda step: cancel.set())
    with session, pytest.raises(Cancelled):
        session.ask_images(images(200))
    assert 32 <= observer.transmissions < 200
    assert observer.transmissions == session.queries == len(cache) == session.transmissions
    assert len(notes.rows) == len(notes.digests)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_second_ctrl_c_waits_for_nothing() -> None:
    notes, observer = Notes(), Far(delay=60, concurrency=4, timeout=90)
    timers = [threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)) for after in (0.3, 0.9)]
    with Session(observer, journal=notes) as session:
        for timer in timers:
            timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.ask_images(images(40))
    assert session.transmissions == observer.transmissions == 4
    outcomes = Counter(row.outcome for row in notes.rows.values())
    assert outcomes["unknown"] == 4
    assert outcomes["not sent"] == len(notes.digests) - 4
    assert sum(row.transmissions for row in notes.rows.values()) == 4


def test_a_session_asks_again_after_it_was_closed_and_after_an_error() -> None:
    gone = [True]
    observer = Far(lambda digest, attempt: ObserverError("gone.") if gone[0] else None)
    session = Session(observer)
    with pytest.raises(ObserverError):
        session.ask_images(images(5))
    gone[0] = False
    one = session.ask_images(images(40))
    session.close()
    assert session.ask_images(images(40)).same_as(one)
    session.close()


def test_a_stream_that_is_left_ends_well() -> None:
    observer = Far(delay=0.001)
    from deepception.stimuli import Stimuli

    with Session(observer, batch_size=8) as session:
        stream = session.stream(Stimuli.plain(images(300)))
        rows, answers = next(stream)
        stream.close()
        assert (rows, len(answers)) == (slice(0, 8), 8)
        assert session.transmissions == observer.transmissions < 300


def test_knowing_less_of_an_endpoint() -> None:
    class SometimesNothing(Far):
        async def exchange(self, encoded: Any) -> RawAnswers:
            answer = await super().exchange(encoded)
            if encoded[0] != first and self.sent[encoded[0]] == 1 and encoded[0][0] % 4 == 0:
                return RawAnswers(self.level, answer.scores * np.nan)
            return answer

    shown = images(30)
    first = stimulus_digest(shown[0])
    observer = SometimesNothing(concurrency=1)
    bad = sum(stimulus_digest(image)[0] % 4 == 0 for image in shown[1:])
    with Session(restrict(observer, "label")) as session, Session(Far()) as whole:
        answers = session.ask_images(shown)
        assert np.array_equal(answers.top[:, 0], whole.ask_images(shown).top[:, 0])
    assert observer.transmissions == 30 + bad > 30


def test_progress_tells_the_cost() -> None:
    steps = []
    with Session(Far(cost=0.25), batch_size=10, progress=steps.append) as session:
        session.ask_images(images(30))
    assert steps[-1].cost == 7.5
    assert [step.done for step in steps] == [10, 20, 30]


def test_digests_decide_faults_alike() -> None:
    image = images(1)[0]
    head = b"8x8x3\n"
    assert stimulus_digest(image) == hashlib.sha256(head + image.tobytes()).digest()
