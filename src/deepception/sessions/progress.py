"""Progress: what a session reports after each batch, and how it is shown on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bar
    from rich.progress import TaskID


@dataclass(frozen=True)
class Step:
    """What a session reports after each batch.

    Attributes:
        purpose: What the stimuli are asked for.
        rows: Stimuli answered by this batch.
        done: Stimuli of this asking answered so far.
        total: Stimuli of this asking.
        queries: The session's queries so far.
        transmissions: The session's transmissions so far.
        cached: The session's answers from the cache so far.
        cost: What the session's transmissions cost so far; None where no price is stated.
    """

    purpose: str
    rows: int
    done: int
    total: int
    queries: int
    transmissions: int
    cached: int
    cost: float | None = None


class Progress(Protocol):
    """Anything that can be called with a Step."""

    def __call__(self, step: Step, /) -> None:
        """Take note of one answered batch."""


def duration(seconds: float) -> str:
    """A duration for people: ``"42 s"``, ``"3 min 05 s"``, ``"2 h 07 min"``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def amount(money: float) -> str:
    """A sum of money in whatever currency: two decimals, or two digits where those would hide it."""
    return f"{money:,.2f}" if money >= 0.1 or money == 0 else f"{money:.2g}"


class RichProgress:
    """Progress on stderr: a bar on a terminal, elsewhere a plain line every few seconds.

    A context manager; pass it as ``progress`` to the sessions whose stimuli it counts.

    Args:
        total: Stimuli of the whole job; None where it is not known, then each asking is a job of its own.
        text: What is being done, e.g. the name of the unit; ``say`` changes it.
        stream: Where to write, stderr by default.
        every: Least seconds between two plain lines.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        total: int | None = None,
        text: str = "",
        *,
        stream: TextIO | None = None,
        every: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._total = total
        self._text = text
        self._stream = stream
        self._every = every
        self._clock = clock
        self._done = 0  # of everything since it was entered
        self._before = 0  # of that, done before the job that is shown
        self._entered = self._began = self._spoke = clock()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._cost: float | None = None

    def __enter__(self) -> RichProgress:
        self._stream = self._stream or sys.stderr
        self._entered = self._began = self._spoke = self._clock()
        if self._stream.isatty():
            self._open_bar(self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._done:
            self._line()
        self._bar = None

    def __call__(self, step: Step, /) -> None:
        """Count one answered batch."""
        self._cost = step.cost
        if self._total is None:
            if step.done == step.rows:  # a new asking
                self._before, self._began = self._done, self._clock()
            self.advance(step.rows, step.total, step.purpose)
        else:
            self.advance(step.rows, self._total, self._text or step.purpose)

    def say(self, text: str) -> None:
        """Change what is said to be done."""
        self._text = text
        self._show(self._total)

    def expect(self, total: int) -> None:
        """Set the stimuli of the whole job, those already answered included, e.g. once its price is known."""
        self._total, self._before, self._began = total, 0, self._entered
        self._show(total)

    def advance(self, rows: int, total: int | None = None, text: str | None = None) -> None:
        """Count ``rows`` stimuli as done, e.g. those of a unit that ended sooner than its price allowed."""
        self._done += rows
        self._text = self._text if text is None else text
        self._show(self._total if total is None else total)

    def _show(self, total: int | None) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, completed=self._done - self._before, total=total, description=self._described()
            )
        elif self._done and self._clock() - self._spoke >= self._every:
            self._line(total)

    def _line(self, total: int | None = None) -> None:
        now = self._clock()
        self._spoke = now
        total = self._total if total is None else total
        done = self._done - self._before
        count = f"{done:,} of {total:,} stimuli" if total else f"{done:,} stimuli"
        words = [f"{self._text}: {count}" if self._text else count]
        if total and 0 < done < total:
            words.append(f"{duration((now - self._began) / done * (total - done))} left")
        else:
            words.append(f"{duration(now - self._began)}")
        if self._cost is not None:
            words.append(f"cost so far {amount(self._cost)}")
        print(", ".join(words), file=self._stream or sys.stderr, flush=True)

    def _described(self) -> str:
        return self._text if self._cost is None else f"{self._text} (cost so far {amount(self._cost)})"

    def _open_bar(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=Console(file=stream),
            redirect_stdout=False,  # stdout carries the result only
            redirect_stderr=stream is sys.stderr,
        )
        self._task = self._bar.add_task(self._text, total=self._total)
        self._bar.start()
