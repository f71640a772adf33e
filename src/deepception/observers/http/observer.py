"""The observer behind an endpoint: a wire format and a client, with what a session needs of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import ObserverError
from ..preprocessing import check_images
from ..protocol import AnswerLevel, RawAnswers
from ..remote import Limits, TransientError, answer_plainly
from ..resolved import ResolvedObserver
from ..settings import Settings
from .client import Client, Reply


@dataclass(frozen=True)
class Message:
    """One request: where it goes, what is sent, and the ``id`` by which its answer is known, where it has one."""

    url: str
    body: bytes = field(repr=False)
    headers: dict[str, str]
    id: str | None = None


class Wire(Protocol):
    """How one protocol writes an image and reads an answer. Both are called in several threads at once."""

    def write(self, image: NDArray[np.uint8]) -> Message:
        """The request for one image, uint8 ``[H, W, 3]``."""

    def read(self, reply: Reply, message: Message) -> RawAnswers:
        """The answer, of one row; raises TransientError with ``nonsense`` where there is none in it."""


class HttpObserver(ResolvedObserver):
    """A classifier behind an endpoint; made by the factories of ``http:`` and ``https:``.

    Attributes:
        limits: What the person allows.
        settings: The resolved preprocessing, and where each part of it came from.
        sent_before: 0, for nothing is asked to open it.
        understood: What opening it found out, name to words, for people.
    """

    sent_before = 0

    def __init__(
        self,
        name: str,
        client: Client,
        wire: Wire,
        settings: Settings,
        level: AnswerLevel,
        identity: dict[str, Any],
        limits: Limits,
        understood: dict[str, str] | None = None,
    ) -> None:
        self.limits = limits
        self.settings = settings
        self.understood = understood or {}
        self._name = name
        self._client = client
        self._wire = wire
        self._level = level
        self._identity = identity

    @property
    def level(self) -> AnswerLevel:
        """The answer level."""
        return self._level

    @property
    def identity(self) -> dict[str, Any]:
        """Address, model, stated version, wire format and preprocessing; nothing secret."""
        return {
            "adapter": "http",
            "address": self._client.address,
            **self._identity,
            "output": self._level.value,
        }

    def encode(self, image: NDArray[np.uint8]) -> Message:
        """The request for one image, uint8 ``[H, W, 3]``."""
        return self._wire.write(image)

    async def exchange(self, encoded: Message) -> RawAnswers:
        """Transmit once and read the answer.

        Raises TransientError where another try may help, ObserverError or UnreachableError where not.
        """
        reply = await self._client.post(encoded.url, encoded.body, encoded.headers)
        try:
            answer = self._wire.read(reply, encoded)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise TransientError(
                "bad answer", "it has another form than its protocol says", nonsense=True
            ) from error
        self._check_kind(answer)
        return answer

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._client.aclose()

    def answer(self, images: NDArray[np.uint8]) -> RawAnswers:
        """Answers to uint8 ``[N, H, W, 3]`` images, one after the other and without a second try.

        A session asks many at once, and again where a request fails.
        """
        check_images(images, self.frame)
        return answer_plainly(self, images)

    def close(self) -> None:
        """Nothing is held between two event loops."""

    def _check_kind(self, answer: RawAnswers) -> None:
        """Refuse probabilities that were taken for logits because nobody said what they are."""
        if answer.level is not AnswerLevel.LOGITS or self.settings.sources.get("output") != "default":
            return
        scores = answer.scores.astype(np.float64)
        if scores.shape[1] > 1 and scores.min() >= 0 and abs(scores.sum() - 1) < 1e-3:
            raise ObserverError(
                f"the scores of {self._name} sum to one, so they are probabilities, and nothing said so: "
                "add --output probabilities."
            )
