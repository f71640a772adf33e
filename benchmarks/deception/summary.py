"""The page in short: one row for each setting, from the weakest network to the strongest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from deepception.statistics import Interval, holm

from . import comparing
from .comparing import Results
from .sections import OURS, RIVALS, Networks, beyond_control, first_of, with_borrowed
from .settings import SETTINGS, Setting
from .tables import MISSING, table, until
from .targets import Found

WORDS = """\
From the weakest network to the strongest. *Success* is the share of the photographs that were answered right
before and are deceived; for universal patterns it is the fooling ratio, the share of all. The *strongest
baseline* of a network is the search of another kind that deceives most there. A *control* searches nothing: the
best of many grey squares, noise squares or scattered noise pixels, or of many veils of noise. What a control
reaches says how easily the network gives way and nothing about the method, so the last column counts the
networks on which ours deceives photographs that the best control does not (McNemar's exact test, p < 0.05 after
Holm); where a control deceives nearly everything, nothing can."""


def summary_section(measured: Mapping[str, Networks], found: Found) -> str | None:
    """The section; ``None`` where nothing of ours is measured."""
    rows = []
    for name, networks in measured.items():
        row = _row(SETTINGS[name], with_borrowed(SETTINGS[name], networks, found))
        if row is not None:
            rows.append(row)
    if not rows:
        return None
    head = ("setting", "networks", "success", "median queries", "strongest baseline", "its median queries")
    head = (*head, "best control", "beyond the control")
    return "\n\n".join(["## In short", WORDS, table(head, rows)])


def _row(setting: Setting, networks: Networks) -> tuple[str, ...] | None:
    ours = [one for results in networks.values() if (one := first_of(results, OURS)) is not None]
    ours = [one for one in ours if one.correct.any()]
    if not ours:
        return None
    rivals = [one for results in networks.values() if (one := _strongest(results)) is not None]
    against = [one for results in networks.values() if (one := beyond_control(results)) is not None]
    rate = comparing.success_rate if setting.queries > 1 else comparing.fooling_ratio
    adjusted = holm([margin.p for _, margin in against])
    above = sum(
        p < 0.05 and margin.success.value > 0 for p, (_, margin) in zip(adjusted, against, strict=True)
    )
    return (
        setting.title,
        f"{len(ours)}",
        _rates(ours, rate),
        _medians(ours, setting),
        _rates(rivals, rate),
        _medians(rivals, setting),
        _rates([best for best, _ in against], rate),
        f"{above} of {len(against)}" if against else MISSING,
    )


def _strongest(results: Sequence[Results]) -> Results | None:
    """The baseline that deceives most, with the fewest queries among equals."""
    rivals = [one for one in results if one.method in RIVALS and one.correct.any()]
    return max(
        rivals,
        key=lambda one: (comparing.success_rate(one).value, -comparing.median_queries(one).value),
        default=None,
    )


def _rates(results: Sequence[Results], rate: Callable[[Results], Interval]) -> str:
    values = sorted(100 * rate(one).value for one in results)
    return f"{_range(f'{values[0]:.0f}', f'{values[-1]:.0f}')} %" if values else MISSING


def _medians(results: Sequence[Results], setting: Setting) -> str:
    if not results or setting.queries == 1:
        return MISSING
    values = sorted(comparing.median_queries(one).value for one in results)
    return _range(*(until(value, setting.queries) for value in (values[0], values[-1])))


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} … {high}"
