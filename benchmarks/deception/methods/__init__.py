"""The methods: one small file each, with one ``attack``; a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..outcome import Outcome

Attack = Callable[..., Outcome]


@dataclass(frozen=True)
class Method:
    """One way to deceive.

    Attributes:
        name: Part of the file names.
        title: Its name on the page.
        spec: ``module:function`` below this package; ``attack(session, frame, goal, bound, queries, rng)``.
        control: Whether it searches nothing: the best of as many showings.
        needs: A package beside this one that it needs.
        learn: ``module:function`` for what it learns on a network before: ``(session, cases, bound, seed)``
            to JSON, which ``attack`` gets as ``learned=``.
        version: Raised when its answers would change: figures of another version are not gone on with.
    """

    name: str
    title: str
    spec: str
    control: bool = False
    needs: str | None = None
    learn: str | None = None
    version: int = 1

    def attack(self) -> Attack:
        """Its function."""
        attack: Attack = _load(self.spec)
        return attack

    def learning(self) -> Callable[..., dict[str, Any]] | None:
        """The function with which it learns, or ``None``."""
        return None if self.learn is None else _load(self.learn)

    def missing(self) -> str | None:
        """The package that it lacks here, or ``None``."""
        needed = self.needs
        return needed if needed is not None and find_spec(needed) is None else None


METHODS = {
    method.name: method
    for method in (
        Method("ours", "**Deepception**", "ours:attack"),
        Method(
            "ours_learned",
            "Deepception, dictionary learned on this network",
            "ours:attack_learned",
            learn="ours:learn",
        ),
        Method("ours_plain", "Deepception without a dictionary", "ours:attack_plain"),
        Method("random_square", "random search, one square (Sparse-RS manner)", "random_square:attack"),
        Method(
            "random_square_learned",
            "random search, one square, learned warm start",
            "random_square_learned:attack",
            learn="random_square_learned:learn",
        ),
        Method("random_pixels", "random search, scattered pixels (Sparse-RS manner)", "random_pixels:attack"),
        Method("art_square", "ART SquareAttack", "art_square:attack", needs="art"),
        Method("art_hopskipjump", "ART HopSkipJump", "art_hopskipjump:attack", needs="art"),
        Method(
            "ours_universal",
            "**Deepception**, universal",
            "ours_universal:attack",
            learn="ours_universal:learn",
        ),
        Method(
            "best_drawn",
            "best of random patterns (gratings, scattered pixels)",
            "universal:attack",
            learn="universal:learn",
        ),
        Method(
            "random_pattern",
            "one random pattern, unlearned",
            "universal:attack",
            control=True,
            learn="universal:draw_one",
        ),
        Method("grey_patch", "grey square, best of Q", "best_of:grey_patch", control=True),
        Method("random_patch", "noise square, best of Q", "best_of:random_patch", control=True),
        Method("noise_pixels", "scattered noise pixels, best of Q", "best_of:random_pixels", control=True),
        Method("random_noise", "±ε noise, best of Q", "best_of:random_noise", control=True),
        Method("uniform_shift", "uniform shift, best of Q", "best_of:uniform_shift", control=True),
    )
}


def _load(spec: str) -> Any:
    module, _, name = spec.partition(":")
    return getattr(import_module(f".{module}", __name__), name)
