"""``deepception deceive``: deceive each photograph within a bound, or all with one learned pattern, and count."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import Cancelled, InputError, without_kind
from . import say, show_json
from .audit import count, queries, run, show_price, show_verdict, told_cost
from .caching import cache_options, read_cache
from .gates import Gate, read_gate
from .options import knowledge_option, model_options, open_model, photograph_options

if TYPE_CHECKING:
    from ..deceive import DeceptionParameters, Dictionary, Pattern
    from ..observers import Observer
    from ..studies import AuditRequest, RunOutcome

QUERIES = 1_000
"""Most showings per photograph, where nothing else is said."""

NAMED = 20
"""Photographs up to which each is named in the result."""


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1)
@click.option("--area", type=float, help="Most of the frame that may be covered, a share [default: 0.05].")
@click.option("--linf", metavar="E", help="Instead, how far every value may change: 10/255 or 0.0392.")
@click.option("--target", metavar="LABEL|INDEX|random", help="Class to be answered [default: any wrong one].")
@click.option(
    "--fooling-image",
    metavar="LABEL|INDEX|random",
    help="Instead, one image that is taken for a class, made of patches of IMAGES, or of the package's own.",
)
@click.option(
    "--queries",
    type=click.IntRange(1),
    help="Most showings per photograph, or of a fooling image [default: 1000, or 2000 with --fooling-image].",
)
@click.option("--universal", is_flag=True, help="One pattern for all photographs, learned on others.")
@click.option(
    "--learn-queries",
    type=click.IntRange(0),
    help="Queries for learning a universal pattern or a dictionary, or, with --fooling-image, what the patches "
    "answer alone [default: 0, or 20000 with --universal].",
)
@click.option(
    "--learn-on",
    metavar="IMAGES",
    multiple=True,
    help="What to learn on; may be repeated [default: a seeded half of IMAGES, classes kept apart].",
)
@click.option(
    "--apply",
    "applied",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A pattern (.npz) to show, or a dictionary (.json) to begin with, instead of learning one.",
)
@knowledge_option
@click.option("--no-controls", is_flag=True, help="Show no controls.")
@click.option("--no-prune", is_flag=True, help="Keep what a patch does not need.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder that keeps and resumes [default: none]."
)
@click.option(
    "--fail-on",
    metavar="CONDITION",
    help="End with exit code 1 where this holds, as in 'fooling_ratio > 0.5'.",
)
@photograph_options
@cache_options
@click.option("--dry-run", is_flag=True, help="Print the price and stop.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the figures, and one entry a photograph, as JSON."
)
@model_options
def deceive(
    model: str,
    images: tuple[str, ...],
    out: Path | None,
    fail_on: str | None,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Make MODEL answer IMAGES wrong, within a bound, by queries alone.

    Each photograph is searched on its own, or, with --universal, a pattern that was learned on other photographs
    is shown once on each. Controls tell how much of it is occlusion or chance. The run folder keeps the deceived
    photographs as PNG files, and what was put on each, or learned for all, as files that --apply puts on other
    photographs; the same command goes on after an interruption.

    With --fooling-image patches of IMAGES are repeated over a canvas until MODEL recognises the named class there
    at 0.9 or above. No patch shows that class or a near-synonym. The control is the same search with the patches
    scrambled.
    """
    if given["fooling_image"] is not None:
        from .fooling import fool

        return fool(model, images, given, out=out, fail_on=fail_on, dry_run=dry_run, as_json=as_json)
    del given["fooling_image"]
    if not images:
        raise click.UsageError("Missing argument 'IMAGES...'.")
    gate = None if fail_on is None else read_gate(fail_on)
    if gate is not None and gate.figure == "margin" and given["no_controls"]:
        raise click.UsageError("--fail-on margin needs the controls: leave --no-controls out.")
    request = _request(model, images, given)
    if dry_run:
        return show_price(request, out, as_json)
    if out is not None:
        return _deceive(request, out, as_json, gate, keep=True)
    if request.parameters["deception"].learn_queries:
        say("Without --out what is learned is not kept.")
    with tempfile.TemporaryDirectory(prefix="deepception-") as folder:
        try:
            return _deceive(request, Path(folder), as_json, gate, keep=False)
        except Cancelled as error:
            raise Cancelled("Interrupted; without --out nothing is kept.") from error


def _request(model: str, images: tuple[str, ...], given: dict[str, Any]) -> AuditRequest:
    """The request that the options describe."""
    from ..deceive.lesson import learned_on
    from ..deceive.origin import built_in_photographs, uses_built_in
    from ..studies import AuditRequest
    from ..studies.inputs import find_photographs

    asked = {name: given.pop(name) for name in _ASKED}
    _refuse_contradictions(asked)
    observer = open_model(model, given)
    brought = None if asked["applied"] is None else _read(asked["applied"])
    parameters = _parameters(observer, asked, brought, given["seed"])
    if parameters.universal:
        _tell_unused(asked)
    return AuditRequest(
        observer,
        model,
        find_photographs(images, label=given.pop("label")),
        properties=("deception",),
        parameters={"deception": parameters},
        learn_on=find_photographs(asked["learn_on"]) if asked["learn_on"] else None,
        files=() if brought is None else (asked["applied"],),
        leave_out=learned_on(brought.learned)
        if brought is not None
        else built_in_photographs(parameters.bound)
        if uses_built_in(parameters)
        else frozenset(),
        command=("deepception", *sys.argv[1:]),
        cache=read_cache(given),
        **given,
    )


_ASKED = (
    "area",
    "linf",
    "target",
    "queries",
    "universal",
    "learn_queries",
    "learn_on",
    "applied",
    "no_controls",
    "no_prune",
)


def _refuse_contradictions(asked: dict[str, Any]) -> None:
    if asked["applied"] is not None and (asked["learn_queries"] or asked["learn_on"]):
        raise click.UsageError(
            "--apply brings what would be learned: leave --learn-queries and --learn-on out."
        )
    if asked["universal"] and asked["applied"] is None and asked["learn_queries"] == 0:
        raise click.UsageError(
            "--universal needs queries to learn with (128 or more), or a pattern to --apply."
        )
    if asked["learn_on"] and not asked["universal"] and not asked["learn_queries"]:
        raise click.UsageError("--learn-on is for learning: add --universal or --learn-queries.")
    if asked["linf"] is not None and asked["learn_queries"] and not asked["universal"]:
        raise click.UsageError(
            "a dictionary is learned for an area: give --area, or --universal with --linf."
        )
    drawn = (asked["target"] or "").strip().casefold() == "random"
    if drawn and asked["learn_queries"] and not asked["universal"]:
        raise click.UsageError("a dictionary is learned for one target: name a class instead of random.")


def _tell_unused(asked: dict[str, Any]) -> None:
    """Say which options do nothing where one pattern is shown once on each photograph."""
    unused = [flag for name, flag in (("queries", "--queries"), ("no_prune", "--no-prune")) if asked[name]]
    if unused:
        say(f"A pattern is shown once on each photograph, so nothing comes of {' and '.join(unused)}.")


class _Brought(NamedTuple):
    """What a file brings, and the SHA-256 of its bytes."""

    learned: Pattern | Dictionary
    sha256: str


def _read(path: Path) -> _Brought:
    from ..deceive.lesson import read_lesson
    from ..deceive.pattern_file import read

    content = read(path)
    return _Brought(read_lesson(content, str(path)), hashlib.sha256(content).hexdigest())


def _parameters(
    observer: Observer, asked: dict[str, Any], brought: _Brought | None, seed: int
) -> DeceptionParameters:
    """The parameters that the options describe, every default filled in."""
    from ..deceive import DeceptionParameters, Linf
    from ..deceive.bounds import rounded_down
    from ..deceive.deceiving import check_bound
    from ..deceive.parameters import LEARN_QUERIES

    area, linf, universal = asked["area"], asked["linf"], asked["universal"]
    if brought is not None:
        area, linf, universal = _applied(observer, asked, brought.learned)
    learn_queries = asked["learn_queries"]
    if learn_queries is None:
        learn_queries = LEARN_QUERIES if universal and brought is None else 0
    if area is None and linf is None:
        area = 0.05
    parameters = DeceptionParameters(
        area=area,
        linf=linf,
        target=_target(observer, asked["target"], seed, universal=universal),
        queries=1 if universal else asked["queries"] or QUERIES,
        prune=not asked["no_prune"],
        controls=not asked["no_controls"],
        crops=0 if asked["no_controls"] else 5,
        universal=universal,
        learn_queries=learn_queries,
        applied=None if brought is None else brought.sha256,
    )
    bound = check_bound(parameters, observer.frame.shape)
    less = rounded_down(asked["linf"])
    if less is not None:
        say(less)
    if brought is not None:
        _tell_other_goal(brought.learned, parameters.target, observer)
    if brought is not None and not universal and isinstance(bound, Linf):
        raise InputError("a dictionary holds patches, which an L∞ bound does not allow: give --area.")
    return parameters


def _tell_other_goal(learned: Pattern | Dictionary, target: int | str | None, observer: Observer) -> None:
    """Say so where something was learned for another goal than the one that it is judged by."""
    from ..deceive import Pattern

    about = learned.about if isinstance(learned, Pattern) else learned.learned
    if "target" in about and about["target"] != target:
        what = "pattern" if isinstance(learned, Pattern) else "dictionary"
        was, now = _goal(about["target"], observer), _goal(target, observer)
        say(f"the {what} was learned for {was}; here the goal is {now}.")


def _goal(target: int | str | None, observer: Observer) -> str:
    if isinstance(target, int) and target < len(observer.labels):
        return f"class {target}, {observer.labels[target]}"
    return "any wrong class" if target is None else f"the class {target}"


def _applied(
    observer: Observer, asked: dict[str, Any], brought: Pattern | Dictionary
) -> tuple[float | None, Any, bool]:
    """Area, L∞ bound, and whether it is a pattern, which has a bound of its own."""
    from ..deceive import Area, Pattern, read_bound
    from ..deceive.pattern_showing import fitted_within

    area, linf = asked["area"], asked["linf"]
    if not isinstance(brought, Pattern):
        if asked["universal"]:
            raise InputError(f"{asked['applied']} is a dictionary, and --universal needs a pattern.")
        return area, linf, False
    if area is None and linf is None:
        bound = brought.bound
        area = bound.fraction if isinstance(bound, Area) else None
        linf = None if isinstance(bound, Area) else bound.epsilon
    fitted_within(brought, read_bound(area, linf), observer.frame.shape)
    return area, linf, True


def _target(observer: Observer, target: str | None, seed: int, *, universal: bool) -> int | str | None:
    """The target's index, or ``"random"``; a universal pattern has one target, drawn once."""
    from ..deceive.parameters import RANDOM
    from ..observers import resolve_label
    from ..properties.streams import stream

    if target is None:
        return None
    if target.strip().casefold() != RANDOM:
        return resolve_label(target, observer.labels)
    if not universal:
        return RANDOM
    drawn = int(stream(seed, "universal target").integers(len(observer.labels)))
    say(f"The target of the pattern is class {drawn}, {observer.labels[drawn]}.")
    return drawn


def _deceive(request: AuditRequest, folder: Path, as_json: bool, gate: Gate | None, *, keep: bool) -> int:
    outcome = run(request, folder, report=keep)
    found = summary_json(outcome.results)
    if as_json:
        show_json(found)
    else:
        _show(outcome, folder if keep else None)
    if gate is not None and gate.value(found) is None:
        say(f"{gate.figure} is not known here: the condition {gate} cannot hold.")
    if gate is not None and gate.fails(found):
        say(f"failed: {gate}.")
        return outcome.exit_code or 1
    return outcome.exit_code


def summary_json(results: dict[str, Any]) -> dict[str, Any]:
    """What ``--json`` prints: the figures, one entry a photograph, and where they come from."""
    summary, cost = results["properties"]["deception"], results["cost"]
    figures = summary["figures"]
    first = ("fooling_ratio", "success_rate", "robust_error")
    return {
        **{name: figures[name] for name in first},
        "queries": figures["queries"],
        "controls": figures["controls"],
        **{name: value for name, value in figures.items() if name not in (*first, "queries", "controls")},
        **({"learning": results["learning"]} if "learning" in results else {}),
        "images": [{**row, **_names(row, results["settings"]["labels"])} for row in summary["rows"]],
        "observer": results["observer"]["name"],
        "seed": results["seed"],
        "parameters": results["settings"]["parameters"]["deception"],
        "failures": results["failures"],
        "cost": cost,
    }


def _names(row: dict[str, Any], labels: list[str]) -> dict[str, str | None]:
    """The names of a row's classes, whose indices it has."""
    return {
        f"{which}_name": None if row[which] is None else labels[row[which]]
        for which in ("label", "clean_top1", "top1", "target")
    }


def _show(outcome: RunOutcome, folder: Path | None) -> None:
    results = outcome.results
    summary, cost = results["properties"]["deception"], results["cost"]
    show_verdict("deception", summary, cached=bool(cost.get("cached")))
    for line in _failed(results):
        click.echo(line)
    if len(summary["rows"]) <= NAMED:
        for row in summary["rows"]:
            click.echo(_line(row, results["settings"]["labels"]))
    if "learned" in summary["figures"]:
        learned = summary["figures"]["learned"]
        before = " before, which are not counted here" if learned["brought"] else ""
        click.echo(f"{learned['kind']}: learned with {queries(learned['spent'])}{before}")
    click.echo(told_cost(cost))
    if folder is not None:
        click.echo(f"report: {folder / 'report.html'}")


def _failed(results: dict[str, Any]) -> list[str]:
    """How many photographs failed, and why the first did; nothing where none did."""
    failures = [failure for failure in results["failures"] if failure["photograph"] is not None]
    failed = len({failure["photograph"] for failure in failures})
    if not failed:
        return []
    unread = sum(failure["experiment"] == "photograph" for failure in failures)
    total = len(results["photographs"]) + unread
    why = without_kind(failures[0]["error"])
    others = f" (and {failed - 1} more)" if failed > 1 else ""
    return [f"{failed} of {count(total)} failed: {why.rstrip('.')}{others}."]


def _line(row: dict[str, Any], labels: list[str]) -> str:
    """One photograph: what it was, what it became, and after how many queries."""
    before, after = labels[row["clean_top1"]], labels[row["top1"]]
    if not row["attacked"]:
        return f"{row['name']}: {before}, which is the target already"
    if not row["reached"]:
        into = "" if row["target"] is None else f" into {labels[row['target']]}"
        return f"{row['name']}: {before}, not deceived{into} in {queries(row['attack_queries'])}"
    return f"{row['name']}: {before}, deceived into {after} after {queries(row['first'])}"
