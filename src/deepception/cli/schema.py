"""``deepception schema``: the published layout of results."""

from __future__ import annotations

import click

from . import show_json


@click.command()
def schema() -> int:
    """Print the JSON Schema (draft 2020-12) of results.json."""
    from ..studies.results_schema import results_schema

    show_json(results_schema())
    return 0
