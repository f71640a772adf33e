"""The arrays of runs as Zarr: a group a property, its dimensions observer, photograph, and those of the array."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..comparison.runs import Compared, name_runs
from .arrays import MEASURED, Pieces, pieces

TOGETHER = 32 << 20
"""Bytes of the arrays of one group that are in memory at once, and about those of its largest chunks."""

_MOST = 1024  # photographs of one chunk
_ALIGNED = ("canvas", "background", "dose")  # dimensions along which values are matched by name
_GRID = ("y", "x")
_SAME = 0.01  # of the frame: grids whose middles differ by less, as whole pixels make them do, are the same


@dataclass(eq=False)
class _Variable:
    dims: tuple[str, ...]
    dtype: np.dtype[Any]
    attrs: dict[str, str]


@dataclass(eq=False)
class _Group:
    """What a group holds, as far as it is known from the results looked at; ``about`` is its property."""

    about: str
    variables: dict[str, _Variable] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    labels: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    grids: dict[str, set[tuple[float, ...]]] = field(default_factory=dict)
    uneven: set[str] = field(default_factory=set)

    def see(self, found: Pieces) -> None:
        """Make room for the arrays of one result."""
        for name, piece in found.arrays.items():
            known = self.variables.setdefault(
                name, _Variable(piece.dims, piece.values.dtype, dict(piece.attrs))
            )
            if known.dims != piece.dims:
                raise InputError(
                    f"the array {name!r} of {self.about} has other dimensions in one run than in another "
                    f"({', '.join(known.dims)}; {', '.join(piece.dims)}): export them apart."
                )
            known.dtype = np.result_type(known.dtype, piece.values.dtype)
            if known.attrs.get("units") != piece.attrs.get("units"):
                known.attrs["units"] = "see scale"
            for dim, length in zip(piece.dims, piece.values.shape, strict=True):
                self.lengths[dim] = max(self.lengths.get(dim, 0), length)
        for dim, labels in found.labels.items():
            if dim in _ALIGNED:
                self.labels[dim] = tuple(dict.fromkeys([*self.labels.get(dim, ()), *labels]))
                self.lengths[dim] = len(self.labels[dim])
            elif dim in _GRID:
                self.grids.setdefault(dim, set()).add(labels)
            elif self.labels.setdefault(dim, labels) != labels:
                self.uneven.add(dim)

    @property
    def coordinates(self) -> dict[str, tuple[Any, ...]]:
        """What stands along each dimension on which all results agree: of grids, their mean."""
        told = {dim: along for dim, along in self.labels.items() if dim not in self.uneven}
        for dim, grids in self.grids.items():
            middles = sorted(grids)
            if len({len(grid) for grid in middles}) == 1 and np.ptp(middles, axis=0).max() < _SAME:
                told[dim] = tuple(np.mean(middles, axis=0).tolist())
        return told

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a variable on one photograph."""
        return tuple(self.lengths[dim] for dim in self.variables[name].dims)

    @property
    def bytes(self) -> int:
        """Bytes of all variables on one photograph."""
        return sum(
            int(np.prod(self.shape(name))) * variable.dtype.itemsize
            for name, variable in self.variables.items()
        )

    def put(self, found: Pieces, buffers: dict[str, NDArray[Any]], row: int) -> None:
        """Put the arrays of one result where they belong in those of several photographs."""
        for name, piece in found.arrays.items():
            places = [
                [self.labels[dim].index(label) for label in found.labels[dim]]
                if dim in _ALIGNED and dim in found.labels
                else range(length)
                for dim, length in zip(piece.dims, piece.values.shape, strict=True)
            ]
            buffers[name][row][np.ix_(*places)] = piece.values


def write_maps(runs: Sequence[Compared], path: Path) -> None:
    """Write the arrays of all results into a new Zarr store; each is read twice, and few are in memory at once.

    Where there is no value, floating-point arrays hold NaN, signed integers −1, others 0; the variable
    ``measured`` tells. Values stand along a dimension in their order, canvases and doses by their names; where
    grids differ in size, the smaller ones fill the beginning.

    Raises InputError where arrays of one name do not fit together, RunFolderError where a run is damaged, OSError.
    """
    import zarr

    photographs = _photographs(runs)
    groups: dict[str, _Group] = {}
    for run in runs:
        for property_name, _, found in _results(run, list(photographs)):
            groups.setdefault(found.group, _Group(property_name)).see(found)
    root = zarr.create_group(path, zarr_format=3)
    root.attrs["made_by"] = "deepception export"
    for name, group in groups.items():
        # Of a study other runs measure other things with the same observers: here each has its plain name.
        own = name_runs([run.run for run in runs if run.rows(group.about)])
        _write_coordinates(path, name, group, own, photographs)
        _write_group(root[name], name, group, own, list(photographs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that other readers may not know what is consolidated: they need not
        zarr.consolidate_metadata(path)


def _photographs(runs: Sequence[Compared]) -> dict[str, str]:
    """A name for each photograph of any run, by SHA-256: its own where no other bears that."""
    named: dict[str, str] = {}
    for run in runs:
        for sha256, photograph in run.photographs.items():
            named.setdefault(sha256, photograph["name"])
    often = Counter(named.values())
    return {s: name if often[name] == 1 else f"{name}@{s[:8]}" for s, name in named.items()}


def _results(
    run: Compared, sha256s: Sequence[str], only: str | None = None
) -> Iterator[tuple[str, int, Pieces]]:
    """The results of a run with their property and the number of their photograph, one at a time."""
    for name in run.results["properties"]:
        if only not in (None, name):
            continue
        rows = run.rows(name)
        for number, sha256 in enumerate(sha256s):
            result = run.run.result(name, sha256) if sha256 in rows else None
            if result is not None:
                yield name, number, pieces(name, result, run.settings["frame"])


def _write_coordinates(
    path: Path, name: str, group: _Group, runs: Sequence[Compared], photographs: dict[str, str]
) -> None:
    import xarray as xr

    labels = np.full((len(runs), len(photographs)), -1, dtype=np.int64)
    for i, run in enumerate(runs):
        for j, sha256 in enumerate(photographs):
            label = run.photographs.get(sha256, {}).get("label")
            labels[i, j] = -1 if label is None else label
    text = np.dtypes.StringDType()
    coordinates: dict[str, Any] = {
        "observer": ("observer", np.array([run.key for run in runs], dtype=text)),
        "run": ("observer", np.array([run.run.name for run in runs], dtype=text)),
        "fingerprint": ("observer", np.array([run.fingerprint for run in runs], dtype=text)),
        "scale": ("observer", np.array([run.scale for run in runs], dtype=text)),
        "photograph": ("photograph", np.array(list(photographs.values()), dtype=text)),
        "sha256": ("photograph", np.array(list(photographs), dtype=text)),
        "label": (("observer", "photograph"), labels, {"long_name": "class that was read, −1 where unknown"}),
    }
    for dim, along in group.coordinates.items():
        attrs = {"units": "middle, share of the frame"} if dim in _GRID else {}
        values = np.array(along, dtype=text if isinstance(along[0], str) else None)
        coordinates[dim] = (dim, values, attrs)
    about = {"property": group.about}
    xr.Dataset(coords=coordinates, attrs=about).to_zarr(
        path, group=name, mode="a", zarr_format=3, consolidated=False
    )


def _write_group(
    store: Any, name: str, group: _Group, runs: Sequence[Compared], sha256s: Sequence[str]
) -> None:
    together = max(1, min(_MOST, TOGETHER // max(1, group.bytes), len(sha256s)))
    every = ("observer", "photograph")

    def create(variable: str, dims: tuple[str, ...], shape: tuple[int, ...], dtype: Any, attrs: Any) -> Any:
        return store.create_array(
            variable,
            shape=(len(runs), len(sha256s), *shape),
            chunks=(1, together, *(max(1, length) for length in shape)),
            dtype=dtype,
            fill_value=_fill(dtype),
            dimension_names=(*every, *dims),
            attributes=attrs,
        )

    arrays = {
        variable: create(variable, about.dims, group.shape(variable), about.dtype, about.attrs)
        for variable, about in group.variables.items()
    }
    measured = create(MEASURED, (), (), np.dtype(bool), {"long_name": "whether there is a result"})
    for i, run in enumerate(runs):
        there = np.zeros(len(sha256s), dtype=bool)
        for first in range(0, len(sha256s), together):
            block = sha256s[first : first + together]
            buffers = {
                variable: np.full((len(block), *group.shape(variable)), _fill(about.dtype), dtype=about.dtype)
                for variable, about in group.variables.items()
            }
            seen = False
            for _, row, found in _results(run, block, group.about):
                if found.group == name:
                    group.put(found, buffers, row)
                    there[first + row] = seen = True
            if seen:
                for variable, buffer in buffers.items():
                    arrays[variable][i, first : first + len(block)] = buffer
        measured[i] = there


def _fill(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return np.nan
    return -1 if dtype.kind == "i" else 0
