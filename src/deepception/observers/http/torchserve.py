"""TorchServe's inference interface: ``http://host:8080/predictions/NAME``, an image file in, JSON out."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..protocol import AnswerLevel, RawAnswers
from ..settings import ModelFacts, said
from .answering import nonsense, read_json, row_of
from .client import Reply
from .context import Context
from .listing import Listing
from .observer import HttpObserver, Message
from .pixels import png

_ADDRESS = re.compile(r".+?/predictions/(?P<model>[^/]+)(/(?P<version>[^/]+))?")
_LISTED = 5


def open_torchserve(context: Context, level: str | None) -> HttpObserver:
    """Open ``http://host:8080/predictions/NAME``, or one of its versions.

    Args:
        context: Address, client and options. TorchServe tells nothing about a model, so labels are needed.
        level: ``"top-5"`` for what its image classifier answers (the default; any number), ``"label"``, or
            ``"probabilities"`` or ``"logits"`` for a handler that answers a list of all scores.

    Raises:
        InputError: The address names no model, or labels are missing.
        UnreachableError: The server does not answer.
    """
    found = _ADDRESS.fullmatch(context.address)
    if found is None:
        raise InputError(
            f"{context.address} names no model of TorchServe: write …/predictions/NAME, with /VERSION behind it "
            "where there are several."
        )
    if context.classes is None or said(context.layers, "labels")[0] is None:
        raise InputError(
            f"TorchServe does not tell the classes of {found['model']}: give their names with --labels."
        )
    context.fetch_json(context.address.partition("/predictions/")[0] + "/ping")
    settings = context.settings(ModelFacts(context.classes, dtype="uint8"))
    said_output = settings.preprocessing.output if settings.sources["output"] != "default" else None
    wanted, k = level_and_k(level or said_output or f"top-{min(_LISTED, context.classes)}")
    listing = (
        Listing(settings.labels, wanted, k) if wanted in (AnswerLevel.TOP_K, AnswerLevel.LABEL) else None
    )
    version = found["version"] or context.version
    identity = {"protocol": "torchserve", "model": found["model"], "version": version, "k": k}
    understood = {
        "protocol": "TorchServe, PNG",
        "image": "sent whole: the server's own handler resizes and normalises it",
    }
    return context.observer(
        TorchServeWire(context.address, listing, wanted), settings, wanted, identity, understood
    )


class TorchServeWire:
    """Sends the PNG itself, and reads an object of name to probability, or a list of all scores."""

    def __init__(self, url: str, listing: Listing | None, level: AnswerLevel) -> None:
        self._url, self._listing, self._level = url, listing, level

    def write(self, image: NDArray[np.uint8]) -> Message:
        """The request for one image."""
        return Message(self._url, png(image), {"Content-Type": "image/png"})

    def read(self, reply: Reply, message: Message) -> RawAnswers:
        """The answer of the one image."""
        answer = read_json(reply)
        if self._listing is None:
            return RawAnswers(self._level, row_of(answer))
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if not isinstance(answer, dict) or "code" in answer:
            raise nonsense("the answer is no object of names and probabilities")
        scores = list(answer.values())
        if not all(type(score) in (int, float) for score in scores):
            raise nonsense("the scores are not all numbers")
        best = sorted(answer, key=lambda name: -answer[name])
        return self._listing.read(best, [answer[name] for name in best])


def level_and_k(text: str) -> tuple[AnswerLevel, int]:
    """An answer level from its word, ``"top-5"`` among them, and how many classes it lists (0 for all)."""
    found = re.fullmatch(r"top-([1-9]\d{0,4})", text)
    if found:
        return AnswerLevel.TOP_K, int(found[1])
    if text in (AnswerLevel.LOGITS, AnswerLevel.PROBABILITIES, AnswerLevel.LABEL):
        return AnswerLevel(text), 1 if text == AnswerLevel.LABEL else 0
    raise InputError(f"there is no answer level {text!r}: use logits, probabilities, top-5 or label.")
