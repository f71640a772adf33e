"""Audits of an endpoint on its bad days: the results are those of a good day, and every image is accounted for."""

from __future__ import annotations

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
from endpoint_server import FAULTS, classify
from endpoints import Endpoint, impatient, serving

PLAIN = ("--mean", "0", "--std", "1", "--pixel-range", "0..255")
QUICK = ("--quick", "--no-cache", "--concurrency", "16", *PLAIN)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photographs(tmp_path_factory.mktemp("photographs"), 1)


def audit(endpoint: Endpoint, photographs: Path, out: Path, *more: object) -> command_line.Done:
    return call("audit", endpoint.v2, photographs, "--out", out, *QUICK, *more, page=False)


def cost(run: Path) -> dict[str, Any]:
    import json

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
    with serving(share=0.2, hang=1.0, port=port) as endpoint:
        done = audit(endpoint, photographs, tmp_path / "run", "--timeout", "0.5")
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
    with serving(share=0.3, faults=[fault], hang=1.0) as endpoint:
        observer = open_observer(endpoint.v2, mean=0, std=1, pixel_range="0..255", timeout=0.5, concurrency=8)
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
    with serving(latency=0.01, port=port) as endpoint:
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
