"""The arrays of one result, with named dimensions: places of a grid become rows and columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from inspect import getdoc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...properties import ActivationResult, LocalResult, Result, SpatialResult
from ...properties.scale import ScaledResult

MEASURED = "measured"
"""The variable that tells which observer was measured on which photograph."""

_UNITS = {
    "areas": "pixels",
    "boxes": "pixels of the frame: y, x, height, width",
    "doses": "copies",
    "label_map": "number of the region",
    "log10_p": "log10 of the probability",
    "moments": "grey levels",
    "phases": "pixels of the frame",
    "places": "pixels of the frame, top left: y, x",
    "scrambled_moments": "grey levels",
    "stimulus": "grey levels",
    "bounded": "share of the showings",
}
_FILES = ("packed",)  # bytes of a file, which lies in the run folder
_UNITLESS = ("rank", "top", "recognised", "mask", "classes")
_FIELD = re.compile(r"^    (\w+): (.*(?:\n {8,}\S.*)*)", re.MULTILINE)

# What is not stored but follows from what is, and what a reader wants first.
_DERIVED: dict[type[Result], dict[str, tuple[str, tuple[str, ...]]]] = {
    LocalResult: {
        "effect_map": ("Sufficiency, median over canvases of the mean over repeats.", ("region",)),
        "necessity_map": ("Necessity, median over canvases.", ("region",)),
    },
    SpatialResult: {
        "effect_map": ("What the patch answers at each place, median over canvases of the mean.", ("place",))
    },
    ActivationResult: {
        "effect_map": (
            "What the patch adds or takes at each place, median over canvases of the mean.",
            ("place",),
        ),
        "specific_map": ("The class-specific part of the map of each background.", ("background", "place")),
        "classes": ("1 activator, −1 inhibitor, 0 neutral, 2 undecided.", ("background", "place")),
    },
}


@dataclass(frozen=True, eq=False)
class Piece:
    """One array of one result.

    Attributes:
        dims: The names of its dimensions.
        values: The array.
        attrs: What it is, and its unit.
    """

    dims: tuple[str, ...]
    values: NDArray[Any]
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Pieces:
    """All arrays of one result.

    Attributes:
        group: The group in which they belong: the property, with ``_regions`` behind it where they are no grid.
        arrays: By name.
        labels: What stands along a dimension, where that has names: canvases, doses, places.
    """

    group: str
    arrays: Mapping[str, Piece]
    labels: Mapping[str, tuple[Any, ...]]


def pieces(property_name: str, result: Result, frame: Sequence[int]) -> Pieces:
    """The arrays of a result on a photograph, but for the empty ones.

    Args:
        property_name: What was measured.
        result: The result.
        frame: Height and width of the observer's input, pixels.
    """
    found = {name: (result.axes.get(name, ()), values) for name, values in result.arrays().items()}
    told = dict(_told(type(result)))
    for kind, derived in _DERIVED.items():
        if isinstance(result, kind):
            for name, (what, axes) in derived.items():
                # `map` of a Dataset is xarray's own.
                found[name] = (axes, np.asarray(getattr(result, "map" if name == "effect_map" else name)))
                told[name] = what
    grid = _grid(result)
    arrays = {}
    for name, (axes, values) in found.items():
        if not values.size or len(axes) != values.ndim or name in _FILES:
            continue
        dims, shaped = _unfolded(axes, values, None if grid is None else grid.shape)
        attrs = {"long_name": told.get(name, name), "units": _unit(name, values, result)}
        arrays[name] = Piece(dims, shaped, {key: text for key, text in attrs.items() if text})
    labels: dict[str, tuple[Any, ...]] = {}
    canvases = getattr(result, "canvases", None)
    if canvases is not None:
        labels |= {axis: tuple(canvases) for axis in ("canvas", "background")}
    if "doses" in arrays:
        labels["dose"] = tuple(int(dose) for dose in arrays.pop("doses").values)
    if grid is not None:
        labels["y"] = tuple(round(float(y) / frame[0], 6) for y in grid.rows)
        labels["x"] = tuple(round(float(x) / frame[1], 6) for x in grid.columns)
    for name, piece in arrays.items():
        # One value for each step between doses, for example, stands at no dose.
        dims = tuple(
            f"{name}_{dim}" if dim in labels and length != len(labels[dim]) else dim
            for dim, length in zip(piece.dims, piece.values.shape, strict=True)
        )
        arrays[name] = replace(piece, dims=dims)
    used = {dim for piece in arrays.values() for dim in piece.dims}
    ragged = "_regions" if grid is None and used & {"region", "place"} else ""
    return Pieces(f"{property_name}{ragged}", arrays, {k: v for k, v in labels.items() if k in used})


@dataclass(frozen=True, eq=False)
class _Grid:
    """The middles of rows and columns, pixels."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)


def _grid(result: Result) -> _Grid | None:
    """The grid on which the regions or places of a result lie, row by row; ``None`` where they do not."""
    if isinstance(result, LocalResult):
        middles = result.boxes[:, :2] + result.boxes[:, 2:] / 2
    elif isinstance(result, (SpatialResult, ActivationResult)):
        middles = result.places + np.array(result.patch_shape) / 2
    else:
        return None
    rows, columns = (np.unique(middles[:, axis]) for axis in (0, 1))
    regular = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    if regular.shape != middles.shape or not np.array_equal(regular, middles):
        return None
    return _Grid(rows, columns)


def _unfolded(
    axes: tuple[str, ...], values: NDArray[Any], grid: tuple[int, int] | None
) -> tuple[tuple[str, ...], NDArray[Any]]:
    dims: list[str] = []
    shape: list[int] = []
    for axis, length in zip(axes, values.shape, strict=True):
        if grid is not None and axis in ("region", "place") and length == grid[0] * grid[1]:
            dims += ["y", "x"]
            shape += grid
        else:
            # The frame's own pixels are not the places of a grid.
            dims.append(f"pixel_{axis}" if axis in ("y", "x") else axis)
            shape.append(length)
    return tuple(dims), values.reshape(shape)


def _unit(name: str, values: NDArray[Any], result: Result) -> str:
    if name in _UNITS:
        return _UNITS[name]
    if values.dtype.kind != "f" or any(word in name for word in _UNITLESS):
        return ""
    return result.scale if isinstance(result, ScaledResult) else ""


@cache
def _told(kind: type[Result]) -> dict[str, str]:
    """What the documentation of a result says of each of its fields."""
    text = "\n".join(getdoc(base) or "" for base in reversed(kind.__mro__))
    return {name: re.sub(r"\s+", " ", what).replace("``", "").strip() for name, what in _FIELD.findall(text)}
