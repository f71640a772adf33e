"""What the runs of a study that goes on have from before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..price import Price
from .course import StudyRun


def photographs_of_before(runs: Sequence[StudyRun], prices: Mapping[str, Price]) -> list[str]:
    """Sentences for the runs with photographs that were measured before, and that the study does not name now.

    Args:
        runs: The runs, with the photographs that are named now.
        prices: What each costs, with all photographs that it has.
    """
    alike: dict[tuple[int, int], list[str]] = {}
    for run in runs:
        named, all_of_it = len(run.settings.photographs), prices[run.name].photographs
        if named < all_of_it:
            alike.setdefault((named, all_of_it), []).append(run.name)
    told = []
    for (named, all_of_it), names in alike.items():
        kept = all_of_it - named
        stay = f"{kept:,} photographs of before are not named now and stay"
        if kept == 1:
            stay = "1 photograph of before is not named now and stays"
        told.append(
            f"{', '.join(names)}: {stay}: figures are over {all_of_it:,} photographs. To have those alone that "
            "are named now, measure into another folder."
        )
    return told
