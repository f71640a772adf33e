"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..observers import Observer

Command = TypeVar("Command", bound=Callable[..., Any])

_MODEL = [
    click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:N or mps."),
    click.option("--threads", type=click.IntRange(1), help="Threads of one call [default: all processors]."),
    click.option("--engine", type=click.Choice(["onnxruntime", "openvino"]), help="Engine for ONNX files."),
    click.option(
        "--weights", type=click.Path(path_type=Path), help="Weights for torch:PACKAGE.MODULE:FACTORY."
    ),
    click.option(
        "--observer-version",
        metavar="TEXT",
        help="Version of a python: function, with which its run can go on in another process, or of an endpoint.",
    ),
    click.option("--preprocessing", type=click.Path(path_type=Path), help="A JSON sidecar to read."),
    click.option(
        "--labels", type=click.Path(path_type=Path), help="Names of the classes, one a line or JSON."
    ),
    click.option("--size", "--input", "size", metavar="N|HxW", help="Frame in pixels."),
    click.option("--frame", metavar="N|HxW", help="The same: the size that is sent to an endpoint."),
    click.option("--mean", metavar="M[,M,M]", help="Mean to subtract."),
    click.option("--std", metavar="S[,S,S]", help="Deviation to divide by."),
    click.option(
        "--pixel-range", type=click.Choice(["0..255", "0..1"]), help="Scale that mean and std are in."
    ),
    click.option("--crop-fraction", type=float, help="Share of the short side that the central crop keeps."),
    click.option("--fit", type=click.Choice(["crop", "squash"]), help="How a photograph comes to the frame."),
    click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), help="Order of the input's axes."),
    click.option("--colour-order", type=click.Choice(["RGB", "BGR"]), help="Order of the channels."),
    click.option("--output", type=click.Choice(["logits", "probabilities"]), help="What the scores are."),
    click.option(
        "--level",
        metavar="LEVEL",
        help="What a python: function or TorchServe answers with: logits, probabilities, top-5 (or another "
        "number) or label.",
    ),
    click.option("--input-name", help="Name of the input that takes the image."),
    click.option("--output-name", help="Name of the output to read."),
    click.option(
        "--protocol",
        metavar="v2|torchserve|tfserving|FILE.toml",
        help="What an endpoint speaks [default: what its address tells].",
    ),
    click.option(
        "--header",
        "headers",
        metavar="'NAME: ${VARIABLE}'",
        multiple=True,
        help="Header for an endpoint; secrets come from the environment.",
    ),
    click.option(
        "--concurrency", type=click.IntRange(1), help="Requests to an endpoint in flight [default: 8]."
    ),
    click.option("--rate", type=float, help="Most requests to an endpoint in a second [default: no limit]."),
    click.option("--timeout", type=float, help="Seconds that a request may take [default: 30]."),
    click.option("--attempts", type=click.IntRange(1), help="Most tries for one image [default: 8]."),
    click.option(
        "--patience",
        type=float,
        help="Seconds without any answer until an endpoint is given up [default: 60].",
    ),
    click.option("--cost", type=float, help="Price of one request, shown before and during a run."),
]

_PHOTOGRAPHS = [
    click.option("--label", help="Class of all photographs: a name or an index."),
    click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random."
    ),
    click.option("--batch-size", type=click.IntRange(1), help="Images at once [default: found by a probe]."),
    click.option("--budget", type=click.IntRange(0), help="Most images that the run may send in all."),
    click.option(
        "--as-is", is_flag=True, help="Show photographs untouched; they must have the frame's size."
    ),
    click.option(
        "--max-pixels",
        type=click.IntRange(256),
        default=100_000_000,
        show_default=True,
        help="Largest photograph that is decoded in full.",
    ),
]

_REGIONS = click.option(
    "--regions",
    type=click.Choice(["grid", "windows", "superpixels"]),
    default="grid",
    show_default=True,
    help="Kind of regions.",
)


def _choose_setting(context: click.Context, option: click.Parameter, given: bool) -> None:
    """Keep the setting that a flag names; two are refused, for either might be the one that was meant."""
    chosen: list[str] = context.meta.setdefault("deepception.setting", [])
    if given:
        chosen.append(str(option.name))
    if len(chosen) > 1:
        flags = " and ".join(f"--{name}" for name in chosen)
        raise click.UsageError(f"{flags} are different settings: give one of them.", context)
    context.params["setting"] = chosen[0] if chosen else "standard"


_SETTING = [
    click.option(f"--{name}", is_flag=True, expose_value=False, callback=_choose_setting, help=text)
    for name, text in (
        ("quick", "A first look on one canvas."),
        ("full", "Every control."),
        ("standard", "What the verdicts rest on [default]."),
    )
]


def _adder(options: list[Any]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_KNOWLEDGE = click.option(
    "--knowledge",
    metavar="LEVEL",
    help="Use no more of the answers: logits, probabilities, top-5 (or another number) or label; "
    "probabilities@0.01 and top-5@0.01 are rounded.",
)

model_options = _adder(_MODEL)
knowledge_option = _adder([_KNOWLEDGE])
photograph_options = _adder(_PHOTOGRAPHS)
run_options = _adder([*_PHOTOGRAPHS[:4], _REGIONS, *_PHOTOGRAPHS[4:]])
setting_options = _adder(_SETTING)
MODEL_NAMES = (
    "device",
    "threads",
    "engine",
    "weights",
    "preprocessing",
    "labels",
    "size",
    "mean",
    "std",
    "pixel_range",
    "crop_fraction",
    "fit",
    "layout",
    "colour_order",
    "output",
    "level",
    "input_name",
    "output_name",
    "protocol",
    "headers",
    "concurrency",
    "rate",
    "timeout",
    "attempts",
    "patience",
    "cost",
)


def open_model(spec: str, given: dict[str, Any]) -> Observer:
    """Open MODEL with the options of ``model_options`` and ``knowledge_option``, taken out of ``given``."""
    from ..observers import open_observer, restrict

    options = {name: given.pop(name) for name in MODEL_NAMES}
    options["version"] = given.pop("observer_version")
    options["size"] = _size(options["size"], "--size")
    options["frame"] = _size(given.pop("frame"), "--frame")
    options["headers"] = options["headers"] or None
    fraction = options["crop_fraction"]
    if fraction is not None and not 0 < fraction <= 1:
        raise click.BadParameter(f"{fraction:g} is not above 0 and at most 1.", param_hint="--crop-fraction")
    for name in ("mean", "std"):
        options[name] = _numbers(options[name], name)
    observer = open_observer(spec, **{name: value for name, value in options.items() if value is not None})
    knowledge = given.pop("knowledge", None)
    return observer if knowledge is None else restrict(observer, knowledge)


def _size(text: str | None, option: str) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{text!r} is no size: give pixels as 224 or 224x224.", param_hint=option)
    return int(parts[0]), int(parts[-1])


def _numbers(text: str | None, name: str) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise click.BadParameter(
            f"{text!r} is neither one number nor three, separated by commas.", param_hint=f"--{name}"
        )
    return numbers * 3 if len(numbers) == 1 else numbers
