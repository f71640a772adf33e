"""The templates of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import without_kind

if TYPE_CHECKING:
    from jinja2 import Environment


def environment() -> Environment:
    """Where the templates come from; what they are given is escaped, and nothing may be missing."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("deepception.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_bound,
    )
    made.filters["without_kind"] = without_kind
    return made


def _bound(value: object) -> object:
    """A text in which no line ends between a number and its percent sign; other things as they are."""
    return value.replace(" %", "\N{NO-BREAK SPACE}%") if type(value) is str else value
