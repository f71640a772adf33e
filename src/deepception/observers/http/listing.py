"""Lists of the best classes as endpoints give them: names or indices, with scores, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..protocol import AnswerLevel, RawAnswers
from .answering import nonsense


class Listing:
    """Reads the best classes of one image.

    Args:
        labels: Names of the classes.
        level: ``top-k`` or ``label``.
        k: How many are read; answers with fewer are refused, of more the best are taken.
        resolution: The step to which the probabilities are rounded, 0 where they are not.
    """

    def __init__(self, labels: Sequence[str], level: AnswerLevel, k: int, resolution: float = 0.0) -> None:
        self._level, self._k, self._resolution = level, k, resolution
        self._classes = len(labels)
        self._index: dict[str, int | None] = {}
        for index, name in enumerate(labels):
            # A name that two classes bear stands for neither.
            for key in {_key(name), *(_key(part) for part in name.split(","))}:
                self._index[key] = None if key in self._index else index
        whole = Counter(_key(name) for name in labels)
        # A whole name goes before a synonym of another class.
        self._index |= {_key(name): index for index, name in enumerate(labels) if whole[_key(name)] == 1}

    def read(self, names: Sequence[object], scores: Sequence[float] | None) -> RawAnswers:
        """The answer, of one row; raises TransientError where a name or a number of them makes no sense."""
        if len(names) < self._k:
            raise nonsense(
                f"it lists {len(names)} classes and not {self._k}: if it never lists more, say so as "
                f"the level, top-{max(1, len(names))}"
            )
        classes = np.array([self._class(name) for name in names], dtype=np.int64)
        if self._level is AnswerLevel.LABEL:
            return RawAnswers(self._level, np.empty((1, 0)), classes[None, :1])
        if scores is None or len(scores) != len(names):
            raise nonsense(f"it lists {len(names)} classes and {len(scores or ())} scores")
        values = np.asarray(scores, dtype=np.float64)
        order = np.argsort(-values, kind="stable")[: self._k]
        return RawAnswers(self._level, values[None, order], classes[None, order], self._resolution)

    def _class(self, name: object) -> int:
        if isinstance(name, int) and not isinstance(name, bool):
            index: int | None = name
        else:
            text = str(name).strip()
            index = self._index.get(_key(text))
            if index is None and text.isascii() and text.isdigit():
                index = int(text)
        if index is None or not 0 <= index < self._classes:
            raise nonsense(f"it answers {str(name)[:60]!r}, which is not among the {self._classes} labels")
        return index


def _key(name: str) -> str:
    return "".join(name.replace("_", " ").split()).casefold()
