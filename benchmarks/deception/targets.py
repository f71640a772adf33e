"""The targets that were set before anything was measured, and whether they are met; point estimates decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deepception.statistics import Interval

from . import comparing
from .comparing import Results
from .settings import EIGHT, FOUR, NINE
from .tables import MISSING, network_title, percent, points, table, until

Found = Mapping[tuple[str, str], Sequence[Results]]
BINARY = next(name for name in NINE if name not in EIGHT)


@dataclass(frozen=True)
class Verdict:
    """One network's figure, and whether it meets the target."""

    text: str
    met: bool
    value: float


Judge = Callable[[str], Verdict | None]
"""A network's verdict; ``None`` where it is not measured yet."""


@dataclass(frozen=True)
class Target:
    """One row.

    Attributes:
        title: The setting.
        asked: What is asked for.
        column: Head of its column.
        networks: On which networks.
        judge: A network's verdict.
    """

    title: str
    asked: str
    column: str
    networks: tuple[str, ...]
    judge: Judge


def pick(found: Found, setting: str, network: str, method: str) -> Results | None:
    """One method's results, if there are any."""
    return next((r for r in found.get((setting, network), ()) if r.method == method), None)


def targets_section(found: Found, fooling: Mapping[str, Interval]) -> str:
    """The section: a table of all targets, then the figures of each network."""
    patches, others = _patches(found), _others(found, fooling)
    parts = [
        "## Targets",
        "Set before anything was measured; the point estimate decides, its 95 % interval stands beside it. "
        "Success is the share of the photographs that were answered right before and are deceived; the fooling "
        f"ratio counts all photographs. ✓ met, ✗ not met, {MISSING} not measured yet (or not asked for here).",
        _summary([*patches, *others], _binary(found)),
    ]
    for title, targets in (
        ("one search for each photograph", patches),
        ("targets, universal patterns, fooling images, labels only", others),
    ):
        rows = _each(targets)
        if rows:
            parts += [f"### Each network: {title}", rows]
    return "\n\n".join(parts)


def _patches(found: Found) -> list[Target]:
    made = []
    for percentage, least, most, enough in (
        (5, 0.95, 1 / 5, 2.0),
        (2, 0.90, 1 / 4, 0.0),
        (10, 0.99, None, 0.0),
    ):
        setting, title = f"patch-{percentage}", f"patches, {percentage} % of the frame, 1,000 queries"
        made.append(
            Target(
                title,
                f"success ≥ {least:.0%}".replace("%", " %"),
                f"{percentage} %: success",
                EIGHT,
                _rate(found, setting, "ours", comparing.success_rate, least),
            )
        )
        if most is not None:
            asked = f"median ≤ 1/{1 / most:.0f} of the square's" + (f", or ≤ {enough:.0f}" if enough else "")
            made.append(
                Target(
                    title,
                    asked,
                    f"{percentage} %: median, ours : square",
                    EIGHT,
                    _ratio(found, setting, most, enough),
                )
            )
    return made


def _others(found: Found, fooling: Mapping[str, Interval]) -> list[Target]:
    def fooled(network: str) -> Verdict | None:
        return _judged(fooling.get(network), 0.90)

    ratio = comparing.fooling_ratio
    return [
        Target(
            "targeted patches, 10 %, 10,000 queries",
            "success ≥ 70 %",
            "targeted 10 %",
            FOUR,
            _rate(found, "targeted-10", "ours", comparing.success_rate, 0.70),
        ),
        Target(
            "universal veil, L∞ 10/255, ≤ 20,000 learning queries",
            "fooling ratio ≥ 88 %",
            "universal veil",
            EIGHT,
            _rate(found, "universal-veil-10", "ours_universal", ratio, 0.88),
        ),
        Target(
            "universal patch, 10 %, ≤ 20,000 learning queries",
            "fooling ratio ≥ 88 %",
            "universal patch",
            EIGHT,
            _rate(found, "universal-patch-10", "ours_universal", ratio, 0.88),
        ),
        Target(
            "fooling images, 40 random classes, 2,000 queries",
            "≥ 0.9 on ≥ 90 % of the classes",
            "fooling images",
            FOUR,
            fooled,
        ),
        Target(
            "labels only: patches, 5 %, 1,000 queries",
            "within 15 points of full knowledge",
            "labels only − all scores, points",
            EIGHT,
            _labels(found),
        ),
    ]


def _rate(
    found: Found, setting: str, method: str, rate: Callable[[Results], Interval], least: float
) -> Judge:
    def judge(network: str) -> Verdict | None:
        results = pick(found, setting, network, method)
        return None if results is None else _judged(rate(results), least)

    return judge


def _judged(value: Interval | None, least: float) -> Verdict | None:
    if value is None or math.isnan(value.value):
        return None
    return Verdict(percent(value, n=True), value.value >= least - 1e-9, value.value)


def _ratio(found: Found, setting: str, most: float, enough: float) -> Judge:
    def judge(network: str) -> Verdict | None:
        ours, square = (pick(found, setting, network, method) for method in ("ours", "random_square"))
        compared = None if ours is None or square is None else comparing.against(ours, square)
        if ours is None or square is None or compared is None:
            return None
        medians = [comparing.median_queries(r).value for r in (ours, square)]
        ratio = compared.ratio
        words = " : ".join(
            until(median, r.queries) for median, r in zip(medians, (ours, square), strict=True)
        )
        met = math.isfinite(medians[0]) and (ratio.value <= most + 1e-9 or medians[0] <= enough)
        return Verdict(
            f"{words} = {ratio.value:.2g} [{ratio.low:.2g}, {ratio.high:.2g}] (n {compared.n})",
            met,
            -ratio.value,
        )

    return judge


def _labels(found: Found) -> Judge:
    def judge(network: str) -> Verdict | None:
        labels, full = (pick(found, setting, network, "ours") for setting in ("label-patch-5", "patch-5"))
        if labels is None or full is None:
            return None
        # The same network: its fingerprint says that it was restricted.
        compared = comparing.difference(labels, replace(full, fingerprint=labels.fingerprint))
        if compared is None:
            return None
        value = compared.success.value
        return Verdict(f"{points(compared.success)} (n {compared.n})", value >= -0.15 - 1e-9, value)

    return judge


def _summary(targets: Sequence[Target], binary: tuple[str, str, str, str]) -> str:
    rows = []
    for target in targets:
        known = {n: v for n in target.networks if (v := target.judge(n)) is not None}
        if not known:
            rows.append((target.title, target.asked, "not measured yet", MISSING))
            continue
        met = sum(verdict.met for verdict in known.values())
        of = f"{met} of {len(known)}"
        if len(known) < len(target.networks):
            of += f" ({len(target.networks) - len(known)} not measured yet)"
        worst = min(known, key=lambda n: known[n].value)
        rows.append((target.title, target.asked, of, f"{network_title(worst)}: {known[worst].text}"))
    return table(("setting", "target", "networks that meet it", "weakest network"), [*rows, binary])


def _binary(found: Found) -> tuple[str, str, str, str]:
    """The binary network, which has no gradient: at least the lowest of the eight, setting by setting."""
    asked = ("the binary ResNet-18", "at least the lowest of the eight")
    met, missed = [], []
    for setting, method in (
        *((name, "ours") for name in ("patch-5", "patch-2", "patch-10", "label-patch-5")),
        *((name, "ours_universal") for name in ("universal-veil-10", "universal-patch-10")),
    ):
        rate = comparing.success_rate if method == "ours" else comparing.fooling_ratio
        results = {n: r for n in NINE if (r := pick(found, setting, n, method)) is not None}
        if BINARY not in results or len(results) < 2:
            continue
        values = {n: rate(r).value for n, r in results.items()}
        lowest = min(value for n, value in values.items() if n != BINARY)
        words = f"{setting} {100 * values[BINARY]:.0f} % (lowest {100 * lowest:.0f} %)"
        (met if values[BINARY] >= lowest - 1e-9 else missed).append(words)
    if not met and not missed:
        return (*asked, "not measured yet", MISSING)
    return (*asked, f"{len(met)} of {len(met) + len(missed)} settings", "; ".join(missed) or MISSING)


def _each(targets: Sequence[Target]) -> str | None:
    rows = []
    for network in NINE:
        cells = []
        for target in targets:
            verdict = target.judge(network)
            if verdict is None:
                cells.append(MISSING)
            else:  # of the binary network something else is asked
                mark = f" {'✓' if verdict.met else '✗'}" if network in target.networks else ""
                cells.append(verdict.text + mark)
        if set(cells) != {MISSING}:
            rows.append((network_title(network), *cells))
    return table(("network", *(target.column for target in targets)), rows) if rows else None
