"""Export: what runs have found, as tables and arrays that other programs read: Parquet, CSV and Zarr."""

from __future__ import annotations

from .exporting import FORMATS, export_runs

__all__ = ["FORMATS", "export_runs"]
