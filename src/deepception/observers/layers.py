"""A layer: what one source says about preprocessing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Layer:
    """What one source says about preprocessing.

    Attributes:
        origin: Where it was said, for people: ``"flag"``, ``"sidecar mobilenet.json"``, ``"model"``,
            ``"default"``.
        values: Settings by name, only those that were said: height, width, fit, crop_fraction, interpolation,
            mean, std, pixel_range, layout, colour_order, dtype, output, labels, label_order, label_offset,
            classes, input_name, output_name, sha256, name.
        warnings: Sentences about what was said and cannot be followed to the letter.
    """

    origin: str
    values: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
