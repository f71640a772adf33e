"""Every command and every option is told of in the README or in docs/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deepception.cli import group

ROOT = Path(__file__).resolve().parents[1]


def everything() -> Iterator[tuple[str, str]]:
    """Commands, and the options of each, as a person writes them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield name, f"deepception {name}"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield name, max(parameter.opts, key=len)


@pytest.fixture(scope="module")
def documented() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize(("command", "written"), sorted(set(everything())), ids=lambda value: str(value))
def test_it_is_documented(documented: str, command: str, written: str) -> None:
    assert re.search(rf"{re.escape(written)}(?![\w-])", documented), f"{written} (of {command})"


def test_every_option_and_every_command_says_what_it_does() -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.help
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
