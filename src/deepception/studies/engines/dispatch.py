"""What all engines keep: orders that wait, workers that hold them, losses and replacements."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ...errors import DeepceptionError, ObserverError
from .protocol import Ending
from .telling import Said, Told

HELD = 2
"""Orders that a worker holds at most: the one that it does, and the one that it does next."""

_LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Order:
    """An order under way; ``body`` is what the engine sends."""

    number: int
    body: Any


@dataclass(eq=False)
class Hand:
    """A worker as the driver sees it.

    Attributes:
        number: Its number.
        seat: Which of the engine's seats it takes.
        ready: Whether its bench stands.
        begun: Whether it has begun the first order that it holds.
        held: The orders that it was given and that have not ended, in the order in which it does them.
        recalled: The last of them, where it was asked to give that back.
    """

    number: int
    seat: int
    ready: bool = False
    begun: bool = False
    held: deque[Order] = field(default_factory=deque)
    recalled: Order | None = None


H = TypeVar("H", bound=Hand)


class Dispatch(ABC, Generic[H]):
    """An engine but for how its workers are started, spoken to and listened to.

    Args:
        workers: How many workers.
        most_losses: So many workers lost one after the other, while no order gets done, end the study; a few are
            enough where they die before their bench stands.
    """

    sees_disk: bool
    name: str

    def __init__(self, workers: int, most_losses: int | None = None) -> None:
        self.workers = workers
        self._most_losses = 25 + 5 * workers if most_losses is None else most_losses
        self._most_stillborn = min(self._most_losses, 4 + workers)
        self._hands: dict[int, H] = {}
        self._empty = dict.fromkeys(range(workers), 0.0)  # seats without a worker, and when they may get one
        self._queue: deque[Order] = deque()
        self._ended: list[Ending] = []
        self._numbers = itertools.count(1)
        self._losses = self._stillborn = 0
        self._broken: DeepceptionError | None = None
        self._closed = False

    # --- what an engine brings ---

    @abstractmethod
    def _hire(self, number: int, seat: int) -> H:
        """Start a worker; it says later that its bench stands."""

    @abstractmethod
    def _prepare(self, body: Any) -> Any:
        """An order's body as it is kept until it has ended."""

    @abstractmethod
    def _give(self, hand: H, order: Order) -> None:
        """Send an order. That the worker is dead need not be noticed here."""

    @abstractmethod
    def _recall(self, hand: H) -> None:
        """Ask for the last order back. If it was begun meanwhile, it is done as if nothing had been asked."""

    @abstractmethod
    def _listen(self, timeout: float) -> None:
        """Take in what workers have said, and who is no more; wait for the first of it as long as told."""

    @abstractmethod
    def _end(self) -> None:
        """End all workers."""

    # --- the engine's face ---

    @property
    def room(self) -> int:
        """How many more orders may be submitted now."""
        return HELD * self.workers - len(self._queue) - sum(len(h.held) for h in self._hands.values())

    def submit(self, number: int, body: Any) -> None:
        """Give an order; see Engine.submit."""
        if self._closed:
            raise ValueError("the engine is closed.")
        if self.room < 1:
            raise ValueError(f"the engine has no room for order {number}: wait first.")
        self._queue.append(Order(number, self._prepare(body)))
        self._hand_out()

    def wait(self, timeout: float) -> list[Ending]:
        """What has ended; see Engine.wait."""
        if self._closed:
            raise ValueError("the engine is closed.")
        until = time.monotonic() + timeout
        while True:
            self._fill()
            left = 0.0 if self._ended or self._broken else max(0.0, until - time.monotonic())
            self._listen(min(left, self._until_start()))
            # Who has ended an order gets the next before the driver turns to what it brought.
            self._hand_out()
            if self._ended or self._broken is not None or left == 0.0:
                break
        if self._ended:
            ended, self._ended = self._ended, []
            return ended
        if self._broken is not None:
            raise self._broken
        return []

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        if not self._closed:
            self._closed = True
            self._queue.clear()
            self._end()
            self._hands.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- what workers said ---

    def _made(self, hand: H, error: Told | None) -> None:
        """The bench of a worker stands, or could not be made."""
        if error is None:
            hand.ready, self._stillborn = True, 0
        else:
            self._broken = self._broken or error.error()

    def _began(self, hand: H) -> None:
        """A worker began the first order that it holds."""
        hand.begun = True
        if hand.recalled is hand.held[0]:
            hand.recalled = None

    def _returned(self, hand: H) -> None:
        """A worker gave back what was recalled."""
        if hand.recalled is not None:
            hand.held.remove(hand.recalled)
            self._queue.append(hand.recalled)
            hand.recalled = None

    def _done(self, hand: H, said: Said) -> None:
        """A worker ended the first order that it held."""
        order = hand.held.popleft()
        hand.begun = False
        if hand.recalled is order:
            hand.recalled = None
        if said.state != "lost":
            self._losses = 0
        try:
            ending = said.ending(order.number, hand.number)
        except Exception as error:
            # A class that only the worker can import, say.
            text = f"what a worker brought cannot be read here ({type(error).__name__}: {error})."
            ending = Ending(order.number, hand.number, "failed", error=ObserverError(text))
        self._ended.append(ending)

    def _lost(self, hand: H, why: str) -> None:
        """A worker is no more. What it did is lost with it; what it had not begun goes to others."""
        del self._hands[hand.number]
        if hand.begun:
            self._ended.append(Ending(hand.held.popleft().number, hand.number, "lost", why=why))
        self._queue.extendleft(reversed(hand.held))
        hand.held.clear()
        self._losses += 1
        self._stillborn += not hand.ready
        pause = min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._losses, 10)) if self._losses > 1 else 0.0
        self._empty[hand.seat] = time.monotonic() + pause
        if self._losses >= self._most_losses or self._stillborn >= self._most_stillborn:
            self._broken = self._broken or DeepceptionError(self._hopeless(why))

    def _hopeless(self, why: str) -> str:
        if self._stillborn >= self._most_stillborn:
            return (
                f"{self._stillborn} workers of the {self.name} engine died one after the other before they could "
                f"begin (of the last: {why}): see what they wrote above, or give them more memory."
            )
        return (
            f"{self._losses} workers of the {self.name} engine were lost one after the other, and no order "
            f"got done (of the last: {why}): give them more memory, or fewer workers."
        )

    # --- inside ---

    def _fill(self) -> None:
        """Start workers where there are none and the pause is over."""
        now = time.monotonic()
        for seat in [seat for seat, since in self._empty.items() if since <= now]:
            if self._broken is None:
                hand = self._hire(next(self._numbers), seat)
                del self._empty[seat]
                self._hands[hand.number] = hand

    def _until_start(self) -> float:
        """Seconds until the next worker may be started."""
        if self._broken is not None or not self._empty:
            return float("inf")
        return max(0.0, min(self._empty.values()) - time.monotonic())

    def _hand_out(self) -> None:
        """Give waiting orders to the workers that hold the fewest."""
        while self._queue and self._broken is None:
            able = [hand for hand in self._hands.values() if hand.ready and len(hand.held) < HELD]
            if not able:
                return
            hand = min(able, key=lambda h: (len(h.held), h.number))
            coming = self.workers - sum(h.ready for h in self._hands.values())
            if hand.held and len(self._queue) <= coming:
                return  # who is being started will do it sooner
            order = self._queue.popleft()
            hand.held.append(order)
            self._give(hand, order)
        self._even_out()

    def _even_out(self) -> None:
        """Recall orders that wait at workers with something long to do, while others have nothing."""
        idle = sum(hand.ready and not hand.held for hand in self._hands.values())
        idle -= sum(hand.recalled is not None for hand in self._hands.values())
        for hand in self._hands.values():
            if idle > 0 and hand.begun and len(hand.held) > 1 and hand.recalled is None:
                hand.recalled = hand.held[-1]
                self._recall(hand)
                idle -= 1
