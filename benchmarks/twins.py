"""How far a quantised TFLite file answers from its twin in floating point.

    python -m benchmarks.twins --data ../shared/data [--page]

Shows the photographs of the develop split to MobileNet v2, 8 bits in and out, and to the ONNX file that holds its
weights, dequantised and without its background class: whole, and with a grey square (1/7 of the side) at each of
7 × 7 places. Prints a table, or writes it into ``docs/observers.md``.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.deception.photographs import choose
from benchmarks.overhead.table import write_between_marks
from deepception.observers import Observer, open_observer
from deepception.sessions import Session
from deepception.stimuli import fit_frame, load_photograph

QUANTISED, TWIN = "mobilenet_v2_1.0_224_quant.tflite", "mobilenet_v2_100_224.onnx"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "observers.md"
BEGIN, END = "<!-- twins:begin -->", "<!-- twins:end -->"
PLACES = 7


@dataclass(frozen=True)
class Read:
    """Of N stimuli: the winner, and log10 p of the photograph's class with whether that is only a bound."""

    top: NDArray[np.int64]
    log_p: NDArray[np.float64]
    bound: NDArray[np.bool_]


def occluded(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 ``[49, H, W, 3]``: the frame with a grey square at each of 7 × 7 places."""
    height, width = frame.shape[0] // PLACES, frame.shape[1] // PLACES
    made = np.repeat(frame[None], PLACES * PLACES, axis=0)
    for number, image in enumerate(made):
        top, left = number // PLACES * height, number % PLACES * width
        image[top : top + height, left : left + width] = 128
    return made


def read(session: Session, frames: NDArray[np.uint8], index: int, offset: int) -> Read:
    """The answers, in classes without the background."""
    answers = session.ask_images(frames, [index + offset])
    bound = answers.censored[:, 0] | answers.saturated[:, 0]
    return Read(answers.top[:, 0] - offset, answers.log_probability[:, 0] / math.log(10), bound)


def row(name: str, pairs: list[tuple[Read, Read]]) -> str:
    """One row of the table."""
    quantised, twin = (
        Read(
            *(
                np.concatenate([getattr(pair[side], field) for pair in pairs])
                for field in ("top", "log_p", "bound")
            )
        )
        for side in (0, 1)
    )
    known = ~quantised.bound
    difference = np.abs(quantised.log_p - twin.log_p)[known]
    return (
        f"| {name} | {len(known):,} | {100 * (quantised.top == twin.top).mean():.1f} % | "
        f"{100 * known.mean():.0f} % | {np.median(difference):.3f} | {np.quantile(difference, 0.95):.2f} "
        f"| {difference.max():.2f} |"
    )


def measure(data: Path, count: int | None = None) -> str:
    """The table, in Markdown; of ``count`` photographs, or of the whole develop split."""
    quantised: Observer = open_observer(data / "models" / QUANTISED)
    twin: Observer = open_observer(data / "models" / TWIN)
    whole: list[tuple[Read, Read]] = []
    patched: list[tuple[Read, Read]] = []
    with Session(quantised) as one, Session(twin) as other:
        for index, path in choose(data / "photos", "develop", count):
            frame = fit_frame(load_photograph(path), quantised.frame)
            for kept, frames in ((whole, frame[None]), (patched, occluded(frame))):
                kept.append((read(one, frames, index, 1), read(other, frames, index, 0)))
    head = "shown | stimuli | equal top-1 | class within steps | median | 95 % below | largest"
    return "\n".join(
        [
            f"| {head} |",
            "| --- | --: | --: | --: | --: | --: | --: |",
            row("photographs", whole),
            row("photographs behind a grey square", patched),
            "",
            "*Class within steps*: how often the quantised file tells the probability of the photograph's",
            "class, and not only that it is below half a step or above the last. The columns behind it are the",
            "difference of log10 p there, in decades.",
        ]
    )


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with models/ and photos/")
    parser.add_argument("--limit", type=int, help="photographs [default: all of the develop split]")
    parser.add_argument("--page", action="store_true", help="write the table into docs/observers.md")
    given = parser.parse_args()
    table = measure(given.data, given.limit)
    if given.page:
        write_between_marks(PAGE, table, BEGIN, END)
    print(table)


if __name__ == "__main__":
    main()
