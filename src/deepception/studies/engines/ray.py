"""The engine ``ray``: actors on the nodes of a Ray cluster, or of one that is started on this machine."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import os
import socket
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DeepceptionError, InputError
from .cores import seats
from .dispatch import Dispatch, Hand, Order
from .goods import described, unreadable
from .protocol import BenchMaker, Good
from .ray_worker import RayWorker
from .scratch import sweep
from .telling import OUT_OF_MEMORY, Said, Told, told

_KNOCK = 10.0  # seconds in which the head of a cluster must take a connection
_GOODBYE = 5.0  # seconds that idle workers are given to close their benches
_BESIDE = "beside"  # what a worker does beside its orders


@dataclass(eq=False, kw_only=True)
class _RayHand(Hand):
    """A worker, and what it was asked for and has not answered.

    Attributes:
        actor: The actor.
        calls: To be here, to start, then orders, each with its ticket; they are answered in order.
        asked: Asked to give back what is recalled, by its ticket: it may not be the last of them any more.
        placed: Whether it is somewhere in the cluster.
    """

    actor: Any
    calls: deque[tuple[int, Any]] = field(default_factory=deque)
    asked: tuple[int, Any] | None = None
    placed: bool = False


class RayEngine(Dispatch[_RayHand]):
    """Workers that are actors of Ray; files and orders reach them through it, so no disk need be shared.

    On the nodes this package must be installed, and what the benches need.

    Args:
        make: Makes the bench of a worker.
        workers: How many; ``None`` for as many as fit when the engine is opened.
        address: The cluster's address, as ``ray.init`` takes it; ``None`` starts Ray on this machine, unless this
            process is connected already.
        cpus: Processors of each worker, or a fraction of one.
        gpus: GPUs of each worker, or a fraction of one.
        most_losses: See Dispatch.
        patience: Seconds for which the cluster may have no room for any worker.
    """

    name = "ray"
    sees_disk = False

    def __init__(
        self,
        make: BenchMaker,
        *,
        workers: int | None = None,
        address: str | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        most_losses: int | None = None,
        patience: float = 300.0,
    ) -> None:
        self.check(workers=workers, cpus=cpus, gpus=gpus)
        self._ray = _imported()
        self._started = _connect(self._ray, address, workers, cpus)
        self._each = {"CPU": cpus, "GPU": gpus}
        try:
            super().__init__(workers or self._fitting(), most_losses)
            self._make = self._ray.put((make,))
            self._actor = self._ray.remote(
                num_cpus=cpus,
                num_gpus=gpus,
                max_restarts=0,
                max_task_retries=0,
                concurrency_groups={_BESIDE: 1},
            )(RayWorker)
            self._tickets = itertools.count(1)
            self._threads = max(1, math.floor(cpus))
            self._goods: weakref.WeakValueDictionary[str, Good] = weakref.WeakValueDictionary()
            self._patience, self._placed = patience, time.monotonic()
            self._fill()
        except BaseException:
            self._leave()
            raise

    @staticmethod
    def check(*, workers: int | None = None, cpus: float = 1.0, gpus: float = 0.0, **_: Any) -> None:
        """Raise InputError where Ray is not installed, or a worker would have nothing to work on."""
        if workers is not None and workers < 1:
            raise InputError(f"{workers} workers do nothing: name at least one.")
        if cpus < 0 or gpus < 0 or cpus + gpus == 0:
            raise InputError("a worker needs processors or GPUs, a fraction at least: give cpus or gpus.")
        _imported()

    def share(self, path: Path) -> Good:
        """Put a file into the object store, where it stays as long as somebody holds the Good."""
        good = described(path)
        found = self._goods.get(good.sha256 + good.name)
        if found is None:
            try:
                content = Path(good.path).read_bytes()
            except OSError as error:
                raise unreadable(path, error) from error
            found = Good(good.path, good.sha256, good.name, self._ray.put(content))
            self._goods[good.sha256 + good.name] = found
        return found

    def _hire(self, number: int, seat: int) -> _RayHand:
        actor = self._actor.remote()
        hand = _RayHand(number, seat, actor=actor)
        hand.calls.append((0, actor.here.remote()))
        hand.calls.append((0, actor.start.remote(number, self._threads, self._make)))
        return hand

    def _prepare(self, body: Any) -> Any:
        return (body,)

    def _give(self, hand: _RayHand, order: Order) -> None:
        ticket = next(self._tickets)
        try:
            call = hand.actor.do.remote(ticket, order.body)
        except Exception as error:
            # It cannot be pickled: this one order ends here, in its turn.
            call = self._ray.put(Said("failed", error=told(error)))
        hand.calls.append((ticket, call))
        # Whether it has begun is not known here: that it has is the safer guess.
        hand.begun = True

    def _recall(self, hand: _RayHand) -> None:
        # Ray's own cancelling would come too late, and not say whether the order was done.
        ticket, _ = hand.calls[-1]
        hand.asked = (ticket, hand.actor.give_back.options(concurrency_group=_BESIDE).remote(ticket))

    def _listen(self, timeout: float) -> None:
        calls = self._awaited()
        if not calls:
            time.sleep(timeout)
            return
        ready, _ = self._ray.wait(list(calls), timeout=min(timeout, 1.0))
        while ready:
            for call in ready:
                hand = calls[call]
                if hand.asked is not None and call == hand.asked[1]:
                    self._hear_return(hand)
                # What was just given back is not waited for any more.
                elif hand.number in self._hands and hand.calls and call == hand.calls[0][1]:
                    self._hear(hand)
            calls = self._awaited()
            ready = self._ray.wait(list(calls), num_returns=len(calls), timeout=0)[0] if calls else []
        self._look_for_room()

    def _awaited(self) -> dict[Any, _RayHand]:
        """What workers will answer next, and which."""
        # A worker answers in order, so the first call of each is all there is to wait for.
        calls = {hand.calls[0][1]: hand for hand in self._hands.values() if hand.calls}
        calls.update({hand.asked[1]: hand for hand in self._hands.values() if hand.asked is not None})
        return calls

    def _hear_return(self, hand: _RayHand) -> None:
        """Take in whether a worker gives back what it was asked for."""
        assert hand.asked is not None
        (ticket, asked), hand.asked = hand.asked, None
        try:
            given_back = self._ray.get(asked)
        except self._ray.exceptions.RayError:
            return  # the worker is no more: its calls say so as well
        if not given_back:
            hand.recalled = None
        elif hand.recalled is not None:
            # It may have got another order since, which is its last now.
            hand.calls = deque(call for call in hand.calls if call[0] != ticket)
            self._returned(hand)

    def _hear(self, hand: _RayHand) -> None:
        """Take in the answer to the first call of a worker."""
        errors = self._ray.exceptions
        _, call = hand.calls.popleft()
        try:
            answer = self._ray.get(call)
        except (
            errors.RayActorError,
            errors.ObjectLostError,
            errors.OutOfMemoryError,
            errors.NodeDiedError,
        ) as error:
            self._bury(hand, _fate(error))
            return
        except Exception as error:
            answer = Said("failed", error=_unread(error)) if hand.ready else _unread(error)
        if not hand.placed:
            hand.placed = True
            if isinstance(answer, Told):
                self._made(hand, answer)
        elif not hand.ready:
            self._made(hand, answer)
        elif answer is None:
            self._returned(hand)
        else:
            self._done(hand, answer)
        hand.begun = hand.ready and bool(hand.held)
        if isinstance(answer, Said) and answer.state == "lost":
            hand.begun = False
            self._bury(hand, answer.why)

    def _bury(self, hand: _RayHand, why: str) -> None:
        self._kill(hand)
        self._lost(hand, why)

    def _kill(self, hand: _RayHand) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(hand.actor, no_restart=True)

    def _look_for_room(self) -> None:
        """Give up where the cluster has had no place for any worker for long."""
        now = time.monotonic()
        if any(hand.placed for hand in self._hands.values()):
            self._placed = now
        elif now - self._placed > self._patience and self._broken is None:
            there = self._ray.cluster_resources()
            has = " and ".join(f"{there.get(name, 0):g} {name}" for name in self._each)
            needs = " and ".join(f"{number:g} {name}" for name, number in self._each.items())
            self._broken = DeepceptionError(
                f"the Ray cluster had no room for any worker for {self._patience:.0f} seconds: each needs "
                f"{needs}, and the whole of it has {has}."
            )

    def _fitting(self) -> int:
        """How many workers fit into what is free."""
        there = self._ray.available_resources()
        fits: int = min(math.floor(there.get(name, 0) / each) for name, each in self._each.items() if each)
        if fits < 1:
            raise InputError(
                "the Ray cluster has no room for a worker now: free some of it, or say how many workers."
            )
        return fits

    def _end(self) -> None:
        idle = [hand.actor.close.remote() for hand in self._hands.values() if hand.ready and not hand.held]
        if idle:
            self._ray.wait(idle, num_returns=len(idle), timeout=_GOODBYE)
        for hand in self._hands.values():
            self._kill(hand)
        self._leave()

    def _leave(self) -> None:
        if self._started:
            self._ray.shutdown()
            _news(self._ray, True)
        sweep()


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InputError("the engine ray needs Ray: pip install 'deepception[ray]'.") from error
    return ray


def _connect(ray: Any, address: str | None, workers: int | None, cpus: float) -> bool:
    """Connect to a cluster, or start one here; whether that was done here, and is to be undone."""
    if ray.is_initialized():
        here = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", here):
            raise InputError(
                f"this process is connected to the Ray at {here} already: leave the address {address} out."
            )
        return False
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        _knock(address)
        try:
            ray.init(address=address, **quiet)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise InputError(
                f"the Ray cluster at {address} cannot be used ({said}): it is another version of Ray, or asks for "
                "a token (set RAY_AUTH_MODE=token, and have its token in ~/.ray/auth_token or RAY_AUTH_TOKEN)."
            ) from error
        _news(ray, False)
        return True
    # Nothing of what is studied concerns anybody else.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cores = sum(seat.threads for seat in seats(None))
    room = max(cores, math.ceil((workers or 1) * cpus))
    ray.init(address="local", num_cpus=room, include_dashboard=False, **quiet)
    _news(ray, False)
    return True


def _knock(address: str) -> None:
    """Raise InputError where nobody listens at the address: Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster answers at {address} ({error}): give the address that `ray start` printed there."
        ) from error


def _news(ray: Any, printed: bool) -> None:
    """Whether Ray prints what becomes of its nodes: to standard output, which is our results' alone.

    ``log_to_driver`` does not concern these, and Ray has no other switch; a version without this one only prints.
    """
    if hasattr(ray._private.worker, "_worker_logs_enabled"):
        ray._private.worker._worker_logs_enabled = printed


def _unread(error: BaseException) -> Told:
    """The call itself failed, before anything of ours ran: a module is missing on the node, say."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return Told(
        "ObserverError",
        f"a Ray worker could not take in what it was sent ({said[-1]}): install it there, too.",
    )


def _fate(error: BaseException) -> str:
    """What became of an actor, in a few words, from the paragraphs that Ray has for it."""
    text, kind = str(error).lower(), type(error).__name__.lower()
    if "memory pressure" in text or "running low on memory" in text or "outofmemory" in kind:
        return OUT_OF_MEMORY
    if "node" in kind or "node has died" in text or "node was terminated" in text:
        return "its node was lost"
    if "unavailable" in kind:
        return "its node cannot be reached"
    return f"its process crashed or was killed, as Ray tells ({type(error).__name__})"
