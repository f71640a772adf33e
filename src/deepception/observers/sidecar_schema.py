"""The fields of a sidecar entry, validated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field


def _three(value: Any) -> Any:
    """One number, alone or in a list, stands for all three channels."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, (list, tuple)) and len(value) != 3:
        raise ValueError(f"it has {len(value)} numbers; give one, or three")
    return (value,) * 3 if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _size(value: Any) -> Any:
    """One number stands for a square; ``[3, H, W]`` is read as well."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, (list, tuple)) and len(value) == 3 and value[0] == 3:
        return tuple(value[1:])
    return value


def _pixel_range(value: Any) -> Any:
    """Accept words behind the range, as in ``"0..255 before (x-mean)/std"``, and ``"0-1"`` or ``[0, 1]``."""
    if isinstance(value, (list, tuple)):
        value = "..".join(f"{number:g}" for number in value if isinstance(number, (int, float)))
    if isinstance(value, str):
        words = value.replace("-", "..", 1).split()
        return words[0] if words else value
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Side = Annotated[int, Field(ge=1, le=16384)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Three = Annotated[tuple[Number, Number, Number], BeforeValidator(_three)]
ThreePositive = Annotated[
    tuple[Annotated[Number, Field(gt=0)], Annotated[Number, Field(gt=0)], Annotated[Number, Field(gt=0)]],
    BeforeValidator(_three),
]


class SidecarEntry(BaseModel):
    """One model's preprocessing in JSON; every field is optional and further fields are welcome."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    name: str | None = None
    file: str | None = None
    sha256: str | None = None
    input_size: Annotated[tuple[Side, Side] | None, BeforeValidator(_size)] = None
    fit: Annotated[Literal["crop", "squash"] | None, BeforeValidator(_lower)] = None
    crop_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    interpolation: Annotated[
        Literal["nearest", "bilinear", "bicubic", "lanczos", "box"] | None, BeforeValidator(_lower)
    ] = None
    mean: Three | None = None
    std: ThreePositive | None = None
    pixel_range: Annotated[Literal["0..255", "0..1"] | None, BeforeValidator(_pixel_range)] = None
    layout: Annotated[Literal["NCHW", "NHWC"] | None, BeforeValidator(_upper)] = None
    colour_order: Annotated[Literal["RGB", "BGR"] | None, BeforeValidator(_upper)] = Field(
        default=None, validation_alias=AliasChoices("colour_order", "color_order")
    )
    input_name: str | None = None
    output_name: str | None = None
    output: Annotated[Literal["logits", "probabilities"] | None, BeforeValidator(_lower)] = None
    classes: Annotated[int, Field(ge=2)] | None = None
    labels: str | list[Any] | dict[str, Any] | None = None
    label_order: str | None = None
    label_offset: Annotated[int, Field(ge=0, le=1)] | None = None

    def settings(self) -> dict[str, Any]:
        """The settings by the names that layers use."""
        values = self.model_dump(exclude={"input_size", "file"})
        if self.input_size is not None:
            values["height"], values["width"] = self.input_size
        return values
