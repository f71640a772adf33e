"""Starting the server of faults for a test, and asking it what it saw."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deepception.sessions import breaker, transmitting

SERVER = Path(__file__).with_name("endpoint_server.py")
_PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Endpoint:
    """A running server of faults."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.process = process

    @property
    def v2(self) -> str:
        return f"{self.base}/v2/models/known"

    def report(self) -> dict[str, Any]:
        """What it was asked so far."""
        with _PLAIN.open(f"{self.base}/seen", timeout=30) as answer:
            return dict(json.load(answer))

    @property
    def seen(self) -> int:
        """Images that reached it."""
        return int(self.report()["seen"])


@contextmanager
def serving(**config: Any) -> Iterator[Endpoint]:
    """A server of this behaviour (see ``endpoint_server.Config``), in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Endpoint(int(process.stdout.readline()), process)
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make sessions in this process wait a hundredth of the time before they try again."""
    for name, seconds in (("_FIRST_WAIT", 0.005), ("_LONGEST_WAIT", 0.05), ("_JITTER", 0.01)):
        monkeypatch.setattr(transmitting, name, seconds)
    for name, seconds in (("_FIRST_WAIT", 0.01), ("_LONGEST_WAIT", 0.1)):
        monkeypatch.setattr(breaker, name, seconds)
