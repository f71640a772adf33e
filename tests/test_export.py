"""Exports: the tables are the rows, the maps are the stored results, and everyone reads them in two lines."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shutil
import tracemalloc
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

from command_line import assert_refused, call, save_observer, save_photographs
from deepception.errors import InputError, RunFolderError
from deepception.properties import LocalResult, Result, SpatialResult
from deepception.reports.exporting import read_runs
from deepception.studies.export import FORMATS, export_runs, maps
from test_docs import DOCS, blocks

FOLDED = ("region", "place")
PROPERTIES = ("local", "spatial", "activation", "cumulative", "deception")


@pytest.fixture(scope="module")
def other(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the local and spatial property of another observer on one photograph more."""
    folder = tmp_path_factory.mktemp("other")
    save_observer(folder / "colours.onnx")
    save_photographs(folder / "photos", 3)
    done = call(
        *(
            "measure",
            "spatial",
            folder / "colours.onnx",
            folder / "photos",
            "--quick",
            "--out",
            folder / "run",
        ),
        page=False,
    )
    assert done.code == 0, done
    return folder / "run"


@pytest.fixture(scope="module")
def exported(finished: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "export"
    done = call(
        *("export", finished, other, "--to", folder),
        *(word for name in FORMATS for word in ("--format", name)),
    )
    assert done.code == 0, done
    assert {Path(line) for line in done.out.splitlines()} == set(folder.iterdir())
    return folder


# -- tables -------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_rows(exported: Path, finished: Path, other: Path) -> None:
    table = pd.read_parquet(exported / "figures.parquet")
    read = {
        (row.run, row.sha256, row.property, row.figure): row.value
        for row in table.itertuples()
        if "." not in row.figure
    }
    count = 0
    for run in (finished, other):
        with (run / "rows.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                value = (
                    {"True": 1.0, "False": 0.0}.get(row["value"]) if row["value"][0] in "TF" else row["value"]
                )
                assert read[run.name, row["sha256"], row["property"], row["figure"]] == float(value or 0)
                count += 1
    assert count == len(read) > 200


def test_a_table_of_a_property_has_a_row_for_each_photograph(
    exported: Path, finished: Path, other: Path
) -> None:
    rows = [
        (run.name, row)
        for run in (finished, other)
        for row in json.loads((run / "results.json").read_bytes())["properties"]["spatial"]["rows"]
    ]
    table = pl.read_parquet(exported / "spatial.parquet")
    assert len(table) == len(rows) == 5
    assert table["observer"].to_list() == ["good", "good", "colours", "colours", "colours"]
    for read, (run, row) in zip(table.iter_rows(named=True), rows, strict=True):
        assert (read["run"], read["photograph"], read["sha256"]) == (run, row["name"], row["sha256"])
        assert read["range"] == row["range"]
        assert read["range_over_canvases"] == row["range_over_canvases"]
        assert read["variances.grey.place"] == row["variances"]["grey"]["place"]
        assert read["patch"] == row["patch"]
        assert read["range_touches_limit"] is row["range_touches_limit"]
    photographs = pl.read_parquet(exported / "photographs.parquet")
    assert len(photographs) == 5
    assert photographs["clean_top1"].to_list() == photographs["label"].to_list()


def test_csv_says_what_parquet_says(exported: Path) -> None:
    for path in exported.glob("*.parquet"):
        table = pl.read_parquet(path)
        with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [*rows[0]] == table.columns
        for row, other in zip(rows, table.iter_rows(named=True), strict=True):
            for name, value in other.items():
                if value is None:
                    assert row[name] == ""
                elif isinstance(value, str):
                    assert row[name] == value
                else:
                    assert json.loads(row[name]) == value


# -- maps ---------------------------------------------------------------------------------------------------


def test_maps_are_the_stored_results(exported: Path, finished: Path, other: Path) -> None:
    compared = 0
    for run in read_runs([finished, other]):
        observer = run.results["observer"]["name"]
        for name in run.results["properties"]:
            group = xr.open_zarr(exported / "maps.zarr", group=name)
            assert group["effect_map" if "effect_map" in group else "measured"].dims[:2] == (
                "observer",
                "photograph",
            )
            for sha256, photograph in run.photographs.items():
                result = run.result(name, sha256)
                assert result is not None
                here = group.sel(observer=observer, photograph=photograph["name"])
                assert here["measured"].item() is True
                assert here["sha256"].item() == sha256
                assert here["label"].item() == result.label
                arrays = {k: v for k, v in result.arrays().items() if v.size and k not in ("packed", "doses")}
                for key, values in arrays.items():
                    stored = here[key].values
                    shape, at = list(values.shape), [n for n, a in enumerate(result.axes[key]) if a in FOLDED]
                    if at and stored.ndim > values.ndim:
                        shape[at[0] : at[0] + 1] = stored.shape[at[0] : at[0] + 2]
                    own = stored[tuple(map(slice, shape))]  # what another run has more lies behind
                    assert own.dtype == values.dtype
                    assert np.array_equal(
                        own.reshape(values.shape), values, equal_nan=values.dtype.kind == "f"
                    )
                    compared += 1
                if hasattr(result, "map"):
                    assert np.array_equal(here["effect_map"].values.ravel(), result.map)
    assert compared > 100


def test_photographs_are_matched_by_their_bytes(exported: Path) -> None:
    group = xr.open_zarr(exported / "maps.zarr", group="spatial")
    assert group["photograph"].values.tolist() == ["p0.png", "p1.png", "p2.png"]
    assert group["measured"].values.tolist() == [[True, True, False], [True, True, True]]
    missing = group.sel(observer="good", photograph="p2.png")
    assert np.isnan(missing["effect_map"].values).all()
    assert missing["label"].item() == -1
    assert (missing["empty_top"].values == -1).all()
    deceived = xr.open_zarr(exported / "maps.zarr", group="deception")
    assert deceived["observer"].values.tolist() == ["good"]
    assert set(deceived["mask"].dims) == {"observer", "photograph", "pixel_y", "pixel_x"}


def test_coordinates_and_units_say_what_there_is(exported: Path) -> None:
    local = xr.open_zarr(exported / "maps.zarr", group="local")
    assert local["canvas"].values.tolist() == ["grey"]
    assert np.allclose(local["y"], (np.arange(7) + 0.5) / 7)
    assert local["effect_map"].attrs["units"] == "decades of odds"
    assert local["sufficiency"].attrs["long_name"].startswith("[K, J, R] ℓ_c of the region alone")
    assert local["boxes"].attrs["units"].startswith("pixels")
    cumulative = xr.open_zarr(exported / "maps.zarr", group="cumulative")
    assert cumulative["dose"].values.tolist() == [1, 2, 4, 8, 16]
    assert cumulative["copies"].dims == ("observer", "photograph", "canvas", "draw", "dose")


@dataclass
class Made:
    """A run whose local results are made as they are asked for."""

    name: str
    photographs: int
    canvases: tuple[str, ...] = ("grey",)
    side: int = 7
    superpixels: bool = False
    others: int = 0
    pending: int = 0

    @property
    def shas(self) -> list[str]:
        return [f"{n:08x}{0:056x}" for n in range(self.photographs)]

    @property
    def results(self) -> dict[str, Any]:
        head = [{"name": f"{s[:8]}.png", "sha256": s, "label": 1} for s in self.shas]
        clean = {"labelled": True, "correct": True, "clean": None, "unit": "0" * 64}
        return {
            "observer": {"name": self.name, "fingerprint": self.name},
            "settings": {"frame": [70, 140], "labels": ["a", "b"]},
            "photographs": [{**h, **clean} for h in head],
            "properties": {"local": {"rows": [{**h, "unit": "0" * 64} for h in head]}},
        }

    def result(self, experiment: str, sha256: str) -> Result | None:
        number, side = int(sha256[:8], 16), self.side
        count = side * side
        boxes = [
            [70 // side * y, 140 // side * x, 70 // side, 140 // side]
            for y in range(side)
            for x in range(side)
        ]
        values = (
            np.arange(len(self.canvases) * count, dtype=float).reshape(len(self.canvases), 1, count) + number
        )
        none = np.zeros((1, 0))
        return LocalResult(
            **{"name": sha256, "sha256": sha256, "label": 1, "queries": 1, "canvases": self.canvases},
            kind="superpixels" if self.superpixels else "grid",
            boxes=np.array(boxes[::-1] if self.superpixels else boxes, dtype=np.int32),
            areas=np.full(count, 100),
            label_map=np.zeros((70, 140) if self.superpixels else (0, 0), dtype=np.int32),
            sufficiency=values,
            log10_p=values,
            rank=np.zeros(values.shape, dtype=np.int32),
            scrambled=none[None],
            necessity=values[:, 0],
            scrambled_necessity=np.zeros(0),
            others_range=np.zeros((1, self.others)),
            empty=np.zeros(1),
            empty_rank=np.zeros(1, dtype=np.int32),
            empty_top=np.zeros(1, dtype=np.int64),
            **{"clean": 0.0, "clean_top": 0, "censored": 0.0, "seed": 0},
            moments=np.zeros((0, 2, 3), dtype=np.float32),
            scrambled_moments=np.zeros((1, 0, 0, 2, 3), dtype=np.float32),
        )


def test_canvases_are_matched_by_name_and_smaller_grids_fill_the_beginning(tmp_path: Path) -> None:
    first, second = Made("a", 2, ("grey", "noise 1")), Made("b", 3, ("mean", "grey"), side=5)
    export_runs([first, second], tmp_path, ["zarr"])
    group = xr.open_zarr(tmp_path / "maps.zarr", group="local")
    assert group["canvas"].values.tolist() == ["grey", "noise 1", "mean"]
    assert "y" not in group.coords
    a = group["sufficiency"].sel(observer="a", canvas="grey").isel(photograph=1, repeat=0).values
    assert np.array_equal(a, np.arange(49.0).reshape(7, 7) + 1)
    b = group["sufficiency"].sel(observer="b", canvas="grey").isel(photograph=2, repeat=0).values
    assert np.array_equal(b[:5, :5], np.arange(25.0, 50.0).reshape(5, 5) + 2)
    assert np.isnan(b[5:]).all()
    assert np.isnan(b[:, 5:]).all()
    assert np.isnan(group["sufficiency"].sel(observer="b", canvas="noise 1").values).all()


def test_grids_that_differ_by_whole_pixels_have_coordinates(tmp_path: Path) -> None:
    class Larger(Made):
        @property
        def results(self) -> dict[str, Any]:
            return super().results | {"settings": {"frame": [700, 1400], "labels": ["a", "b"]}}

        def result(self, experiment: str, sha256: str) -> Result | None:
            found = super().result(experiment, sha256)
            assert isinstance(found, LocalResult)
            return replace(found, boxes=10 * found.boxes + np.array([4, 0, 0, 0], dtype=np.int32))

    export_runs([Made("a", 1), Larger("b", 1)], tmp_path, ["zarr"])
    group = xr.open_zarr(tmp_path / "maps.zarr", group="local")
    assert np.allclose(group["y"], (np.arange(7) + 0.5) / 7 + 4 / 700 / 2)
    assert np.allclose(group["x"], (np.arange(7) + 0.5) / 7)


def test_regions_that_form_no_grid_are_a_group_of_their_own(tmp_path: Path) -> None:
    export_runs([Made("a", 1), Made("b", 2, superpixels=True)], tmp_path, ["zarr"])
    group = xr.open_zarr(tmp_path / "maps.zarr", group="local_regions")
    assert group["effect_map"].dims == ("observer", "photograph", "region")
    assert group["label_map"].dims == ("observer", "photograph", "pixel_y", "pixel_x")
    assert not group["measured"].sel(observer="a").any()
    assert xr.open_zarr(tmp_path / "maps.zarr", group="local")["effect_map"].dims[2:] == ("y", "x")


def test_memory_does_not_grow_with_the_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "TOGETHER", 1 << 20)
    peaks = []
    for count in (5, 30):
        run = Made("a", count, others=100_000)  # 800 kB each
        tracemalloc.start()
        export_runs([run], tmp_path / str(count), ["zarr"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4e6
    assert peaks[1] < 30 * 800_000 / 2
    group = xr.open_zarr(tmp_path / "30" / "maps.zarr", group="local")
    assert group["measured"].all()


def test_photographs_of_the_same_name_keep_apart(tmp_path: Path) -> None:
    class Doubled(Made):
        @property
        def results(self) -> dict[str, Any]:
            found = super().results
            for photograph in found["photographs"]:
                photograph["name"] = "same.png"
            return found

    export_runs([Doubled("a", 2)], tmp_path, ["zarr"])
    group = xr.open_zarr(tmp_path / "maps.zarr", group="local")
    assert len(set(group["photograph"].values.tolist())) == 2


# -- the command --------------------------------------------------------------------------------------------


def test_an_export_goes_into_the_run_and_replaces_the_last_one(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for _ in range(2):
        done = call("export", run)
        assert done.code == 0, done
    names = {path.name for path in (run / "export").iterdir()}
    assert names == {
        "maps.zarr",
        "figures.parquet",
        "photographs.parquet",
        *(f"{p}.parquet" for p in PROPERTIES),
    }


def test_what_cannot_be_written_leaves_the_last_export(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = read_runs([finished])
    export_runs(runs, tmp_path, ["zarr", "csv"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepception.studies.export.exporting.write_maps", refuse)
    with pytest.raises(RunFolderError, match="is full"):
        export_runs(runs, tmp_path, ["zarr"])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_cannot_be_exported_is_refused(finished: Path, lab: Path, tmp_path: Path) -> None:
    assert_refused(call("export", finished, finished, "--to", tmp_path / "x"), "named twice")
    assert_refused(call("export", tmp_path, "--to", tmp_path / "x"), "is not a run folder")
    fooled = call(
        *("deceive", lab / "good.onnx", lab / "photos", "--fooling-image", 3, "--queries", 30),
        *("--out", tmp_path / "fooled"),
        page=False,
    )
    assert fooled.code == 0, fooled
    assert_refused(call("export", tmp_path / "fooled"), "fooling image")
    several = call("export", finished, tmp_path / "fooled")
    assert several.code == 2
    assert "--to" in several.err


@pytest.mark.parametrize(("missing", "name"), [("pyarrow", "parquet"), ("zarr", "zarr"), ("xarray", "zarr")])
def test_a_package_that_is_missing_is_one_sentence(
    missing: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *more: None if n == missing else found(n, *more)
    )
    with pytest.raises(InputError, match=rf"needs {missing}: pip install 'deepception\[export\]'"):
        export_runs([Made("a", 1)], tmp_path / "out", [name])
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no format"):
        export_runs([Made("a", 1)], tmp_path / "out", ["excel"])


def test_a_study_is_exported_with_its_observers_side_by_side(
    finished: Path, other: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    for experiment, run in (("audit", finished), ("place", other)):
        shutil.copytree(run, study / "runs" / experiment / run.name)
    done = call("export", study)
    assert done.code == 0, done
    names = pd.read_parquet(study / "export" / "photographs.parquet")["run"].unique()
    assert set(names) == {f"audit/{finished.name}", f"place/{other.name}"}
    assert xr.open_zarr(study / "export" / "maps.zarr", group="spatial").sizes["observer"] == 2


def test_a_run_of_the_first_version_is_exported(tmp_path: Path) -> None:
    with zipfile.ZipFile(Path(__file__).resolve().parent / "older" / "audit-first.zip") as archive:
        archive.extractall(tmp_path / "run")
    assert call("export", tmp_path / "run").code == 0
    assert xr.open_zarr(tmp_path / "run" / "export" / "maps.zarr", group="local")["measured"].all()


def test_the_lines_of_the_page_run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = DOCS / "export.md"
    place: dict[str, Any] = {}
    call("export", finished, "--to", tmp_path / "export")
    monkeypatch.chdir(tmp_path)
    found = blocks(page, "python")
    lines = [[line for line in block.splitlines() if line] for block in found]
    assert sum(len(block) == 2 for block in lines) >= 3
    for block in found:
        exec(compile(block.replace("photo.jpg", "p0.png"), page.name, "exec"), place)
    assert place["ranges"].shape == (2, 1)
    assert len(place["local"]["y"]) == 7
    assert place["map_of_one"].dims == ("y", "x")
    assert re.search(r"at most 32 MB", page.read_text(encoding="utf-8"))
    assert maps.TOGETHER == 32 << 20


def test_a_spatial_result_of_another_step_has_its_own_grid(finished: Path) -> None:
    (run,) = read_runs([finished])
    sha256 = next(iter(run.photographs))
    result = run.result("spatial", sha256)
    assert isinstance(result, SpatialResult)
    moved = replace(result, places=result.places * 2)
    from deepception.studies.export.arrays import pieces

    first, second = (pieces("spatial", r, (35, 35)) for r in (result, moved))
    assert first.labels["y"] != second.labels["y"]
    assert first.group == second.group == "spatial"
