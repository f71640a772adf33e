"""``deepception deceive --fooling-image``: one image that is taken for a class which it does not show."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Cancelled
from . import say, show_json
from .audit import count, in_money, known, measured, say_assumed, told_cost
from .caching import read_cache
from .options import open_model

if TYPE_CHECKING:
    from ..observers import Observer
    from ..studies import FoolingPrice, FoolingRequest

# Options of the command that mean nothing here, by the names of their parameters.
_EXCLUDED = {
    "universal": "--universal",
    "target": "--target",
    "area": "--area",
    "linf": "--linf",
    "applied": "--apply",
    "learn_on": "--learn-on",
    "no_prune": "--no-prune",
    "batch_size": "--batch-size",
    "fail_on": "--fail-on",
}


def fool(
    model: str,
    images: tuple[str, ...],
    given: dict[str, Any],
    *,
    out: Path | None,
    fail_on: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Do what ``--fooling-image`` asks for; ``given`` are the other options of the command."""
    _refuse({**given, "fail_on": fail_on})
    request = _request(model, images, given)
    if dry_run:
        return _show_price(request, out, as_json)
    if out is not None:
        return _fool(request, out, as_json, keep=True)
    say("Without --out the image is not kept.")
    with tempfile.TemporaryDirectory(prefix="deepception-") as folder:
        try:
            return _fool(request, Path(folder), as_json, keep=False)
        except Cancelled as error:
            raise Cancelled("Interrupted; without --out nothing is kept.") from error


def _refuse(given: dict[str, Any]) -> None:
    absent = (None, False, ())
    named = [flag for name, flag in _EXCLUDED.items() if not any(given[name] is value for value in absent)]
    if named:
        raise click.UsageError(f"--fooling-image searches an image of its own: leave {', '.join(named)} out.")


def _request(model: str, images: tuple[str, ...], given: dict[str, Any]) -> FoolingRequest:
    """The request that the options describe."""
    from ..studies import FoolingRequest
    from ..studies.fooling.running import QUERIES
    from ..studies.inputs import find_photographs

    observer = open_model(model, given)
    photographs = find_photographs(images, label=given["label"]) if images else _embedded()
    return FoolingRequest(
        observer,
        model,
        photographs,
        _target(observer, given["fooling_image"], given["seed"]),
        queries=given["queries"] or QUERIES,
        learn_queries=given["learn_queries"] or 0,
        control=not given["no_controls"],
        command=("deepception", *sys.argv[1:]),
        cache=read_cache(given),
        **{name: given[name] for name in ("seed", "budget", "as_is", "max_pixels")},
    )


def _embedded() -> list[Any]:
    """The photographs of the package. Their classes are asked for: they need not be those of the observer."""
    from ..studies import PhotographRef, embedded_photographs

    return [PhotographRef(path, f"embedded/{path.name}") for path in embedded_photographs()]


def _target(observer: Observer, text: str, seed: int) -> int:
    from ..deceive.parameters import RANDOM
    from ..observers import resolve_label
    from ..properties.streams import stream

    if text.strip().casefold() != RANDOM:
        return resolve_label(text, observer.labels)
    drawn = int(stream(seed, "fooling image target").integers(len(observer.labels)))
    say(f"The target is class {drawn}, {observer.labels[drawn]}.")
    return drawn


def _fool(request: FoolingRequest, folder: Path, as_json: bool, *, keep: bool) -> int:
    from ..observers.remote import cost_of
    from ..studies import run_fooling

    def told_price(price: FoolingPrice) -> None:
        say_assumed(request.observer)
        say(_priced(price, cost_of(request.observer)))

    outcome = measured(
        lambda listeners: run_fooling(request, folder, on_price=told_price, listeners=listeners),
        folder if keep else None,
    )
    if as_json:
        show_json(summary_json(outcome.results, kept=keep))
    else:
        _show(outcome.results, folder if keep else None)
    return outcome.exit_code


def summary_json(results: dict[str, Any], *, kept: bool = True) -> dict[str, Any]:
    """What ``--json`` prints: what was found, its control, what it was made of, and what it cost."""
    made, control = results["fooling"], results["control"]
    return {
        "target": results["target"]["index"],
        "name": results["target"]["name"],
        **_figures(made, kept),
        "queries": results["queries"],
        "control": None if control is None else _figures(control, kept),
        "beyond_control": results["beyond_control"],
        "bank": results["bank"],
        "observer": results["observer"]["name"],
        "seed": results["seed"],
        "parameters": results["settings"]["fooling"],
        "failures": results["failures"],
        "cost": results["cost"],
    }


_FIGURES = (
    *("reached", "p", "rate", "top1", "top1_name", "first_top1", "first"),
    *("budget", "source", "copies", "patches", "file"),
)


def _figures(image: dict[str, Any] | None, kept: bool) -> dict[str, Any]:
    if image is None:
        return dict.fromkeys(_FIGURES) | {"reached": False}
    figures = {name: image[name] for name in _FIGURES} | {
        "spent": image["queries"],
        "learning": image["learning"],
    }
    if kept:
        return figures
    patches = [{**patch, "file": None} for patch in image["patches"]]
    return {**figures, "patches": patches, "file": None}


def _show(results: dict[str, Any], folder: Path | None) -> None:
    from ..reports.fooling import line, verdict

    found = verdict(results)
    click.echo(f"fooling image: {found.word}. {found.sentence}")
    for role in ("fooling", "control"):
        click.echo(line(role, results))
    click.echo(told_cost(results["cost"]))
    if folder is not None and results["fooling"] is not None:
        click.echo(f"picture: {folder / results['fooling']['file']}")
    if folder is not None:
        click.echo(f"report: {folder / 'report.html'}")


def _priced(price: FoolingPrice, cost: float | None) -> str:
    parts = [
        f"{price.search:,} for the image",
        f"{price.control:,} for its control",
        f"{price.clean:,} clean",
        *([f"{price.learning:,} for learning what patches answer alone"] if price.learning else []),
    ]
    made = f"The search with patches of {count(price.photographs)} may cost up to {price.total:,} queries"
    left = f"at most {price.left:,} are left to ask" if price.left else "all of them are measured"
    whole = f"{made} ({', '.join(parts)}){'' if price.left == price.total else f'; {left}'}"
    return f"{whole}{in_money(price, cost)}{known(price)}."


def _show_price(request: FoolingRequest, out: Path | None, as_json: bool) -> int:
    """``--dry-run``: the price, and nothing is asked."""
    from dataclasses import asdict

    from ..observers.remote import cost_of
    from ..sessions import keeps_answers
    from ..studies import RunStore, price_fooling, resolve_fooling

    settings, broken = resolve_fooling(request, out)
    for why in broken.values():
        say(why)
    say_assumed(request.observer)
    cached = keeps_answers(request.observer, request.cache)
    price = price_fooling(settings, None if out is None else RunStore(out), cached=cached)
    if as_json:
        show_json(asdict(price))
    else:
        click.echo(_priced(price, cost_of(request.observer)))
    return 0
