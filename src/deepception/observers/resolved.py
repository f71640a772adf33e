"""What observers have in common whose preprocessing was resolved from flags, files and the model itself."""

from __future__ import annotations

from ..stimuli import Frame
from .protocol import AnswerLevel
from .settings import Settings


class ResolvedObserver:
    """Name, frame, labels, level and batch size, as they were resolved; adapters derive from it.

    Attributes:
        settings: The resolved preprocessing, and where each part of it came from.
    """

    settings: Settings
    _name: str
    _fixed_batch: int | None = None

    @property
    def name(self) -> str:
        """The given name, else the model's own."""
        return self._name

    @property
    def frame(self) -> Frame:
        """The frame that images must have."""
        return self.settings.preprocessing.frame

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.settings.labels

    @property
    def level(self) -> AnswerLevel:
        """Logits or probabilities."""
        return AnswerLevel(self.settings.preprocessing.output or "logits")

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that the model takes, or ``None``."""
        return self._fixed_batch
