"""The section on ablations: what each part of the method buys."""

from __future__ import annotations

from collections.abc import Sequence

from . import comparing
from .comparing import Results
from .methods import METHODS
from .settings import NINE, SETTINGS, Setting
from .tables import MISSING, more, network_title, percent, points, queries, table
from .targets import Found, pick

WORDS = """\
The same search on the same photographs with one part taken away; the random numbers of the search stay. *where*:
the stencils of the dictionary get another window and phase, drawn anywhere. *order*: the same stencils in a random
order, so that what other networks answered decides nothing. *contents*: the same stencils in the same order, in
contents drawn evenly from all. *repetition*: as many pixels gathered in one square, whose strokes and place are
searched. *dictionary*: none, strokes from the first query on. Differences are the whole minus what is left, paired
by photograph (BCa): a part buys something where its points are above 0, or its queries below."""


def ablations_section(found: Found) -> str | None:
    """All settings that take a method apart; ``None`` where none is measured."""
    parts = []
    for setting in SETTINGS.values():
        if setting.ablates is None:
            continue
        here = [n for n in NINE if (setting.name, n) in found and pick(found, setting.ablates, n, "ours")]
        if here:
            parts += _one(setting, here, found)
    return "\n\n".join(["## Ablations: what each part buys", WORDS, *parts]) if parts else None


def _one(setting: Setting, networks: Sequence[str], found: Found) -> list[str]:
    assert setting.ablates is not None
    rows, pruning = [], []
    for network in networks:
        whole = pick(found, setting.ablates, network, "ours")
        assert whole is not None
        rows.append((network_title(network), "**nothing**", *_figures(whole), MISSING, MISSING))
        for name in ("ours_plain", *setting.methods):
            part = pick(found, setting.name, network, name) or pick(found, setting.ablates, network, name)
            if part is None:
                continue
            if name == "without_pruning":
                pruning += [_pruned(network, "yes", whole), _pruned(network, "no", part)]
                continue
            compared = comparing.difference(whole, part)
            words = "dictionary" if name == "ours_plain" else METHODS[name].column
            buys = (
                (MISSING, MISSING) if compared is None else (points(compared.success), more(compared.queries))
            )
            rows.append((network_title(network), words, *_figures(part), *buys))
    head = ("network", "without", "success", "median", "mean", "buys: points", "buys: mean queries")
    parts = [f"**{SETTINGS[setting.ablates].title}**", table(head, rows)]
    if pruning:
        head = ("network", "pruned", "pixels used", "all queries", "survives a shift by one pixel")
        parts += [
            "**Pruning** comes after the first success and changes nothing about it: it makes the deception "
            "smaller, for some queries more.",
            table(head, pruning),
        ]
    return parts


def _figures(one: Results) -> tuple[str, str, str]:
    return (
        percent(comparing.success_rate(one), n=True),
        queries(comparing.median_queries(one), one.queries),
        queries(comparing.mean_queries(one), one.queries),
    )


def _pruned(network: str, words: str, one: Results) -> tuple[str, ...]:
    return (
        network_title(network),
        words,
        queries(comparing.mean_used(one), one.queries),
        queries(comparing.mean_total(one), one.queries),
        percent(comparing.survival(one)),
    )
