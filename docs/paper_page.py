"""The text of docs/paper.md, from the figures in docs/paper/*.json; called by docs/paper.py."""

from __future__ import annotations

from pathlib import Path

from page_words import MISSING, p_value, share, table
from paper_deception import controls_table, rates_table, within_table
from paper_pictures import draw, pictured
from paper_study import PATCHES, PROPERTIES, Plan, Runs, read_runs, summaries
from paper_unsaid import unsaid
from paper_verdicts import (
    CLAIMED_DECADES,
    CLAIMED_RATIO,
    CLAIMS,
    TITLES,
    Verdicts,
    judge,
    placed,
)
from property_tables import EFFECTS, Results, figures_table, headline_table, periods_table

_STATES = ("holds", "does not hold", "not judged", "not measured yet")


def write_page(folder: Path, page: Path, plan: Plan) -> None:
    """Write the page and its pictures, which lie in ``folder``, from what is kept there."""
    verdicts = judge(read_runs(folder, plan), plan)
    for claim in CLAIMS:
        picture = folder / f"{claim}.svg"
        if pictured(verdicts, claim):
            draw(picture, verdicts, claim, plan)
        else:
            picture.unlink(missing_ok=True)
    page.write_text(page_text(folder, plan), encoding="utf-8")


def page_text(folder: Path, plan: Plan) -> str:
    """The page in Markdown."""
    runs = read_runs(folder, plan)
    verdicts = judge(runs, plan)
    parts = [
        _introduction(plan),
        _progress(runs, plan),
        _verdicts(verdicts, plan),
        *(_property(claim, runs, verdicts, plan, folder.name) for claim in EFFECTS),
        _deception(runs, verdicts, plan, folder.name),
        _cost(runs),
        _sources(runs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _introduction(plan: Plan) -> str:
    networks = _counted(len(plan.networks))
    return f"""\
# The paper's five claims on {networks} networks

N. Ouarti and D. Carmona (2018), *Out of the Black Box: Properties of deep neural networks and their applications*,
[arXiv:1808.04433](https://arxiv.org/abs/1808.04433), claim four properties of networks, and an application. This page
says of each claim, in our words, whether it holds on each of {networks} networks, and what the claim leaves open. It
is made by

```sh
deepception study studies/paper.toml --out runs/paper
python docs/paper.py --run runs/paper
```

The first command measures, and goes on wherever it was interrupted ([Studies](studies.md)); its networks and
photographs are those of a folder `../shared/data` beside the checkout. The second keeps the figures of what is measured
so far in `docs/paper/`, one file a run, and writes this page from them alone (as `python docs/paper.py --page` does): do
not edit it by hand.

{plan.photographs} photographs, evenly spread over the classes of the test split (class index 2 modulo 4); the class that
is read is the label; setting *standard*, seed 0, ONNX Runtime on CPU. The photograph is the unit: medians over
photographs with 95 % BCa intervals, shares with Wilson intervals, properties in **decades of odds** (one decade: ten
times the odds).

- A claim about a property **holds** on a network when the lower 95 % bounds of the paired median (effect − best control)
  and of the effect itself are above 0 and, where the patch is the most responsive region, that of a random region minus
  its best control too. The best control is the one that the effect exceeds least surely.
- Deepception **holds** when the lower 95 % bound of deceived − best control is above 0. The best control is the one that
  deceives most.
- That a claim *does not hold* means that it was not shown on these photographs, not that the contrary was.

What each figure means is in [methods.md](methods.md). The same properties on 20 other photographs and nine networks are
in [properties.md](properties.md), deception with more bounds and beside other methods in
[deception.md](deception.md)."""


def _progress(runs: Runs, plan: Plan) -> str:
    total = 2 * len(plan.networks)
    done = sum(_finished(kept.results) for kept in runs.values())
    if done == total:
        return ""
    rows = [
        (
            f"`{network}`",
            *(
                _state(runs[of, network].results, plan) if (of, network) in runs else "not measured yet"
                for of in (PROPERTIES, PATCHES)
            ),
        )
        for network in plan.networks
    ]
    return (
        f"**{done} of {total} runs are finished.** Verdicts on fewer than {plan.photographs} photographs are "
        f"provisional.\n\n{table(('network', 'four properties', 'Deepception'), rows)}"
    )


def _finished(results: Results) -> bool:
    units = results["units"]
    return bool(units["finished"] == units["planned"])


def _state(results: Results, plan: Plan) -> str:
    """How many photographs are measured in everything that a run measures."""
    n = min(len(summary["rows"]) for summary in results["properties"].values())
    failed = len(results["failures"])
    words = "finished" if _finished(results) else f"{n} of {plan.photographs} photographs"
    return words + (f", {failed} failures" if failed else "")


def _verdicts(verdicts: Verdicts, plan: Plan) -> str:
    rows = []
    for claim, words in CLAIMS.items():
        mine = [verdicts[claim, network] for network in plan.networks]
        states = [sum(verdict.state == state for verdict in mine) for state in _STATES]
        sure = sum(v.state == "holds" and v.adjusted is not None and v.adjusted < 0.05 for v in mine)
        rows.append((TITLES[claim], words, str(states[0]), str(sure), *map(str, states[1:])))
    head = ("claim", "in our words", "holds", "… and p < 0.05 after Holm", *_STATES[1:])
    cells = [
        (f"`{network}`", *(_cell(verdicts, claim, network) for claim in CLAIMS)) for network in plan.networks
    ]
    judged = sum(verdict.judged for verdict in verdicts.values())
    corrected = (
        "Sign-flip p of the paired differences, for Deepception the exact McNemar p of deceived against best "
        f"control, adjusted by Holm over the {judged} pairs of network and claim that are judged."
    )
    return "\n\n".join(
        [
            "## What holds",
            "Numbers of networks.",
            table(head, rows),
            *([corrected] if judged else []),
            table(("network", *TITLES.values()), cells),
        ]
    )


def _cell(verdicts: Verdicts, claim: str, network: str) -> str:
    verdict = verdicts[claim, network]
    return verdict.counted + (f" (p {p_value(verdict.adjusted)})" if verdict.adjusted is not None else "")


def _property(claim: str, runs: Runs, verdicts: Verdicts, plan: Plan, folder: str) -> str:
    found = {n: r for n, r in summaries(runs, claim).items() if r["properties"][claim]["headline"]}
    more = {
        "n": lambda network: str(verdicts[claim, network].n),
        "holds": lambda network: verdicts[claim, network].words,
        "p after Holm": lambda network: p_value(verdicts[claim, network].adjusted),
    }
    tables = [headline_table(found, claim, **more), figures_table(found, claim)] if found else []
    if claim == "spatial" and found:
        tables.append(f"The period of each network, from its answers alone:\n\n{periods_table(found)}")
    return "\n\n".join(
        [
            f"## {TITLES[claim]}",
            f"> {CLAIMS[claim]}",
            EFFECTS[claim],
            *_picture(claim, verdicts, folder),
            *tables,
            *_open(claim, verdicts, plan),
            *(_size(verdicts, claim) if claim == "spatial" else []),
            unsaid(claim, found, plan),
        ]
    )


def _picture(claim: str, verdicts: Verdicts, folder: str) -> list[str]:
    if not pictured(verdicts, claim):
        return []
    words = "fooling ratio and best control" if claim == "deception" else "effect minus best control"
    return [f"![{TITLES[claim]}: {words} on each network]({folder}/{claim}.svg)"]


def _open(claim: str, verdicts: Verdicts, plan: Plan) -> list[str]:
    """What there is no verdict on, and why."""
    mine = {network: verdicts[claim, network] for network in plan.networks}
    missing = [f"`{n}`" for n, verdict in mine.items() if verdict.state == "not measured yet"]
    told = [f"Not judged on `{n}`: {v.reason}." for n, v in mine.items() if v.state == "not judged"]
    return [*told, *([f"Not measured yet: {', '.join(missing)}."] if missing else [])]


def _size(verdicts: Verdicts, claim: str) -> list[str]:
    """Whether the effect is as large as the paper says."""
    deception = claim == "deception"
    above, around, below = placed(verdicts, claim, CLAIMED_RATIO if deception else CLAIMED_DECADES)
    judged = above + around + below
    if not judged:
        return []
    named = "The paper's 88 %" if deception else "The two decades that the paper names at least"
    of = "the fooling ratio" if deception else "the effect, whatever the controls,"
    return [
        f"**As large as the paper says?** {named}: the interval of {of} lies at or above on {above} of {judged} "
        f"networks, contains it on {around}, and lies below on {below}."
    ]


def _deception(runs: Runs, verdicts: Verdicts, plan: Plan, folder: str) -> str:
    found = summaries(runs, "deception")
    effect = (
        f"Effect: the fooling ratio, the share of all photographs whose answer becomes a wrong one, with patches on "
        f"at most {100 * plan.area:g} % of the frame and at most {plan.queries:,} queries a photograph. *Success* is "
        "the same among photographs that were answered right before; *robust error* is wrong before, or deceived. "
        "Queries are those to the first success, of photographs that were right before."
    )
    tables = [rates_table(found, verdicts), within_table(found, plan), controls_table(found)] if found else []
    return "\n\n".join(
        [
            f"## {TITLES['deception']}",
            f"> {CLAIMS['deception']}",
            effect,
            *_picture("deception", verdicts, folder),
            *tables,
            *_open("deception", verdicts, plan),
            *_size(verdicts, "deception"),
            unsaid("deception", found, plan),
        ]
    )


def _cost(runs: Runs) -> str:
    if not runs:
        return "## What it cost\n\nNothing is measured yet."
    rows, queries, seconds = [], 0, 0.0
    for (experiment, network), kept in runs.items():
        cost = kept.results["cost"]
        queries, seconds = queries + cost["queries"], seconds + cost["seconds"]
        accuracy = kept.results["accuracy"]
        rows.append(
            (
                f"`{experiment}/{network}`",
                share(accuracy["top1"]) if accuracy else MISSING,
                f"{cost['queries']:,}",
                f"{cost['seconds'] / 3600:.2f}",
            )
        )
    rows.append(("in all", "", f"{queries:,}", f"{seconds / 3600:.2f}"))
    return (
        "## What it cost\n\nHours of the units of each run, added up over the workers of a machine with two cores "
        f"that did other work as well.\n\n{table(('run', 'top-1 before', 'queries', 'hours'), rows)}"
    )


def _sources(runs: Runs) -> str:
    if not runs:
        return ""
    rows = [
        (
            f"`{experiment}/{network}`",
            f"{kept.results['units']['finished']:,} of {kept.results['units']['planned']:,}",
            f"`{kept.results['digest'][:16]}`",
            f"`{kept.results['observer']['fingerprint'][:16]}`",
            f"`{kept.sha256[:16]}`",
            kept.results["version"],
        )
        for (experiment, network), kept in runs.items()
    ]
    head = ("run", "units", "settings digest", "fingerprint of the network", "SHA-256 of its file", "version")
    return (
        "## Where each figure comes from\n\nEach run is a folder `runs/EXPERIMENT/NETWORK` of the study; its "
        "`run.json` has the digest of its settings and the fingerprint of the network, in full also in the kept file, "
        "`docs/paper/EXPERIMENT--NETWORK.json`, whose SHA-256 (`sha256sum`) is here. It lists the SHA-256 of every "
        f"photograph, and their figures one by one. The first 16 digits:\n\n{table(head, rows)}"
    )


def _counted(number: int) -> str:
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[number] if number < len(names) else str(number)
