"""The results as Markdown, made from the stored figures alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

NETWORK = "EfficientNet-Lite0"
BEGIN, END = "<!-- overhead:begin -->", "<!-- overhead:end -->"

_ENGINES = {"onnx": "ONNX Runtime", "torch": "torch"}
_TOOLS = {
    "bare": "bare engine, prepared batches",
    "defaults": "bare, ONNX Runtime's own thread settings",
    "normalised": "bare with our normalisation",
    "channels_last": "bare, channels last in memory",
    "ours": "**deepception**",
    "captum": "Captum `Occlusion`",
    "shap": "SHAP partition explainer",
    "lime": "LIME",
}


def render(results: dict[str, Any]) -> str:
    """Conditions, one table a network, and the verdicts."""
    machine, settings = results["machine"], results["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        f"One map of {settings['places']} places (a grey square of 32 px on a photograph, one class read), "
        f"batches of {settings['batch']}, {settings['threads']} threads, cache off; medians of "
        f"{settings['repeats']} interleaved rounds. {machine['processor']}, {machine['processors']} processors; "
        f"Python {machine['python']}, {versions}."
    ]
    for name, network in results["networks"].items():
        parts += [f"**{name}**, {network['frame'][0]} px", _table(network), _noise(network)]
    parts.append("\n".join(f"- {check}" for check in checks(results)))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Check:
    """A figure, with what it may be at most or must be at least; without either it is only told."""

    what: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure is within its limit."""
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    def __str__(self) -> str:
        text = f"{self.what}: {self.value:.{3 if self.value < 10 else 0}f}{self.unit}"
        limit = self.most if self.least is None else self.least
        if limit is None:
            return text
        bound = "at most" if self.least is None else "at least"
        return f"{text} ({bound} {limit:g}{self.unit}: {'yes' if self.holds else '**no**'})"


def checks(results: dict[str, Any]) -> list[Check]:
    """What the overhead on the embedded network must be, and what it is; empty where that was not measured."""
    network = results["networks"].get(NETWORK)
    rows = {(row["lane"], row["tool"]): row for row in network["rows"]} if network else {}
    if ("onnx", "ours") not in rows:
        return []
    ours = rows["onnx", "ours"]
    memory = max(ours["memory_mb"]["added"], ours["memory_mb"]["above_resting"])
    found = [
        Check("Processor time, ours over the bare engine's", ours["cpu_ratio"][0], most=1.05),
        Check("Added peak memory of ours, ONNX Runtime", memory, " MB", most=60.0),
    ]
    if ("torch", "captum") in rows and ("torch, our allocator", "ours") in rows:
        captum, kept = rows["torch", "captum"]["wall"], rows["torch, our allocator", "captum"]["wall"]
        on_torch = rows["torch, our allocator", "ours"]["wall"]
        gain = "Captum's time on torch over that of our default engine (a gain of the engine)"
        found += [
            Check(gain, captum / ours["wall"], least=2.0),
            Check("The same, Captum with our allocator setting", kept / ours["wall"]),
            Check("Time of ours on torch over Captum's", on_torch / captum, most=1.0),
            Check("The same, Captum with our allocator setting", on_torch / kept, most=1.0),
        ]
    return found


def write_between_marks(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace what stands between two marks of a page.

    Raises SystemExit, with one sentence, where the page has not exactly one such pair.
    """
    page = path.read_text(encoding="utf-8")
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(end) < page.index(begin):
        raise SystemExit(f"{path} needs one line {begin} and, below it, one line {end}.")
    head, rest = page.split(begin)
    tail = rest.split(end)[1]
    path.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}", encoding="utf-8")


def _table(network: dict[str, Any]) -> str:
    head = "engine | what makes the map | images | CPU s | ÷ bare | wall s | ÷ bare | added MB | import MB"
    lines = [f"| {head} |", "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in network["rows"]:
        engine, _, further = row["lane"].partition(", ")
        if further == "others" and row["tool"] == "bare":
            continue
        engine = _ENGINES[engine] + (f", {further}" if further == "our allocator" else "")
        cells = [engine, _TOOLS[row["tool"]], str(row["forwards"]), f"{row['cpu']:.2f}"]
        cells += [_ratio(row["cpu_ratio"]), f"{row['wall']:.2f}", _ratio(row["wall_ratio"])]
        memory = row["memory_mb"]
        cells += [f"{round(memory[name]) or 0}" if memory else "" for name in ("added", "imports")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(values: list[float]) -> str:
    """Median, with the least and the greatest."""
    return f"{values[0]:.3f} ({values[1]:.2f}–{values[2]:.2f})"


def _noise(network: dict[str, Any]) -> str:
    said = []
    for lane, noise in network["noise"].items():
        cpu, wall = noise["cpu"]["pairs"], noise["wall"]["pairs"]
        said.append(f"{lane}: CPU {cpu[1]:.3f}–{cpu[2]:.3f}, wall {wall[1]:.3f}–{wall[2]:.3f}")
    agree = [
        f"{row['lane']} {row['tool']} {row['difference']:.1g}"
        for row in network["rows"]
        if row["difference"] is not None
    ]
    return (
        f"Noise of the machine, the bare engine's second run of a round over its first: {'; '.join(said)}. "
        f"Largest difference from the bare engine's map (log p; Captum's in logits): {', '.join(agree)}."
    )
