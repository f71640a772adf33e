"""What the protocols share when they open an endpoint: its address, its client, and what was said about it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import InputError, ObserverError, UnreachableError
from ..layers import Layer
from ..options import OpeningOptions
from ..protocol import AnswerLevel
from ..remote import Limits, TransientError, run_apart
from ..settings import ModelFacts, Settings, resolve_settings, said
from .answering import read_json
from .client import Client
from .headers import Headers
from .observer import HttpObserver, Wire

_MODEL = re.compile(r"/(?:models|predictions)/([^/:]+)")
_MOST_CLASSES, _LONGEST_SIDE = 2**20, 2**14  # an endpoint that says more describes no classifier of images
_TRIES = 5  # of a question about the model, which no one bills


@dataclass(frozen=True)
class Tensor:
    """A tensor as an endpoint describes it: name, type in its protocol's words, and sizes, -1 where any."""

    name: str
    type: str
    shape: tuple[int, ...]


class Context:
    """An endpoint that is being opened.

    Attributes:
        address: Where it is.
        name: What to call it.
        layers: What was said about preprocessing, the most binding first.
        limits: What the person allows.
        version: The version that the person stated.
    """

    def __init__(
        self, address: str, options: OpeningOptions, layers: Sequence[Layer], headers: Headers, limits: Limits
    ) -> None:
        self.address = address
        model = _MODEL.search(address)
        self.name = options.name or (model[1] if model else address.split("://", 1)[1])
        self.layers = layers
        self.limits = limits
        self.version = options.version
        self.input_name: str | None = said(layers, "input_name")[0]
        self.output_name: str | None = said(layers, "output_name")[0]
        self._headers = headers
        self._client = Client(address, headers, limits)

    def fetch_json(self, url: str) -> dict[str, Any]:
        """A JSON object about the model. Tries a few times.

        Raises UnreachableError where the server does not answer, ObserverError where it answers nonsense.
        """

        async def fetch() -> Any:
            try:
                for attempt in range(_TRIES):
                    try:
                        async with asyncio.timeout(self.limits.timeout):
                            return read_json(await self._client.get(url))
                    except (TransientError, TimeoutError) as error:
                        if attempt == _TRIES - 1:
                            raise
                        wait = error.retry_after if isinstance(error, TransientError) else None
                        await asyncio.sleep(
                            min(0.1 * 2**attempt if wait is None else wait, self.limits.patience)
                        )
            finally:
                await self._client.aclose()

        try:
            found = run_apart(fetch)
        except TransientError as error:
            if error.nonsense:
                raise ObserverError(
                    f"{self.name} does not describe itself ({error.message}): check the address and the protocol."
                ) from error
            raise UnreachableError(
                f"{self.address} cannot be reached ({error.message}): check the address, and that it runs."
            ) from error
        except TimeoutError as error:
            raise UnreachableError(
                f"{self.address} does not answer within {self.limits.timeout:g} s."
            ) from error
        if not isinstance(found, dict):
            raise ObserverError(f"{self.name} does not describe itself: check the address and the protocol.")
        return found

    @property
    def classes(self) -> int | None:
        """K, from the labels that were given or the number that was stated."""
        labels = said(self.layers, "labels")[0]
        if labels is not None:
            return len(labels) + (said(self.layers, "label_offset")[0] or 0)
        stated = said(self.layers, "classes")[0]
        return None if stated is None else int(stated)

    def settings(self, facts: ModelFacts) -> Settings:
        """All settings; a version or a size of the model's own binds."""
        return resolve_settings(self.layers, facts, self.name)

    def observer(
        self,
        wire: Wire,
        settings: Settings,
        level: AnswerLevel,
        identity: dict[str, Any],
        understood: dict[str, str],
    ) -> HttpObserver:
        """The observer that all this makes."""
        preprocessing = settings.preprocessing
        whole = {**identity, "preprocessing": preprocessing.identity(), "headers": dict(self._headers.told)}
        if self._headers.sent:
            understood = {**understood, "headers": ", ".join(sorted(self._headers.sent))}
        return HttpObserver(self.name, self._client, wire, settings, level, whole, self.limits, understood)


def image_facts(
    context: Context, taken: Tensor, given: Tensor, dtype: Any, *, encoded: bool = False
) -> ModelFacts:
    """What the tensors say of the frame, the layout, the type and the number of classes.

    Args:
        context: For what was stated beside it.
        taken: The input.
        given: The output.
        dtype: numpy's name of the input's type.
        encoded: Whether it takes images as files, whose shape says nothing.

    Raises:
        ObserverError: The input is no image.
        InputError: Nothing says how many classes there are.
    """
    shape = () if encoded else taken.shape[-3:]
    height = width = None
    layout: Any = None
    if shape:
        if len(taken.shape) not in (3, 4) or 3 not in (shape[0], shape[2]):
            raise ObserverError(
                f"{context.name} takes tensors {list(taken.shape)}, no colour images: name another input."
            )
        layout = "NCHW" if shape[0] == 3 else "NHWC"
        height, width = shape[1:] if layout == "NCHW" else shape[:2]
    classes = given.shape[-1] if given.shape and given.shape[-1] > 1 else context.classes
    if classes is None:
        raise InputError(
            f"{context.name} does not say how many classes it has: give their names with --labels, or "
            "their number as classes in a file for --preprocessing."
        )
    if classes > _MOST_CLASSES or any(side and side > _LONGEST_SIDE for side in (height, width)):
        raise ObserverError(
            f"{context.name} takes tensors {list(taken.shape)} and gives {list(given.shape)}, more than any "
            "classifier of images: check the address, and name another input or output."
        )
    known = [side if side is not None and side > 0 else None for side in (height, width)]
    return ModelFacts(classes, known[0], known[1], layout, dtype)
