"""The JSON Schema of ``results.json``, which the package carries."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def results_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``results.json``, as plain values.

    It describes both layouts, each with its version under ``schema``: that of ``audit``, ``measure`` and
    ``deceive``, and that of fooling images. Later versions of the package may add fields; a version is raised
    where a file that was written before would no longer fit.
    """
    file = resources.files("deepception") / "data" / "results.schema.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))
