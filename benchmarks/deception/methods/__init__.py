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
        short: Its name at the head of a column, ``title`` where there is none.
        learns: Most queries that it learns with on one network.
        version: Raised when its answers would change: figures of another version are not gone on with.
    """

    name: str
    title: str
    spec: str
    control: bool = False
    needs: str | None = None
    learn: str | None = None
    short: str = ""
    learns: int = 0
    version: int = 1

    @property
    def column(self) -> str:
        """Its name at the head of a column."""
        return self.short or self.title

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
        Method("ours", "**Deepception**", "ours:attack", short="ours"),
        Method(
            "ours_learned",
            "Deepception, dictionary learned on this network",
            "ours:attack_learned",
            learn="ours:learn",
            short="learned here",
            learns=8_000,
        ),
        Method("ours_plain", "Deepception without a dictionary", "ours:attack_plain", short="no dictionary"),
        Method("without_places", "without knowing where", "ablations:without_places", short="where"),
        Method("without_order", "without the order of potency", "ablations:without_order", short="order"),
        Method("without_contents", "without potent contents", "ablations:without_contents", short="contents"),
        Method(
            "without_repetition",
            "without repetition: one square",
            "ablations:without_repetition",
            short="repetition",
        ),
        Method("without_pruning", "without pruning", "ablations:without_pruning", short="pruning"),
        Method(
            "random_square",
            "random search, one square (Sparse-RS manner)",
            "random_square:attack",
            short="one square",
        ),
        Method(
            "random_square_learned",
            "random search, one square, learned warm start",
            "random_square_learned:attack",
            learn="random_square_learned:learn",
            short="one square, learned start",
            learns=8_000,
        ),
        Method(
            "random_pixels",
            "random search, scattered pixels (Sparse-RS manner)",
            "random_pixels:attack",
            short="scattered pixels",
        ),
        Method("art_square", "ART SquareAttack", "art_square:attack", needs="art", short="ART Square"),
        Method(
            "art_hopskipjump", "ART HopSkipJump", "art_hopskipjump:attack", needs="art", short="HopSkipJump"
        ),
        Method(
            "ours_universal",
            "**Deepception**, universal",
            "ours_universal:attack",
            learn="ours_universal:learn",
            short="ours",
            learns=20_000,
        ),
        Method(
            "ours_universal_alone",
            "Deepception, universal, not begun with the package's veils",
            "ours_universal:attack",
            learn="ours_universal:learn_alone",
            short="ours, alone",
            learns=20_000,
        ),
        Method(
            "best_drawn",
            "best of random patterns (gratings, scattered pixels)",
            "universal:attack",
            learn="universal:learn",
            short="best of random",
            learns=20_000,
        ),
        Method(
            "random_pattern",
            "one random pattern, unlearned",
            "universal:attack",
            control=True,
            learn="universal:draw_one",
            short="one random",
        ),
        Method(
            "grey_patch", "grey square, best of Q", "best_of:grey_patch", control=True, short="grey square"
        ),
        Method(
            "random_patch",
            "noise square, best of Q",
            "best_of:random_patch",
            control=True,
            short="noise square",
        ),
        Method(
            "noise_pixels",
            "scattered noise pixels, best of Q",
            "best_of:random_pixels",
            control=True,
            short="noise pixels",
        ),
        Method("random_noise", "±ε noise, best of Q", "best_of:random_noise", control=True, short="±ε noise"),
        Method(
            "uniform_shift",
            "uniform shift, best of Q",
            "best_of:uniform_shift",
            control=True,
            short="uniform shift",
        ),
    )
}


def _load(spec: str) -> Any:
    module, _, name = spec.partition(":")
    return getattr(import_module(f".{module}", __name__), name)
