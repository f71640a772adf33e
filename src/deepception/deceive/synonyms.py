"""Near-synonyms among the ImageNet classes: whose photographs a person may call by the other's name.

The list is made by hand from the names: one thing under two names (bathtub, tub), a thing and its kind or part
(desktop computer, monitor), and what people take for one another (Eskimo dog, malamute). It rather holds a pair
too many: patches of a near-synonym of the target would not deceive, they would show it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

BACKGROUND_FIRST = 1001
"""Number of classes of the networks that put a background before the 1,000 of ImageNet."""


def near_synonyms(target: int, classes: int) -> frozenset[int]:
    """The classes whose photographs may show the target as well, without the target.

    Args:
        target: Index of the class.
        classes: Number of classes of the observer. 1,000 are taken for ImageNet's in their usual order, 1,001 for
            the same behind a background class, whatever their names; of others no near-synonym is known.

    Raises:
        ValueError: The target is not one of the classes.
    """
    if not 0 <= target < classes:
        raise ValueError(f"class {target} is not among {classes}")
    if classes not in (1000, BACKGROUND_FIRST):
        return frozenset()
    first = int(classes == BACKGROUND_FIRST)
    near: set[int] = set()
    for group in synonym_groups():
        if target - first in group:
            near |= {first + index for index in group}
    return frozenset(near - {target})


@lru_cache(maxsize=1)
def synonym_groups() -> tuple[dict[int, str], ...]:
    """The list: groups of classes, index to name, any two of which are near-synonyms."""
    text = (files("deepception") / "data" / "synonyms.json").read_text(encoding="utf-8")
    return tuple({int(index): name for index, name in group.items()} for group in json.loads(text)["groups"])
