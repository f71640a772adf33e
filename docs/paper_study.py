"""The study of the paper's claims: what it was meant to measure, and what is kept of it so far."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kept import read_kept

PROPERTIES, PATCHES = "properties", "patches"
"""Its two experiments."""


@dataclass(frozen=True)
class Plan:
    """What ``studies/paper.toml`` asks for.

    Attributes:
        networks: Names of the networks, in its order.
        photographs: How many photographs.
        area: Share of the frame that a deception may cover.
        queries: Most queries of a deception.
    """

    networks: tuple[str, ...]
    photographs: int
    area: float
    queries: int


@dataclass(frozen=True)
class Kept:
    """What is kept of one run.

    Attributes:
        results: Its figures.
        sha256: Of the file that holds them.
    """

    results: Mapping[str, Any]
    sha256: str


Runs = Mapping[tuple[str, str], Kept]
"""By experiment and network."""


def budgets(queries: int) -> list[int]:
    """The numbers of queries at which deceptions are counted, up to all."""
    return [q for q in (1, 10, 30, 100, 300, 1_000) if q < queries] + [queries]


def read_plan(path: Path) -> Plan:
    """Read the study and count its photographs."""
    study = tomllib.loads(path.read_text(encoding="utf-8"))
    photographs = 0
    for name in study["photographs"]["images"]:
        with (path.parent / name).open(newline="", encoding="utf-8") as file:
            photographs += sum(1 for _ in csv.DictReader(file))
    (patches,) = [e for e in study["experiments"] if e["name"] == PATCHES]
    chosen = patches["parameters"]["deception"]
    networks = tuple(observer["name"] for observer in study["observers"])
    return Plan(networks, photographs, chosen["area"], chosen["queries"])


def kept_name(experiment: str, network: str) -> str:
    """Name of the file that is kept of a run."""
    return f"{experiment}--{network}.json"


def read_runs(folder: Path, plan: Plan) -> dict[tuple[str, str], Kept]:
    """What is kept in a folder, in the order of the study."""
    runs = {}
    for experiment in (PROPERTIES, PATCHES):
        for network in plan.networks:
            path = folder / kept_name(experiment, network)
            if path.exists():
                sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
                runs[experiment, network] = Kept(read_kept(path), sha256)
    return runs


def summaries(runs: Runs, name: str) -> dict[str, Mapping[str, Any]]:
    """Results by network of the runs in which something was measured of a property, or of the deception."""
    experiment = PATCHES if name == "deception" else PROPERTIES
    return {
        network: kept.results
        for (of, network), kept in runs.items()
        if of == experiment and kept.results["properties"][name]["rows"]
    }
