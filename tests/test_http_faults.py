"""Audits of an endpoint on its bad days: the results are those of a good day, and every image is accounted for."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import command_line
from command_line import assert_same, call, save_photographs
from deepception.observers import open_observer
from deepception.sessions import Session, raw_answers
from deepception.sessions.remote import BATCH
from deepception.studies import Ledger
from deepception.studies.accounting.accounts import summary
from endpoint_server import FAULTS, classify
from endpoints import Endpoint, impatient, serving

PLAIN = ("--mean", "0", "--std", "1", "--pixel-range", "0..255")
QUICK = ("--quick", "--no-cache", "--concurrency", "16", *PLAIN)
HANG = 3.0
"""Seconds for which the server is silent. Half are waited for, so that a busy machine is not taken for it."""
WINDOW = 2 * 16 + 2 * BATCH
"""Most images that are noted as about to be sent, and not answered yet."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photographs(tmp_path_factory.mktemp("photographs"), 1)


def audit(endpoint: Endpoint, photographs: Path, out: Path, *more: object) -> command_line.Done:
    return call("audit", endpoint.v2, photographs, "--out", out, *QUICK, *more, page=False)


def cost(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "results.json").read_text(encoding="utf-8"))["cost"])


@pytest.fixture(scope="module")
def clean(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run against a server without faults, and its port, which is a part of the observer's identity."""
    folder = tmp_path_factory.mktemp("clean") / "run"
    with serving() as endpoint:
        done = audit(endpoint, photographs, folder)
        assert done.code == 0, done
        assert endpoint.seen == cost(folder)["transmissions"] == cost(folder)["queries"]
    return folder, endpoint.port


def test_every_kind_of_fault_leaves_no_trace(
    clean: tuple[Path, int], photographs: Path, tmp_path: Path
) -> None:
    good, port = clean
    with serving(share=0.2, hang=HANG, port=port) as endpoint:
        done = audit(endpoint, photographs, tmp_path / "run", "--timeout", str(HANG / 2))
        assert done.code == 0, done
        report = endpoint.report()
    assert_same(tmp_path / "run", good)
    spent = cost(tmp_path / "run")
    assert spent["transmissions"] == report["seen"] == sum(report["shown"].values())
    assert spent["queries"] == cost(good)["queries"]
    share = 1 - spent["queries"] / spent["transmissions"]
    assert 0.15 < share < 0.25


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_survived(fault: str) -> None:
    import numpy as np

    shown = np.random.default_rng(3).integers(0, 256, (40, 35, 35, 3), dtype=np.uint8)
    with serving(share=0.3, faults=[fault], hang=HANG) as endpoint:
        observer = open_observer(
            endpoint.v2, mean=0, std=1, pixel_range="0..255", timeout=HANG / 2, concurrency=8
        )
        with Session(observer) as session:
            answers = session.ask_images(shown)
        assert session.transmissions == endpoint.seen > 40
    best = [classify(image, 5).argmax() for image in shown]
    assert answers.top[:, 0].tolist() == best


def test_a_dead_endpoint_ends_the_run_and_the_next_goes_on(
    clean: tuple[Path, int], photographs: Path, tmp_path: Path
) -> None:
    good, port = clean
    with serving(dies_after=500, port=port) as endpoint:
        done = audit(endpoint, photographs, tmp_path / "run", "--patience", "1")
        first = endpoint.seen
    assert done.code == 4, done
    assert "what was measured is kept" in done.err
    with serving(port=port) as endpoint:
        done = audit(endpoint, photographs, tmp_path / "run")
        assert done.code == 0, done
        second = endpoint.seen
    assert second < cost(good)["queries"] - 200
    assert cost(tmp_path / "run")["transmissions"] == first + second
    assert_same(tmp_path / "run", good)


def test_nobody_there(tmp_path: Path, photographs: Path) -> None:
    with serving() as endpoint:
        gone = endpoint
    began = time.monotonic()
    done = audit(gone, photographs, tmp_path / "run")
    command_line.assert_refused(done, "cannot be reached", code=4)
    assert time.monotonic() - began < 30
    assert not (tmp_path / "run").exists()


def test_the_cost_is_said_before_and_during(photographs: Path, tmp_path: Path) -> None:
    with serving() as endpoint:
        dry = call(
            "audit", endpoint.v2, photographs, "--out", tmp_path / "run", *QUICK, "--cost", "0.5", "--dry-run"
        )
        assert endpoint.seen == 0
        done = call("measure", "local", endpoint.v2, photographs, *QUICK, "--cost", "0.5")
        seen = endpoint.seen
    assert dry.code == done.code == 0, (dry, done)
    assert "406.00" in dry.out
    assert f"cost so far {seen / 2:,.2f}" in done.err
    assert done.out.splitlines()[-1].endswith(f"; charged {seen / 2:,.2f}")


def test_a_run_that_half_failed_is_told_in_one_vocabulary(photographs: Path, tmp_path: Path) -> None:
    run, known = tmp_path / "run", ("--cache", tmp_path / "answers.sqlite")
    command = ("--quick", "--concurrency", "16", *PLAIN, *known, "--cost", "0.25", "--out", run)
    with serving(dies_after=500, share=0.1, faults=["503"]) as endpoint:
        port = endpoint.port
        done = call("audit", endpoint.v2, photographs, *command, "--patience", "5", page=False)
        first = endpoint.seen
    assert done.code == 4
    assert f"charged {first / 4:,.2f}." in done.err, "what stops a run does not hide what it has cost"
    told = call("ledger", run)
    assert told.code == 0
    found = json.loads(call("ledger", run, "--json").out)
    assert found["transmissions"] == first == found["queries"] + found["failures"] + found["retries"]
    assert found["not_sent"] > 0
    assert min(found["failures"], found["retries"]) > 0
    head, *parts = told.out.splitlines()
    sent = f"({found['retries']:,} repeated, {found['failures']:,} failed), {found['not_sent']:,} not sent"
    assert head.startswith(f"known: {found['queries']:,} queries, ")
    assert f", {first:,} transmissions {sent}, charged " in head
    assert parts[0].startswith("  clean: 1 query, ")
    assert [line.split(":")[0] for line in parts[-2:]] == ["images by what became of them", "units"]

    with serving(port=port) as endpoint:
        done = call("audit", endpoint.v2, photographs, *command, page=False)
        second = endpoint.seen
    assert done.code == 0, done
    spent = cost(run)
    assert (spent["transmissions"], spent["charged"]) == (first + second, (first + second) / 4)
    assert spent["cached"] > 0
    *verdicts, line, _ = done.out.splitlines()
    assert line.startswith(f"cost: {spent['queries']:,} queries in ")
    assert f"; {spent['cached']:,} answers from the cache, counted above as well; " in line
    assert f"; {first + second:,} transmissions, " in line
    assert line.endswith(f"; charged {(first + second) / 4:,.2f}")
    assert not [verdict for verdict in verdicts if verdict.startswith("  ") and verdict.endswith("queries")]
    told = call("ledger", run)
    assert f" queries, {spent['cached']:,} from the cache, " in told.out.splitlines()[0]


def test_a_ledger_of_nothing_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no run")
    for path in (tmp_path / "nowhere", tmp_path / "file", tmp_path):
        command_line.assert_refused(call("ledger", path), f"'{path}' is not a run folder")


def test_requests_in_flight_are_never_more_than_allowed() -> None:
    import numpy as np

    shown = np.random.default_rng(3).integers(0, 256, (150, 35, 35, 3), dtype=np.uint8)
    with serving(latency=0.02, allowed=6) as endpoint:
        observer = open_observer(endpoint.v2, mean=0, std=1, pixel_range="0..255", concurrency=6)
        raw_answers(observer, shown)
        report = endpoint.report()
    assert report["refused"] == 0
    assert report["most"] <= 6
    assert report["seen"] == 150


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_in_good_order_and_the_run_goes_on(
    clean: tuple[Path, int], photographs: Path, tmp_path: Path
) -> None:
    good, port = clean
    run = tmp_path / "run"
    with serving(latency=0.1, port=port) as endpoint:  # slow, so that it is under way
        process = command_line.start("audit", endpoint.v2, photographs, "--out", run, *QUICK, cwd=tmp_path)
        for _ in range(600):
            if endpoint.seen > 200:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert "Go on with" in said
        interrupted = endpoint.seen
    with serving(port=port) as endpoint:
        assert audit(endpoint, photographs, run).code == 0
        assert cost(run)["transmissions"] == interrupted + endpoint.seen
    assert_same(run, good)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_killed_without_a_word_all_that_was_sent_is_in_the_ledger(photographs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with serving(share=0.4, faults=["503", "truncated"], latency=0.02) as endpoint:
        for life in range(1, 4):
            process = command_line.start(
                "audit", endpoint.v2, photographs, "--out", run, *QUICK, "--cost", "0.5", cwd=tmp_path
            )
            for _ in range(1200):
                if endpoint.seen > 120 * life:
                    break
                time.sleep(0.05)
            process.kill()
            process.communicate(timeout=60)
            time.sleep(0.2)  # what is under way in the server
            reached = endpoint.seen
            with Ledger.read(run) as ledger:
                found = summary(run, ledger)
            assert found["transmissions"] >= reached
            assert found["cost"] == found["transmissions"] / 2
            assert found["failures"] == found["not_sent"] == 0, "what is not known is called neither"
            assert 0 < found["unknown"] <= life * WINDOW
            # Of each that is unknown one more may be counted than was sent, and no more.
            assert found["transmissions"] - reached <= found["unknown"]
    told = call("ledger", run)
    assert f"{found['unknown']} end unknown" in told.out
