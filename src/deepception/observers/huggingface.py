"""Preprocessing as Hugging Face's ``preprocessor_config.json`` and ``config.json`` tell it."""

from __future__ import annotations

import math
from typing import Any

from ..errors import InputError
from .labels import labels_from_json
from .layers import Layer

# Numbers that Pillow gave its filters; Frame has no Hamming filter (5).
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}


def layer_from_hugging_face(processor: dict[str, Any], config: dict[str, Any], files: str) -> Layer:
    """What the two files say, in our words; either may be empty.

    ``config.json`` may also hold timm's ``pretrained_cfg``, which is read where the processor says nothing.
    Raises InputError, naming file and field, where a field has another form than the library writes.
    """
    reader = _Reader(files)
    values: dict[str, Any] = {}
    warnings: list[str] = []
    timm = config.get("pretrained_cfg")
    if isinstance(timm, dict):
        values |= layer_from_timm(timm, files).values
    if processor:
        values |= reader.frame(processor, warnings)
        values |= reader.numbers(processor)
        if processor.get("do_flip_channel_order"):
            values["colour_order"] = "BGR"
    labels = config.get("id2label") or config.get("label_names")
    if labels:
        values["labels"] = labels_from_json(labels, f"{files}: the field 'id2label'")
    return Layer(f"Hugging Face {files}", values, tuple(warnings))


def layer_from_timm(pretrained: dict[str, Any], origin: str) -> Layer:
    """What timm's ``pretrained_cfg`` (or its resolved data configuration) says, in our words."""
    reader = _Reader(origin)
    values: dict[str, Any] = {}
    size = pretrained.get("input_size")
    if isinstance(size, (list, tuple)) and len(size) == 3:
        values["height"], values["width"] = (
            reader.side(size[1], "input_size"),
            reader.side(size[2], "input_size"),
        )
    if isinstance(pretrained.get("crop_pct"), (int, float)):
        values["crop_fraction"] = min(1.0, float(pretrained["crop_pct"]))
    if pretrained.get("crop_mode") == "squash":
        values["fit"] = "squash"
    if pretrained.get("interpolation") in _RESAMPLE.values():
        values["interpolation"] = pretrained["interpolation"]
    for name in ("mean", "std"):
        if pretrained.get(name) is not None:
            values[name] = reader.three(pretrained[name], name)
            values["pixel_range"] = "0..1"
    return Layer(origin, values)


class _Reader:
    """Reads fields of one pair of files, refusing with their names."""

    def __init__(self, files: str) -> None:
        self._files = files

    def refuse(self, name: str, value: Any) -> InputError:
        return InputError(f"{self._files}: the field {name!r} cannot be used: {value!r}.")

    def side(self, value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refuse(name, value)
        return value

    def three(self, value: Any, name: str) -> tuple[float, float, float]:
        numbers = [value] * 3 if isinstance(value, (int, float)) else value
        if not isinstance(numbers, (list, tuple)) or len(numbers) != 3:
            raise self.refuse(name, value)
        if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
            raise self.refuse(name, value)
        return (float(numbers[0]), float(numbers[1]), float(numbers[2]))

    def size(self, value: Any, name: str) -> tuple[tuple[int, int] | None, int | None]:
        """(height, width), or the length of the shortest edge; the older form is one integer."""
        if isinstance(value, dict) and "shortest_edge" in value:
            return None, self.side(value["shortest_edge"], name)
        if isinstance(value, dict) and {"height", "width"} <= value.keys():
            return (self.side(value["height"], name), self.side(value["width"], name)), None
        if isinstance(value, (list, tuple)) and len(value) == 2:
            # Older files list width before height.
            return (self.side(value[1], name), self.side(value[0], name)), None
        return None, self.side(value, name)

    def frame(self, processor: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
        """Size, fit and crop."""
        values: dict[str, Any] = {}
        resample = processor.get("resample")
        if resample in _RESAMPLE:
            values["interpolation"] = _RESAMPLE[resample]
        elif resample is not None:
            raise self.refuse("resample", resample)
        if processor.get("size") is None:
            return values
        exact, shortest = self.size(processor["size"], "size")
        crops = bool(processor.get("do_center_crop")) and processor.get("do_resize", True)
        crop_pct = processor.get("crop_pct")
        if crops and processor.get("crop_size") is not None:
            sides, edge = self.size(processor["crop_size"], "crop_size")
            height, width = sides if sides is not None else (edge or 0, edge or 0)
            if exact is not None and exact != (height, width):
                warnings.append(
                    f"{self._files} resizes to {exact[0]}x{exact[1]} whatever the aspect before it crops; "
                    "photographs keep their aspect here."
                )
            target = shortest if shortest is not None else min(exact or (height, width))
            return values | _crop(height, width, target)
        if exact is not None:
            return values | {"height": exact[0], "width": exact[1], "fit": "squash", "crop_fraction": 1.0}
        edge = shortest or 0
        if isinstance(crop_pct, (int, float)):
            # As ConvNeXt's processor does it: a crop below 384 pixels, no aspect from there on.
            if edge >= 384:
                return values | {"height": edge, "width": edge, "fit": "squash", "crop_fraction": 1.0}
            return values | _crop(edge, edge, int(edge / crop_pct))
        square = isinstance(processor["size"], dict)
        fit = "crop" if square else "squash"
        return values | {"height": edge, "width": edge, "fit": fit, "crop_fraction": 1.0}

    def numbers(self, processor: dict[str, Any]) -> dict[str, Any]:
        """Mean, std and range: on the scale 0 to 1 for the usual factor 1/255, on 0 to 255 for any other."""
        normalises = processor.get("do_normalize", "image_mean" in processor)
        mean = self.three(processor.get("image_mean", 0.0), "image_mean") if normalises else (0.0, 0.0, 0.0)
        std = self.three(processor.get("image_std", 1.0), "image_std") if normalises else (1.0, 1.0, 1.0)
        factor = processor.get("rescale_factor", 1 / 255)
        if not isinstance(factor, (int, float)) or isinstance(factor, bool) or not factor > 0:
            raise self.refuse("rescale_factor", factor)
        if not processor.get("do_rescale", True):
            factor = 1.0
        offset = 1.0 if processor.get("rescale_offset") else 0.0
        if abs(factor * 255 - 1) < 1e-6 and not offset:
            return {"mean": mean, "std": std, "pixel_range": "0..1"}
        scaled_mean = tuple((number + offset) / factor for number in mean)
        return {"mean": scaled_mean, "std": tuple(s / factor for s in std), "pixel_range": "0..255"}


def _crop(height: int, width: int, shortest: int) -> dict[str, Any]:
    """The central crop of a photograph whose short side is resized to ``shortest``."""
    side = min(height, width)
    if shortest <= side:
        return {"height": height, "width": width, "fit": "crop", "crop_fraction": 1.0}
    fraction = side / shortest
    if math.floor(side / fraction) != shortest:
        # The quotient fell just below the integer: half a pixel more lands on it.
        fraction = side / (shortest + 0.5)
    return {"height": height, "width": width, "fit": "crop", "crop_fraction": fraction}
