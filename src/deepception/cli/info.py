"""``deepception info``: what was understood about a classifier, checked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from . import say, show_json
from .caching import cache_options, read_cache
from .options import model_options, open_model

if TYPE_CHECKING:
    from ..observers import Observer
    from ..observers.inspecting import ObserverReport
    from ..sessions import CacheChoice


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1)
@click.option("--label", help="Class of all photographs: a name or an index.")
@click.option("--as-is", is_flag=True, help="Show photographs untouched; they must have the frame's size.")
@cache_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@model_options
def info(
    model: str, images: tuple[str, ...], label: str | None, as_is: bool, as_json: bool, **given: Any
) -> int:
    """Say what was understood about MODEL, check it, and show its answers to IMAGES.

    The checks: answers are finite and of the right number, probabilities sum to one, the same images get the
    same answers, and a batch of 1 answers as a batch of 16. An endpoint is asked eight images, and as many as
    are given.
    """
    from functools import partial

    from ..observers.inspecting import inspect
    from ..observers.remote import is_remote
    from ..sessions import raw_answers

    choice = read_cache(given)
    observer = open_model(model, given)
    ask = partial(raw_answers, observer) if is_remote(observer) else None
    report = inspect(observer, ask=ask)
    answers, accuracy, failed = _answers(observer, images, label, as_is, choice)
    if as_json:
        show_json({**report.to_dict(), "answers": answers, "accuracy": accuracy})
    else:
        _show(report, answers, accuracy)
    return 3 if failed else 0


def _answers(
    observer: Observer, images: tuple[str, ...], label: str | None, as_is: bool, choice: CacheChoice
) -> tuple[list[dict[str, Any]], dict[str, Any] | None, int]:
    """Top-5 of each photograph, accuracy over the labelled ones, and how many could not be shown."""
    if not images:
        return [], None, 0
    import numpy as np

    from ..errors import PhotographError
    from ..properties.headline import share
    from ..sessions import Session, chosen_cache
    from ..stimuli import fit_frame, load_photograph
    from ..studies.inputs import class_of, find_photographs

    shown: list[dict[str, Any]] = []
    hits: list[tuple[bool, bool]] = []
    told = len(observer.labels)
    errors: list[PhotographError] = []
    kept = chosen_cache(observer, choice)
    with (
        contextlib.nullcontext() if kept is None else kept,
        Session(observer, batch_size=observer.fixed_batch or 1, cache=kept) as session,
    ):
        for ref in find_photographs(images, label=label):
            known = class_of(ref, observer.labels)
            try:
                pixels = fit_frame(load_photograph(ref.path), observer.frame, as_is=as_is)
            except PhotographError as error:
                errors.append(error)
                continue
            answer = session.ask_images(pixels[None])
            top = answers_top = answer.top[0].tolist()
            columns = [answer.column(c) for c in answers_top]
            # An observer that tells labels only gives no probability, and a bound is none: where it rounds,
            # what comes after the classes that it tells is in the order of their indices.
            p = [
                float(v) if np.isfinite(v) and not bound else None
                for v, bound in zip(
                    np.exp(answer.log_probability[0, columns]), answer.censored[0, columns], strict=True
                )
            ]
            top = [c for c, v in zip(top, p, strict=True) if v is not None] or top
            shown.append(
                {
                    "photograph": ref.name,
                    "label": None if known is None else observer.labels[known],
                    "top": [
                        {"class": observer.labels[c], "index": c, "p": v}
                        for c, v in zip(answers_top, p, strict=True)
                        if c in top
                    ],
                }
            )
            if known is not None:
                hits.append((top[0] == known, known in top))
                told = min(told, len(answers_top))
    if errors and not shown:
        raise errors[0]
    for failed in errors:
        say(str(failed))
    accuracy = None
    if hits:
        five = told >= min(5, len(observer.labels))  # fewer classes than five do not tell it
        accuracy = {
            "top1": share([h[0] for h in hits]),
            "top5": share([h[1] for h in hits]) if five else None,
        }
    return shown, accuracy, len(errors)


def _show(report: ObserverReport, answers: list[dict[str, Any]], accuracy: dict[str, Any] | None) -> None:
    click.echo(f"{report.name}: {report.classes} classes, answers with {report.level}")
    frame = report.frame
    click.echo(f"  frame            {frame['height']}x{frame['width']}")
    for name, value in report.settings.items():
        if name in ("frame", "labels"):
            continue
        source = report.sources.get(name)
        click.echo(f"  {name:<16} {_plain(value)}{f'  ({source})' if source else ''}")
    for name, words in report.understood.items():
        click.echo(f"  {name:<16} {words}")
    click.echo(f"  fingerprint      {report.fingerprint[:16]}…")
    click.echo(f"  deterministic    {'yes' if report.deterministic else 'no'}")
    within = (
        "within float noise"
        if report.batch_difference <= report.batch_tolerance
        else "NOT within float noise"
    )
    if report.understood:
        click.echo(f"  asked            {report.transmissions} images, each in a request of its own")
    else:
        click.echo(f"  batch 1 and 16   differ by {report.batch_difference:.2g}, {within}")
    click.echo(f"  throughput       {report.images_per_second:,.0f} images a second")
    for problem in report.problems:
        say(problem)
    for answer in answers:
        label = f" (labelled {answer['label']})" if answer["label"] else ""
        click.echo(f"{answer['photograph']}{label}")
        for entry in answer["top"]:
            p = "" if entry["p"] is None else f"{100 * entry['p']:.2f} %"
            click.echo(f"  {p:>8}  {entry['class']} [{entry['index']}]")
    if accuracy is not None:
        for name, value in accuracy.items():
            if value is None:
                continue
            click.echo(
                f"{name}: {100 * value['value']:.1f} % of {value['n']} photographs "
                f"(95 % interval {100 * value['low']:.1f} % to {100 * value['high']:.1f} %)"
            )


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
