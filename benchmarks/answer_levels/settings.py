"""What is compared: networks, answer levels, photographs, and one design for all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from deepception.properties import (
    ActivationParameters,
    CumulativeParameters,
    Experiment,
    LocalParameters,
    SpatialParameters,
    experiments,
)

NETWORKS = ("mcunet_320kb_176", "shufflenet_v2_224", "efficientnet_lite0")
TITLES = {
    "mcunet_320kb_176": "MCUNet",
    "shufflenet_v2_224": "ShuffleNet v2",
    "efficientnet_lite0": "EfficientNet-Lite0",
}

FULL = "logits"
AGAIN = "logits, other draws"
"""The same again with another seed: what repeating alone does to a map."""

LEVELS = (FULL, AGAIN, "top-5", "probabilities@0.01", "label")

PHOTOGRAPHS = 8
LABEL_PHOTOGRAPHS = {"mcunet_320kb_176": 8, "shufflenet_v2_224": 4, "efficientnet_lite0": 4}
"""A photograph costs fourteen times as much from labels alone: only the first, where queries are slow."""

CANVASES = ("grey", "mean", "noise")
MAPS = ("sufficiency", "necessity", "spatial", "activation", "doses")
PROPERTIES = ("local", "spatial", "activation", "cumulative")


@dataclass(frozen=True)
class Level:
    """An answer level of the comparison.

    Attributes:
        name: One of ``LEVELS``.
        knowledge: What is used of the answers.
        seed: Of jitter, scrambles, phases and arrangements.
    """

    name: str

    @property
    def knowledge(self) -> str:
        """As ``--knowledge`` takes it."""
        return FULL if self.name == AGAIN else self.name

    @property
    def seed(self) -> int:
        """Equal for all levels but one."""
        return 1 if self.name == AGAIN else 0

    @property
    def labels_only(self) -> bool:
        """Whether thresholds are measured."""
        return self.name == "label"


def parameters(level: Level) -> dict[str, Any]:
    """The same regions, places, repeats and controls at every level; none is shared by photographs."""
    others = 0 if level.labels_only else 100
    design: dict[str, Any] = {
        "local": LocalParameters(canvases=CANVASES, repeats=2, crops=0),
        "spatial": SpatialParameters(canvases=CANVASES, crops=1, shared_crops=0),
        "activation": ActivationParameters(canvases=CANVASES, crops=1, control_patches=0),
        "cumulative": CumulativeParameters(canvases=CANVASES),
    }
    if level.labels_only:
        margin = experiments()["activation"].for_setting("standard", labels_only=True).margin
        design["activation"] = replace(design["activation"], margin=margin)
    return {name: replace(given, others=others) for name, given in design.items()}


def price(level: Level, shape: tuple[int, int]) -> int:
    """Queries of one photograph, at most."""
    design = parameters(level)
    known = experiments()

    def cost(experiment: Experiment) -> int:
        return experiment.cost(design[experiment.name], shape, False, labels_only=level.labels_only)

    return sum(cost(known[name]) for name in PROPERTIES)
