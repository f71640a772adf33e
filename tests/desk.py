"""Runs in processes of their own whose observer notes every image that it is shown, and can be slow or lost."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import PATIENCE, SIDE, Done, save_photograph, start
from deepception.studies import RunStore

# An observer that notes every image that it is shown, and can be made slow.
DIARIST = f"""
import os, time
import numpy as np
from deepception.errors import UnreachableError
from deepception.observers import FunctionObserver
from deepception.stimuli import Frame

WEIGHTS = np.random.default_rng(5).normal(size=(147, 10)) / 255

def answer(images):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write("shown\\n" * len(images))
        if diary.tell() > 6 * int(os.environ.get("LAST", 10**9)):
            raise UnreachableError("the classifier does not answer any more: start it again.")
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return images.reshape(-1, 7, 5, 7, 5, 3).mean(axis=(2, 4)).reshape(len(images), -1) @ WEIGHTS

kept = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10, version="1")
fleeting = FunctionObserver(answer, Frame({SIDE}, {SIDE}), classes=10)
"""


@dataclass(frozen=True)
class Desk:
    """A run folder, and the diary of those who work on it; all desks share observer and photograph."""

    room: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.room / self.name

    @property
    def command(self) -> tuple[object, ...]:
        # One row a batch: none is filled, so every image shown is a query.
        return ("audit", "python:diarist:kept", "photo.png", "--quick", "--batch-size", 1, "--out", self.name)

    @property
    def shown(self) -> int:
        diary = self.room / f"{self.name}.diary"
        return diary.stat().st_size // len("shown\n") if diary.exists() else 0

    def start(
        self, *arguments: object, pause: float = 0, last: int = 10**9, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a command; the observer takes ``pause`` seconds each time and answers no more after ``last``."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DIARY", f"{self.name}.diary")
            patch.setenv("PAUSE", str(pause))
            patch.setenv("LAST", str(last))
            return start(*(arguments or self.command), cwd=self.room, **options)

    def run(self, *arguments: object) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out, err)

    def finished(self) -> dict[str, int]:
        """Queries of each finished unit."""
        if not self.folder.exists():
            return {}
        store = RunStore(self.folder)
        return {unit_hash: store.describe(unit_hash).queries for unit_hash in store.finished()}


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def furnish(folder: Path) -> Path:
    """Put the observer and a photograph into a folder."""
    (folder / "diarist.py").write_text(DIARIST)
    save_photograph(folder / "photo.png", 3)
    return folder
