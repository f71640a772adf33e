"""docs/deception.md: targets, tables, curves and the research log, made from the committed figures alone."""

from __future__ import annotations

import os
from pathlib import Path

from . import comparing
from .ablations_page import ablations_section
from .curves import draw
from .fooling_page import fooling_rates, fooling_section
from .fooling_rows import read_made
from .keeping import read_all
from .methods import METHODS
from .sections import learning_section, setting_section
from .settings import NINE, SETTINGS
from .summary import summary_section
from .targets import Found, targets_section
from .transfer_page import transfer_section
from .transfer_rows import read_rows

LOG = Path(__file__).with_name("log.md")

INTRODUCTION = """\
# Deceiving nine networks, beside other methods

Deepception and its baselines on nine networks, with the same photographs, bounds and budgets. Made by

```sh
python -m benchmarks.deception --data FOLDER
```

where FOLDER holds the networks (`models/`) and the labelled photographs (`photos/`). The figures are in
`benchmarks/results/deception/`, one file for each network, setting, method and seed, and this page is written
from them alone (`python -m benchmarks.deception --page`): do not edit it by hand. How to go on with the
measurement, and what it costs, is in [benchmarks/README.md](../benchmarks/README.md)."""

SMALL = (
    "> This is a small run on the develop split, with fewer photographs and queries than the page says: to see "
    "that all of it works, not how well."
)

METHOD = """\
## How it was measured

- **Photographs** of the test split (class index 2 modulo 4; no class is in two splits): so many, evenly spread,
  that about 60 are answered right before, and all 250 for universal patterns. All are attacked, also those that
  were answered wrong before; query figures are of those that were right.
- **Deceived** is a photograph whose top-1 is neither the clean top-1 nor the true label (with a target: is the
  target). *Success*: of those that were right before. *Fooling ratio*: of all. *Robust error*: wrong before, or
  deceived.
- **The same for all methods**: 8-bit frames, one counting session, the bound checked on every image that is shown,
  the budget. The clean answer is one query more for each and is not counted. Ours spends its queries on confirming
  the saved file and on one shifted showing, too.
- **Intervals** are 95 %. The photograph is the unit: seeds are reduced to one number for each photograph first.
  Rates: Wilson. Medians: order statistics, a failure being "more than the budget". Means are restricted at the
  budget: BCa.
- **Baselines**: *one square* and *scattered pixels* are random searches in the manner of Sparse-RS, our own code.
  ART's attacks are charged for an image once, however often they ask for it again. HopSkipJump has no bound: the
  first image within ε that is answered wrong is its success. Neither ART nor foolbox has an attack on labels alone
  with a bound on the area: there the controls stand beside ours."""


def write_page(folder: Path, page: Path, *, small: bool = False) -> None:
    """Write the page and its pictures, which stand in a folder of the page's name beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_text(folder, page, small=small), encoding="utf-8")
    for setting, networks in _measured(_found(folder)).items():
        if SETTINGS[setting].queries > 1:
            draw(_picture(page, setting), networks)


def page_text(folder: Path, page: Path, *, small: bool = False) -> str:
    """What ``write_page`` writes."""
    found = _found(folder)
    measured = _measured(found)
    made, rows = read_made(folder), read_rows(folder)
    parts: list[str | None] = [
        INTRODUCTION,
        SMALL if small else None,
        summary_section(measured, found),
        targets_section(found, fooling_rates(made)),
        METHOD,
    ]
    for name, networks in measured.items():
        image = os.path.relpath(_picture(page, name), page.parent)
        parts.append(setting_section(SETTINGS[name], networks, image, found))
    parts += [learning_section(found), ablations_section(found), transfer_section(rows)]
    parts.append(fooling_section(made))
    waiting = [setting.title for name, setting in SETTINGS.items() if not any(s == name for s, _ in found)]
    waiting += ["Transfer"] * (not rows) + ["Fooling images"] * (not made)
    if waiting:
        parts.append("## Not measured yet\n\n" + "\n".join(f"- {title}" for title in waiting))
    if LOG.exists():
        parts.append(LOG.read_text(encoding="utf-8").strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def _found(folder: Path) -> Found:
    """All results of what is still compared; a method or setting that was given up leaves its files behind."""
    return comparing.gather(
        one
        for one in read_all(folder)
        if one.unit.setting in SETTINGS and one.unit.network in NINE and one.unit.method in METHODS
    )


def _measured(found: Found) -> dict[str, dict[str, list[comparing.Results]]]:
    """By setting and network, in order, what is a comparison of its own; the others belong to one of these."""
    order = list(METHODS)
    made = {}
    for name, setting in SETTINGS.items():
        if not (setting.ablates or setting.paid_for or setting.for_transfer):
            networks = {
                n: sorted(found[name, n], key=lambda one: order.index(one.method))
                for n in NINE
                if (name, n) in found
            }
            if networks:
                made[name] = networks
    return made


def _picture(page: Path, setting: str) -> Path:
    return page.parent / page.stem / f"{setting}.svg"
