"""Runs that ask an endpoint: every query has its row, nothing known is asked again, nothing billed is lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import SIDE, assert_same, save_photographs
from deepception.errors import BudgetError, UnreachableError
from deepception.observers import AnswerLevel, RawAnswers, default_labels
from deepception.observers.remote import Limits, TransientError
from deepception.sessions import AnswerCache, CacheChoice, stimulus_digest, transmitting
from deepception.sessions import breaker as breaker_module
from deepception.stimuli import Frame
from deepception.studies import AuditRequest, Ledger, Price, RunOutcome, find_photographs, run_audit
from deepception.studies.accounting.accounts import rows, summary
from deepception.studies.accounting.journal import SPAN

CLASSES = 6
PRICE = 0.5
WEIGHTS = np.random.default_rng(5).normal(size=(147, CLASSES)) / 255


class Far:
    """An endpoint without a network: it counts what it was sent, fails at times, and may be gone for good."""

    name, level, fixed_batch = "far", AnswerLevel.LOGITS, None
    frame, labels = Frame(SIDE, SIDE), default_labels(CLASSES)

    def __init__(self, *, failing: float = 0.0, last: int | None = None, probes: int = 0) -> None:
        self.limits = Limits(cost=PRICE, concurrency=4, patience=0.2)
        self.sent_before = probes
        self.sent: Counter[bytes] = Counter()
        self.failing, self.last = failing, last

    @property
    def identity(self) -> dict[str, Any]:
        return {"adapter": "far"}

    def encode(self, image: np.ndarray) -> tuple[bytes, np.ndarray]:
        return stimulus_digest(image), image.copy()

    async def exchange(self, encoded: tuple[bytes, np.ndarray]) -> RawAnswers:
        digest, image = encoded
        self.sent[digest] += 1
        if self.last is not None and self.total > self.last:
            raise UnreachableError("the endpoint is gone: start it again.")
        if self.sent[digest] == 1 and digest[0] < 256 * self.failing:
            raise TransientError("timeout" if digest[1] % 2 else "http 503")
        means = image.reshape(1, 7, 5, 7, 5, 3).mean(axis=(2, 4)).reshape(1, -1)
        return RawAnswers(self.level, means @ WEIGHTS)

    async def aclose(self) -> None:
        pass

    def answer(self, images: np.ndarray) -> RawAnswers:
        raise AssertionError("a session asks an endpoint image by image")

    def close(self) -> None:
        pass

    @property
    def total(self) -> int:
        return sum(self.sent.values())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module, names in ((transmitting, ("_FIRST_WAIT", "_JITTER")), (breaker_module, ("_FIRST_WAIT",))):
        for name in names:
            monkeypatch.setattr(module, name, 0.001)
    monkeypatch.setattr(transmitting, "_LONGEST_WAIT", 0.005)
    monkeypatch.setenv("DEEPCEPTION_CACHE", str(tmp_path / "answers.sqlite"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photographs(tmp_path_factory.mktemp("photos"), 1)


def measure(
    far: Far, photos: Path, folder: Path, *, on_price: Callable[[Price], None] | None = None, **options: Any
) -> RunOutcome:
    found = find_photographs([str(photos)])
    request = AuditRequest(far, "far", found, setting="quick", properties=("local",), **options)
    return run_audit(request, folder, on_price=on_price)


def ledger_of(folder: Path) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    with Ledger.read(folder) as ledger:
        return list(rows(ledger)), summary(folder, ledger)


def test_every_query_is_in_the_ledger_faults_and_all(photos: Path, tmp_path: Path) -> None:
    far = Far(failing=0.2, probes=3)
    outcome = measure(far, photos, tmp_path / "run")
    assert outcome.exit_code == 0
    listed, found = ledger_of(tmp_path / "run")
    billed = {row[4]: row[8] for row in listed if row[4]}
    assert billed == {digest.hex(): count for digest, count in far.sent.items()}
    assert found["transmissions"] == far.total + 3
    assert found["retries"] == far.total - len(far.sent) > 0
    assert found["outcomes"] == {"answered": len(far.sent), "opening": 1}
    assert found["cost"] == (far.total + 3) * PRICE
    assert outcome.results["cost"]["charged"] == found["cost"]
    assert {row[1] for row in listed} == {None, "clean", "local"}

    clean = Far()
    measure(clean, photos, tmp_path / "clean", cache=CacheChoice(off=True))
    assert_same(tmp_path / "run", tmp_path / "clean")


def test_each_transmission_is_in_the_journal_before_it_is_made(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    most = Counter[bytes]()

    class Witness(Far):
        async def exchange(self, encoded: tuple[bytes, np.ndarray]) -> RawAnswers:
            digest, _ = encoded
            with Ledger.read(folder) as ledger:  # what would be known if the process were killed now
                ((known, cost),) = ledger.connection.execute(
                    "SELECT sum(transmissions), sum(cost) FROM queries WHERE digest = ?", (digest,)
                )
            assert known == self.sent[digest] + 1
            assert cost == known * PRICE
            most[digest] = known
            return await super().exchange(encoded)

    assert measure(Witness(failing=0.3), photos, folder).exit_code == 0
    assert max(most.values()) > 1
    assert ledger_of(folder)[1]["outcomes"] == {"answered": len(most)}


def test_the_cache_is_on_and_a_second_audit_sends_nothing(photos: Path, tmp_path: Path) -> None:
    measure(Far(), photos, tmp_path / "first")
    far = Far()
    outcome = measure(far, photos, tmp_path / "second")
    assert far.total == 0
    cost = outcome.results["cost"]
    assert (cost["queries"], cost["transmissions"], cost["charged"]) == (0, 0, 0), "and nothing is charged"
    listed, found = ledger_of(tmp_path / "second")
    assert cost["cached"] == found["cached"] == sum(p["cached"] for p in found["experiments"].values()) > 0
    assert not [row for row in listed if row[3] is not None]
    assert_same(tmp_path / "second", tmp_path / "first")
    off = Far()
    measure(off, photos, tmp_path / "third", cache=CacheChoice(off=True))
    assert off.total > 0
    with AnswerCache(tmp_path / "other.sqlite") as cache:
        mine = Far()
        measure(mine, photos, tmp_path / "fourth", cache=cache)
        assert len(cache) == mine.total > 0


def test_what_was_answered_before_the_end_is_not_paid_twice(photos: Path, tmp_path: Path) -> None:
    gone = Far(last=100)
    outcome = measure(gone, photos, tmp_path / "run")
    assert outcome.exit_code == 4
    _, found = ledger_of(tmp_path / "run")
    assert found["transmissions"] == gone.total
    assert found["cost"] == gone.total * PRICE
    back = Far()
    assert measure(back, photos, tmp_path / "run").exit_code == 0
    assert not {d for d, _ in back.sent.items()} & set(list(gone.sent)[:90]), "known from the cache"
    listed, found = ledger_of(tmp_path / "run")
    assert found["transmissions"] == gone.total + back.total
    assert len(found["processes"]) == 2
    whole = Far()
    measure(whole, photos, tmp_path / "whole", cache=CacheChoice(off=True))
    assert_same(tmp_path / "run", tmp_path / "whole")
    # What the unit that was cut short had asked for are queries, and from the cache as it is measured again.
    twice = sum(row[1] == "local" and row[3] < 2 * SPAN and row[9] == "answered" for row in listed)
    assert 0 < twice < found["cached"]
    assert found["queries"] + found["cached"] == whole.total + twice


def test_the_budget_is_that_of_the_run(photos: Path, tmp_path: Path) -> None:
    far = Far()
    outcome = measure(far, photos, tmp_path / "run", budget=60)
    assert isinstance(outcome.execution.stopped, BudgetError)
    assert far.total == 60
    said = re.search(
        r"60 were sent, .* at most ([\d,]+) queries.*raise it to ([\d,]+) ", str(outcome.execution.stopped)
    )
    assert said is not None, outcome.execution.stopped
    left, enough = (int(number) for number in said.groups())
    assert enough == 60 + left
    assert "asked again" not in said.string, "what was answered is in the cache"
    outcome = measure(far, photos, tmp_path / "run", budget=100)
    assert isinstance(outcome.execution.stopped, BudgetError)
    assert far.total == 100
    _, found = ledger_of(tmp_path / "run")
    assert found["transmissions"] == 100
    assert json.loads((tmp_path / "run" / "results.json").read_text())["cost"]["charged"] == 100 * PRICE
    assert measure(far, photos, tmp_path / "run", budget=enough).exit_code == 0, "as was said"
    assert far.total <= enough


def test_a_budget_below_an_exact_price_is_refused_before_anything_is_sent(
    photos: Path, tmp_path: Path
) -> None:
    off = CacheChoice(off=True)
    prices: list[Price] = []
    far = Far(probes=2)
    with pytest.raises(
        BudgetError, match=r"2 were sent, and what is left takes \d+ queries.*raise it to \d+ "
    ):
        measure(far, photos, tmp_path / "run", budget=200, cache=off, on_price=prices.append)
    assert far.total == 0
    (price,) = prices
    assert price.exact
    outcome = measure(far, photos, tmp_path / "run", budget=price.total + 2, cache=off)
    assert outcome.exit_code == 0
    assert far.total == price.total
    prices.clear()
    measure(Far(), photos, tmp_path / "known", on_price=prices.append)
    assert not prices[0].exact, "answers may be known from the cache"
