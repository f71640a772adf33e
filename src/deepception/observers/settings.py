"""From what was said, in several places, to one preprocessing; each setting remembers who said it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InputError, ObserverError
from ..stimuli import Frame
from ..stimuli.frame import Fit, Interpolation
from .labels import BACKGROUND, default_labels, imagenet_labels, read_labels
from .layers import Layer
from .preprocessing import ColourOrder, InputType, Layout, OutputKind, PixelRange, Preprocessing

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# As many classes have ImageNet's classifiers from TensorFlow, whose first output is a background class.
_BEHIND_BACKGROUND = 1001
_ASSUMED_BACKGROUND = "assumed from 1,001 outputs"

_DEFAULTS: dict[str, Any] = {
    "height": 224,
    "width": 224,
    "fit": "crop",
    "crop_fraction": 0.875,
    "interpolation": "bicubic",
    "layout": "NCHW",
    "colour_order": "RGB",
    "dtype": "float32",
    "output": "logits",
}


@dataclass(frozen=True)
class PreprocessingOptions:
    """What the user says about preprocessing; each setting that is given overrides all files.

    Attributes:
        preprocessing: A sidecar to read instead of those beside the model.
        labels: Names of the classes, or a file that holds them.
        height: Rows of the frame.
        width: Columns of the frame.
        fit: ``"crop"`` or ``"squash"``, see Frame.
        crop_fraction: See Frame.
        interpolation: See Frame.
        mean: See Preprocessing; given together with ``std``.
        std: See Preprocessing.
        pixel_range: See Preprocessing; where it is not given, a mean and std up to 1 mean ``"0..1"``.
        layout: ``"NCHW"`` or ``"NHWC"``.
        colour_order: ``"RGB"`` or ``"BGR"``.
        output: Whether the scores are ``"logits"`` or ``"probabilities"``.
        output_name: Name of the output to read where the model has several.
        input_name: Name of the input that takes the image.
    """

    preprocessing: Path | None = None
    labels: Path | tuple[str, ...] | None = None
    height: int | None = None
    width: int | None = None
    fit: Fit | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    pixel_range: PixelRange | None = None
    layout: Layout | None = None
    colour_order: ColourOrder | None = None
    output: OutputKind | None = None
    output_name: str | None = None
    input_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse half a normalisation."""
        if (self.mean is None) != (self.std is None):
            raise InputError("give mean and std together, or neither.")

    def layer(self) -> Layer:
        """The settings that were given."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "preprocessing"}
        values = {name: value for name, value in values.items() if value is not None}
        if isinstance(values.get("labels"), Path):
            values["labels"] = read_labels(values["labels"])
        return Layer("flag", values)


@dataclass(frozen=True)
class ModelFacts:
    """What was read off the model itself; ``None`` where it does not say."""

    classes: int
    height: int | None = None
    width: int | None = None
    layout: Layout | None = None
    dtype: InputType | None = None
    output: OutputKind | None = None


@dataclass(frozen=True)
class Settings:
    """The resolved preprocessing.

    Attributes:
        preprocessing: All settings, none open.
        labels: Names of all classes.
        sources: For each setting where it came from: ``"flag"``, ``"sidecar FILE"``, ``"Hugging Face FILE"``,
            ``"model"`` or ``"default"``.
        warnings: Sentences for the person: contradictions that do not prevent the use.
    """

    preprocessing: Preprocessing
    labels: tuple[str, ...]
    sources: dict[str, str]
    warnings: tuple[str, ...]


def said(layers: Sequence[Layer], name: str) -> tuple[Any, str]:
    """The first value that a layer gives for a setting, and its origin; else ``(None, "default")``."""
    for layer in layers:
        if layer.values.get(name) is not None:
            return layer.values[name], layer.origin
    return None, "default"


def bytes_warning(layers: Sequence[Layer], digest: str, path: Path) -> list[Layer]:
    """A sidecar may state the model's SHA-256; another one means that it describes another file."""
    stated, source = said(layers, "sha256")
    if stated is None or stated.lower() == digest:
        return []
    return [Layer(source, {}, (f"{source} describes another file than {path.name}: its sha256 differs.",))]


def resolve_settings(layers: Sequence[Layer], facts: ModelFacts, model: str) -> Settings:
    """Combine what was said with what the model says of itself.

    Args:
        layers: The most binding first: flags, then files.
        facts: Read off the model; where it states a size, a layout or a type, nothing overrides it.
        model: What to call the model in sentences.

    Raises InputError where a setting contradicts the model, ObserverError where the number of labels or of
    classes does.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, default in _DEFAULTS.items():
        value, source = said(layers, name)
        fact = getattr(facts, name, None)
        if fact is not None and name != "output":
            if value is not None and value != fact:
                raise InputError(
                    f"{source} says {name} {value}, but the model {model} takes {fact}: correct it."
                )
            value, source = fact, "model"
        elif value is None and fact is not None:
            value, source = fact, "model"
        values[name], sources[name] = (default, "default") if value is None else (value, source)
    numbers, number_sources = _numbers(layers, values["dtype"])
    sources |= number_sources
    labels, sources["labels"] = _labels(layers, facts.classes, model)
    _check_classes(layers, facts.classes, model)
    frame = Frame(
        *(values.pop(name) for name in ("height", "width", "fit", "crop_fraction", "interpolation"))
    )
    named = None if sources["labels"] == "default" else labels
    preprocessing = Preprocessing(frame=frame, labels=named, **values, **numbers)
    return Settings(
        preprocessing, labels, sources, tuple(_warnings(layers, facts, preprocessing, sources, model))
    )


def _numbers(layers: Sequence[Layer], dtype: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Mean, std and range. They belong together: those of the first layer that gives a mean or a std."""
    range_said, range_source = None, "default"
    for layer in layers:
        if range_said is None and layer.values.get("pixel_range") is not None:
            range_said, range_source = layer.values["pixel_range"], layer.origin
        mean, std = layer.values.get("mean"), layer.values.get("std")
        if mean is None and std is None:
            continue
        sources = {
            name: layer.origin if layer.values.get(name) is not None else "default"
            for name in ("mean", "std")
        }
        mean, std = tuple(mean or (0.0, 0.0, 0.0)), tuple(std or (1.0, 1.0, 1.0))
        if range_said is None:
            small = (
                max(map(abs, mean)) <= 1 and max(std) <= 1 and not (set(mean) == {0.0} and set(std) == {1.0})
            )
            range_said = "0..1" if small else "0..255"
            range_source = f"{layer.origin} (inferred from mean and std)"
        return {"mean": mean, "std": std, "pixel_range": range_said}, {**sources, "pixel_range": range_source}
    if dtype == "uint8" or range_said == "0..255":
        plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "pixel_range": "0..255"}
        origin = "model" if dtype == "uint8" else "default"
        return plain, {
            "mean": origin,
            "std": origin,
            "pixel_range": origin if range_said is None else range_source,
        }
    usual = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "pixel_range": "0..1"}
    return usual, {"mean": "default", "std": "default", "pixel_range": range_source}


def _labels(layers: Sequence[Layer], classes: int, model: str) -> tuple[tuple[str, ...], str]:
    labels, source = said(layers, "labels")
    offset = said(layers, "label_offset")[0]
    if offset is None:
        offset = 1 if classes == _BEHIND_BACKGROUND else 0
    if labels is not None:
        labels = tuple(labels)
        if offset and len(labels) + offset == classes:
            labels = (BACKGROUND,) * offset + labels
        if len(labels) != classes:
            raise ObserverError(
                f"{len(labels)} labels ({source}) for {classes} outputs of the model {model}: "
                "give one name for each output, in order."
            )
        return labels, source
    order, source = said(layers, "label_order")
    is_imagenet = order is not None and "imagenet" in order.lower().replace("-", "")
    if is_imagenet and classes == 1000 + offset and not any(size in order.lower() for size in ("21k", "22k")):
        return imagenet_labels(classes), f"{source} (label_order)"
    if order is None and offset == 1 and classes == _BEHIND_BACKGROUND:
        return imagenet_labels(classes), _ASSUMED_BACKGROUND
    return default_labels(classes), "default"


def _check_classes(layers: Sequence[Layer], classes: int, model: str) -> None:
    declared, source = said(layers, "classes")
    if declared is not None and declared != classes:
        raise ObserverError(
            f"{source} says {declared} classes, but the model {model} gives {classes} outputs."
        )


def assumed(observer: object) -> tuple[str, ...]:
    """Sentences about what nothing said of an opened observer and was assumed, or what contradicts itself."""
    settings = getattr(observer, "settings", None)
    return settings.warnings if isinstance(settings, Settings) else ()


def _warnings(
    layers: Sequence[Layer],
    facts: ModelFacts,
    preprocessing: Preprocessing,
    sources: dict[str, str],
    model: str,
) -> list[str]:
    warnings = [warning for layer in layers for warning in layer.warnings]
    if facts.output is not None and preprocessing.output != facts.output:
        warnings.append(
            f"{sources['output']} says that the output is {preprocessing.output}, "
            f"but the last node of {model} makes {facts.output}."
        )
    if sources["labels"] == _ASSUMED_BACKGROUND:
        warnings.append(
            f"Nothing names the 1,001 classes of {model}: a background class and then ImageNet's are assumed; "
            "give labels if that is wrong."
        )
    if sources["mean"] == sources["std"] == "default" and not preprocessing.is_plain:
        warnings.append(
            f"Nothing says how {model} wants its pixels: ImageNet's usual mean and std are assumed; "
            "give mean and std, or a sidecar, if that is wrong."
        )
    return warnings
