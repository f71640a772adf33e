"""The text of docs/properties.md, from the figures in docs/properties/*.json; called by docs/properties.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kept import read_kept
from page_words import p_value, share, table
from property_tables import CLAIMS, EFFECTS, figures_table, headline_table, periods_table

from deepception.statistics import holm

Results = Mapping[str, Any]

PERIODS = "### The period of each network, from its answers alone"


def write_page(folder: Path, page: Path, order: Sequence[str]) -> None:
    """Write the page from what is there; networks without figures are named as missing."""
    found = {n: read_kept(folder / f"{n}.json") for n in order if (folder / f"{n}.json").exists()}
    missing = [name for name in order if name not in found]
    page.write_text(text(found, missing), encoding="utf-8")


def text(found: Mapping[str, Results], missing: Sequence[str]) -> str:
    """The page in Markdown."""
    parts = [_introduction(found, missing)]
    if found:
        parts += [
            _verdicts(found),
            _section(found, "local", "Local"),
            _section(found, "spatial", "Spatial", PERIODS, periods_table(found)),
            _section(found, "activation", "Activation–inhibition"),
            _section(found, "cumulative", "Cumulative"),
            _cost(found),
        ]
    return "\n\n".join(parts) + "\n"


def _introduction(found: Mapping[str, Results], missing: Sequence[str]) -> str:
    photographs = {len(r["properties"]["local"]["rows"]) for r in found.values()}
    number = " or ".join(map(str, sorted(photographs))) or "20"
    lines = [
        "# The four properties on nine networks",
        "",
        "Made by `python docs/properties.py --data FOLDER`, where FOLDER holds the networks (`models/`) and the",
        "labelled photographs (`photos/`); the figures are in `docs/properties/*.json`, one a network, and this page",
        "is written from them alone (`python docs/properties.py --page`). Do not edit it by hand.",
        "",
        f"{number} photographs of the develop split (class index 4 modulo 8, evenly spread), the class that is read is",
        "the label, setting *standard*, seed 0, ONNX Runtime on CPU. The photograph is the unit: medians over",
        "photographs with 95 % BCa intervals. All effects are in **decades of odds** (one decade: ten times the odds).",
        "An effect *holds* on a network when the lower 95 % bounds of the paired median (effect − best control) and of",
        "the effect itself are above 0; the best control is the one that it exceeds least surely. Where the patch is the most",
        "responsive region, a random region of the same photograph must exceed its control too: a region chosen for its",
        "answer beats controls that were not chosen even where nothing is there. What each figure means is in",
        "[methods.md](methods.md). The same claims, and Deepception, on 60 photographs of the test split:",
        "[paper.md](paper.md).",
    ]
    if missing:
        lines += ["", f"**Not measured yet:** {', '.join(missing)}. The same command goes on with them."]
    return "\n".join(lines)


def _verdicts(found: Mapping[str, Results]) -> str:
    cells = [(name, claim) for name in found for claim in CLAIMS]
    p = [found[name]["properties"][claim]["headline"]["p"] for name, claim in cells]
    adjusted = dict(zip(cells, holm(p), strict=True))
    rows = []
    for claim, words in CLAIMS.items():
        held = [n for n in found if found[n]["properties"][claim]["headline"]["holds"]]
        strict = [n for n in held if adjusted[n, claim] < 0.05]
        rows.append((claim, words, f"{len(held)} of {len(found)}", f"{len(strict)} of {len(found)}"))
    verdicts = table(
        ("property", "the paper's claim", "holds beyond the best control", "… and p < 0.05 after Holm"), rows
    )
    detail = table(
        ("network", *CLAIMS),
        [
            (
                f"`{name}`",
                *(
                    f"{'holds' if results['properties'][c]['headline']['holds'] else 'does not hold'} "
                    f"(p {p_value(adjusted[name, c])})"
                    for c in CLAIMS
                ),
            )
            for name, results in found.items()
        ],
    )
    return (
        "## What holds\n\n"
        "The paper's claims, each judged against its best control. Sign-flip p of the paired differences, adjusted by "
        f"Holm over {len(cells)} pairs of network and claim.\n\n{verdicts}\n\n{detail}"
    )


def _section(found: Mapping[str, Results], name: str, title: str, *after: str) -> str:
    tables = (headline_table(found, name), figures_table(found, name))
    return "\n\n".join([f"## {title}", f"> {CLAIMS[name]}", EFFECTS[name], *tables, *after])


def _cost(found: Mapping[str, Results]) -> str:
    rows = [
        (
            f"`{name}`",
            _accuracy(results),
            f"{results['cost']['queries']:,}",
            f"{results['cost']['seconds'] / 60:.0f} min",
            f"`{results['observer']['fingerprint'][:12]}`",
        )
        for name, results in found.items()
    ]
    costs = table(("network", "top-1 on these photographs", "queries", "time", "fingerprint"), rows)
    return f"## What it cost\n\nTwo cores, shared with other work.\n\n{costs}"


def _accuracy(results: Results) -> str:
    return share(results["accuracy"]["top1"]) if results["accuracy"] else "–"
